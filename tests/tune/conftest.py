"""A small network with layers of several kinds, and meters that answer what they are told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from tests.cli.networks import DOMAIN, save_mlp

from bnnc.bench.compiled import Compiled
from bnnc.executors.network import Network, open_network
from bnnc.ir.op import Array
from bnnc.tune.log import Unit


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Two dense layers on bits."""
    folder = tmp_path_factory.mktemp("tune")
    return open_network(save_mlp(folder / "mlp.onnx"), DOMAIN, folder / "cache")


class LastIsBest:
    """Finds every program a little better than the one before; remembers their choices."""

    unit: Unit = "instructions"

    def __init__(self, margin: float = 0.0) -> None:
        self.margin = margin
        self.choices: list[dict[str, str]] = []

    def measure(self, programs: Sequence[Compiled]) -> Array:
        self.choices = [program.manifest.details["choices"] for program in programs]
        n_kernels = len(programs[0].functions)
        return np.array([[1000.0 - number] * n_kernels for number in range(len(programs))])
