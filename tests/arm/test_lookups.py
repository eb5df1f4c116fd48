"""Sparse rows in slots whose inputs are looked up: what lies where, how far 16 bits reach, and kernels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.arm.kernel_cases import U8
from tests.arm.kernel_runner import ArmMachine, Case, run_cases, values_of
from tests.graphs import random_threshold

from bnnc.arm.codegen import compile_stages
from bnnc.arm.emulate import InstructionCounter
from bnnc.arm.kernels.isa import isa
from bnnc.arm.kernels.lookup_slots import END, MOST_STEPS, Filled, Slots, filled
from bnnc.arm.kernels.permute_loop import PERMUTE_SLOTS
from bnnc.arm.kernels.tbl_loop import longest_step_chain, tbl_slots
from bnnc.arm.sparse import by_lookup
from bnnc.ir.elem import B1_PM, I8, Elem, elem
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, Op
from bnnc.ir.packed_ops import Pack
from bnnc.ir.sparse_ops import SparseDense
from bnnc.passes.sparsify import sparse_form
from bnnc.schedule.stages import Stage
from bnnc.targets import target

KINDS = {"sdot": tbl_slots(True), "smlal": tbl_slots(False), "vnni": PERMUTE_SLOTS}
LOW = (-8, -4, -2, -1, 1, 2, 4, 8)


def pruned(outputs: int, inputs: int, density: float, values: tuple[int, ...] = LOW) -> Array:
    """int8 (outputs, inputs)."""
    rng = np.random.default_rng(outputs + inputs)
    kept = rng.random((outputs, inputs)) < density
    return np.where(kept, rng.choice(values, kept.shape), 0).astype(np.int8)


def unfilled(rows: Filled, inputs: int) -> Array:
    """The weights again: group by group in the order of the control words, step by step, slot by slot."""
    slots, stream, control = rows.slots, rows.octets, list(rows.groups)
    weights = np.zeros((rows.order.max() + 1, rows.inputs), np.int64)
    for chunk in range(rows.chunks):
        for steps in rows.counts:
            while (group := control.pop(0)) != END:
                for window in slots.windows(steps):
                    step, stream = np.split(stream, [slots.step_bytes])
                    first = (chunk * slots.chunk + window) * slots.n_bytes
                    put_step(weights, slots, rows.order[group * slots.rows :], first, step.astype(int))
    assert not control and not stream.size and not weights[:, inputs:].any()
    return weights[:, :inputs]


def put_step(weights: Array, slots: Slots, rows: Array, first: int, step: Array) -> None:
    for i, (places, values) in enumerate(step.reshape(slots.vectors, 2, -1)):
        for j, octets in enumerate(slots.places):
            row = rows[i * len(slots.places) + j]
            for octet in octets:
                assert 0 <= places[octet] < slots.table * slots.n_bytes
                if values[octet]:
                    assert row >= 0 and not weights[row, first + places[octet]]
                    weights[row, first + places[octet]] = values[octet]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("outputs", "inputs", "density"),
    [(1, 1, 1), (3, 63, 0.2), (8, 64, 0.3), (9, 65, 0.1), (17, 351, 0.25), (16, 352, 0), (7, 353, 0.1)]
    + [(40, 1024, 0.1), (5, 3000, 0.02)],
)
def test_every_weight_has_its_slot(kind: str, outputs: int, inputs: int, density: float) -> None:
    weights = pruned(outputs, inputs, density)
    weights[-1, -1] = 5  # the last row exists
    rows = filled(weights, KINDS[kind])
    assert rows is not None
    assert np.array_equal(unfilled(rows, inputs), weights)
    assert sorted(rows.order[rows.order >= 0]) == list(range(outputs))


def test_too_many_entries_have_no_slots() -> None:
    weights = np.zeros((8, 1024), np.int8)
    weights[3] = 1
    assert all(filled(weights, slots) is None for slots in (KINDS["vnni"], replace(KINDS["sdot"], chunk=64)))


def test_few_numbers_of_steps_have_code() -> None:
    rng = np.random.default_rng(0)
    weights = (rng.random((64, 1024)) < np.linspace(0.01, 0.2, 64)[:, None]).astype(np.int8)
    for slots in KINDS.values():
        rows = filled(weights, slots)
        assert rows is not None and len(rows.counts) <= 8
        assert np.array_equal(unfilled(rows, 1024), weights)


def test_windows_reach_every_register() -> None:
    for slots in KINDS.values():
        for steps in range(slots.chunk // slots.table + 3, MOST_STEPS + 1):
            windows = slots.windows(steps)
            assert windows[0] == 0 and windows[-1] == slots.chunk - slots.table
            assert windows == sorted(windows) and np.diff(windows).max(initial=0) <= slots.table


@pytest.mark.parametrize(("largest", "chain"), [(8, MOST_STEPS), (127, 1), (128, 0)])
def test_chains_of_steps_fit_16_bits(largest: int, chain: int) -> None:
    rows = filled(pruned(24, 640, 0.1, (-largest, largest // 2)), KINDS["smlal"])
    assert rows is not None and longest_step_chain(rows, 128) == chain


def cases(kind: Elem, values: tuple[int, ...]) -> list[Case]:
    """Layers at the edges of groups, registers and chunks, with inputs of any size and all the smallest."""
    rng, made = np.random.default_rng(3), list[Case]()
    for outputs, inputs, density in ((33, 1023, 0.05), (16, 352, 0.1), (40, 353, 0.12), (24, 2000, 0.02)):
        shape = (1, 1, inputs) if inputs % 2 else (2, 1, inputs // 2)
        dense = dense_layer(pruned(outputs, inputs, density, values), kind, shape)
        layer = sparse_layer(dense)
        sign = replace(random_threshold(rng, dense, "t", B1_PM), x=layer)
        level = replace(random_threshold(rng, dense, "t", elem("u3")), x=layer)
        codes = rng.integers(kind.lo, kind.hi + 1, shape).astype(kind.dtype)
        chains: list[tuple[Op, ...]] = [(layer,), (layer, sign, Pack("p", sign)), (layer, level)]
        made += [Case(ops, codes) for ops in chains] + [Case((layer,), np.full_like(codes, kind.lo))]
    return made


def dense_layer(weights: Array, kind: Elem, shape: tuple[int, int, int]) -> Conv2d:
    return Conv2d("fc", values_of(kind, shape), weights.reshape(-1, *shape), I8)


def sparse_layer(dense: Conv2d) -> SparseDense:
    layer = sparse_form(dense)
    assert layer is not None
    return layer


@pytest.mark.parametrize("cpu", ["cortex-a72", "cortex-a76", "host"])
@pytest.mark.parametrize(
    ("kind", "values"), [(I8, LOW), (U8, LOW), (elem("u4"), (-127, 3)), (I8, (-127, 127, 64)), (U8, (127,))]
)
def test_lookups_give_the_simulators_integers(cpu: str, kind: Elem, values: tuple[int, ...]) -> None:
    on, tested = target("host") if cpu == "host" else target("arm", cpu), cases(kind, values)
    looked_up = [by_lookup(isa(on), case.ops[0]) for case in tested if isinstance(case.ops[0], SparseDense)]
    assert sum(plan is not None for plan in looked_up) >= len(tested) // 2 or not isa(on).products
    for case, got in zip(tested, run_cases(tested, on), strict=True):
        assert np.array_equal(got, case.wanted)


@pytest.mark.parametrize("cpu", ["cortex-a53", "cortex-a72", "cortex-a76"])
def test_a_tenth_of_the_weights_takes_a_third_of_the_instructions(cpu: str) -> None:
    dense = dense_layer(pruned(512, 1024, 0.1), I8, (1, 1, 1024))
    codes = np.random.default_rng(0).integers(-128, 128, (1, 1, 1024)).astype(np.int8)
    counts = [instructions(Case((op,), codes), cpu) for op in (dense, sparse_layer(dense))]
    assert counts[0] >= 3 * counts[1]


def instructions(case: Case, cpu: str) -> int:
    compiled = compile_stages([Stage("layer", case.ops)], target("arm", cpu))
    machine = ArmMachine(compiled, target("arm", cpu))
    counter = InstructionCounter(machine._core)
    assert np.array_equal(machine.run(compiled.functions[0], case), case.wanted)
    return counter.take()
