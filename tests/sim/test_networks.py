"""Whole random networks: simulator, slow definition, integer level and packed level agree on every value."""

from __future__ import annotations

import weakref
from dataclasses import replace

import numpy as np
import pytest
from tests.dags import random_dag
from tests.graphs import Allowed, encoder, random_codes, random_graph

from bnnc.executors.sim import SimExecutor
from bnnc.ir.edge_ops import ChannelsLast, Input, ToFloat
from bnnc.ir.elem import B1_PM, I32
from bnnc.ir.graph import Graph, Level
from bnnc.ir.op import Op
from bnnc.ir.packed_ops import BitConv2d, PackedMaxPool2d, XnorConv2d
from bnnc.ir.parse import OPS
from bnnc.ir.parts import core_input, core_result
from bnnc.ir.value_ops import AddMaps
from bnnc.passes.pack import PackBits
from bnnc.sim import simulator, slow

BINARY = Allowed(values=(B1_PM,), weights=(B1_PM,), max_channels=130)


def assert_values_agree(graph: Graph, codes: np.ndarray) -> None:
    """Every value of the core, sample by sample, and its type."""
    fast = simulator.values(graph, codes)
    for i, sample in enumerate(codes):
        expected = slow.values(graph, sample)
        assert fast.keys() == expected.keys()
        for op, value in expected.items():
            assert fast[op].dtype == value.dtype, op
            np.testing.assert_array_equal(fast[op][i], value, err_msg=f"{op.mnemonic()} {op.name}")


@pytest.mark.parametrize("seed", range(80))
def test_random_networks(seed: int) -> None:
    graph = random_graph(seed)
    codes = random_codes(graph, 3, seed)
    packed = PackBits().run(graph)
    assert_values_agree(graph, codes)
    assert_values_agree(packed, codes)
    np.testing.assert_array_equal(simulator.run(graph, codes), simulator.run(packed, codes))


@pytest.mark.parametrize("seed", range(100, 130))
def test_binary_networks(seed: int) -> None:
    graph = random_graph(seed, layers=4, allowed=BINARY)
    codes = random_codes(graph, 2, seed)
    assert_values_agree(PackBits().run(graph), codes)


@pytest.mark.parametrize("pairs", [1, 16])
def test_packing_is_a_choice_of_layout(pairs: int) -> None:
    """However many products of planes are packed, the network computes the same."""
    for seed in range(30):
        graph = random_graph(seed)
        codes = random_codes(graph, 3, seed)
        packed = replace(PackBits(), max_plane_pairs=pairs).run(graph)
        np.testing.assert_array_equal(simulator.run(graph, codes), simulator.run(packed, codes))


def test_every_operation_of_the_core_occurs() -> None:
    """A new operation without a place in random graphs, simulator and slow definition fails here."""
    core = ("integer_ops", "packed_ops", "value_ops", "sparse_ops")
    known = {cls for cls in OPS.values() if cls.__module__.endswith(core)}
    plain = [random_graph(seed) for seed in range(60)] + [random_dag(seed) for seed in range(40)]
    graphs = plain + [PackBits().run(graph) for graph in plain]
    assert {type(op) for graph in graphs for op in graph.ops} >= known


def test_packing_packs() -> None:
    kinds = {type(op) for seed in range(60) for op in PackBits().run(random_graph(seed)).ops}
    assert kinds >= {XnorConv2d, BitConv2d, PackedMaxPool2d}


def test_packing_twice_is_packing_once() -> None:
    for seed in range(20):
        packed = PackBits().run(random_graph(seed))
        assert [type(op) for op in PackBits().run(packed).ops] == [type(op) for op in packed.ops]


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_graph(3)
    codes = random_codes(graph, 11, 3)
    whole = simulator.run(graph, codes)
    largest = max(op.type.n_bytes for op in simulator.core_ops(graph))
    monkeypatch.setattr(simulator, "CHUNK_BYTES", 4 * largest)
    done: list[int] = []
    np.testing.assert_array_equal(simulator.run(graph, codes, done.append), whole)
    assert done == [4, 4, 3]


def test_a_value_lives_until_its_last_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty sums of a map with the map in front of it: never more than three of them are there at a time."""
    x = Input("x", (1, 8, 8))
    last: Op = ChannelsLast("layout", encoder(np.random.default_rng(0), x, "u2"))
    before = last
    for i in range(40):
        before, last = last, AddMaps(f"add {i}", before, last, I32)
    graph = Graph("sums", Level.INTEGER, ToFloat("float", last))
    made: list[weakref.ref[np.ndarray]] = []

    def watched(op: Op, *operands: np.ndarray) -> np.ndarray:
        y = evaluate(op, *operands)
        assert sum(value() is not None for value in made) <= 3
        made.append(weakref.ref(y))
        return y

    evaluate = simulator.evaluate
    monkeypatch.setattr(simulator, "evaluate", watched)
    codes = random_codes(graph, 3, 0)
    raw = simulator.run(graph, codes)
    monkeypatch.undo()
    assert len(made) == 41
    np.testing.assert_array_equal(raw, simulator.values(graph, codes)[last])


def test_an_empty_batch_has_an_empty_answer() -> None:
    graph = random_graph(0)
    codes = random_codes(graph, 2, 0)[:0]
    assert simulator.run(graph, codes).shape == (0, *core_result(graph).type.shape)


def test_samples_do_not_influence_each_other() -> None:
    graph = PackBits().run(random_graph(5))
    codes = random_codes(graph, 6, 5)
    alone = np.concatenate([simulator.run(graph, codes[i : i + 1]) for i in range(6)])
    np.testing.assert_array_equal(simulator.run(graph, codes), alone)


def test_codes_need_not_be_contiguous() -> None:
    graph = random_graph(5)
    codes = random_codes(graph, 6, 5)
    np.testing.assert_array_equal(simulator.run(graph, codes[::-2]), simulator.run(graph, codes[::-2].copy()))


def test_the_executor_is_the_simulator() -> None:
    graph = random_graph(2)
    codes = random_codes(graph, 3, 2)
    executor = SimExecutor(graph)
    assert executor.name == "sim"
    np.testing.assert_array_equal(executor.run(codes), simulator.run(graph, codes))


def test_random_graphs_depend_on_the_seed_alone() -> None:
    for seed in range(5):
        first, second = random_graph(seed), random_graph(seed)
        codes = random_codes(first, 4, seed)
        assert codes.dtype == core_input(first).elem.dtype
        np.testing.assert_array_equal(codes, random_codes(second, 4, seed))
        np.testing.assert_array_equal(simulator.run(first, codes), simulator.run(second, codes))
