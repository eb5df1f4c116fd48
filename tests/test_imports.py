"""The lower parts of bnnc load nothing heavy and nothing that builds on them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"tvm", "torch", "onnx", "onnxruntime", "unicorn", "qonnx", "elftools", "jinja2", "click", "rich"}
ORDER = ["ir", "sim", "passes", "schedule", "arm", "hls", "executors", "commands", "cli"]


@pytest.mark.parametrize("part", ["ir", "sim", "passes", "schedule"])
def test_a_part_loads_little(repository: Path, part: str) -> None:
    """What is loaded, where tests/packaging looks at what is written."""
    loaded = loaded_with(repository / "compiler" / "bnnc" / part)
    assert HEAVY.isdisjoint(name.split(".")[0] for name in loaded)
    above = ORDER[ORDER.index(part) + 1 :]
    assert [name for name in loaded if name.startswith("bnnc.") and name.split(".")[1] in above] == []


def loaded_with(part: Path) -> list[str]:
    """The modules that are loaded once every module of a package of bnnc is."""
    modules = [f"bnnc.{part.name}.{path.stem}" for path in sorted(part.glob("*.py"))]
    program = f"import sys, importlib; [importlib.import_module(m) for m in {modules!r}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.split()
