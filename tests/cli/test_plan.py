"""`bnnc plan`: the table, the JSON, the picture, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tests.cli.conftest import Bnnc
from tests.cli.test_start import HEAVY, loaded
from tests.plan.networks import conv_net, numpy_inputs, samples

from bnnc.commands import plan as command
from bnnc.ir.archive import Archive, load_archive, save_archive
from bnnc.plan import METRICS, Options
from bnnc.plan.decide import POLICIES

N = 6
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """The float network with residual blocks."""
    onnx.save(conv_net(is_binary=False, with_blocks=True), tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    np.savez(tmp_path / "calib.npz", x=samples(N))
    return tmp_path / "calib.npz"


def planned(bnnc: Bnnc, network: Path, data: Path, *options: str) -> dict[str, Any]:
    output = network.parent / "plan.json"
    bnnc("plan", network, "--data", data, "-o", output, *options)
    plan: dict[str, Any] = json.loads(output.read_text())
    return plan


def decisions(plan: dict[str, Any]) -> dict[str, str]:
    return {layer["name"]: layer["decision"] for layer in plan["layers"]}


def test_errors_and_work_of_every_layer(bnnc: Bnnc, network: Path, data: Path) -> None:
    layers = {layer["name"]: layer for layer in planned(bnnc, network, data)["layers"]}
    inputs = numpy_inputs(samples(N), is_binary=False, with_blocks=True)
    assert layers.keys() == inputs.keys()
    for name, value in inputs.items():
        error = ((np.where(value >= 0, 1, -1) - value) ** 2).mean()
        assert np.isclose(layers[name]["error"], error, rtol=1e-12), "the order of the sum"
    work = {name: (layer["macs"], layer["flops"]) for name, layer in layers.items()}
    assert work["stem"] == (3 * 16 * 27, 2 * 3 * 16 * 27)
    assert work["down1"] == (3 * 16 * 3, 2 * 3 * 16 * 3) and work["fc"] == (6, 12)


def test_the_score_is_what_the_formula_says(bnnc: Bnnc, network: Path, data: Path) -> None:
    plan = planned(bnnc, network, data, "--gamma", "0.5", "--shortcut", "score")
    scored = [layer for layer in plan["layers"] if layer["score"] is not None]
    assert [layer["name"] for layer in scored] == ["a0", "b0", "a1", "b1", "down1"]
    mean = sum(layer["error"] for layer in scored) / len(scored)
    median = sorted(layer["macs"] for layer in scored)[2]
    for layer in scored:
        expected = layer["error"] / mean + 0.5 * median / layer["macs"]
        assert np.isclose(layer["score"], expected, rtol=1e-12), "the order of the sum"
    highest = max(scored, key=lambda layer: layer["score"])
    assert highest["cluster"] == 1 and highest["name"] in plan["clusters"][0]["layers"]


def test_roles_decide_unless_told_otherwise(bnnc: Bnnc, network: Path, data: Path) -> None:
    plan = planned(bnnc, network, data, "--max-real", "0")
    assert decisions(plan) == {
        **dict.fromkeys(("stem", "fc"), "real"),
        **dict.fromkeys(("a0", "b0", "a1", "b1"), "fbin"),
        "down1": "wbin",
    }
    every = ("--first", "score", "--last", "score", "--shortcut", "score")
    assert set(decisions(planned(bnnc, network, data, *every, "--max-real", "0")).values()) == {"fbin"}
    assert set(decisions(planned(bnnc, network, data, *every, "--max-real", "1")).values()) == {"wbin"}
    told = decisions(planned(bnnc, network, data, "--first", "wbin", "--last", "wbin", "--shortcut", "real"))
    assert (told["stem"], told["fc"], told["down1"]) == ("wbin", "wbin", "real")


def test_blocks_are_snapped(bnnc: Bnnc, network: Path, data: Path) -> None:
    plan = planned(bnnc, network, data, "--max-real", "0.5", "--snap")
    chosen = decisions(plan)
    assert chosen["a0"] == chosen["b0"] and chosen["a1"] == chosen["b1"]
    blocks = {layer["name"]: layer["block"] for layer in plan["layers"]}
    assert blocks == {
        **dict.fromkeys(("stem", "fc"), ""),
        **dict.fromkeys(("a0", "b0"), "add0"),
        **dict.fromkeys(("a1", "b1", "down1"), "add1"),
    }


def test_every_decision_has_a_reason(bnnc: Bnnc, network: Path, data: Path) -> None:
    plan = planned(bnnc, network, data, "--max-real", "0.3")
    why = {layer["name"]: layer["why"] for layer in plan["layers"]}
    assert why["stem"] == "first layer: --first real" and why["down1"] == "shortcut layer: --shortcut wbin"
    for layer in plan["layers"]:
        if layer["decision"] == "fbin":
            assert layer["why"].startswith(f"cluster {layer['cluster']} of 4: real inputs with it ")
            assert layer["why"].endswith(", allowed 1")
    text = bnnc("plan", network, "--data", data, "--max-real", "0.3").stdout
    assert all(reason in text for reason in why.values())
    assert "real: real weights, real input; layers: 2, MACs: 1,302" in text


def test_what_the_plan_was_made_from(bnnc: Bnnc, network: Path, data: Path) -> None:
    plan = planned(bnnc, network, data, "--metric", "clipped", "--samples", "4")
    assert plan["model"]["name"] == "net" and len(plan["model"]["digest"]) == 64
    assert plan["data"]["samples"] == 4 and plan["error"] == METRICS["clipped"].formula
    assert plan["options"]["metric"] == "clipped" and plan["options"]["clusters"] == 4
    [chosen] = [point for point in plan["tradeoff"] if point["chosen"]]
    assert len(plan["tradeoff"]) == len(plan["clusters"]) + 1
    assert chosen["clusters"] == sum(cluster["kept"] for cluster in plan["clusters"])
    assert chosen["real_inputs"] <= plan["limit"]
    assert (plan["tradeoff"][0]["error_left"], plan["tradeoff"][-1]["error_left"]) == (1, 0)
    assert (plan["tradeoff"][0]["real_macs"], plan["tradeoff"][-1]["real_macs"]) == (0, 1)


def test_a_binary_network_is_judged_in_front_of_its_signs(bnnc: Bnnc, data: Path, tmp_path: Path) -> None:
    onnx.save(conv_net(is_binary=True), tmp_path / "binary.onnx")
    layers = planned(bnnc, tmp_path / "binary.onnx", data)["layers"]
    inputs = numpy_inputs(samples(N), is_binary=True)
    for layer in layers:
        value = inputs[layer["name"]]
        error = ((np.where(value >= 0, 1, -1) - value) ** 2).mean()
        assert np.isclose(layer["error"], error, rtol=1e-12), "the order of the sum"


def test_the_same_bytes_twice(bnnc: Bnnc, network: Path, data: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in "ab":
        files = ("-o", tmp_path / f"{name}.json", "--plot", tmp_path / f"{name}.png")
        bnnc("plan", network, "--data", data, *files)
    for kind in ("json", "png"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    picture = (tmp_path / "a.png").read_bytes()
    assert picture.startswith(PNG) and b"Software" not in picture


def test_names_in_the_picture_are_no_formulas(bnnc: Bnnc, data: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    proto = conv_net(is_binary=False)
    for node in proto.graph.node:
        node.name = f"${node.name}_{{$"
    onnx.save(proto, tmp_path / "$_{$.onnx")
    bnnc("plan", tmp_path / "$_{$.onnx", "--data", data, "--plot", tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(PNG)


def test_without_matplotlib_the_picture_is_refused(
    bnnc: Bnnc, network: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnnc.plan.plot.find_spec", lambda _: None)
    result = bnnc("plan", network, "--data", data, "--plot", "p.png", status=1)
    assert result.stderr == "bnnc: error: --plot: matplotlib is not installed; pip install matplotlib\n"


def test_no_picture_of_nothing(bnnc: Bnnc, model: Path, samples: Path, tmp_path: Path) -> None:
    """A network of a first and a last layer: a plan, but nothing was selected."""
    pytest.importorskip("matplotlib")
    plan = planned(bnnc, model, samples)
    assert set(decisions(plan).values()) == {"real"} and plan["tradeoff"] == plan["clusters"] == []
    result = bnnc("plan", model, "--data", samples, "--plot", tmp_path / "p.png", status=1)
    assert "--plot: no layer is selected by its score" in result.stderr
    assert not (tmp_path / "p.png").exists()


def test_files_that_are_read_are_not_replaced(bnnc: Bnnc, network: Path, data: Path, tmp_path: Path) -> None:
    for option, file in (("-o", network), ("-o", data), ("--plot", data)):
        before = file.read_bytes()
        result = bnnc("plan", network, "--data", data, option, file, status=1)
        assert "another file of this command" in result.stderr and file.read_bytes() == before
    both = ("-o", tmp_path / "p", "--plot", tmp_path / "p")
    assert "another file of this command" in bnnc("plan", network, "--data", data, *both, status=1).stderr


def test_bad_data_is_refused(bnnc: Bnnc, network: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "bad.npy", np.zeros((2, 5), np.float32))
    np.save(tmp_path / "none.npy", samples(1)[:0])
    assert "shape (2, 5) where" in bnnc("plan", network, "--data", tmp_path / "bad.npy", status=1).stderr
    assert "no samples in it" in bnnc("plan", network, "--data", tmp_path / "none.npy", status=1).stderr
    assert "Missing option '--data'" in bnnc("plan", network, status=2).stderr


def test_an_archive_serves_as_its_model(bnnc: Bnnc, network: Path, data: Path, tmp_path: Path) -> None:
    expected = planned(bnnc, network, data)["layers"]
    bnnc("opt", network, "--passes", "", "-o", tmp_path / "net.bnnc")
    assert planned(bnnc, tmp_path / "net.bnnc", data)["layers"] == expected


def test_an_archive_without_its_model_is_refused(
    bnnc: Bnnc, network: Path, data: Path, tmp_path: Path
) -> None:
    bnnc("opt", network, "--passes", "", "-o", tmp_path / "net.bnnc")
    save_archive(Archive(load_archive(tmp_path / "net.bnnc").graph), tmp_path / "bare.bnnc")
    result = bnnc("plan", tmp_path / "bare.bnnc", "--data", data, status=1)
    assert "the source model is not in this archive; give the .onnx file" in result.stderr


def test_the_command_offers_what_the_package_has() -> None:
    assert tuple(METRICS) == command.METRICS and POLICIES == command.POLICIES
    given = command.command.make_context("plan", ["model.onnx", "--data", "x.npy"]).params
    assert vars(Options()).items() <= given.items()


def test_help_loads_nothing_heavy() -> None:
    assert loaded("plan", "--help").isdisjoint((*HEAVY, "matplotlib"))
