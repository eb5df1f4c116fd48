"""The reasons that a folding is told with: what changes, in the units of the tables beside them."""

from __future__ import annotations

from bnnc.hls.folding import Fold
from bnnc.hls.lanes import Lane, Wire
from bnnc.hls.model.parts import PARTS
from bnnc.hls.model.resources import Resources
from bnnc.hls.solve.explain import Explained
from bnnc.hls.solve.fold import _allowed
from bnnc.hls.solve.options import Node, Option
from bnnc.hls.solve.solver import Goal, Solution
from bnnc.hls.solve.space import Space
from bnnc.hls.storage import Storage

OUT = Wire(Lane("Unsigned", 1), 1, 64, 0, 1)
GOAL = Goal(PARTS["xc7z020"], 100, {})


def option(cycles: int, storage: Storage, **taken: int) -> Option:
    fold = Fold(12_000 // cycles, 1)
    return Option(fold, storage, 1, OUT, cycles, Resources(**taken))


def why(chosen: Option, *others: Option) -> str:
    node = Node("conv", "Conv_1", (chosen, *others), ())
    return Explained(Solution(Space([node], {}), 500, (chosen,)), GOAL).why(node, chosen)


def test_another_memory_is_named() -> None:
    chosen = option(500, Storage.BRAM, lut=100, bram18=13)
    faster = option(400, Storage.LUT, lut=1_153, bram18=0)
    slower = option(600, Storage.LUT, lut=90)
    assert why(chosen, faster, slower) == (
        "sets the rate; PE 20, SIMD 1, weights in lut would take 600 cycles; PE 30, SIMD 1, weights in lut "
        "would take 400, for 1,053 LUTs more and 6.5 BRAM36 less"
    )


def test_the_same_memory_is_not() -> None:
    chosen = option(500, Storage.BRAM, lut=100, ff=5, bram18=13)
    faster = option(400, Storage.BRAM, lut=100, ff=9, bram18=14)
    assert why(chosen, faster) == ("sets the rate; PE 30, SIMD 1 would take 400, for 0.5 BRAM36 more")


def test_the_fastest_choice_is_told_to_be_that() -> None:
    chosen = option(500, Storage.BRAM, lut=100)
    slower = option(600, Storage.BRAM, lut=90)
    assert why(chosen, slower) == "sets the rate; PE 20, SIMD 1 would take 600 cycles; no choice is faster"
    assert why(chosen) == "sets the rate; the only choice"


def test_what_a_file_says_is_not_the_only_choice() -> None:
    chosen = option(500, Storage.BRAM)
    node = Node("conv", "Conv_1", (chosen, option(400, Storage.BRAM)), ())
    allowed = _allowed(node, {"conv": {"pe": 24}}, has_uram=False)
    found = Explained(Solution(Space([allowed], {}), 500, (chosen,)), GOAL)
    assert found.why(allowed, chosen) == "sets the rate; as the folding file has it"


def test_a_given_fifo_sets_the_rate_instead_of_the_slowest_layer() -> None:
    chosen = option(500, Storage.BRAM)
    node = Node("conv", "Conv_1", (chosen,), ())
    found = Explained(Solution(Space([node], {}), 500, (chosen,)), GOAL, shallow=("from_a", "from_b"))
    told = "the slowest layer, but from_a, from_b, as shallow as given, set the rate; the only choice"
    assert found.why(node, chosen) == told


def test_what_is_exceeded_is_told_in_the_same_units() -> None:
    taken = Resources(lut=53_201, bram18=281, uram=2)
    assert GOAL.exceeded(taken) == "53,201 LUTs of 53,200, 140.5 BRAM36 of 140, 2 UltraRAMs of 0"
    assert GOAL.exceeded(Resources(lut=53_200, bram18=280)) == ""
