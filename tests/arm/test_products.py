"""Products of bytes: chains of 16-bit sums, and how many products an instruction makes in whole layers."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from tests.arm.kernel_cases import Conv, bounded
from tests.arm.kernel_runner import ArmMachine

from bnnc.arm.codegen import compile_stages
from bnnc.arm.emulate import InstructionCounter
from bnnc.arm.kernels.smlal_loop import longest_chain
from bnnc.ir.elem import I8
from bnnc.ir.integer_ops import Conv2d
from bnnc.schedule.stages import Stage
from bnnc.targets import target


@pytest.mark.parametrize(
    ("largest", "magnitude", "chain"),
    [(128, 128, 0), (127, 128, 1), (64, 128, 1), (63, 128, 2), (32, 128, 2), (31, 128, 4), (127, 1, 4)],
)
def test_chains_are_as_long_as_the_weights_let_them(largest: int, magnitude: int, chain: int) -> None:
    assert longest_chain(np.full((3, 100), -largest), magnitude) == chain


def test_one_output_of_large_weights_shortens_chains() -> None:
    weights = np.ones((8, 64), np.int64)
    assert longest_chain(weights, 128) == 4
    weights[5, ::8] = 32
    assert longest_chain(weights, 128) == 2


LAYERS = {
    "3x3": Conv(I8, I8, (14, 14, 64), 64, (3, 3), pads=(1, 1, 1, 1)),
    "1x1": Conv(I8, I8, (14, 14, 256), 256),
    "dense": Conv(I8, I8, (1, 1, 512), 1000),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(("cpu", "largest", "products"), [("cortex-a76", 127, 12), ("cortex-a72", 31, 5.9)])
def test_products_an_instruction(layer: str, cpu: str, largest: int, products: float) -> None:
    case = bounded(LAYERS[layer].integer(0), largest)
    (conv,) = case.ops
    assert isinstance(conv, Conv2d)
    compiled = compile_stages([Stage("layer", case.ops)], target("arm", cpu))
    machine = ArmMachine(compiled, target("arm", cpu))
    counter = InstructionCounter(machine._core)
    assert np.array_equal(machine.run(compiled.functions[0], case), case.wanted)
    assert prod(conv.type.shape) * prod(conv.weights.shape[1:]) >= products * counter.take()
