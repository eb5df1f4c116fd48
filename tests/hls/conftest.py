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
