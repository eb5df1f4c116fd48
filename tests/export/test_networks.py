"""Networks of every module: the exported model computes what the module does, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
from tests.export.networks import NETWORKS, SHAPE, Extremes  # noqa: E402
from tests.export.running import assert_equal_everywhere, evaluated, make_adversarial, samples, train  # noqa: E402
from torch import nn  # noqa: E402

import bnnc  # noqa: E402
from bnnc.executors.network import open_network  # noqa: E402
from bnnc.executors.verify import verify  # noqa: E402
from bnnc.executors.workshop import open_workshop  # noqa: E402
from bnnc.exporter import from_pt2, to_onnx  # noqa: E402


@pytest.mark.parametrize("name", NETWORKS)
def test_onnxruntime_computes_what_torch_does(name: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name]()
    train(network, *SHAPE)
    for seed in range(2):
        make_adversarial(network, seed, *SHAPE)
        model = assert_equal_everywhere(network, samples(12, *SHAPE))
        outputs = evaluated(network, samples(12, *SHAPE))
        assert len({row.tobytes() for row in outputs}) > 4, "the output depends on the input"
    assert {o.domain: o.version for o in model.opset_import} == {"": 17, "qonnx.custom_op.general": 1}
    assert model.ir_version <= 13


def test_extreme_parameters_from_torch_to_the_simulator(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, x = Extremes(), samples(12, *SHAPE)
    assert_equal_everywhere(network, x)
    assert len(np.unique(evaluated(network, x), axis=0)) > 4, "the output depends on the input"
    bnnc.export(network, x, tmp_path / "network.onnx")
    opened = open_network(tmp_path / "network.onnx", None, tmp_path / "cache")
    with open_workshop(opened) as workshop:
        [verdict] = verify(opened.graph, ["source"], x.numpy(), workshop.open, workshop.source)
    assert verdict.equal, verdict.mismatch or verdict.comparison


@pytest.mark.parametrize("name", ["trained-binarization", "ftbnn", "tac-codebook"])
def test_qonnx_computes_what_torch_does(name: str) -> None:
    pytest.importorskip("qonnx", reason="qonnx is not installed")
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

    torch.manual_seed(1)
    network = NETWORKS[name]()
    train(network, *SHAPE)
    make_adversarial(network, 5, *SHAPE)
    x = torch.rand(1, *SHAPE)
    model = to_onnx(network, x)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    wrapped = ModelWrapper(model).transform(_shapes())
    [output] = execute_onnx(wrapped, {"x": x.numpy()}).values()
    assert np.array_equal(output, evaluated(network, x))


def _shapes() -> object:
    from qonnx.transformation.infer_shapes import InferShapes

    return InferShapes()


def test_the_file_depends_on_parameters_and_structure_alone(tmp_path: Path) -> None:
    torch.manual_seed(2)
    network = NETWORKS["ftbnn"]().train()
    bnnc.export(network, torch.rand(1, *SHAPE), tmp_path / "a.onnx")
    bnnc.export(network, torch.rand(5, *SHAPE), tmp_path / "b.onnx")
    a, b = (onnx.load(tmp_path / name) for name in ("a.onnx", "b.onnx"))
    b.graph.name = a.graph.name
    assert a == b
    assert network.training and all(part.training for part in network.modules())


def test_a_saved_program_gives_the_same_model(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network, x = NETWORKS["trained-binarization"]().eval(), torch.rand(2, *SHAPE)
    torch.export.save(torch.export.export(network, (x,)), tmp_path / "network.pt2")
    expected = to_onnx(network, x)
    assert from_pt2(tmp_path / "network.pt2") == expected
    free = torch.export.export(network, (x,), dynamic_shapes=({0: torch.export.Dim("n")},))
    torch.export.save(free, tmp_path / "network.pt2")
    assert from_pt2(tmp_path / "network.pt2") == expected


def test_nodes_are_named_by_their_modules() -> None:
    torch.manual_seed(4)
    model = to_onnx(NETWORKS["ftbnn"](), torch.rand(1, *SHAPE))
    names = {node.name: node.op_type for node in model.graph.node}
    assert names["stem"] == "Conv" and names["blocks.1.conv"] == "Conv" and names["fc"] == "Gemm"
    assert names["blocks.1.conv.sign"] == names["blocks.1.conv.weight_sign"] == "BipolarQuant"
    assert names["blocks.0.add.grid.quant"] == "Quant" and names["blocks.0.act.prelu"] == "PRelu"


def test_fixed_point_is_what_the_frontend_reads() -> None:
    """Cast, Mul, [Add], [PRelu], [Add], Floor, Clip, Cast, [Mul], constants in float64."""
    block = nn.Sequential(bnnc.nn.Quantizer(8, step=1.0), bnnc.nn.RPReLU(3, bnnc.nn.Quantizer(16, step=0.5)))
    block[1].gamma.data.fill_(1.0)
    nodes = to_onnx(block, torch.rand(1, 3, 2, 2)).graph.node
    kinds = ["Quant", "Cast", "Mul", "Add", "PRelu", "Add", "Floor", "Clip", "Cast", "Mul"]
    assert [node.op_type for node in nodes] == kinds
    block[1].gamma.data.zero_()
    block[1].weight.data.fill_(1.0)
    block[1].grid = bnnc.nn.Quantizer(16, step=1.0)
    nodes = to_onnx(block, torch.rand(1, 3, 2, 2)).graph.node
    assert [node.op_type for node in nodes] == ["Quant", "Cast", "Mul", "Add", "Floor", "Clip", "Cast"]


def test_ties_are_decided_alike() -> None:
    """An exact 0 at a sign, at a step and at a weight."""
    layer = bnnc.nn.BinaryLinear(3, 2, alpha="none")
    layer.weight.data = torch.tensor([[0.0, 1.0, -1.0], [-0.0, 0.0, 1.0]])
    network = nn.Sequential(layer, bnnc.nn.BinaryLinear(2, 2, quantize=bnnc.nn.Step(), alpha="none"))
    x = torch.tensor([[0.0, -0.0, 1.0], [1.0, 0.0, 0.0], [-1.0, 0.0, 1e-45], [0.0, 0.0, 0.0]])
    assert_equal_everywhere(network, x)
