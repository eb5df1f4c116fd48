"""A model, samples, a cache of its own, and a way to call `bnnc`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.cli.networks import save_mlp, save_samples

from bnnc.cli import cli

Bnnc = Callable[..., Result]


@pytest.fixture(scope="session")
def cache_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests: what is compiled once is there for the others."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def bnnc(cache_root: Path) -> Bnnc:
    """Calls the command line in this process. Only clean exits pass: an exception is a bug."""

    def call(*arguments: str | Path, status: int = 0) -> Result:
        runner = CliRunner(env={"BNNC_CACHE": str(cache_root), "BNNC_BOARD": ""})
        result = runner.invoke(cli, [str(a) for a in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, result.output
        return result

    return call


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_mlp(tmp_path / "mlp.onnx")


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    return save_samples(tmp_path / "x.npy")
