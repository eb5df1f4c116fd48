"""Ordinary torch modules: every operator that is written, against torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
from tests.export.running import evaluated, exported, run  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from bnnc.exporter import to_onnx  # noqa: E402


class Function(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


ORDER = torch.tensor([3, 1, 0, 2])
SCALE = torch.tensor([2.0, -1.0, 0.0, 0.5]).reshape(4, 1, 1)
EXACT: dict[str, Callable[[Tensor], Tensor]] = {
    "arithmetic": lambda x: (1 - x) * SCALE + (x + 2) / 4 - 3 * x,
    "branches": lambda x: x + x.relu() - F.relu(-x),
    "in place": lambda x: x.clone().add_(1).mul_(2).relu_(),
    "clamps": lambda x: x.clamp(-1, 1) + x.clamp(min=0.5) + x.clamp(max=0.25) + F.hardtanh(x) + F.relu6(x),
    "leaky relu": lambda x: F.leaky_relu(x, 0.25),
    "rounding": lambda x: x.round() + x.floor() + x.ceil() + x.abs() + x.sign(),
    "compare and choose": lambda x: torch.where(x >= 0, 1.0, -1.0) + torch.where(x < 0.5, x, -x),
    "comparison as number": lambda x: (x > 0).float() * 2 - 1,
    "max pool": lambda x: F.max_pool2d(x, 3, 2, 1),
    "max pool ceil": lambda x: F.max_pool2d(x, 2, 2, ceil_mode=True),
    "average pool": lambda x: F.avg_pool2d(x, 2),
    "padding": lambda x: F.pad(x, (1, 2, 0, 1), value=-1.0),
    "joins and parts": lambda x: torch.cat([x[:, 2:], x[:, :2], x.chunk(2, 1)[1], x.split([1, 3], 1)[0]], 1),
    "channels by index": lambda x: x[:, ORDER] + x.index_select(1, ORDER),
    "steps through channels": lambda x: x[:, ::2],
    "repeat": lambda x: x.repeat(1, 2, 1, 1),
    "shuffle": lambda x: x.view(x.size(0), 2, 2, 5, 6).transpose(1, 2).reshape(x.size(0), 4, 5, 6),
    "axes": lambda x: x.permute(0, 2, 3, 1).flatten(1),
    "squeeze": lambda x: x[:, :1].squeeze(1).unsqueeze(1),
    "sum": lambda x: x.round().sum((2, 3)),
    "largest": lambda x: x.flatten(1).argmax(1),
}
CLOSE: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda x: x.mean((2, 3), keepdim=True),
    "global average": lambda x: F.adaptive_avg_pool2d(x, 1),
    "padded average": lambda x: F.avg_pool2d(x, 3, 2, 1),
    "softmax": lambda x: x.flatten(1).softmax(-1),
    "log softmax": lambda x: x.flatten(1).log_softmax(-1),
    "curves": lambda x: x.sigmoid() + x.tanh() + F.hardsigmoid(x) + x.exp() + x.abs().sqrt(),
}


@pytest.mark.parametrize("name", EXACT)
def test_functions_are_written_exactly(name: str) -> None:
    torch.manual_seed(0)
    module, x = Function(EXACT[name]), (torch.randn(3, 4, 5, 6) * 8).round() / 8
    assert np.array_equal(run(exported(module, x), x), evaluated(module, x))


@pytest.mark.parametrize("name", CLOSE)
def test_functions_that_libraries_round_differently(name: str) -> None:
    torch.manual_seed(0)
    module, x = Function(CLOSE[name]), torch.randn(3, 4, 5, 6)
    # Sums and exponentials: each library rounds them in its own order.
    np.testing.assert_allclose(run(exported(module, x), x), evaluated(module, x), rtol=1e-5, atol=1e-6)


def _float_network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(4, 8, 3, padding="same", bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.Conv2d(8, 8, 3, 2, 1, groups=4, dilation=1),
        nn.PReLU(8),
        nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 6),
        nn.BatchNorm1d(6, affine=False),
        nn.PReLU(),
        nn.Linear(6, 3, bias=False),
    )


def test_a_float_network_is_read_by_the_frontend() -> None:
    from bnnc.frontends.reader import read_model

    torch.manual_seed(1)
    network, x = _float_network(), torch.randn(4, 4, 7, 7)
    network(x)
    model = exported(network.eval(), x)
    # Float sums are rounded in the order of each library.
    np.testing.assert_allclose(run(model, x), evaluated(network, x), rtol=1e-4, atol=1e-5)
    assert read_model(model, "network").graph.result.type.shape == (3,)
    assert [node.name for node in model.graph.node][:3] == ["0", "1", "2.relu"]


def test_a_program_with_decomposed_operators_is_written_too() -> None:
    from bnnc.exporter.program import convert

    torch.manual_seed(2)
    network, x = _float_network().eval(), torch.randn(2, 4, 7, 7)
    program = torch.export.export(network, (x,)).run_decompositions()
    np.testing.assert_allclose(run(convert(program, "n"), x), evaluated(network, x), rtol=1e-4, atol=1e-5)


def test_signals_of_one_dimension() -> None:
    torch.manual_seed(3)
    network = nn.Sequential(nn.Conv1d(2, 3, 3, padding=1), nn.MaxPool1d(2), nn.AvgPool1d(2), nn.ReLU())
    x = torch.randn(2, 2, 8).round()
    np.testing.assert_allclose(run(exported(network, x), x), evaluated(network, x), rtol=1e-5, atol=1e-6)


def test_constants_are_computed_when_the_model_is_written() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor([[2.0, 3.0]]))

        def forward(self, x: Tensor) -> Tensor:
            return x * (self.scale.square() + 1).sqrt()

    assert [node.op_type for node in to_onnx(Scaled(), torch.ones(1, 2)).graph.node] == ["Mul"]
