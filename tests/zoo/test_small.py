"""Every network at small width: torch, source, simulator, host, arm and hls have the same bits."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
from tests.zoo.agreement import N_IMAGES, check_agreement
from tests.zoo.networks import SMALL, VARIANTS

HLS_NETWORKS = ("vgg_small", "pcnn22")


@pytest.mark.parametrize("name", SMALL)
def test_small_networks_agree(name: str, tmp_path: Path) -> None:
    check_agreement(SMALL[name], 1, {"source": N_IMAGES, "host": N_IMAGES, "arm": 1}, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_variants_agree(name: str, tmp_path: Path) -> None:
    check_agreement(VARIANTS[name], 2, {"source": N_IMAGES, "host": N_IMAGES, "arm": 8}, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 5))
@pytest.mark.parametrize("name", SMALL)
def test_other_weights_agree(name: str, seed: int, tmp_path: Path) -> None:
    check_agreement(SMALL[name], seed, {"source": N_IMAGES, "host": N_IMAGES, "arm": 8}, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", HLS_NETWORKS)
def test_hls_agrees(name: str, tmp_path: Path) -> None:
    check_agreement(SMALL[name], 1, {"hls": 1}, tmp_path)
