"""The solver knows what decoders take: it predicts what is built, and chooses what fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.hls.projects import (
    Folding,
    largest_folding,
    smallest_folding,
    write_project,
)
from tests.hls.test_coded import frequent_network, in_block_ram
from tests.hls.test_solver import shallow
from tests.hls.test_sparse_codes import two_layers

from bnnc.commands.compile import _summarize
from bnnc.commands.fold import Found, _print
from bnnc.errors import BnncError
from bnnc.executors.manifest import Manifest, signatures
from bnnc.hls.coded import codes_note
from bnnc.hls.model.parts import part_of
from bnnc.hls.model.resources import count_text
from bnnc.hls.names import Names
from bnnc.hls.options import Folding as Chosen
from bnnc.hls.options import HlsOptions
from bnnc.hls.solve.fold import explained, fold
from bnnc.hls.solve.space import amounts
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.report.expected import expected
from bnnc.storage import huffman

PART = part_of("xczu7ev")
OPTIONS = HlsOptions("xczu7ev", compress="huffman")


def forms(stored: tuple[object, ...]) -> set[str]:
    return {matrix.form for matrix in stored}  # type: ignore[attr-defined]


@pytest.mark.parametrize("make", [frequent_network, two_layers])
def test_predictions_are_what_is_built(make: Callable[[], Graph]) -> None:
    graph = make()
    for folding in ({}, in_block_ram(graph), in_block_ram(graph, smallest_folding(graph))):
        options = replace(OPTIONS, folding=Chosen(folding))
        folded = fold(graph, Names(), options)
        said = explained(folded, options).solution
        assert said.resources == shallow(folded.accelerator)
        plain = fold(graph, Names(), replace(options, compress="none")).accelerator
        is_coded = forms(folded.stored) != {"raw"}
        assert (shallow(plain) != said.resources) == is_coded
    assert is_coded


@pytest.mark.parametrize("make", [frequent_network, two_layers])
def test_solutions_are_what_is_built(make: Callable[[], Graph]) -> None:
    graph = make()
    folded = fold(graph, Names(), replace(OPTIONS, fps=1000.0, folding=Chosen(in_block_ram(graph))))
    assert folded.solution is not None and forms(folded.stored) != {"raw"}
    assert folded.solution.resources == shallow(folded.accelerator)
    assert (amounts(folded.accelerator.resources) <= amounts(PART.resources)).all()


def test_a_matrix_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In each of its forms, however often the solver asks."""
    seen: list[bytes] = []
    encode = huffman.encode

    def counted(symbols: Array, symbol_bits: int) -> bytes:
        seen.append(symbols.tobytes())
        return encode(symbols, symbol_bits)

    monkeypatch.setattr(huffman, "encode", counted)
    graph = frequent_network()
    fold(graph, Names(), replace(OPTIONS, fps=1000.0, folding=Chosen(in_block_ram(graph))))
    assert len(seen) == len(set(seen)) == 3 * 2 + 2  # kernels of one bit have two forms


def between(graph: Graph, folding: Folding) -> float:
    """A share of the LUTs that plain weights leave room in, and decoders exceed."""
    plain, coded = (
        fold(graph, Names(), replace(OPTIONS, folding=Chosen(folding), compress=c)).accelerator.resources.lut
        for c in ("none", "huffman")
    )
    assert coded - plain > 100
    return (plain + coded) / 2 / PART.resources.lut


def test_decoders_beyond_the_budget_are_refused_or_left_out() -> None:
    graph = frequent_network()
    folding = in_block_ram(graph, smallest_folding(graph))
    lanes = fold(graph, Names(), replace(OPTIONS, folding=Chosen(folding))).accelerator.settings.entries
    forced, free = ({**lanes, **part} for part in (folding, smallest_folding(graph)))
    options = replace(OPTIONS, fps=1.0, budget={"lut": between(graph, forced)}, folding=Chosen(forced))
    fold(graph, Names(), replace(options, compress="none"))
    with pytest.raises(BnncError, match=r"part xczu7ev: .* takes [\d,]+ LUTs, and [\d,]+ are allowed"):
        fold(graph, Names(), options)
    found = fold(graph, Names(), replace(options, folding=Chosen(free)))
    assert found.accelerator.resources.lut <= options.budget["lut"] * PART.resources.lut


def test_codes_that_take_more_than_plain_weights_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The difference of two projects with the same folding; nothing is told of weights that stay plain."""
    graph = frequent_network()
    folding = in_block_ram(graph, smallest_folding(graph))
    lanes = fold(graph, Names(), replace(OPTIONS, folding=Chosen(folding))).accelerator.settings.entries
    options = replace(OPTIONS, folding=Chosen({**lanes, **folding}))
    coded = fold(graph, Names(), options)
    plain = fold(graph, Names(), replace(options, compress="none"))
    luts, blocks = (
        getattr(coded.accelerator.resources, kind) - getattr(plain.accelerator.resources, kind)
        for kind in ("lut", "bram18")
    )
    assert luts > 0 and blocks > 0
    note = codes_note(coded.stored)
    assert f"take {count_text(blocks / 2)} BRAM36 and {luts:,} LUTs more than plain weights" in note
    assert codes_note(plain.stored) == "" == codes_note([replace(coded.stored[0], more_bram18=-1)])
    entry = write_project(graph, tmp_path, folding={**lanes, **folding}, part="xczu7ev", compress="huffman")
    assert entry["note"] == note
    _print(Found(options, coded, explained(coded, options), ()), "net")
    ends = signatures(graph)
    _summarize(Manifest("net", "hls", "", "", *ends, ("rounded",), entry, {}), (), tmp_path, 1)
    said = capsys.readouterr().out.splitlines()
    assert said.count(f"note: {note}") == 2 and said[-1] == "note: rounded"
    assert "Huffman codes" in (tmp_path / "README.md").read_text()


def test_what_is_more_than_the_part_has_is_said(tmp_path: Path) -> None:
    graph = frequent_network()
    small: dict[str, Any] = {"part": "xc7z010", "compress": "huffman"}
    for chosen, is_more in ((largest_folding, True), (smallest_folding, False)):
        folding = in_block_ram(graph, chosen(graph))
        entry = write_project(graph, tmp_path / chosen.__name__, folding=folding, **small)
        line = expected(entry)
        assert bool(entry["exceeded"]) == is_more
        assert line is not None and ("more than the part has: " in line) == is_more
