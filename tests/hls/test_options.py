"""Folding files and budgets: what is taken, what is refused, and that what is written is read again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.hls.branches import residual_network
from tests.hls.projects import convolutional_network, write_project

from bnnc.errors import BnncError
from bnnc.hls.names import Names
from bnnc.hls.options import Choice, Folding, HlsOptions, folding_text, parse_budget, read_folding
from bnnc.hls.solve.fold import fold


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    layers: Choice = {"conv1": {"pe": 16, "simd": 32, "weights": "bram"}, "pool1": {"lanes": 4}}
    file = tmp_path / "folding.json"
    for fifos in ({}, {"from_conv1_mvtu": 64}):
        file.write_text(folding_text(layers, fifos))
        assert read_folding(str(file)) == Folding(layers, fifos)
    assert file.read_text() == (
        '{\n  "layers": {\n    "conv1": {"pe": 16, "simd": 32, "weights": "bram"},\n'
        '    "pool1": {"lanes": 4}\n  },\n  "fifos": {\n    "from_conv1_mvtu": 64\n  }\n}\n'
    )


def test_every_key_can_be_left_out(tmp_path: Path) -> None:
    file = tmp_path / "folding.json"
    file.write_text("{}")
    assert read_folding(str(file)) == Folding()
    assert [read_folding(name).base for name in ("minimal", "maximal")] == ["minimal", "maximal"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", ": no folding; give"),
        ("{", "folding.json:1: no JSON: "),
        ('{"layer": {}}', ": unknown key 'layer'; give layers and fifos"),
        ('{"layers": []}', ": layers: [] is no object"),
        ('{"layers": {"a": 3}}', ": layers: 'a': 3 is no choice; give {\"pe\": n, ..}"),
        (
            '{"layers": {"a": {}}, "layers": {}}',
            "folding.json: key 'layers' is there twice; keep one of them",
        ),
        ('{"layers": {"a": {"pe": 1}, "a": {}}}', "folding.json: key 'a' is there twice"),
        ('{"layers": {"a": {"pe": 1, "simd": 2, "pe": 1}}}', "folding.json: key 'pe' is there twice"),
        ('{"fifos": {"b": 2, "b": 2}}', "folding.json: key 'b' is there twice"),
        ('{"fifos": {"a": 0}}', ": fifos: 'a': a depth of 0; give 1 or more words"),
        ('{"fifos": {"a": true}}', ": fifos: 'a': a depth of True; give 1 or more words"),
    ],
)
def test_files_that_are_none(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "folding.json"
    file.write_text(text)
    with pytest.raises(BnncError) as caught:
        read_folding(str(file))
    assert said in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        BnncError, match="cannot be read: .*; give a file or one of balanced, minimal, maximal"
    ):
        read_folding(str(tmp_path / "none"))


def test_projects_keep_their_folding(tmp_path: Path) -> None:
    """What was chosen by default, fed back, makes the same project."""
    graph = residual_network()
    write_project(graph, tmp_path / "a")
    kept = read_folding(str(tmp_path / "a" / "folding.json"))
    write_project(graph, tmp_path / "b", folding=kept.layers)
    for file in ("src/net.cpp", "folding.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    entries = json.loads((tmp_path / "a" / "folding.json").read_text())["layers"]
    assert entries["input"] == {"lanes": 1} and set(entries["block0_conv"]) >= {"pe", "simd"}


def test_depths_of_fifos_are_taken() -> None:
    graph = convolutional_network()
    free = fold(graph, Names(), HlsOptions()).accelerator
    name = free.fifos[2].name
    bound = fold(graph, Names(), HlsOptions(folding=Folding(fifos={name: 77}))).accelerator
    assert [fifo.depth for fifo in bound.fifos if fifo.name == name] == [77]
    assert bound.resources != free.resources
    with pytest.raises(BnncError, match="FIFO 'nothing': there is none; there are .*" + name):
        fold(graph, Names(), HlsOptions(folding=Folding(fifos={"nothing": 2})))


def test_parts_without_ultra_ram_have_nothing_in_it() -> None:
    """Also where the rest is solved, and with every layer that asks for it."""
    chosen = {name: {"weights": "uram"} for name in ("conv1", "fc0")}
    graph, options = convolutional_network(), HlsOptions("pynq-z2", folding=Folding(chosen))
    for refused in (options, replace(options, max_fps=True)):
        with pytest.raises(BnncError) as caught:
            fold(graph, Names(), refused)
        assert str(caught.value).splitlines() == [
            f"folding of {name!r}: its weights are to lie in UltraRAM, and part xc7z020 has none; give "
            "another memory, or a part that has it: xczu7ev, xck26, xcu250"
            for name in chosen
        ]
    for part in ("kv260", "xcku115-flva1517-2-e"):
        assert fold(graph, Names(), replace(options, part=part)).accelerator.resources.uram


def test_the_smallest_and_the_largest() -> None:
    graph, options = convolutional_network(), HlsOptions()
    small, large = (
        fold(graph, Names(), replace(options, folding=Folding(base=base))).accelerator
        for base in ("minimal", "maximal")
    )
    assert {(fold.pe, fold.simd) for fold in small.folds.values()} == {(1, 1)}
    assert set(small.settings.lanes.values()) == {1}
    assert large.cycles <= fold(graph, Names(), options).accelerator.cycles < small.cycles
    assert large.resources.lut > small.resources.lut


def test_budgets() -> None:
    assert parse_budget("lut=0.7, bram=0.8") == {"lut": 0.7, "bram": 0.8}
    for text, said in (
        ("lut", "'lut' is no share of a resource"),
        ("", "'' is no share of a resource"),
        ("lut=x", "'x' is no number"),
        ("luts=0.5", "'luts=0.5' is no share of a resource"),
        ("lut=0.5,lut=0.6", "lut is there twice"),
        ("dsp=0", "0 is no share; give more than 0 and at most 1"),
        ("ff=1.1", "1.1 is no share; give more than 0 and at most 1"),
    ):
        with pytest.raises(BnncError) as caught:
            parse_budget(text)
        assert said in str(caught.value)
