"""`bnnc opt`: the text of a network at any stage."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import Bnnc
from tests.cli.networks import DOMAIN

from bnnc.ir.archive import load_archive
from bnnc.ir.text import print_graph
from bnnc.passes.pipeline import PASS_NAMES


def test_the_packed_graph_by_default(bnnc: Bnnc, model: Path) -> None:
    text = bnnc("opt", model).stdout
    assert text.startswith('graph "mlp" packed\n') and text.count("graph ") == 1
    assert 'xnor_conv2d "fc0"' in text


def test_the_source_graph_without_passes(bnnc: Bnnc, model: Path) -> None:
    text = bnnc("opt", model, "--passes", "").stdout
    assert text.startswith('graph "mlp" source\n') and 'batch_norm "bn"' in text


def test_exactly_the_named_passes_run(bnnc: Bnnc, model: Path) -> None:
    text = bnnc("opt", model, "--passes", "fold-pad, streamline").stdout
    assert text.startswith('graph "mlp" integer\n') and 'conv2d "fc0"' in text


def test_print_after_all_and_after_one(bnnc: Bnnc, model: Path) -> None:
    text = bnnc("opt", model, "--print-after", "all").stdout
    assert [line[9:] for line in text.splitlines() if line.startswith("// after ")] == list(PASS_NAMES)
    one = bnnc("opt", model, "--print-after", "streamline").stdout
    assert one.startswith('// after streamline\ngraph "mlp" integer\n') and one.count("// after") == 1


def test_an_archive_goes_on_where_it_stopped(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    middle, end = tmp_path / "middle.bnnc", tmp_path / "end.bnnc"
    bnnc("opt", model, "--passes", "streamline", "-o", middle, "--input-domain", DOMAIN)
    bnnc("opt", middle, "-o", end)
    assert print_graph(load_archive(end).graph) == bnnc("opt", model, "--input-domain", DOMAIN).stdout
    assert load_archive(end).onnx
    message = "the graph is lowered already, its input domain is fixed"
    assert message in bnnc("opt", end, "--input-domain", DOMAIN, status=1).stderr


def test_the_same_archive_twice(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    for name in "ab":
        bnnc("opt", model, "-o", tmp_path / f"{name}.bnnc")
    assert (tmp_path / "a.bnnc").read_bytes() == (tmp_path / "b.bnnc").read_bytes()


def test_text_goes_into_a_file(bnnc: Bnnc, model: Path, tmp_path: Path) -> None:
    assert bnnc("opt", model, "-o", tmp_path / "text.ir").stdout == ""
    assert (tmp_path / "text.ir").read_text() == bnnc("opt", model).stdout


@pytest.mark.parametrize("option", ["--passes", "--print-after"])
def test_an_unknown_pass_is_an_error(bnnc: Bnnc, model: Path, option: str) -> None:
    assert (
        f"unknown pass 'x'; there are {', '.join(PASS_NAMES)}"
        in bnnc("opt", model, option, "x", status=1).stderr
    )


def test_a_pass_that_does_not_run_is_not_printed(bnnc: Bnnc, model: Path) -> None:
    result = bnnc("opt", model, "--passes", "fold-pad", "--print-after", "pack", status=1)
    assert "--print-after: pass 'pack' does not run; name it in --passes" in result.stderr


def test_the_model_is_not_overwritten(bnnc: Bnnc, model: Path) -> None:
    before = model.read_bytes()
    assert "the output is the model itself" in bnnc("opt", model, "-o", model, status=1).stderr
    assert model.read_bytes() == before
