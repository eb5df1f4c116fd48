"""What the tests of emitted C++ need on this machine."""

from __future__ import annotations

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


@pytest.fixture(autouse=True)
def quick_compiler(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small networks compile much longer than they run; what is marked slow runs long."""
    if "slow" not in request.keywords:
        monkeypatch.setattr(csim, "FLAGS", tuple("-O0" if flag == "-O1" else flag for flag in csim.FLAGS))
