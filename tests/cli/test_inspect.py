"""`bnnc inspect`: the layers of a model and of a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest
from tests.cli import stub
from tests.cli.conftest import Bnnc
from tests.cli.networks import CLASSES, DOMAIN, FEATURES, HIDDEN, edited


def described(bnnc: Bnnc, network: Path, *options: str) -> dict[str, Any]:
    description: dict[str, Any] = json.loads(bnnc("inspect", network, "--json", *options).stdout)
    return description


def test_every_layer_is_described(bnnc: Bnnc, model: Path) -> None:
    layers = {layer["name"]: layer for layer in described(bnnc, model)["layers"]}
    assert list(layers)[:4] == ["sign_in", "fc0", "sign0", "fc1"]
    assert layers["fc0"] == {
        "name": "fc0",
        "op": "xnor_conv2d",
        "bits": {"input": 1, "weight": 1, "output": 32},
        "shape": [1, 1, HIDDEN],
        "macs": FEATURES * HIDDEN,
        "weight_bytes": HIDDEN * 2 * 4,
        "table_bytes": 0,
        "lowered": "xnor and popcount, 2 words of 32 channels a tap",
    }
    assert layers["sign0"]["bits"] == {"input": 32, "weight": 0, "output": 1}
    assert layers["sign0"]["table_bytes"] == 3 * 4 * HIDDEN


def test_totals_ends_and_domain(bnnc: Bnnc, model: Path) -> None:
    found = described(bnnc, model, "--input-domain", DOMAIN)
    assert found["totals"]["macs"] == FEATURES * HIDDEN + HIDDEN * CLASSES
    assert found["input"]["device_type"] == "u8" and found["output"]["shape"] == [CLASSES]
    assert (found["name"], found["target"], found["input_domain"], found["notes"]) == (
        "mlp",
        None,
        DOMAIN,
        [],
    )


def test_a_folder_is_described_like_its_model(
    bnnc: Bnnc, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.install(monkeypatch)
    bnnc("compile", model, "--target", "host", "-o", tmp_path / "out")
    folder = described(bnnc, tmp_path / "out")
    assert folder.pop("target") == "host"
    assert folder.items() <= described(bnnc, model).items()


def test_the_table_shows_names_as_they_are(bnnc: Bnnc, model: Path) -> None:
    def rename(changed: onnx.ModelProto) -> None:
        next(node for node in changed.graph.node if node.name == "fc0").name = "[bold]\n\x1b[0m"

    text = bnnc("inspect", model).stdout
    for shown in ("fc0", "1 x 1 > 32", "1,320", "xnor and popcount, 2 words of 32 channels a tap", "total"):
        assert shown in text
    assert "[bold]\\n\\x1b[0m" in bnnc("inspect", edited(model, rename)).stdout
    assert "input: float32 [40], on the device b1_pm 40" in text
