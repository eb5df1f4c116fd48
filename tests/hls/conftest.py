"""What the tests of emitted C++ need on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bnnc.errors import BnncError
from bnnc.hls import csim


@pytest.fixture(scope="session")
def cpp() -> None:
    """Skips a test where emitted C++ cannot be compiled, and says what is missing."""
    try:
        csim.vendor_headers()
        csim.compiler()
    except BnncError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def quick_flags(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Small networks compile longer than they run. g++ has the vendor's headers parsed beforehand."""
    flags = tuple("-O0" if flag == "-O1" else flag for flag in csim.FLAGS)
    command = csim.compiler()
    if Path(command[0]).name != "g++":
        return flags
    header = tmp_path_factory.mktemp("parsed") / "vendor.h"
    header.write_text("#include <ap_int.h>\n#include <hls_stream.h>\n")
    parsed = ["-isystem", str(csim.vendor_headers()), "-x", "c++-header", str(header)]
    subprocess.run([*command, *flags, *parsed, "-o", f"{header}.gch"], check=True)
    return (*flags, "-include", str(header))


@pytest.fixture(autouse=True)
def quick_compiler(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that compile, but for those marked slow, whose programs run long."""
    if "cpp" in request.fixturenames and "slow" not in request.keywords:
        request.getfixturevalue("cpp")
        monkeypatch.setattr(csim, "FLAGS", request.getfixturevalue("quick_flags"))
