"""A small network, compiled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.cli.networks import DOMAIN, save_mlp

from bnnc.bench.compiled import Compiled, compiled_network
from bnnc.executors.network import Network, open_network

Compile = Callable[..., Compiled]


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Two dense layers on bits."""
    folder = tmp_path_factory.mktemp("bench")
    return open_network(save_mlp(folder / "mlp.onnx"), DOMAIN, folder / "cache")


@pytest.fixture(scope="session")
def compiled(network: Network) -> Compile:
    """The network for a target, a processor and a number of threads, each compiled once."""
    return lambda kind, cpu, threads=1: compiled_network(network, kind, cpu, threads)
