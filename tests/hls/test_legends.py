"""Comments in headers say how arrays are read: who follows them finds the weights and the cuts."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from tests.graphs import encoder
from tests.hls.branches import conv, grouped_network, sparse_network
from tests.hls.projects import layer, map_input, packed
from tests.hls.test_common_rows import function, unit_of

from bnnc.hls.accumulators import accumulator_of
from bnnc.hls.activations import reachable_steps
from bnnc.hls.folding import Fold
from bnnc.hls.layers import MatrixLayer, SparseLayer
from bnnc.hls.mvtu import form_of
from bnnc.hls.names import Names
from bnnc.hls.options import Folding, HlsOptions
from bnnc.hls.solve.fold import fold
from bnnc.hls.units import Unit
from bnnc.ir.edge_ops import Input, Reshape
from bnnc.ir.elem import B1_PM, I8, TER, Elem, elem
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import Threshold
from bnnc.ir.op import Array

ARRAY = r"(\w+)_(weights|out_cut)_(\d+)\[\d+\] = \{([^}]*)\}"


def dense(weights: Elem, x: str, result: Elem = B1_PM) -> Graph:
    rng = np.random.default_rng(8)
    flat = Reshape("flat", encoder(rng, Input("x", (24,)), x), (1, 1, 24))
    return packed("dense", layer(rng, flat, "fc", 22, (1, 1), weights, result))


def image() -> Graph:
    """Words of several taps."""
    rng = np.random.default_rng(9)
    return packed("image", conv(rng, map_input(rng, (3, 9, 12), "u8"), "fc", 10, (3, 3), B1_PM))


def built(graph: Graph, name: str, chosen: dict[str, object]) -> tuple[Unit, MatrixLayer]:
    acc = fold(graph, Names(), HlsOptions("zcu104", folding=Folding({name: chosen}))).accelerator
    (found,) = (part for part in acc.layers if isinstance(part, MatrixLayer) and part.name == name)
    return next(unit for unit in acc.units if unit.name == f"{name}_mvtu"), found


def legend_of(unit: Unit, what: str) -> str:
    lines = " ".join(line.removeprefix("// ") for line in unit.rom.splitlines() if line.startswith("//"))
    (text,) = re.findall(rf"{what}.*?\.(?= |$)", lines)
    return str(text)


def numbers(pattern: str, text: str) -> list[int]:
    found = re.search(pattern, text)
    assert found, f"{pattern} is not in: {text}"
    return [int(n) for n in found.groups()]


def arrays(unit: Unit, what: str) -> dict[int, list[int]]:
    found = re.findall(ARRAY, unit.rom)
    return {
        int(n): [int(v, 0) for v in re.sub("u?ll", "", text).split(",")]
        for _, w, n, text in found
        if w == what
    }


def filled(unit: Unit, memory: Array) -> dict[int, list[int]]:
    """The banks of UltraRAM, as bnnc::fill fills them."""
    (banks,) = numbers(r"_memory\[(\d+)\]\[\d+\]", unit.rom)
    return dict(enumerate(memory.reshape(-1, banks).T.tolist()))


def words_of(unit: Unit, legend: str, pe: int) -> list[int]:
    """Of an element: in an array of its own, or in banks."""
    made = arrays(unit, "weights") if unit.memory is None else filled(unit, unit.memory)
    if "banks" not in legend:
        return made[pe]
    bits, width = numbers(r"bits (\d+) \* pe to .* side by side, (\d+) bits each", legend)
    rows = zip(*(made[bank] for bank in sorted(made)), strict=True)
    sides = (sum(part << width * bank for bank, part in enumerate(row)) for row in rows)
    return [side >> bits * pe & 2**bits - 1 for side in sides]


def weights_by_legend(unit: Unit, shape: tuple[int, ...]) -> Array:
    """int64 (outputs, rows, columns, channels)."""
    legend, found = legend_of(unit, "weights: word"), np.zeros(shape, np.int64)
    words, pes = numbers(r"word (\d+) \* fold \+ w of element pe:.* output (\d+) \* fold \+ pe", legend)
    lanes, bits = numbers(r"inputs (\d+) \* w to .*?, (\d+) bits? each", legend)
    channels, width = shape[3], 1
    if "at row" in legend:
        channels, row = numbers(r"channel i % (\d+).* at row i / (\d+),", legend)
        width = row // channels
    for pe in range(pes):
        for at, word in enumerate(words_of(unit, legend, pe)):
            fold, w = divmod(at, words)
            output = pes * fold + pe
            if output >= len(found):
                (output,) = numbers(r"in the last fold repeat output (\d+)", legend)
            for lane in range(lanes):
                i = lanes * w + lane
                code = word >> bits * lane & 2**bits - 1
                place = (output, i // channels // width, i // channels % width, i % channels)
                assert found[place] in (0, value(code, bits, legend))
                found[place] = value(code, bits, legend)
    return found


def value(code: int, bits: int, legend: str) -> int:
    if "1 for +1 and 0 for -1" in legend:
        return 2 * code - 1
    return signed(code, bits)


@pytest.mark.parametrize("storage", ["lut", "bram", "uram"])
@pytest.mark.parametrize(
    ("graph", "name", "pe", "simd"),
    [
        (dense(B1_PM, "b1_pm"), "fc", 4, 12),
        (dense(B1_PM, "u2"), "fc", 11, 6),  # pairs
        (dense(TER, "i8"), "fc", 3, 8),
        (dense(I8, "u4"), "fc", 22, 2),
        (image(), "fc", 5, 9),
        (image(), "fc", 3, 3),
        (grouped_network(), "thirds", 3, 2),
        (grouped_network(), "pointwise", 5, 3),
    ],
)
def test_weights_are_where_it_says(graph: Graph, name: str, pe: int, simd: int, storage: str) -> None:
    unit, found = built(graph, name, {"pe": pe, "simd": simd, "weights": storage})
    kernel, weights = found.matrix.conv.kernel, found.matrix.weights
    shape = (len(weights), *kernel, weights.shape[1] // (kernel[0] * kernel[1]))
    np.testing.assert_array_equal(weights_by_legend(unit, shape), weights.reshape(shape))


def sums_by_legend(unit: Unit, bits: int, outputs: int) -> list[list[int]]:
    """The cuts of every output that are compared at once, as stored."""
    legend, made = legend_of(unit, "cuts: number"), arrays(unit, "out_cut")
    (pe,) = numbers(r"channel (\d+) \* fold \+ lane", legend)
    steps = numbers(r"(\d+) \* lane \+ s", legend)[0]
    found = []
    for output in range(outputs):
        fold, lane = divmod(output, pe)
        number = [steps * lane + s for s in range(steps)]
        if "banks" in legend:
            width, first = numbers(r"side by side, (\d+) bits", legend) + numbers(
                r"has bits (\d+) \*", legend
            )
            whole = sum(made[bank][fold] << width * bank for bank in made)
            found.append([signed(whole >> first * n & 2**first - 1, bits) for n in number])
        else:
            found.append([made[n][fold] for n in number])
    return found


def signed(code: int, bits: int) -> int:
    return code - (code >> bits - 1 << bits)


@pytest.mark.parametrize("place", ["lut", "bram"])
@pytest.mark.parametrize(("x", "steps"), [("i8", 3), ("u2", 3), ("b1_pm", 3)])
def test_cuts_are_where_it_says(x: str, steps: int, place: str) -> None:
    """Of sums, or of these less a number of each output's own; in order either way."""
    unit, found = built(dense(B1_PM, x, elem("u2")), "fc", {"pe": 4, "simd": 12, "thresholds": place})
    (bits,) = numbers(r"typedef ap_int<(\d+)> cut_t", unit.parameters)
    m, act = found.matrix, found.act
    acc = accumulator_of(m, act, form_of(m, act, Fold(4, 12)), 12)
    assert isinstance(acc.act.op, Threshold) and (acc.act is act) == ("less a number" not in unit.rom)
    assert ("banks" in legend_of(unit, "cuts: number")) == (place == "bram")
    rows = reachable_steps(acc.act.op, acc.lo, acc.hi).cuts
    assert rows.shape[1] == steps and sums_by_legend(unit, bits, len(rows)) == rows.tolist()


@pytest.mark.parametrize("differs", [False, True])
def test_cuts_that_are_searched_for_are_where_it_says(differs: bool) -> None:
    """Stage by stage, as the comment has it: as many cuts are reached as there are up to a number."""
    unit = unit_of("many", differs, 2)
    legend = legend_of(unit, "cuts: stage")
    (stages,) = numbers(r"array (\d+) \* lane \+ s", legend)
    made, cuts = (
        arrays(unit, "out_cut"),
        function(map_input(np.random.default_rng(1), (6, 5, 8), "i8"), "many", differs),
    )
    assert isinstance(cuts, Threshold) and ("every channel" in legend) == (not differs)
    for channel, row in enumerate(cuts.cuts):
        fold, lane = divmod(channel, 2)
        for x in (-128, -20, 0, 33, 54, 127):
            reached = 0
            for s in range(stages):
                first = 0 if "every channel" in legend else fold << s
                reached = 2 * reached + (x >= made[stages * lane + s][first + reached])
            assert reached == (x >= row).sum()


@pytest.mark.parametrize("storage", ["lut", "bram", "uram"])
@pytest.mark.parametrize("pe", [1, 4, 12])
def test_entries_are_where_it_says(pe: int, storage: str) -> None:
    chosen = {"fc2": {"pe": pe, "simd": 1, "weights": storage}}
    acc = fold(sparse_network(), Names(), HlsOptions("zcu104", folding=Folding(chosen))).accelerator
    (s,) = (part.matrix for part in acc.layers if isinstance(part, SparseLayer) and part.name == "fc2")
    unit = next(unit for unit in acc.units if unit.name == "fc2_sparse")
    op, places, made = s.op, s.deal(pe).places, np.zeros((s.outputs, s.x.size), np.int64)
    legend = legend_of(unit, "weights: word n")
    (outputs,) = numbers(r"output (\d+) \* fold \+ lane", legend)
    for element in range(pe):
        words = iter(words_of(unit, legend, element))
        for at, lane in np.argwhere(places == element):
            put_row(made[outputs * at + lane], words, legend, s.table)
    expected = np.zeros_like(made)
    expected[np.repeat(np.arange(s.outputs), np.diff(op.rows)), op.columns] = op.table[op.codes]
    np.testing.assert_array_equal(made, expected)


def put_row(row: Array, words: Iterator[int], legend: str, table: Array) -> None:
    code_bits, gap_bits = numbers(r"on (\d+) of the code .*, (\d+) of the number of inputs left out", legend)
    column, is_last = -1, 0
    while not is_last:
        word = next(words)
        column += 1 + (word >> code_bits & 2**gap_bits - 1)
        row[column] = table[word & 2**code_bits - 1]
        is_last = word >> code_bits + gap_bits
