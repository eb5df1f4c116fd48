"""Sections about single layers: instructions, cycles, and times beside the peers'."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import larq
import numpy as np
from layers import binary_conv, binary_dense, int8_conv, int8_dense, sparse_dense
from numpy.typing import NDArray
from page import Goal, Row, Section, table
from race import V3, Result, fastest, one_core, ours, race
from shapes import FOUR, MOST_MORE, OTHERS, PEERS, SIX, Shape
from subject import counted, mca

from bnnc.bench.mca import LOOPED
from bnnc.ir.graph import Graph

FLOAT32 = "onnxruntime float32"
BITS_A_SELECTION = 256  # multiply-accumulates of one bsl: two pairs of 128-bit vectors
CORES = {  # what llvm-mca calls the core, and MACs a cycle that its inner loops were to reach
    "cortex-a76": ("neoverse-n1", 120),
    "cortex-a72": ("cortex-a72", 98),
    "neoverse-v1": ("neoverse-v1", 240),
    "cortex-a53": ("cortex-a53", 45),
    "cortex-a55": ("cortex-a55", 46),
}
HOST_GOAL, V3_SHARE, INT8_GOAL, FLOAT_GOAL, LARQ_GOAL = 2500, 5, 5, 18, 20
INT8_GOALS = {"cortex-a76": 12, "cortex-a72": 6, "cortex-a53": 6}
VECTOR_BYTES = 16
LOADS_GOALS = {"cortex-a72": 1.3, "cortex-a76": 1.3 / 2}  # cycles: 1.3 times what the loads take
# Cycles a load of the vector operations alone: binary, two loads by eor, bsl (twice as long on cortex-a72),
# cnt and an addition, two a cycle; int8, two multiplications, one a cycle, or 12 dot products for nine taps.
SLOTS = {
    "binary": {"cortex-a72": 5 / 4, "cortex-a76": 4 / 4},
    "int8": {"cortex-a72": 2.0, "cortex-a76": 12 / 9 / 2},
}
NARROW = 31  # largest weights of which four products are added in 16 bits
SPARSE_DENSITY, SPARSE_GOAL = 0.1, 3


def instructions() -> Section:
    """The four shapes on cortex-a76."""
    rows, cycle_rows, goals = list[Row](), list[Row](), list[Goal]()
    for shape in FOUR:
        n, cycles, _ = counted(binary_conv(shape), "cortex-a76", "conv")
        peer = PEERS[shape]
        assert peer.goal and peer.stretch and peer.best
        peers = (peer.dabnn, peer.lce, peer.lce_indirect, peer.lce_packed)
        ratio, share = 128 * n / shape.macs, peer.best / n
        rows.append((str(shape), n, ratio, *peers, share, peer.goal, peer.stretch))
        cycle_rows.append((str(shape), cycles, _rate(shape, cycles), peer.cycles, _rate(shape, peer.cycles)))
        goals.append(Goal(f"instructions of {shape}", n, peer.goal))
        goals.append(Goal(f"instructions of {shape}, stretch", n, peer.stretch))
    columns = ["layer", "bnnc", "per 128 MACs", "daBNN", "LCE", "LCE indirect", "LCE to bits"]
    columns += ["best peer / bnnc", "goal", "stretch"]
    text = (
        "Instructions of a whole 3x3 layer for cortex-a76: packed input, pad 1 with zeros, a threshold a "
        "channel, packed output. The peers' are the convolution alone, bits to float or sums: daBNN at "
        "commit d93aa95 (pad and bconv_3x3), LCE, which is larq compute-engine, at e6860fc (with im2col, "
        "to float, and its default kernel to bits), compiled by gcc 12 -O3 and counted under QEMU.\n\n"
    )
    cycle_columns = ("layer", "bnnc, cycles", "MACs a cycle", "fastest peer, cycles", "MACs a cycle")
    cycle_text = f"\n{_mca_words('neoverse-n1, which is the same core as cortex-a76')}\n\n"
    text += table(columns, rows) + cycle_text + table(cycle_columns, cycle_rows)
    return Section("instructions", "Instructions of binary layers", text, tuple(goals))


def loops() -> Section:
    """The inner loops on every core."""
    rows, goals = list[Row](), list[Goal]()
    for cpu, (model, bound) in CORES.items():
        for shape in FOUR:
            n, cycles, loop = counted(binary_conv(shape), cpu, "conv")
            if loop is None:
                continue
            macs = BITS_A_SELECTION * sum(line.split()[0] in ("bsl", "bit", "bif") for line in loop.text)
            rate = macs / loop.cycles
            rows.append(
                (cpu, model, str(shape), n, _rate(shape, cycles), len(loop.text), loop.share, rate, bound)
            )
            goals.append(
                Goal(f"MACs a cycle of the inner loop on {cpu}, {shape}", rate, bound, at_least=True)
            )
    columns = ["cpu", "model of llvm-mca", "layer", "instructions", "MACs a cycle, layer"]
    columns += ["instructions of the loop", "share of the layer", "MACs a cycle, loop", "goal"]
    text = (
        "The innermost loop in which most instructions of a layer are executed; tiles of other sizes have "
        f"loops of their own. {LOOPED} iterations by llvm-mca, {BITS_A_SELECTION} MACs for each `bsl`.\n\n"
    )
    return Section("loops", "Inner loops", text + table(columns, rows), tuple(goals))


def geometries() -> Section:
    """Other kernels, strides, groups and dense layers beside the 3x3 of the same depth."""
    rows, goals = list[Row](), list[Goal]()
    for shape, like in OTHERS:
        n, cycles, _ = counted(binary_conv(shape), "cortex-a76", "conv")
        base, _, _ = counted(binary_conv(like), "cortex-a76", "conv")
        ratio = (n / shape.macs) / (base / like.macs)
        rows.append((str(shape), n, 128 * n / shape.macs, cycles, str(like), ratio))
        goals.append(
            Goal(f"instructions a MAC of {shape}, beside {like}", ratio, float(MOST_MORE), at_least=False)
        )
    columns = ["layer", "instructions", "per 128 MACs", "cycles", "beside", "per MAC, ratio"]
    text = "Binary layers of other kernels, strides and groups, for cortex-a76.\n\n"
    return Section("geometries", "Other layers", text + table(columns, rows), tuple(goals))


def loads() -> Section:
    """Layers that use what they load once, beside the loads that they cannot do without."""
    rows, goals = list[Row](), list[Goal]()
    for cpu, bound in LOADS_GOALS.items():
        for title, graph, layer, n_bytes in _loaded():
            n, cycles, _ = counted(graph, cpu, layer)
            needed = n_bytes // VECTOR_BYTES
            ratio = cycles / needed if cycles else None
            rows.append((title, cpu, n, needed, cycles, ratio, SLOTS[title.split()[0]][cpu]))
            if ratio is not None:
                goals.append(Goal(f"cycles a load of {title}, {cpu}", ratio, bound))
    columns = ["layer", "cpu", "instructions", "16-byte loads", "cycles", "cycles a load", "of operations"]
    text = (
        "Dense layers read each weight once, depthwise ones each value once a tap. cortex-a72 loads 16 bytes "
        "a cycle, cortex-a76 twice that; a layer was to take at most 1.3 times as long as its loads. What "
        "bounds these layers are not bytes but operations: the last column is what the fewest vector "
        "operations on a load take that we know, two a cycle (on cortex-a72 one multiplication), before "
        "sums are widened, compared and packed.\n\n"
    )
    return Section("loads", "Dense and depthwise layers", text + table(columns, rows), tuple(goals))


def _loaded() -> Iterator[tuple[str, Graph, str, int]]:
    """Title, graph, layer, and bytes that have to be loaded."""
    for inputs, outputs in ((512, 1000), (1024, 1024), (4096, 1000)):
        yield (
            f"binary dense {inputs}->{outputs}",
            binary_dense(inputs, outputs),
            "dense",
            inputs * outputs // 8,
        )
    depthwise = Shape(28, 128, 128, groups=128)
    yield f"int8 depthwise {depthwise}", int8_conv(depthwise), "conv", depthwise.macs


def int8() -> Section:
    """int8 layers: multiply-accumulates an instruction."""
    rows, goals = list[Row](), list[Goal]()
    for shape in (Shape(28, 128, 128), Shape(14, 256, 256), Shape(28, 128, 128, 1)):
        for cpu, bound in INT8_GOALS.items():
            n, cycles, _ = counted(int8_conv(shape), cpu, "conv")
            rows.append((str(shape), cpu, n, shape.macs / n, bound, cycles, _rate(shape, cycles)))
            goals.append(
                Goal(f"int8 MACs an instruction, {cpu}, {shape}", shape.macs / n, bound, at_least=True)
            )
        n, cycles, _ = counted(int8_conv(shape, NARROW), "cortex-a72", "conv")
        what = f"cortex-a72, weights of at most {NARROW}"
        rows.append((str(shape), what, n, shape.macs / n, None, cycles, _rate(shape, cycles)))
    columns = ("layer", "cpu", "instructions", "MACs an instruction", "goal", "cycles", "MACs a cycle")
    text = (
        "int8 by int8, with thresholds; cortex-a76 has dot products. The others compute 3x3 layers by "
        "Winograd's F(2x2, 3x3) in 16 bits, exactly, with weights that take 3.6 times as much memory; in "
        "the rest they add products in 16 bits as far as the weights of the layer let them, which are random "
        f"here: of all 8 bits two products, and four where no weight is larger than {NARROW}.\n\n"
    )
    return Section("int8", "int8 layers", text + table(columns, rows), tuple(goals))


def sparse() -> Section:
    """A pruned layer, sparse and dense."""
    rows, goals = list[Row](), list[Goal]()
    for inputs, outputs in ((1024, 1024), (4096, 1000)):
        weights = _pruned(inputs, outputs)
        size, kept = f"{inputs}->{outputs}", int(np.count_nonzero(weights))
        for cpu in INT8_GOALS:
            dense, dense_cycles, _ = counted(int8_dense(weights), cpu, "dense")
            few, few_cycles, _ = counted(sparse_dense(weights), cpu, "dense")
            faster = dense_cycles / few_cycles if dense_cycles and few_cycles else None
            rows.append((size, cpu, kept, dense, few, dense / few, dense_cycles, few_cycles, faster))
            goals += _sparse_goals(f"sparse against dense, {size}, {cpu}", dense / few)
            if faster is not None:
                goals += _sparse_goals(f"sparse against dense, cycles, {size}, {cpu}", faster)
        ns, few_ns = _nanoseconds(int8_dense(weights), sparse_dense(weights))
        rows.append((size, "this machine, ns", kept, None, None, None, ns, few_ns, ns / few_ns))
        goals += _sparse_goals(f"sparse against dense, time on this machine, {size}", ns / few_ns)
    columns = ["layer", "cpu", "weights that are not 0", "dense int8, instructions", "sparse", "ratio"]
    columns += ["dense int8, cycles", "sparse", "ratio"]
    text = (
        "Dense layers on int8 of which 10 % of the weights are not 0: stored densely, and stored sparsely "
        "and computed as the compiler chooses. Here that is by lookups: `tbl` on ARM, `vpermi2b` on AVX-512. "
        "A lookup in four registers is one instruction, but takes an out-of-order core as long as several, "
        "so there the cycles show less than the instructions.\n\n"
    )
    return Section("sparse", "Sparse layers", text + table(columns, rows), tuple(goals))


def _pruned(inputs: int, outputs: int) -> NDArray[np.int8]:
    rng = np.random.default_rng(1)
    kept = rng.random((outputs, inputs)) < SPARSE_DENSITY
    return np.where(kept, rng.choice([-8, -4, -2, -1, 1, 2, 4, 8], kept.shape), 0).astype(np.int8)


def _nanoseconds(*graphs: Graph) -> list[int]:
    """Of the dense layers of networks on this machine, in turn."""
    with ExitStack() as stack, one_core():
        takes = {str(i): stack.enter_context(ours(graph, "dense", None)) for i, graph in enumerate(graphs)}
        return [round(1e9 * seconds) for seconds in fastest(takes).values()]


def _sparse_goals(what: str, ratio: float) -> list[Goal]:
    return [
        Goal(what, ratio, SPARSE_GOAL, at_least=True),
        Goal(f"{what}, never slower", ratio, 1, at_least=True),
    ]


def times() -> Section:
    """The six public shapes on this machine, in turn with the peers."""
    missing = _larq_missing()
    rows, goals = list[Row](), list[Goal]()
    for shape in SIX:
        result = race(shape, has_larq=not missing)
        names = ("bnnc", f"bnnc {V3}", FLOAT32, result.best("onnxruntime int8"), result.best("larq"))
        published = PEERS[shape].dabnn_ms
        pixel = shape.macs / published / 1e6 if published else None
        rows.append((str(shape), *map(result.gmacs, names), names[-1].removeprefix("larq "), pixel))
        goals += _time_goals(result)
    columns = ["layer", "bnnc", f"bnnc {V3}", FLOAT32, "onnxruntime int8", "larq 0.16", "its best"]
    columns += ["daBNN on Pixel 1"]
    words = f"larq-compute-engine 0.16 could not be installed here: {missing}. " if missing else ""
    text = (
        "GMAC/s on one core, whole layers: bnnc and larq-compute-engine from packed bits to packed bits "
        "through thresholds, onnxruntime the convolution alone, int8 in the faster of the layouts NHWC "
        "and NCHW. Of larq its default and its indirect kernel were run, each with packed and with float "
        "output, and the best is shown; on x86 its kernels are portable C++, it is made for ARM. "
        f"{words}daBNN's figures are those that it publishes (docs/benchmark_and_comparison.md, "
        "2019-05-06, one thread of a Pixel 1): another machine, so no comparison.\n\n"
    )
    return Section("times", "Times on this machine", text + table(columns, rows), tuple(goals))


def _time_goals(result: Result) -> list[Goal]:
    shape, mine = result.shape, result.gmacs("bnnc") or 0.0
    v3 = result.gmacs(f"bnnc {V3}") or 0.0
    goals = [
        Goal(f"GMAC/s of {shape}", mine, HOST_GOAL, at_least=True),
        Goal(f"GMAC/s of {shape}, {V3}", v3, HOST_GOAL / V3_SHARE, at_least=True),
    ]
    for name, bound in ((FLOAT32, FLOAT_GOAL), ("onnxruntime int8", INT8_GOAL), ("larq", LARQ_GOAL)):
        theirs = result.gmacs(result.best(name))
        if theirs is not None:
            goals.append(Goal(f"times as fast as {name}, {shape}", mine / theirs, bound, at_least=True))
    return goals


def _larq_missing() -> str:
    """Why larq-compute-engine is not there; empty where it is."""
    try:
        larq.python()
    except larq.CannotInstall as error:
        return str(error)
    return ""


def _rate(shape: Shape, cycles: float | None) -> float | None:
    return shape.macs / cycles if cycles else None


def _mca_words(model: str) -> str:
    tools = mca()
    if tools is None:
        return "There are no cycles: llvm-mca 19 or newer was not installed."
    return f"Cycles of the whole layer: llvm-mca {tools.version} on {model}."
