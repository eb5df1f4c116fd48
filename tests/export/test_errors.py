"""What cannot be exported is named: the module, the operator, the remedy; all of it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
from torch import Tensor, nn  # noqa: E402

import bnnc  # noqa: E402
from bnnc.errors import BnncError  # noqa: E402
from bnnc.exporter import from_pt2, to_onnx  # noqa: E402
from bnnc.exporter.program import convert  # noqa: E402
from bnnc.nn import BatchNorm  # noqa: E402

X = torch.ones(2, 3, 6, 6)


def refused(module: nn.Module, x: Tensor = X) -> str:
    with pytest.raises(BnncError) as error:
        to_onnx(module, x)
    return str(error.value)


def test_all_unknown_operators_are_named_with_their_modules() -> None:
    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up = nn.ConvTranspose2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.up(x).sum() + torch.erf(x).relu()

    text = refused(Network())
    assert "module 'up' (aten.conv_transpose2d): cannot be exported" in text
    assert "aten.erf: cannot be exported" in text
    assert "relu" not in text


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x.sum(0), "aten.sum: reduces over the batch"),
        (lambda x: x.flatten(0, 1), "changes the batch"),
        (lambda x: x.permute(1, 0, 2, 3), "moves the batch"),
        (lambda x: x[:1], "slices the batch"),
        (lambda x: torch.cat([x, x], 0), "works along the batch"),
        (lambda x: x.double().mul(2).float(), "converts to torch.float64; compute in float32"),
        (lambda x: x.flatten(2) @ x.flatten(2).transpose(1, 2), "weights are computed at run time"),
        (lambda x: nn.functional.pad(x, (1, 1, 1, 1), mode="reflect"), "pads by reflection"),
        (lambda x: x, "the output does not depend on the network's input"),
    ],
)
def test_what_leaves_the_batch_alone_is_required(function: object, message: str) -> None:
    class Network(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return function(x)

    assert message in refused(Network())


def test_decisions_on_values_are_refused() -> None:
    class Network(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.relu() if x.sum() > 0 else -x

    assert "without decisions on values" in refused(Network())


def test_several_outputs_and_changed_buffers_are_refused() -> None:
    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("count", torch.zeros(()))

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            self.count += 1
            return x.relu(), -x

    text = refused(Network())
    assert "changes its buffers" in text and "outputs; a network with one is needed" in text


def test_parameters_that_are_not_finite_are_named() -> None:
    norm = BatchNorm(3)
    norm.running_var[1], norm.weight.data[0] = float("inf"), float("nan")
    text = refused(nn.Sequential(norm))
    assert "parameter '0.running_var': holds NaN or infinity" in text
    assert "parameter '0.weight': holds NaN or infinity" in text


def test_inputs_have_to_be_batches_of_float32() -> None:
    assert "is torch.float64, not float32" in refused(nn.ReLU(), X.double())
    assert "(batch, ..) is needed" in refused(nn.ReLU(), torch.ones(3))


def test_only_the_batch_may_be_dynamic() -> None:
    sides = {2: torch.export.Dim("h")}
    program = torch.export.export(nn.ReLU(), (X,), dynamic_shapes=(sides,))
    with pytest.raises(BnncError, match=r"only the batch \(axis 0\) may be dynamic"):
        convert(program, "n")


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(BnncError, match="cannot be written"):
        bnnc.export(nn.Sequential(nn.ReLU()), X, tmp_path / "missing" / "x.onnx")


def test_files_that_are_no_programs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "network.pt2"
    path.write_bytes(b"nothing")
    with pytest.raises(BnncError, match=r"network.pt2: this is no .pt2 file"):
        from_pt2(path)
    torch.save({"weight": torch.ones(2)}, path)
    with pytest.raises(BnncError, match="network.pt2: torch cannot load it"):
        from_pt2(path)
    with pytest.raises(BnncError, match="missing.pt2: "):
        from_pt2(tmp_path / "missing.pt2")


def test_import_of_bnnc_leaves_torch_alone() -> None:
    import subprocess
    import sys

    program = "import bnnc, sys; assert callable(bnnc.export); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
