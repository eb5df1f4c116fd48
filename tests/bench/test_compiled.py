"""Which program is measured."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.arm.tiny import encoder
from tests.bench.conftest import Compile

from bnnc.bench.compiled import compiled_network, layer_numbers, target_kind
from bnnc.errors import BnncError
from bnnc.executors.network import Network, open_network
from bnnc.ir.archive import Archive
from bnnc.ir.edge_ops import Input, ToFloat
from bnnc.ir.elem import elem
from bnnc.ir.graph import Graph, Level


def test_the_target_follows_the_processor(network: Network) -> None:
    assert target_kind(network, None, None) == target_kind(network, None, "cortex-a53") == "arm"
    assert target_kind(network, None, "x86-64-v3") == target_kind(network, "host", None) == "host"
    with pytest.raises(BnncError, match="no instructions"):
        target_kind(network, "hls", None)


def test_a_model_is_compiled_once(compiled: Compile) -> None:
    assert compiled("arm", "cortex-a76").folder == compiled("arm", "cortex-a76").folder
    assert compiled("arm", "cortex-a76").folder != compiled("arm", "cortex-a53").folder


def test_a_folder_is_measured_as_it_is(network: Network, compiled: Compile) -> None:
    program = compiled("arm", "cortex-a76")
    folder = open_network(program.folder, None, network.cache)
    assert target_kind(folder, None, None) == "arm"
    assert compiled_network(folder, "arm", None).folder == program.folder
    assert compiled_network(folder, "arm", "cortex-a76").folder == program.folder
    with pytest.raises(BnncError, match="it was compiled for cortex-a76, not cortex-a53"):
        compiled_network(folder, "arm", "cortex-a53")
    with pytest.raises(BnncError, match="it was not compiled for 2 threads"):
        compiled_network(folder, "arm", None, 2)
    assert compiled_network(folder, "host", None).manifest.target == "host"


def test_a_folder_of_an_older_bnnc_is_refused(network: Network, compiled: Compile) -> None:
    program = compiled("arm", "cortex-a76")
    details = {key: value for key, value in program.manifest.details.items() if key != "stages"}
    old = replace(network, manifest=replace(program.manifest, details=details))
    with pytest.raises(BnncError, match="compile it again"):
        compiled_network(old, "arm", None)


def test_a_network_without_layers_is_refused(network: Network) -> None:
    codes = encoder(Input("x", (5,)), elem("i8"), -128, 127)
    empty = Archive(Graph("none", Level.PACKED, ToFloat("real", codes)))
    with pytest.raises(BnncError, match="the network has no layers"):
        compiled_network(Network(network.path, empty, "", network.cache), "arm", None)


def test_the_manifest_tells_what_kernels_take(compiled: Compile) -> None:
    details = json.loads((compiled("arm", "cortex-a76").folder / "manifest.json").read_text())["details"]
    assert [stage["layer"] for stage in details["stages"]][-1] == "fc1"
    assert all(stage["arena_bytes"] <= details["arena_bytes"] for stage in details["stages"])
    assert sum(stage["weight_bytes"] for stage in details["stages"]) <= details["weight_bytes"]


def test_kernels_are_found_by_their_names() -> None:
    assert layer_numbers(["a", "b", "d"], ["b", "a", "c"]) == [1, 0, None]
    assert layer_numbers(["a"], []) == [None]
