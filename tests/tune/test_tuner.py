"""What is measured is chosen, and what was chosen once is chosen again without measuring."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli.networks import DOMAIN, save_twins
from tests.tune.conftest import LastIsBest

from bnnc.arm.build import program_stages
from bnnc.arm.candidates import candidates
from bnnc.arm.kernels.isa import isa
from bnnc.bench.compiled import Compiled
from bnnc.bench.emulated import count
from bnnc.executors.compile import compile_network
from bnnc.executors.manifest import read_manifest
from bnnc.executors.network import Network, open_network
from bnnc.executors.registry import build_target
from bnnc.executors.samples import generated_samples
from bnnc.targets import target
from bnnc.tune.keys import stage_key
from bnnc.tune.log import Entry, TuningLog
from bnnc.tune.meters import EmulatedMeter, Meter, WallclockMeter
from bnnc.tune.tuner import choose, tune

A72 = build_target("arm", "cortex-a72")


@pytest.fixture(scope="module")
def entries(network: Network) -> list[Entry]:
    return tune(network, A72, LastIsBest(), TuningLog(), most=3)


def test_the_best_is_chosen(network: Network, entries: list[Entry]) -> None:
    layers = [s for s in program_stages(network.graph) if candidates(s, isa(target("arm", "cortex-a72")))]
    assert [entry.stage for entry in entries] == [stage_key(stage) for stage in layers]
    assert all(entry.model == 1000 and entry.measure in (998, 999) for entry in entries)
    chosen = choose(network.graph, A72, TuningLog(entries))
    assert chosen.choices == tuple((s.name, e.choice) for s, e in zip(layers, entries, strict=True))
    assert chosen.notes == ()


def test_programs_run_a_candidate_of_each_stage(network: Network) -> None:
    meter = LastIsBest()
    tune(network, A72, meter, TuningLog(), most=2)
    first, second = meter.choices
    assert first.keys() == second.keys() and all(first[name] != second[name] for name in first)
    on = isa(target("arm", "cortex-a72"))
    best = {s.name: candidates(s, on)[0].name for s in program_stages(network.graph) if s.name in first}
    assert first == best


def test_what_is_hardly_better_is_not_better(network: Network) -> None:
    found = tune(network, A72, LastIsBest(margin=0.01), TuningLog(), most=2)
    assert all(entry.measure == entry.model == 1000 for entry in found)


def test_what_is_known_is_not_measured(network: Network, entries: list[Entry]) -> None:
    meter = LastIsBest()
    assert tune(network, A72, meter, TuningLog(entries), most=3) == [] and meter.choices == []
    known = TuningLog(entries[:1])
    assert tune(network, A72, meter, known, most=3) == entries[1:]


def test_another_processor_knows_nothing(network: Network, entries: list[Entry]) -> None:
    assert choose(network.graph, build_target("arm", "cortex-a53"), TuningLog(entries)).choices == ()
    assert choose(network.graph, build_target("host"), TuningLog(entries)).choices == ()


def test_a_choice_that_is_gone_is_noted(network: Network, entries: list[Entry]) -> None:
    gone = TuningLog([replace(entries[0], choice="wb of old"), *entries[1:]])
    chosen = choose(network.graph, A72, gone)
    assert len(chosen.choices) == len(entries) - 1
    (note,) = chosen.notes
    assert "there is no kernel 'wb of old' any more" in note


def test_keys_say_what_matters_and_no_names(network: Network) -> None:
    stages = program_stages(network.graph)
    keys = [stage_key(stage) for stage in stages]
    assert len(set(keys)) == len(keys)
    renamed = replace(stages[0], name="other", ops=(replace(stages[0].ops[0], name="x"),))
    assert stage_key(renamed) == stage_key(replace(stages[0], ops=stages[0].ops[:1]))
    assert "xnor_conv2d(weights=uint32[33, 1, 1, 2]" in " ".join(keys)


@pytest.mark.parametrize(("kind", "meter"), [("arm", EmulatedMeter()), ("host", WallclockMeter())])
def test_meters_measure_every_kernel(kind: str, meter: Meter, network: Network) -> None:
    found = tune(network, build_target(kind), meter, TuningLog(), most=2)
    assert len(found) == 2
    assert all(0 < entry.measure <= entry.model and entry.unit == meter.unit for entry in found)


def test_twins_take_what_the_log_says(tmp_path: Path) -> None:
    """Each of them, and so the whole is never slower: a kernel that serves both does not count for one."""
    network = open_network(save_twins(tmp_path / "twins.onnx", width=256), DOMAIN, tmp_path / "cache")
    log = TuningLog(tune(network, A72, EmulatedMeter(), TuningLog(), most=3))
    keys = [stage_key(stage) for stage in program_stages(network.graph)]
    assert len(keys) == 1 + len(set(keys))
    entries = [log.find("cortex-a72", 1, key) for key in keys]
    before = instructions(network, (), tmp_path / "before")
    after = instructions(network, choose(network.graph, A72, log).choices, tmp_path / "after")
    measured = [(b, a, entry) for b, a, entry in zip(before, after, entries, strict=True) if entry]
    assert len(measured) == 4
    assert all((b, a) == (entry.model, entry.measure) for b, a, entry in measured)
    assert sum(after) <= sum(before)


def instructions(network: Network, choices: tuple[tuple[str, str], ...], folder: Path) -> list[int]:
    """Of the kernels of a program."""
    folder.mkdir()
    samples = generated_samples(network.graph, 1)
    compile_network(network, replace(A72, choices=choices), samples, folder)
    counted = count(Compiled(folder, read_manifest(folder), network.graph))
    return [trace.instructions for trace in counted.kernels]
