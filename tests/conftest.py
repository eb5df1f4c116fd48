"""Fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The published networks and samples beside the checkout; the test is skipped where there are none."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the published networks (../shared/data) are not beside this checkout")
    return path


@pytest.fixture(scope="session")
def example() -> Path:
    """The folder of the repository's own trained network."""
    return ROOT / "examples" / "fashion_mnist"
