"""report.json and report.html of a project."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.hls.branches import residual_network, sparse_network
from tests.hls.projects import convolutional_network, dense_network, write_project

from bnnc.hls.build import _report
from bnnc.hls.model.parts import known_part
from bnnc.hls.names import Names
from bnnc.hls.options import Folding, HlsOptions
from bnnc.hls.project.report import Report
from bnnc.hls.project.report_page import page
from bnnc.hls.project.values import setup_of
from bnnc.hls.solve.fold import fold
from bnnc.ir.graph import Graph

KINDS = {"lut", "ff", "bram36", "uram", "dsp"}
WHOLE = {"resources", "available", "around", "folding"}
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
    drained = max(unit.cycles + unit.trace.latency + 1 for unit in acc.units)
    assert drained <= found["drained"]["ii_cycles"] < 1.02 * drained
    assert found["drained"]["fps"] == 200e6 / found["drained"]["ii_cycles"]
    assert found["resources"]["lut"] == acc.resources.lut
    assert {**found["resources"]}.keys() == KINDS == found["available"].keys()
    units = [unit["name"] for layer in found["layers"] for unit in layer["units"]]
    assert units == [unit.name for unit in acc.units]
    assert [(f["name"], f["depth"], f["bits"]) for f in found["fifos"]] == [
        (f.name, f.depth, f.bits) for f in acc.fifos
    ]


def paths(value: object, path: str = "") -> Iterator[str]:
    """`fifos[].depth` of every value; what has keys of kinds of resources or of settings is one."""
    if isinstance(value, dict) and path.rpartition(".")[2] not in WHOLE:
        for key, inner in value.items():
            yield from paths(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        assert value
        for inner in value:
            yield from paths(inner, f"{path}[]")
    else:
        yield path


def test_all_keys_are_documented(tmp_path: Path, repository: Path) -> None:
    text = (repository / "docs" / "hls_projects.md").read_text()
    table = text[text.index("## The report") : text.index("Resources are objects")]
    listed = [
        key for row in table.split("\n| ")[2:] for key in re.findall("`([^`]+)`", row.partition(" | ")[0])
    ]
    assert sorted(listed) == sorted(set(paths(report(convolutional_network(), tmp_path))))


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


def test_units_that_are_equally_slow_are_all_told(tmp_path: Path) -> None:
    found = report(residual_network(), tmp_path)
    units = [unit for layer in found["layers"] for unit in layer["units"]]
    slowest = [unit["name"] for unit in units if unit["cycles"] == found["ii_cycles"]]
    assert len(slowest) == 2
    told = f"{' and '.join(slowest)} each take {found['ii_cycles']:,} cycles a sample"
    assert found["bottleneck"]["why"].startswith(f"{told}, and every other unit waits for them. ")


def test_a_depth_that_was_given_is_told_where_it_costs_cycles() -> None:
    """That of a FIFO which is full at times, but no other one."""
    graph = convolutional_network()
    free = fold(graph, Names(), HlsOptions()).accelerator
    deep = max(free.fifos, key=lambda fifo: fifo.depth)
    roomy = free.fifos[-1]  # behind it
    given = {deep.name: deep.depth // 4, roomy.name: 500}
    found = made(graph, HlsOptions(folding=Folding(fifos=given))).values
    assert found["ii_cycles"] > free.cycles
    assert (
        f"samples come every {found['ii_cycles']:,} cycles, since units wait for each other "
        f"(at times full at the depth that was given: {deep.name}). "
    ) in found["bottleneck"]["why"]
    assert {fifo["name"] for fifo in found["fifos"] if fifo["given"]} == given.keys()
    fifos = {fifo["name"]: fifo for fifo in found["fifos"]}
    assert [name for name, fifo in fifos.items() if fifo["costs_rate"]] == [deep.name]
    assert fifos[deep.name]["binding"] and not fifos[roomy.name]["binding"]
    slowest = next(row for row in found["layers"] if row["name"] == found["bottleneck"]["layer"])
    assert slowest["why"].startswith(
        f"the slowest layer, but {deep.name}, as shallow as given, sets the rate"
    )


def test_a_full_fifo_before_one_that_is_too_shallow_is_not_the_cause() -> None:
    """All FIFOs before it run full then, also those that are given the depth that they need."""
    graph = convolutional_network()
    free = fold(graph, Names(), HlsOptions()).accelerator
    deep = max(free.fifos, key=lambda fifo: fifo.depth)
    given = {fifo.name: fifo.depth for fifo in free.fifos} | {deep.name: deep.depth // 4}
    fifos = made(graph, HlsOptions(folding=Folding(fifos=given))).values["fifos"]
    full = [fifo["name"] for fifo in fifos if fifo["high_water"] == fifo["depth"]]
    assert len(full) > 1
    assert [fifo["name"] for fifo in fifos if fifo["costs_rate"]] == [deep.name]


def test_a_depth_that_costs_nothing_is_no_hint() -> None:
    graph = residual_network()
    name = fold(graph, Names(), HlsOptions()).accelerator.fifos[0].name
    assert (
        "given" not in made(graph, HlsOptions(folding=Folding(fifos={name: 500}))).values["bottleneck"]["why"]
    )


def test_other_foldings_take_less_the_slower_they_are(tmp_path: Path) -> None:
    found = report(residual_network(), tmp_path)
    cycles = [other["ii_cycles"] for other in found["alternatives"]]
    assert len(cycles) >= 2 and found["ii_cycles"] not in cycles
    taken = [other["resources"]["lut"] for other in found["alternatives"]]
    assert cycles == sorted(cycles) and taken == sorted(taken, reverse=True)


@pytest.mark.parametrize("network", [residual_network, convolutional_network])
def test_other_foldings_are_of_the_solver_where_this_one_is(network: Callable[[], Graph]) -> None:
    """What is faster takes no smaller share of the part, what is slower no larger one."""
    options = HlsOptions(fps=20_000)
    found = made(network(), options)
    assert found.values["alternatives_by"] == "solver" and found.explained is not None
    solution, has = found.explained.solution, known_part(options.part)
    assert has is not None
    whole = {kind: n for kind, n in has.resources.counts.items() if n}

    def share(taken: Mapping[str, float]) -> float:
        return max(taken[kind] / n for kind, n in whole.items())

    mine, others = share(solution.resources.counts), found.values["alternatives"]
    assert {other["ii_cycles"] > solution.cycles for other in others} == {False, True}
    for other in others:
        is_slower = other["ii_cycles"] > solution.cycles
        assert share(other["resources"]) <= mine if is_slower else share(other["resources"]) >= mine
    assert "Found by the same solver" in page(found)


def test_other_foldings_do_not_compare_with_one_that_was_given() -> None:
    found = made(convolutional_network(), HlsOptions())
    assert found.values["alternatives_by"] == "layer"
    assert "its row does not compare with these" in page(found)


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
    assert html.count('text-anchor="end">') + html.count('text-anchor="start">') == sum(
        len(layer["units"]) for layer in found["layers"]
    ) + sum(fifo["depth"] > 2 for fifo in found["fifos"])


def test_units_whose_pipelines_are_emptied_everywhere_are_named() -> None:
    """The rate is not that of a tool that lets all loops begin again by themselves."""
    found = made(sparse_network(), HlsOptions())
    units = [unit.name for unit in found.accelerator.units if unit.engines[0] in ("sparse", "columns")]
    assert len(units) == 4
    assert f"units of two loops, which the second number counts alone: {', '.join(units)}.</p>" in page(found)
    assert "two loops" not in page(made(dense_network((16, 8, 4)), HlsOptions()))


def test_names_cannot_become_markup(tmp_path: Path) -> None:
    graph = dense_network((16, 8, 4))
    found = report(graph, tmp_path)
    assert found["layers"]
    text = page(replace(made(graph, HlsOptions()), name="<b>net</b>"))
    assert "<b>" not in text and "&lt;b&gt;net&lt;/b&gt;" in text


def made(graph: Graph, options: HlsOptions) -> Report:
    setup = setup_of(options.part, options.clock_mhz, "axilite")
    return _report("net", fold(graph, Names(), options), options, setup)


def test_the_page_says_what_exceeds_the_part() -> None:
    graph = convolutional_network()
    text = page(made(graph, HlsOptions("xc7z010", folding=Folding(base="maximal"))))
    assert re.search(r"More than the part has: [\d,]+ LUTs of 17,600", text) and 'class="over"' in text
    assert "More than the part has" not in page(made(graph, HlsOptions("zcu104")))


def test_the_page_has_whole_numbers_and_halves() -> None:
    text = read(page(made(convolutional_network(), HlsOptions("xcu250")))).text
    assert "1,728,000" in text and "e+06" not in text
    assert re.search(r"\d\.5\n", text)


def test_layers_on_the_page_add_up() -> None:
    """Rows of the layers, of the FIFOs and of what is around are all that the last row has."""
    text = page(made(residual_network(), HlsOptions()))
    table = text[text.index("<h2>Layers") : text.index("<h2>FIFOs")]
    rows = [re.findall(r'<td class="n">([\d,.]+)</td>', row) for row in table.split("<tr")[2:]]
    luts = [int(row[-4].replace(",", "")) for row in rows]
    assert sum(luts[:-1]) == luts[-1] and len(luts) > 20


def test_foldings_are_told_in_words() -> None:
    found = made(convolutional_network(), HlsOptions(folding=Folding({"conv1": {"weights": "bram"}})))
    assert re.fullmatch(r"PE \d+, SIMD \d+, weights in bram", found.foldings()["conv1"])
    also = HlsOptions(folding=Folding({"conv1": {"thresholds": "bram"}}))
    for options in (also, replace(also, max_fps=True)):
        assert made(convolutional_network(), options).foldings()["conv1"].endswith(", thresholds in bram")
    unknown = replace(found, explained=None)
    assert re.fullmatch(r"PE \d+, SIMD \d+, weights in bram", unknown.foldings()["conv1"])
    assert unknown.foldings()["pool1"].endswith("lanes")


def test_the_same_project_has_the_same_bytes(tmp_path: Path) -> None:
    pages: list[Mapping[str, bytes]] = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        write_project(convolutional_network(), folder)
        pages.append({name: (folder / name).read_bytes() for name in ("report.json", "report.html")})
    assert pages[0] == pages[1]
