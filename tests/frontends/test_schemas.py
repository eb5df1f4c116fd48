"""Operators are read as the opset of the model defines them, from the oldest to the newest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from tests.frontends.branch_cases import BRANCHES
from tests.frontends.cases import OTHERS, Case
from tests.frontends.quantizer_cases import QUANTIZERS
from tests.frontends.reading import model, read, refusal
from tests.frontends.semantics import evaluate

from bnnc.errors import BnncError
from bnnc.executors.source import SourceExecutor
from bnnc.frontends.onnx_file import model_bytes

NEWEST = onnx.defs.onnx_opset_version()


@pytest.mark.parametrize(
    ("body", "opset", "message"),
    [
        ("y = Round(x)", 10, "node 'Round_y' (Round): there is no such operator in opset 10"),
        ("y = Clip<min=0.0>(x)", 11, "node 'Clip_y' (Clip): opset 11 knows no attribute 'min'"),
        ("y = Clip(x, c, c)", 10, "node 'Clip_y' (Clip): 3 inputs, where opset 10 has 1 to 1"),
        ("y = Relu()", 13, "node 'Relu_y' (Relu): 0 inputs, where opset 13 has 1 to 1"),
        ("y = Relu<alpha=1.0>(x)", 13, "node 'Relu_y' (Relu): opset 13 knows no attribute 'alpha'"),
    ],
)
def test_what_the_opset_does_not_define_is_refused(body: str, opset: int, message: str) -> None:
    assert refusal(model(body, {"c": 0.0}, opset=opset)).startswith(message)


@pytest.mark.parametrize("opset", [9, 11, 18, 21, NEWEST])
def test_every_case_is_refused_or_read_alike_in_other_opsets(opset: int) -> None:
    n_read = sum(_reads_alike(replace(case, opset=opset)) for case in [*OTHERS, *BRANCHES, *QUANTIZERS])
    assert n_read > 100


def _reads_alike(case: Case) -> bool:
    """Whether the case is read in its opset; a failure when it is read and computes something else."""
    try:
        graph, executor = read(case.model()), SourceExecutor(model_bytes(case.model()))
    except BnncError:
        return False
    x = np.random.default_rng(3).integers(-8, 9, (2, *graph.input.shape)).astype(np.float32) / np.float32(2)
    assert np.array_equal(evaluate(graph, x), executor.run(x)), case.name
    return True
