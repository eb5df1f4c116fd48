"""The solver finds the best folding there is, by a search of all of them, and predicts what is built."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from tests.hls.branches import BRANCHES, residual_network, sparse_network
from tests.hls.projects import (
    convolutional_network,
    dense_network,
    every_engine,
    layer,
    map_input,
    packed,
    random_folding,
)

from bnnc.errors import BnncError
from bnnc.hls.core import buildable_core
from bnnc.hls.folding import Fold
from bnnc.hls.lower import Accelerator
from bnnc.hls.model.calibration import SHELL
from bnnc.hls.model.memory import fifo_cost
from bnnc.hls.model.parts import PARTS, Part
from bnnc.hls.model.resources import Resources, total
from bnnc.hls.names import Names
from bnnc.hls.options import Choice, Folding, HlsOptions
from bnnc.hls.plan import plan_layers
from bnnc.hls.solve import solver
from bnnc.hls.solve.fold import choices_of, explained, fold
from bnnc.hls.solve.options import SHALLOW, Node
from bnnc.hls.solve.pareto import front
from bnnc.hls.solve.program import SUM_WEIGHT, Program
from bnnc.hls.solve.prune import pruned
from bnnc.hls.solve.solver import Goal, Solution, Solver
from bnnc.hls.solve.space import Space, amounts
from bnnc.ir.elem import B1_PM
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import MaxPool2d
from bnnc.ir.value_ops import ConcatChannels

PART = PARTS["xc7z020"]
OPTIONS = HlsOptions()


def pooled() -> Graph:
    """A convolution and a pool."""
    rng = np.random.default_rng(0)
    x = layer(rng, map_input(rng, (2, 4, 4)), "conv", 4, (2, 2), B1_PM, B1_PM)
    return packed("pooled", MaxPool2d("pool", x, (2, 2)))


def joined() -> Graph:
    """Two branches of one map, which join again."""
    rng = np.random.default_rng(0)
    x = layer(rng, map_input(rng, (2, 3, 3)), "conv", 4, (1, 1), B1_PM, B1_PM)
    y = layer(rng, x, "beside", 4, (1, 1), B1_PM, B1_PM)
    return packed("joined", ConcatChannels("both", x, y))


SMALL = (lambda: dense_network((6, 4, 3)), pooled, joined)


@cache
def space(make: Callable[[], Graph]) -> Space:
    return choices_of(plan_layers(buildable_core(make()), Names()), OPTIONS)


def goal(fps: float | None = None, part: Part = PART, **budget: float) -> Goal:
    return Goal(part, 100, budget, fps)


def everything(found: Space) -> Iterator[Solution]:
    """Every choice of all layers."""
    for options in itertools.product(*(node.options for node in found.nodes)):
        yield Solution(found, 0, options)


def value(solution: Solution, g: Goal) -> float:
    shares = amounts(solution.resources) / np.maximum(g.have, 1)
    return float(shares.max() + SUM_WEIGHT * shares.sum())


@pytest.mark.parametrize("make", SMALL)
def test_no_choice_is_better(make: Callable[[], Graph]) -> None:
    """Of all choices that reach a target none takes less, at any target."""
    found, g = space(make), goal()
    best: dict[int, float] = {}
    for solution in everything(found):
        best[solution.cycles] = min(value(solution, g), best.get(solution.cycles, np.inf))
    targets = sorted(best)
    for target in targets[:: max(1, len(targets) // 12)]:
        least = min(worth for cycles, worth in best.items() if cycles <= target)
        chosen = Solver(found, g).smallest(target)
        assert chosen is not None and chosen.cycles <= target
        assert value(chosen, g) == pytest.approx(least, rel=1e-9)  # sums of floats in another order


@pytest.mark.parametrize("make", SMALL)
def test_nothing_that_fits_is_faster(make: Callable[[], Graph]) -> None:
    """The budget is between what the fastest and the smallest take."""
    found = space(make)
    tight = int(np.median([s.resources.lut for s in itertools.islice(everything(found), 0, None, 97)]))
    part = replace(PART, resources=replace(PART.resources, lut=tight))
    fitting = [s.cycles for s in everything(found) if (amounts(s.resources) <= goal(part=part).allowed).all()]
    solution = Solver(found, goal(part=part)).solve()
    assert solution.cycles == min(fitting)
    assert solution.resources.lut <= tight


@pytest.mark.parametrize("make", [*SMALL, convolutional_network, residual_network])
def test_what_is_left_out_is_no_loss(make: Callable[[], Graph]) -> None:
    found, g = space(make), goal()
    limits = Solver(found, g).limits
    fastest = max(min(option.cycles for option in node.options) for node in found.nodes)
    for target in (fastest, 3 * fastest):
        few = pruned(found, target, limits)
        all_of = replace(found, nodes=[_kept(node, target) for node in found.nodes])
        whole, part = (Program(s, target).solve(g.have, limits, amounts(SHELL)) for s in (all_of, few))
        assert whole is not None and part is not None
        values = [value(Solution(found, target, options), g) for options in (whole, part)]
        assert values[0] == pytest.approx(values[1], rel=1e-6)  # the solver's own tolerance
        assert sum(len(node.options) for node in few.nodes) <= sum(len(node.options) for node in all_of.nodes)


def _kept(node: Node, target: int) -> Node:
    return replace(node, options=tuple(option for option in node.options if option.cycles <= target))


def shallow(acc: Accelerator) -> Resources:
    """What is built, with FIFOs as the solver counts them."""
    fifos = (fifo_cost(SHALLOW, fifo.bits) for fifo in acc.fifos)
    return total((SHELL, *(unit.resources for unit in acc.units), *fifos))


@pytest.mark.parametrize("make", [*BRANCHES, every_engine, convolutional_network, pooled, joined])
def test_predictions_are_what_is_built(make: Callable[[], Graph]) -> None:
    graph = make()
    for number, folding in enumerate(({}, random_folding(graph, 1))):
        options = replace(OPTIONS, folding=Folding(folding))
        folded = fold(graph, Names(), options)
        said = explained(folded, options).solution
        assert said.resources == shallow(folded.accelerator), number
        assert said.cycles == folded.accelerator.cycles


@pytest.mark.parametrize("make", [convolutional_network, residual_network, sparse_network])
def test_solutions_are_what_is_built(make: Callable[[], Graph]) -> None:
    graph = make()
    folded = fold(graph, Names(), replace(OPTIONS, max_fps=True))
    assert folded.solution is not None
    assert folded.solution.resources == shallow(folded.accelerator)
    assert folded.solution.cycles == folded.accelerator.cycles
    assert (amounts(folded.accelerator.resources) <= amounts(PART.resources)).all()


def test_deep_fifos_have_their_place_in_the_budget() -> None:
    graph = residual_network()
    free = fold(graph, Names(), replace(OPTIONS, max_fps=True)).accelerator
    share = (free.resources.lut - 1) / PART.resources.lut
    tight = fold(graph, Names(), replace(OPTIONS, max_fps=True, budget={"lut": share})).accelerator
    assert tight.resources.lut < free.resources.lut and tight.cycles >= free.cycles


def test_a_rate_takes_no_more_than_it_needs() -> None:
    graph, before = convolutional_network(), None
    for fps in (20_000, 10_000, 5_000):
        acc = fold(graph, Names(), replace(OPTIONS, fps=fps)).accelerator
        assert acc.cycles <= 100e6 / fps
        assert before is None or acc.resources.lut <= before
        before = acc.resources.lut


def test_what_the_user_chose_stays() -> None:
    chosen: Choice = {"conv1": {"pe": 2, "simd": 8, "weights": "lut"}, "pool1": {"lanes": 8}}
    options = replace(OPTIONS, max_fps=True, folding=Folding(chosen))
    acc = fold(convolutional_network(), Names(), options).accelerator
    assert acc.settings.folds["conv1"] == Fold(2, 8)
    assert acc.settings.lanes["pool1"] == 8
    unbound = fold(convolutional_network(), Names(), replace(OPTIONS, max_fps=True)).accelerator
    assert unbound.cycles < acc.cycles


def test_solutions_can_be_fed_back() -> None:
    graph = convolutional_network()
    solved = fold(graph, Names(), replace(OPTIONS, fps=9000)).accelerator
    again = fold(graph, Names(), replace(OPTIONS, folding=Folding(solved.settings.entries))).accelerator
    assert again.resources == solved.resources
    assert [unit.comment for unit in again.units] == [unit.comment for unit in solved.units]


def refusal(make: Callable[[], Graph], **options: object) -> str:
    with pytest.raises(BnncError) as caught:
        fold(make(), Names(), replace(OPTIONS, **options))  # type: ignore[arg-type]
    return str(caught.value)


def test_a_rate_that_no_folding_has() -> None:
    """The slowest layer is the one that least can be done about."""
    found = space(convolutional_network)
    least = {node.node: min(option.cycles for option in node.options) for node in found.nodes}
    slowest = max(least, key=lambda name: least[name])
    assert refusal(convolutional_network, fps=1_000_000) == (
        f"layer {slowest!r}: 1,000,000 samples a second leave 100 cycles at 100 MHz, and it takes "
        f"{least[slowest]:,} for each at least; "
        f"give --fps {100_000_000 // least[slowest]} or less, or --clock {least[slowest]}"
    )
    assert refusal(convolutional_network, fps=1e9) == (
        f"layer {slowest!r}: 1,000,000,000 samples a second are more than there are cycles at 100 MHz, and "
        f"it takes {least[slowest]:,} for each at least; give --fps {100_000_000 // least[slowest]} or less"
    )


def test_a_rate_that_a_choice_is_in_the_way_of() -> None:
    """Whoever reads that knows that another choice may do."""
    text = refusal(convolutional_network, fps=50_000, folding=Folding({"conv1": {"pe": 1, "simd": 1}}))
    assert re.match(r"layer 'conv1': .* at 100 MHz, and as --folding has it, it takes [\d,]+ for each", text)


@pytest.mark.parametrize("chosen", [{"weights": "bram"}, {"thresholds": "lut"}])
def test_a_choice_that_costs_no_cycle_is_not_in_the_way(chosen: dict[str, str]) -> None:
    least = {node.node: min(o.cycles for o in node.options) for node in space(convolutional_network).nodes}
    slowest = max(least, key=lambda name: least[name])
    text = refusal(convolutional_network, fps=1_000_000, folding=Folding({slowest: chosen}))
    assert f"layer {slowest!r}" in text and f"at 100 MHz, and it takes {least[slowest]:,} for each" in text


def test_the_rate_that_is_offered_instead_is_one_that_fits() -> None:
    """With few tables less than the slowest layer alone could have."""
    budget = {"lut": 0.2}
    text = refusal(convolutional_network, fps=10_000_000, budget=budget)
    offered = float(re.search(r"give --fps (\d+) or less", text)[1])  # type: ignore[index]
    found = fold(convolutional_network(), Names(), replace(OPTIONS, max_fps=True, budget=budget))
    slowest = max(
        min(option.cycles for option in node.options) for node in space(convolutional_network).nodes
    )
    assert offered == 100_000_000 // found.accelerator.cycles < 100_000_000 // slowest


def test_a_rate_that_does_not_fit() -> None:
    """The budget is a little more than the fewest LUTs that any folding takes."""
    solver = Solver(space(convolutional_network), goal())
    least = solver.smallest(10**9, ("lut",))
    assert least is not None
    share = (least.resources.lut + 500) / PART.resources.lut
    text = refusal(convolutional_network, fps=80_000, budget={"lut": share})
    assert re.fullmatch(
        r"part xc7z020: 80,000 samples a second: what comes closest takes [\d,]+ LUTs, and [\d,]+ are "
        r"allowed; give --fps \d+ or less, a larger part, or more with --budget lut=1",
        text,
    )


def test_a_network_that_does_not_fit_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the order of the tables of kinds."""
    monkeypatch.setattr(solver, "BUDGET_KINDS", dict(reversed(solver.BUDGET_KINDS.items())))
    text = refusal(convolutional_network, max_fps=True, budget={"lut": 0.05})
    assert text.startswith("part xc7z020: no folding fits: what comes closest takes ")
    assert "and 2,660 are allowed; give a larger part, or more with --budget lut=1" in text


def test_every_layer_is_explained() -> None:
    options = replace(OPTIONS, max_fps=True)
    said = explained(fold(convolutional_network(), Names(), options), options)
    rows = {row.name: row for row in said.rows()}
    assert rows["conv1"].why and rows["pool1"].folding.endswith(("lane", "lanes"))
    assert any(row.why.startswith("sets the rate") for row in rows.values())
    assert total(row.resources for row in rows.values()) + SHELL == said.solution.resources


def test_the_front_has_no_point_that_another_one_beats() -> None:
    points = front(Solver(space(convolutional_network), goal()))
    assert len(points) > 5
    for a, b in itertools.combinations(points, 2):
        assert not a.beats(b) and not b.beats(a)
    assert points[0].solution.cycles == Solver(space(convolutional_network), goal()).solve().cycles


def test_options_of_a_node_are_all_different() -> None:
    for node in space(every_engine).nodes:
        keys = [(option.setting, option.storage) for option in node.options]
        assert len(set(keys)) == len(keys)


def test_weights_lie_outside_only_where_that_is_chosen() -> None:
    def storages(**options: object) -> set[str]:
        plan = plan_layers(buildable_core(dense_network((6, 4, 3))), Names())
        found = choices_of(plan, replace(OPTIONS, **options))  # type: ignore[arg-type]
        return {str(o.storage) for node in found.nodes for o in node.options if o.storage is not None}

    assert storages() == {"lut", "bram"}
    assert storages(part="zcu104") == {"lut", "bram", "uram"}
    assert storages(folding=Folding({"fc0": {"weights": "ddr"}})) == {"lut", "bram", "ddr"}
