"""Every network at the size of its paper: torch, source, simulator, host and arm have the same bits."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
from tests.zoo.agreement import N_IMAGES, check_agreement
from tests.zoo.networks import FULL


@pytest.mark.slow
@pytest.mark.parametrize("name", FULL)
def test_full_networks_agree(name: str, tmp_path: Path) -> None:
    check_agreement(FULL[name], 1, {"source": N_IMAGES, "host": N_IMAGES, "arm": 1}, tmp_path)
