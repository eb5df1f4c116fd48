"""The source against lowered graphs that are wrong on purpose: by one, in a layer, with or without notes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from tests.cli.networks import DOMAIN, edited, save_mlp

from bnnc.executors.chains import quantizers_of
from bnnc.executors.compare import Comparison, compare_source
from bnnc.executors.network import lower_options
from bnnc.executors.samples import generated_samples
from bnnc.executors.source import SourceExecutor
from bnnc.frontends.load import load_model
from bnnc.ir.archive import Archive
from bnnc.ir.graph import Graph
from bnnc.ir.integer_ops import NO_CUT, MaxPool2d, Threshold
from bnnc.ir.op import Op
from bnnc.ir.packed_ops import BitConv2d, PackedMaxPool2d
from bnnc.passes.pipeline import lower
from bnnc.sim import simulator
from bnnc.sim.edge import encode

QUANT = "qonnx.custom_op.general"
THIRD = float(np.float32(1 / 3))


def lowered(path: Path, domain: str = "") -> tuple[Archive, Graph]:
    archive = load_model(path)
    return archive, lower(archive.graph, lower_options(domain))


def compared(archive: Archive, graph: Graph, n: int = 8) -> Comparison:
    """The source on generated samples against what the simulator makes of `graph`."""
    x = generated_samples(graph, n)
    codes = encode(graph, x)
    return compare_source(graph, x, codes, simulator.run(graph, codes), SourceExecutor(archive.onnx))


def shifted(graph: Graph, by: int, layer: str = "") -> Graph:
    """Every cut of the thresholds, or of those of one layer, off by `by`."""

    def shift(op: Op) -> Op:
        if not isinstance(op, Threshold) or (layer and op.name != layer):
            return op
        return replace(op, cuts=np.where(op.cuts == NO_CUT, NO_CUT, op.cuts + by))

    return graph.rewrite(shift)


def save_lenet(path: Path, scale: float = THIRD, pool_first: bool = True, pool_type: str = "MaxPool") -> Path:
    """x (N, 3, 8, 8) -> real conv -> sign -> 4-bit conv with bias -> pool -> relu -> 3 bits -> dense.

    Sums of +-1 times weights have the parity of the weights' sum: they lie 2 apart. The first
    layer has real weights; pooling stands in front of the second quantizer, or behind it.
    """
    rng = np.random.default_rng(4)
    constants = {
        "w0": rng.normal(size=(8, 3, 3, 3)) / 4,
        "w1": rng.normal(size=(8, 8, 3, 3)),
        "b1": rng.normal(size=8),
        "w2": rng.normal(size=(32, 5)),
        "zero": np.zeros(()),
        "scale": np.array(scale),
        "bits": np.array(4.0),
        "few": np.array(3.0),
        "step": np.array(0.7),
    }
    pool, sums = ("pooled", "sum1") if pool_first else ("y1", "q1")
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["sum0"], "conv0"),
        helper.make_node("BipolarQuant", ["sum0", "scale"], ["y0"], "sign0", domain=QUANT),
        helper.make_node("Quant", ["w1", "scale", "zero", "bits"], ["q_w1"], "w1_quant", domain=QUANT),
        helper.make_node("Conv", ["y0", "q_w1", "b1"], ["sum1"], "conv1"),
        helper.make_node(pool_type, [sums], [pool], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Relu", ["pooled" if pool_first else "sum1"], ["relu"], "relu"),
        helper.make_node(
            "Quant",
            ["relu", "step", "zero", "few"],
            ["y1" if pool_first else "q1"],
            "quant1",
            domain=QUANT,
            signed=0,
        ),
        helper.make_node("Flatten", ["y1"], ["flat"], "flatten"),
        helper.make_node("BipolarQuant", ["w2", "scale"], ["q_w2"], "w2_quant", domain=QUANT),
        helper.make_node("MatMul", ["flat", "q_w2"], ["y"], "fc"),
    ]
    graph = helper.make_graph(
        nodes,
        "lenet",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 5])],
        [numpy_helper.from_array(np.asarray(v, np.float32), name) for name, v in constants.items()],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(QUANT, 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets), path)
    return path


@pytest.mark.parametrize("pool_first", [True, False])
def test_what_reads_the_sources_codes_is_exact_though_a_note_tells_of_rounding(
    tmp_path: Path, pool_first: bool
) -> None:
    archive, graph = lowered(save_lenet(tmp_path / "m.onnx", pool_first=pool_first), DOMAIN)
    assert [note.node for note in graph.notes] == ["conv0"]
    found = compared(archive, graph)
    assert found.ok and found.numbers["approximated_codes"] == 8 * 8 * 6 * 6
    text = "behind approximated layers differ, the other layers agree"
    assert found.text.startswith("approximate: ") == (not found.equal) and (found.equal or text in found.text)


@pytest.mark.parametrize("by", [-2, 2])
@pytest.mark.parametrize("pool_first", [True, False])
def test_a_cut_that_is_off_by_one_is_no_approximation(tmp_path: Path, by: int, pool_first: bool) -> None:
    archive, graph = lowered(save_lenet(tmp_path / "m.onnx", pool_first=pool_first), DOMAIN)
    found = compared(archive, shifted(graph, by, "quant1"))
    assert not found.ok and found.mismatch is not None
    assert (found.mismatch.layer, found.mismatch.reference) == ("quant1", "source")


def test_a_wrong_threshold_behind_an_approximated_layer_is_wrong_all_the_same(tmp_path: Path) -> None:
    """Its codes need not be the source's, but they have to be what the source makes of the layer's sums."""

    def centred(model: onnx.ModelProto) -> None:
        model.graph.node[0].input[0] = "bits0"
        sign = helper.make_node("BipolarQuant", ["x", "scale"], ["bits0"], "sign", domain=QUANT)
        model.graph.node.insert(0, sign)

    archive, graph = lowered(edited(save_lenet(tmp_path / "m.onnx"), centred))
    assert [note.node for note in graph.notes] == ["conv0"] and compared(archive, graph).ok
    found = compared(archive, shifted(graph, 20, "sign0"))
    assert found.mismatch is not None and found.mismatch.layer == "sign0"


def test_the_place_of_a_pool_is_found(tmp_path: Path) -> None:
    """A quantizer that was moved in front of a max pool is judged behind it."""
    archive, graph = lowered(save_lenet(tmp_path / "m.onnx"), DOMAIN)
    pool = next(op for op in graph.ops if isinstance(op, MaxPool2d | PackedMaxPool2d))
    places = {q.name: place for q, place in quantizers_of(graph, SourceExecutor(archive.onnx).read)}
    assert list(places) == ["sign0", "quant1"]
    assert places["quant1"] is pool and pool.name == "pool"


@pytest.mark.parametrize("domain", ["", DOMAIN])
@pytest.mark.parametrize("by", [-2, 2])
def test_ties_do_not_hide_what_is_off_by_one(tmp_path: Path, by: int, domain: str) -> None:
    """The sums of 40 products of +-1/3 are even multiples of it, some of them 0 but for rounding."""
    archive, graph = lowered(save_mlp(tmp_path / "m.onnx", scale=THIRD, norm=False), domain)
    good, bad = compared(archive, graph), compared(archive, shifted(graph, by, "sign0"))
    assert good.ok and good.numbers["ties"] > 0
    assert bad.mismatch is not None and bad.mismatch.layer == "sign0"


@pytest.mark.parametrize("offset", ["", ",offset=-1", ",offset=-0.3"])
def test_a_folded_domain_is_judged(tmp_path: Path, offset: str) -> None:
    """The first layer reads the codes; centring them stands in the network, and perhaps in the domain too."""

    def directly(model: onnx.ModelProto) -> None:
        next(node for node in model.graph.node if node.name == "fc0").input[0] = "centred"

    path = edited(save_mlp(tmp_path / "m.onnx", norm=False), directly)
    archive, graph = lowered(path, f"u4:scale=1/15{offset}")
    assert not graph.notes and compared(archive, graph, 60).ok
    for by in (-2, 2):
        found = compared(archive, shifted(graph, by, "sign0"), 60)
        assert found.mismatch is not None and found.mismatch.layer == "sign0"


def test_a_wrong_layer_is_no_tie(tmp_path: Path) -> None:
    archive, graph = lowered(save_lenet(tmp_path / "m.onnx"), DOMAIN)

    def wrong(op: Op) -> Op:
        if not isinstance(op, BitConv2d) or op.name != "conv1":
            return op
        return replace(op, weights=np.roll(op.weights, 1, axis=0))

    found = compared(archive, graph.rewrite(wrong))
    assert found.mismatch is not None and found.mismatch.layer == "conv1"


@pytest.mark.parametrize("scale", [0.25, THIRD])
def test_sums_over_windows_are_judged(tmp_path: Path, scale: float) -> None:
    def quantized(model: onnx.ModelProto) -> None:
        """pool -> 2 bits -> dense."""
        pool = next(node for node in model.graph.node if node.name == "pool")
        constants = {"two": np.array(2, np.float32), "wide": np.array(1.05, np.float32)}
        model.graph.initializer.extend(numpy_helper.from_array(v, name) for name, v in constants.items())
        pool.output[0] = "averages"
        inputs = ["averages", "wide", "zero", "two"]
        quant = helper.make_node("Quant", inputs, ["y1"], "quant2", domain=QUANT, signed=0)
        model.graph.node.insert(list(model.graph.node).index(pool) + 1, quant)

    path = save_lenet(tmp_path / "m.onnx", scale, pool_first=False, pool_type="AveragePool")
    archive, graph = lowered(edited(path, quantized), DOMAIN)
    assert compared(archive, graph).ok
    for by in (-1, 1):
        found = compared(archive, shifted(graph, by, "quant2"))
        assert found.mismatch is not None and found.mismatch.layer == "quant2"


def test_indices_do_not_hide_wrong_layers(tmp_path: Path) -> None:
    def classes(model: onnx.ModelProto) -> None:
        model.graph.node[-1].output[0] = "scores"
        model.graph.node.append(helper.make_node("ArgMax", ["scores"], ["y"], "best", axis=1))
        model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", onnx.TensorProto.INT64, ["N", 1]))

    archive, graph = lowered(edited(save_mlp(tmp_path / "m.onnx", norm=False), classes))
    assert compared(archive, graph, 3).equal
    found = compared(archive, shifted(graph, 2), 3)
    assert found.mismatch is not None and found.mismatch.layer == "sign0"


def test_more_samples_than_fit_at_once_are_counted_together(tmp_path: Path) -> None:
    archive, graph = lowered(save_mlp(tmp_path / "m.onnx", scale=THIRD, norm=False))
    few, many = compared(archive, graph, 8), compared(archive, graph, 150)
    assert few.ok and many.ok and few.numbers["ties"] < many.numbers["ties"]
