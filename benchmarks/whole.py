"""Sections about whole networks: CNV and a ResNet-18 of 16 binary convolutions."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import ort
from command import Measured, bnnc
from networks import networks as published
from page import Goal, Row, Section, table
from race import fastest
from subject import mca

from bnnc.bench.compiled import Compiled, compiled_network
from bnnc.bench.emulated import Trace, count
from bnnc.bench.mca import disassembled
from bnnc.bench.profile import LayerFigures, Profile, measure
from bnnc.bench.wallclock import Stopwatch
from bnnc.executors.cache import default_root
from bnnc.executors.network import Network, open_network

CPU = "cortex-a76"
CNV = "cnv_w1a1_cifar10_qonnx"
SMALL = ("tfc_1w1a", "lfc_w1a1_mnist")
RESNET = "pcnn_resnet18"
IMAGE = (1, 3, 224, 224)
# What multiplies and accumulates: popcounts, products, dot products; ssubw and saddw of one-bit weights.
PRODUCTS = ("cnt", "sdot", "udot", "usdot", "smull", "smlal", "umull", "umlal", "mla", "mul", "madd", "smlsl")
TWO, ORT, THREADS_GOAL = "bnnc, 2 threads", "onnxruntime", 1.8
SIDE_WORK, ORT_GOAL, COMPILE_SECONDS, ARENA, PROGRAM_BYTES = 0.1, 2.5, 30, 1.05, 96 * 1024


def networks() -> Section:
    """Instructions, cycles and times; what is no product; ResNet-18 beside onnxruntime int8."""
    rows, goals, notes, parts = list[Row](), list[Goal](), list[str](), ""
    for network in _found(notes):
        profile = measure(network, "arm", CPU, runs=5)
        side = side_work(compiled_network(network, "arm", CPU))
        seconds = {"bnnc": profile.host_seconds or 0.0}
        if profile.name == RESNET:
            parts = _by_kind(profile)
            seconds = _beside_onnxruntime(network)
            goals += _resnet_goals(seconds, _compile(network).seconds)
        times = [1e3 * seconds[name] if name in seconds else None for name in ("bnnc", TWO, ORT)]
        rows.append((profile.name, profile.macs, profile.instructions, profile.cycles, side, *times))
        goals.append(Goal(f"part of the instructions that is no product, {profile.name}", side, SIDE_WORK))
    columns = ["network", "MACs", "instructions", "cycles", "no products"]
    columns += ["ms here", "2 threads, ms here", "onnxruntime int8, ms here"]
    text = (
        f"One inference, one thread where nothing else is said; instructions and cycles are those of {CPU}. "
        "No products: the part of the instructions in straight pieces of code without any popcount, product "
        "or dot product, that is packing, pools, additions, thresholds and rescales, and the loops around "
        "them. The ResNet-18 has 16 binary convolutions of 224x224 images between an int8 stem and an int8 "
        "last layer (bnnc.zoo, random weights); onnxruntime computes the same topology with every "
        "convolution in int8 and ReLU for PReLU, which costs it nothing. Two threads are only as fast as two "
        "cores are free.\n\n"
    )
    return Section("networks", "Networks", text + table(columns, rows) + parts + _listed(notes), tuple(goals))


def _by_kind(profile: Profile) -> str:
    """The layers of a network by the operation that they begin with."""
    kinds: dict[str, list[LayerFigures]] = {}
    for layer in profile.layers:
        kinds.setdefault(layer.ops[0], []).append(layer)
    rows = [(kind, len(layers), *_sums(layers)) for kind, layers in kinds.items()]
    columns = ("layers begin with", "how many", "MACs", "instructions", "cycles", "ms here")
    return f"\n{profile.name} by what layers begin with:\n\n{table(columns, rows)}"


def _sums(layers: Sequence[LayerFigures]) -> Row:
    counts = [(layer.macs, layer.instructions or 0, layer.cycles or 0) for layer in layers]
    seconds = sum(layer.host_seconds or 0.0 for layer in layers)
    return (*map(sum, zip(*counts, strict=True)), 1e3 * seconds)


def _resnet_goals(seconds: dict[str, float], compile_seconds: float) -> list[Goal]:
    ratio, faster = seconds[ORT] / seconds["bnnc"], seconds["bnnc"] / seconds[TWO]
    return [
        Goal(f"times as fast as onnxruntime int8, {RESNET}", ratio, ORT_GOAL, at_least=True),
        Goal(f"two threads beside one, {RESNET}", faster, THREADS_GOAL, at_least=True),
        Goal(f"seconds to compile {RESNET}", compile_seconds, COMPILE_SECONDS),
    ]


def memory() -> Section:
    """Working memory beside what has to live at once, and the size of the programs."""
    rows, goals, notes = list[Row](), list[Goal](), list[str]()
    for network in chain(_small(), _found(notes)):
        program = compiled_network(network, "arm", CPU)
        details = program.manifest.details
        needed = max(stage["arena_bytes"] for stage in details["stages"])
        ends = details["arena_bytes"] - planned_bytes(program)
        arena, size = details["arena_bytes"] - ends, (program.folder / program.name).stat().st_size
        rest = size - details["weight_bytes"]
        constants = details["weight_bytes"]
        rows.append((program.name, arena, needed, arena / needed, ends, constants, size, rest))
        goals.append(
            Goal(f"working memory of {program.name} beside what lives at once", arena / needed, ARENA)
        )
        goals.append(Goal(f"bytes of the program beside its constants, {program.name}", rest, PROGRAM_BYTES))
    columns = ["network", "arena", "most that lives at once", "ratio", "buffers of codes and integers"]
    columns += ["constants", "static program", "beside constants"]
    text = (
        f"Bytes, for {CPU}. The arena holds values between layers and scratch memory. Constants are all that "
        "kernels read: packed weights, thresholds, multipliers and tables, as in weights.bin.\n\n"
    )
    return Section("memory", "Memory", text + table(columns, rows) + _listed(notes), tuple(goals))


def side_work(program: Compiled) -> float:
    """The part of all instructions that is executed in blocks without a product."""
    tools, counted = mca(), count(program)
    if tools is None:
        return float("nan")
    lines = disassembled(counted.code, tools)
    plain = {block for block, text in lines.items() if not any(_is_product(line) for line in text)}
    products = sum(_executed(trace, plain) for trace in counted.kernels)
    return 1 - products / counted.instructions


def planned_bytes(program: Compiled) -> int:
    """The arena without the codes, the raw integers and the self-test's buffer behind it."""
    source = (program.folder / f"{program.name}.c").read_text(encoding="utf-8")
    start = source.split("memmove(a + ", 1)[1].split(",", 1)[0]
    return int(start)


def _executed(trace: Trace, plain: set[int]) -> int:
    return sum(trace.lengths[b] * n for b, n in trace.executions.items() if b not in plain)


def _is_product(line: str) -> bool:
    return line.split()[0].startswith(PRODUCTS)


def _small() -> Iterator[Network]:
    """Dense networks that are beside the checkout."""
    for network in published():
        if network.name in SMALL:
            yield open_network(network.model, network.domain or None, default_root(os.environ))


def _found(notes: list[str]) -> Iterator[Network]:
    """The networks that can be measured here; why others are not."""
    root = default_root(os.environ)
    cnv = next((network for network in published() if network.name == CNV), None)
    if cnv is None:
        notes.append(f"{CNV} is not beside this checkout")
    else:
        yield open_network(cnv.model, cnv.domain or None, root)
    if find_spec("torch") is None:
        notes.append(f"{RESNET} is left out: torch is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        yield open_network(_resnet18(Path(folder)), None, root)


def _resnet18(folder: Path) -> Path:
    """The network of bnnc.zoo with random weights."""
    import torch

    import bnnc as package
    from bnnc import zoo

    torch.set_num_threads(1)
    images = torch.rand((2, *IMAGE[1:]), generator=torch.Generator().manual_seed(0))
    module = zoo.randomize(zoo.pcnn_resnet18(), 0, images)
    package.export(module, images[:1], folder / f"{RESNET}.onnx")
    return folder / f"{RESNET}.onnx"


def _beside_onnxruntime(network: Network) -> dict[str, float]:
    """Seconds of an inference, in turn."""
    with ExitStack() as stack:
        contenders = {"bnnc": _whole(stack, network, 1), TWO: _whole(stack, network, 2)}
        return fastest({**contenders, ORT: ort.int8_resnet18()})


def _whole(stack: ExitStack, network: Network, threads: int) -> Callable[[int], float]:
    """An inference, in a process of its own with a core a thread."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    watch = Stopwatch(compiled_network(network, "host", None, threads), folder)
    return lambda repetitions: float(watch.take(2, repetitions)[:, 0].min())


def _compile(network: Network) -> Measured:
    """A whole `bnnc compile`, verification left out."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("--target", "arm", "--cpu", CPU, "--no-verify")
        return bnnc("compile", network.path, *options, "-o", Path(folder) / "out")


def _listed(notes: list[str]) -> str:
    return "".join(f"\n- {note}" for note in notes)
