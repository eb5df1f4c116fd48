"""Emitted drivers on stand-ins for the boards: the same numbers as `bnnc run`, to the last bit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.arm.test_program_edges import (
    inputs,
    map_graph,
    plain_encoder,
    random_encoder,
    random_tail,
    raw_samples,
    same_bits,
)
from tests.graphs import random_codes, random_inputs
from tests.hls.projects import Folding, best_of_many_equals, dense_network, write_project

from bnnc.errors import BnncError
from bnnc.hls import csim
from bnnc.hls.project.drivers import driver_files
from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import ToFloat
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array, tensor_of
from bnnc.ir.parts import core_input, core_result
from bnnc.sim import simulator
from bnnc.sim.edge import decode, decode_integers, encode

VALUES = {
    "name": "net",
    "top": "net_top",
    "version": "0",
    "macro": "NET",
    "has_registers": True,
    "memories": [],
    "code_type": "uint8_t",
}


def facts(graph: Graph) -> dict[str, Any]:
    """What the drivers' templates need of the project."""
    codes, raw = tensor_of(core_input(graph)), tensor_of(core_result(graph))
    dtype = codes.elem.dtype.name
    sizes = {"inputs": codes.size, "outputs": raw.size, "packet_words": raw.size}
    return VALUES | sizes | {"in_dtype": dtype, "code_type": f"{dtype}_t"}


@pytest.fixture
def pynq_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Graph], ModuleType]]:
    """Imports the Python driver of a graph, as a board would."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "transcendental", raising=False)

    def load(graph: Graph) -> ModuleType:
        for path, text in driver_files(graph, facts(graph)).items():
            if path.startswith("driver/pynq/"):
                (tmp_path / Path(path).name).write_text(text)
        module = ModuleType("net_pynq")
        exec(compile((tmp_path / "net_pynq.py").read_text(), "net_pynq.py", "exec"), module.__dict__)
        return module

    yield load
    sys.modules.pop("transcendental", None)


@pytest.mark.parametrize("seed", range(20))
def test_python_encodes_as_the_simulator(seed: int, pynq_driver: Callable[[Graph], ModuleType]) -> None:
    rng = np.random.default_rng(seed)
    graph = map_graph(random_encoder(rng), lambda core: core)
    driver = pynq_driver(graph)
    for x in inputs(rng, core_input(graph)):
        try:
            wanted = encode(graph, x[None])
        except BnncError:
            with pytest.raises(ValueError):
                driver.encode(x[None])
            continue
        codes = driver.encode(x[None])
        assert codes.dtype == wanted.dtype and np.array_equal(codes, wanted)


@pytest.mark.parametrize("seed", range(40))
def test_python_decodes_as_the_simulator(seed: int, pynq_driver: Callable[[Graph], ModuleType]) -> None:
    rng = np.random.default_rng(seed)
    graph = map_graph(plain_encoder(), lambda core: random_tail(rng, core))
    raw = raw_samples(rng, graph)
    driver = pynq_driver(graph)
    with np.errstate(all="ignore"):
        assert same_bits(driver.decode(raw), decode(graph, raw))
    assert np.array_equal(driver.integers(raw), decode_integers(graph, raw))


def test_python_takes_integer_codes(pynq_driver: Callable[[Graph], ModuleType]) -> None:
    driver = pynq_driver(dense_network((8, 4, 2)))
    codes = np.arange(8, dtype=np.int64)[None]
    assert driver.encode(codes).dtype == np.uint8 and np.array_equal(driver.encode(codes), codes)
    with pytest.raises(ValueError, match="no codes from 0 to 255"):
        driver.encode(codes - 1)
    with pytest.raises(ValueError, match="samples \\(9,\\) where \\(8,\\) is needed"):
        driver.encode(np.zeros((1, 9), np.float32))


def test_tail_that_only_bnnc_computes(pynq_driver: Callable[[Graph], ModuleType]) -> None:
    """It is refused where it is used, and the integers are there."""
    graph = map_graph(plain_encoder(), lambda core: src.Pow("odd", ToFloat("f", core), np.float32(0.5)))
    driver = pynq_driver(graph)
    raw = np.ones((1, *tensor_of(core_result(graph)).shape), np.int32)
    assert np.array_equal(driver.integers(raw), decode_integers(graph, raw))
    with pytest.raises(ValueError, match="node 'odd'.*give --raw"):
        driver.decode(raw)
    assert not [path for path in driver_files(graph, facts(graph)) if "baremetal" in path]


def test_python_places_weights_in_memory(
    pynq_driver: Callable[[Graph], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Addresses go into the registers behind one another, before the accelerator starts."""
    board, driver = placed_driver(tmp_path, monkeypatch)
    graph = board.graph
    codes = random_codes(graph, 3, 1)
    assert np.array_equal(
        driver.Accelerator("net.bit").run(codes).ravel(), simulator.run(graph, codes).ravel()
    )
    registers = [(offset, value) for name, offset, value in board.written if name == "accelerator"]
    assert [offset for offset, _ in registers] == [0x10, 0x14, 0x1C, 0x20, 0x00]
    weights = [np.load(tmp_path / "weights" / f"{name}_mvtu_weights.npy") for name in ("fc0", "fc_last")]
    for (_, low), (_, high), words in zip(registers[0:4:2], registers[1:4:2], weights, strict=True):
        assert np.array_equal(board.memory[high << 32 | low], words)


def placed_driver(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Board, ModuleType]:
    """The driver of a network with weights outside, where its project has it."""
    graph = dense_network((30, 8, 5))
    write_project(graph, folder, folding={name: {"weights": "ddr"} for name in ("fc0", "fc_last")})
    board = Board(graph)
    pynq = SimpleNamespace(Overlay=board.overlay, allocate=board.allocate)
    monkeypatch.setitem(sys.modules, "pynq", pynq)
    path = folder / "driver" / "pynq" / "net_pynq.py"
    driver = ModuleType("net_pynq")
    driver.__file__ = str(path)
    exec(compile(path.read_text(), str(path), "exec"), driver.__dict__)
    return board, driver


def test_python_gives_buffers_back_when_a_transfer_fails(
    pynq_driver: Callable[[Graph], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine is reset before, so that it writes nothing into memory that is free."""
    graph = dense_network((30, 8, 5))
    for failing in ("wait", "second"):
        board = Board(graph, failing=failing)
        pynq = SimpleNamespace(Overlay=board.overlay, allocate=board.allocate)
        monkeypatch.setitem(sys.modules, "pynq", pynq)
        accelerator = pynq_driver(graph).Accelerator("net.bit")
        with pytest.raises(RuntimeError, match="of the board"):
            accelerator.run(random_codes(graph, 3, 1))
        assert board.allocated == board.freed == (2 if failing == "wait" else 1)
        resets = [
            freed for name, offset, value, freed in board.events if (name, offset, value) == ("dma", 0, 4)
        ]
        assert resets == ([0] if failing == "wait" else []) and not board.busy_when_freed


def test_python_says_that_the_engine_does_not_come_to_rest(
    pynq_driver: Callable[[Graph], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board(dense_network((30, 8, 5)), failing="for ever")
    pynq = SimpleNamespace(Overlay=board.overlay, allocate=board.allocate)
    monkeypatch.setitem(sys.modules, "pynq", pynq)
    accelerator = pynq_driver(board.graph).Accelerator("net.bit")
    with pytest.raises(RuntimeError, match="DMA engine does not finish its reset") as raised:
        accelerator.run(random_codes(board.graph, 3, 1))
    assert "an error of the board" in str(raised.value.__context__) and board.freed == 0


def test_python_gives_weights_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When all is done, and when one of them is missing."""
    board, driver = placed_driver(tmp_path, monkeypatch)
    np.save(tmp_path / "x.npy", random_inputs(board.graph, 3, 1))
    driver.main("net.bit", tmp_path / "x.npy", tmp_path / "y.npy")
    assert board.allocated == board.freed == 2 + 2
    (tmp_path / "weights" / "fc_last_mvtu_weights.npy").unlink()
    with pytest.raises(FileNotFoundError, match="weights/fc_last_mvtu_weights.npy"):
        driver.Accelerator("net.bit")
    assert board.allocated == board.freed == 2 + 2 + 1


@dataclass
class Board:
    """Stands in for PYNQ: the block design's cells, with the simulator in place of the accelerator."""

    graph: Graph
    failing: str = ""  # wait: of the receiving channel; for ever: and of the reset; second: the second buffer
    bursts: int = 0  # reads of the engine's control register until its reset is done
    events: list[tuple[str, int, int, int]] = field(default_factory=list)  # and how much was freed by then
    allocated: int = 0
    memory: dict[int, Array] = field(default_factory=dict)
    freed: int = 0
    busy_when_freed: bool = False
    target: Any = None

    def overlay(self, bitfile: str) -> SimpleNamespace:
        assert bitfile == "net.bit"
        channels = SimpleNamespace(
            recvchannel=SimpleNamespace(transfer=self._receive, wait=self._wait),
            sendchannel=SimpleNamespace(transfer=self._send, wait=lambda: None),
            mmio=self._cell("dma").mmio,
        )
        return SimpleNamespace(dma=channels, words=self._cell("words"), accelerator=self._cell("accelerator"))

    def allocate(self, shape: tuple[int, ...], dtype: type) -> Array:
        board = self
        if self.failing == "second" and self.allocated == 1:
            raise RuntimeError("no memory of the board")
        self.allocated += 1

        class Buffer(np.ndarray):
            def freebuffer(self) -> None:
                board.freed += 1
                board.busy_when_freed |= board.bursts > 0 and board.written[-1] == ("dma", 0, 4)

            def flush(self) -> None:
                board.memory[self.device_address] = np.array(self)

            @property
            def device_address(self) -> int:
                return 0x1_0000_0000 + self.ctypes.data % 2**32

        return np.zeros(shape, dtype).view(Buffer)

    def _cell(self, name: str) -> SimpleNamespace:
        def write(offset: int, value: int) -> None:
            self.events.append((name, offset, value, self.freed))
            self.bursts = 3

        def read(offset: int) -> int:
            assert (name, offset) == ("dma", 0)
            self.bursts -= self.failing != "for ever"
            return 0x10002 | (4 if self.bursts > 0 else 0)

        return SimpleNamespace(mmio=SimpleNamespace(write=write, read=read))

    @property
    def written(self) -> list[tuple[str, int, int]]:
        return [event[:3] for event in self.events]

    def _wait(self) -> None:
        if self.failing in ("wait", "for ever"):
            raise RuntimeError("an error of the board's engine")

    def _receive(self, target: Array) -> None:
        self.target = target

    def _send(self, source: Array) -> None:
        codes = np.array(source).reshape(len(source), *tensor_of(core_input(self.graph)).shape)
        assert self.written[-1] == ("words", 0, self.target.size)
        self.target[:] = simulator.run(self.graph, codes).reshape(self.target.shape)


@pytest.mark.parametrize("make", [dense_network, best_of_many_equals])
@pytest.mark.parametrize("option", [(), ("--raw",)])
def test_python_runs_files_as_bnnc_does(
    make: Callable[..., Graph],
    option: tuple[str, ...],
    pynq_driver: Callable[[Graph], ModuleType],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = make((30, 8, 5)) if make is dense_network else make()
    board = Board(graph)
    pynq = SimpleNamespace(Overlay=board.overlay, allocate=board.allocate)
    monkeypatch.setitem(sys.modules, "pynq", pynq)
    driver = pynq_driver(graph)
    driver.MAX_SAMPLES = 4
    x = random_inputs(graph, 11, 1)
    np.save(tmp_path / "x.npy", x)
    driver.main("net.bit", tmp_path / "x.npy", tmp_path / "y.npy", *option)
    raw = simulator.run(graph, encode(graph, x))
    wanted = decode_integers(graph, raw) if option else decode(graph, raw)
    y = np.load(tmp_path / "y.npy")
    assert y.dtype == wanted.dtype and np.array_equal(y, wanted)
    assert board.written[0] == ("accelerator", 0, 0x81)
    assert board.freed == 6, "every buffer is given back"


BOARD = Path(__file__).parent / "board"


def built(graph: Graph, project: Path, *flags: str, folding: Folding | None = None) -> Path:
    """The bare-metal program of a project, with stand-ins and the project's own C++."""
    write_project(graph, project, folding=folding)
    driver, objects = project / "driver" / "baremetal", project / "objects"
    objects.mkdir()
    strict = ["-Wall", "-Wextra", "-Werror", "-O1", f"-I{BOARD}", *flags]
    for source in driver.glob("*.c"):
        c = ["-x", "c", "-std=c11", "-ffp-contract=off", *strict, f"-I{driver}"]
        compiled(*c, "-c", str(source), "-o", str(objects / f"{source.stem}.o"))
    cpp = [*csim.FLAGS, *strict, f"-I{project / 'src'}", "-isystem", str(csim.vendor_headers())]
    sources = map(str, [BOARD / "board.cpp", project / "src" / "net.cpp", *objects.glob("*.o")])
    compiled(*cpp, "-DHAS_REGISTERS=1", *sources, "-lm", "-o", str(project / "program"))
    return project / "program"


def compiled(*arguments: str) -> None:
    done = subprocess.run([*csim.compiler(), *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def ran(program: Path, x: Array) -> subprocess.CompletedProcess[str]:
    """The program with x.npy on its card."""
    np.save(program.parent / "x.npy", x)
    return subprocess.run([program], cwd=program.parent, capture_output=True, text=True, check=False)


@pytest.mark.usefixtures("cpp")
@pytest.mark.parametrize("make", [dense_network, best_of_many_equals])
def test_c_runs_files_as_bnnc_does(make: Callable[..., Graph], tmp_path: Path) -> None:
    graph = make((30, 8, 5)) if make is dense_network else make()
    program = built(graph, tmp_path)
    x = random_inputs(graph, 67, 1)
    codes = encode(graph, x)
    wanted = decode(graph, simulator.run(graph, codes))
    for samples in (x, x.astype(np.float64), codes):
        done = ran(program, samples)
        assert (done.returncode, done.stdout) == (0, "net: y.npy is written\n")
        y = np.load(tmp_path / "y.npy")
        assert y.dtype == wanted.dtype and np.array_equal(y, wanted)


@pytest.mark.usefixtures("cpp")
@pytest.mark.parametrize("layers", [["fc0"], ["fc0", "fc_last"]])
def test_c_places_weights_in_memory(layers: list[str], tmp_path: Path) -> None:
    graph = dense_network((30, 8, 5))
    folding = {name: {"weights": "ddr"} for name in layers}
    program = built(graph, tmp_path, f"-DMEMORIES={len(layers)}", folding=folding)
    x = random_inputs(graph, 5, 1)
    assert ran(program, x).returncode == 0
    wanted = decode(graph, simulator.run(graph, encode(graph, x)))
    assert np.array_equal(np.load(tmp_path / "y.npy"), wanted)


@pytest.mark.usefixtures("cpp")
def test_c_refuses_what_has_no_code(tmp_path: Path) -> None:
    graph = dense_network((8, 4, 2))
    program = built(graph, tmp_path, "-DSDT")
    x = random_inputs(graph, 3, 1)
    assert ran(program, x).returncode == 0
    wrong = {
        "another shape than (N, 8)": x[:, :7],
        "a number that has no code": x + 1000,
        "float32, float64 or uint8 is needed": encode(graph, x).astype(np.int32),
    }
    for message, samples in wrong.items():
        done = ran(program, samples)
        assert done.returncode == 1 and message in done.stdout
    (tmp_path / "x.npy").unlink()
    assert (
        "there is no x.npy" in subprocess.run([program], cwd=tmp_path, capture_output=True, text=True).stdout
    )
