"""report.json and report.html of a project."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.hls.branches import residual_network
from tests.hls.projects import convolutional_network, dense_network, write_project

from bnnc.hls.names import Names
from bnnc.hls.options import Folding, HlsOptions
from bnnc.hls.solve.fold import fold
from bnnc.ir.graph import Graph

KINDS = {"lut", "ff", "bram36", "uram", "dsp"}
VOID = {"meta", "link", "br", "hr", "img", "input"}


def report(graph: Graph, folder: Path, **options: Any) -> dict[str, Any]:
    write_project(graph, folder, **options)
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def test_figures_are_those_of_the_models(tmp_path: Path) -> None:
    graph = convolutional_network()
    found = report(graph, tmp_path, part="zcu104", clock_mhz=200)
    acc = fold(graph, Names(), HlsOptions("zcu104", 200)).accelerator
    assert (found["part"], found["clock_mhz"], found["ii_cycles"]) == (
        "xczu7ev-ffvc1156-2-e",
        200,
        acc.cycles,
    )
    assert found["fps"] == pytest.approx(200e6 / acc.cycles, abs=0.01)
    assert found["latency_cycles"] >= acc.cycles
    assert found["resources"]["lut"] == acc.resources.lut
    assert {**found["resources"]}.keys() == KINDS == found["available"].keys()
    units = [unit["name"] for layer in found["layers"] for unit in layer["units"]]
    assert units == [unit.name for unit in acc.units]
    assert [(f["name"], f["depth"], f["bits"]) for f in found["fifos"]] == [
        (f.name, f.depth, f.bits) for f in acc.fifos
    ]


def test_parts_add_up_to_the_whole(tmp_path: Path) -> None:
    found = report(residual_network(), tmp_path)
    pieces = [found["around"], *(part["resources"] for part in [*found["layers"], *found["fifos"]])]
    for kind in KINDS:
        assert sum(piece[kind] for piece in pieces) == found["resources"][kind]
    for layer in found["layers"]:
        assert layer["cycles"] == max(unit["cycles"] for unit in layer["units"])


def test_the_bottleneck_is_busy_all_the_time_and_others_wait(tmp_path: Path) -> None:
    found = report(convolutional_network(), tmp_path)
    units = {unit["name"]: unit for layer in found["layers"] for unit in layer["units"]}
    slowest = units[found["bottleneck"]["unit"]]
    assert slowest["occupancy"] == 1 and slowest["name"] in found["bottleneck"]["why"]
    for unit in units.values():
        assert unit["occupancy"] + unit["starved"] + unit["blocked"] == pytest.approx(1, abs=0.001)


def test_other_foldings_take_less_the_slower_they_are(tmp_path: Path) -> None:
    found = report(residual_network(), tmp_path)
    cycles = [other["ii_cycles"] for other in found["alternatives"]]
    assert len(cycles) >= 2 and found["ii_cycles"] not in cycles
    taken = [other["resources"]["lut"] for other in found["alternatives"]]
    assert cycles == sorted(cycles) and taken == sorted(taken, reverse=True)


def test_fifos_deeper_than_two_words_are_binding_unless_given(tmp_path: Path) -> None:
    graph = residual_network()
    found = report(graph, tmp_path / "sized")
    binding = [f for f in found["fifos"] if f["binding"]]
    assert binding and all(f["depth"] > 2 for f in binding)
    name = binding[0]["name"]
    acc = fold(graph, Names(), HlsOptions(folding=Folding(fifos={name: 999}))).accelerator
    assert {f.name: f.depth for f in acc.fifos}[name] == 999


def test_a_part_that_nothing_is_known_of(tmp_path: Path) -> None:
    found = report(dense_network((16, 8, 4)), tmp_path, part="xcku115-flva1517-2-e")
    assert found["available"] is None and found["alternatives"] == []
    assert "What the part has is not known" in (tmp_path / "report.html").read_text()


@dataclass
class Page(HTMLParser):
    """Opened and closed elements of a page, and everything that it refers to."""

    open: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.references += [value or "" for key, value in attributes if key in ("src", "href")]

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    return page


def test_the_page_is_whole_and_needs_nothing_else(tmp_path: Path) -> None:
    found = report(residual_network(), tmp_path)
    html = (tmp_path / "report.html").read_text()
    page = read(html)
    assert page.open == [] and page.references == []
    assert not re.search(r"https?:|@import|url\(|<script", html)
    assert "prefers-color-scheme: dark" in html
    for named in [*found["layers"], *found["fifos"]]:
        assert named["name"] in page.text
    assert html.count("<path d=") == len(found["fifos"])


def test_names_cannot_become_markup(tmp_path: Path) -> None:
    graph = dense_network((16, 8, 4))
    found = report(graph, tmp_path)
    assert found["layers"]
    from bnnc.hls.project.report_page import page

    text = page(_named(graph, "<b>net</b>"))
    assert "<b>" not in text and "&lt;b&gt;net&lt;/b&gt;" in text


def _named(graph: Graph, name: str) -> Any:
    from bnnc.hls.build import _report
    from bnnc.hls.project.values import setup_of

    options = HlsOptions()
    made = _report("net", fold(graph, Names(), options), options, setup_of("xc7z020", 100, "axilite"))
    return replace(made, name=name)


def test_the_same_project_has_the_same_bytes(tmp_path: Path) -> None:
    pages: list[Mapping[str, bytes]] = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        write_project(convolutional_network(), folder)
        pages.append({name: (folder / name).read_bytes() for name in ("report.json", "report.html")})
    assert pages[0] == pages[1]
