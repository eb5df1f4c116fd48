"""Every operator and idiom becomes the operations expected, and they compute what onnxruntime computes."""

from __future__ import annotations

import numpy as np
import pytest
from tests.frontends.branch_cases import BRANCHES
from tests.frontends.cases import OTHERS, SOFTMAXES, Case
from tests.frontends.quantizer_cases import QUANTIZERS
from tests.frontends.reading import read
from tests.frontends.semantics import evaluate

from bnnc.executors.source import SourceExecutor
from bnnc.frontends.onnx_file import model_bytes
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array
from bnnc.ir.parse import parse_graph
from bnnc.ir.text import constants, print_graph

EXACT = [*OTHERS, *BRANCHES, *QUANTIZERS]


def _samples(graph: Graph) -> Array:
    """Small integers and halves: sums are exact, ties of rounding and zeros occur."""
    shape = graph.input.shape
    rng = np.random.default_rng(1)
    return np.concatenate([rng.integers(-4, 5, (3, *shape)), rng.integers(-9, 10, (3, *shape)) / 2]).astype(
        np.float32
    )


@pytest.mark.parametrize("case", [*EXACT, *SOFTMAXES], ids=lambda case: case.name)
def test_becomes(case: Case) -> None:
    assert " ".join(op.mnemonic() for op in read(case.model()).ops[1:]) == case.becomes


@pytest.mark.parametrize("case", EXACT, ids=lambda case: case.name)
def test_computes_the_same(case: Case) -> None:
    graph = read(case.model())
    x = _samples(graph)
    expected = SourceExecutor(model_bytes(case.model())).run(x)
    y = evaluate(graph, x)
    assert y.shape == expected.shape
    assert np.array_equal(y, expected)


@pytest.mark.parametrize("case", SOFTMAXES, ids=lambda case: case.name)
def test_softmax_is_close(case: Case) -> None:
    graph = read(case.model())
    x = _samples(graph)
    y, expected = evaluate(graph, x), SourceExecutor(model_bytes(case.model())).run(x)
    # float32 exponentials and their sum, each rounded, against float64
    assert y.shape == expected.shape
    assert np.allclose(y, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", [*EXACT, *SOFTMAXES], ids=lambda case: case.name)
def test_text_form_reads_back(case: Case) -> None:
    graph = read(case.model())
    assert print_graph(parse_graph(print_graph(graph), constants(graph))) == print_graph(graph)
