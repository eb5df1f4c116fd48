"""docs/torch.md lists what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
from bnnc import nn as bnn  # noqa: E402
from bnnc.exporter.program import CONVERTERS  # noqa: E402


def _words(repository: Path) -> set[str]:
    return set(re.findall(r"`([a-zA-Z_0-9]+)[(`]", (repository / "docs" / "torch.md").read_text()))


def test_every_exported_operator_is_listed(repository: Path) -> None:
    operators = {name.removeprefix("aten.") for name in CONVERTERS if name.startswith("aten.")}
    assert operators - _words(repository) == set()


def test_every_module_is_listed(repository: Path) -> None:
    bases = {"ActivationQuantizer", "Alpha", "Layer"}
    assert set(bnn.__all__) - bases - _words(repository) == set()
