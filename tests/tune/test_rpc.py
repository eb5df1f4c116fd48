"""TVM's RPC server and tracker on this machine in place of a board."""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bnnc.bench.compiled import Compiled, compiled_network
from bnnc.errors import BnncError
from bnnc.executors.network import Network
from bnnc.executors.registry import build_target
from bnnc.tune.log import TuningLog
from bnnc.tune.rpc import Place, _values, connected, parse_place
from bnnc.tune.tuner import tune
from bnnc.tune.ways import meter_of

HOST, KEY = "127.0.0.1", "this-machine"


@pytest.fixture(scope="module")
def farm() -> Iterator[tuple[Any, Any]]:
    """A tracker and a server that it knows."""
    for needed in ("tornado", "cloudpickle", "psutil"):
        pytest.importorskip(needed, reason=f"TVM's tracker needs {needed}")
    from tvm.rpc.server import Server
    from tvm.rpc.tracker import Tracker

    try:
        tracker = Tracker(HOST, port=9190, port_end=9990, silent=True)
        server = Server(
            HOST, port=9190, port_end=9990, key=KEY, tracker_addr=(HOST, tracker.port), silent=True
        )
    except (OSError, RuntimeError, ValueError) as error:
        pytest.skip(f"no port to listen at: {error}")
    wait_for_board(tracker.port)
    yield tracker, server
    server.terminate()
    tracker.terminate()


def wait_for_board(port: int) -> None:
    """Servers tell the tracker some time after they started."""
    from tvm import rpc

    for _ in range(100):
        if rpc.connect_tracker(HOST, port).summary()["server_info"]:
            return
        time.sleep(0.1)
    pytest.fail("the tracker never heard of the server")


def test_kernels_are_measured_over_the_network(network: Network, farm: tuple[Any, Any]) -> None:
    tracker, _ = farm
    target = build_target("host")
    with meter_of(target, f"rpc:{HOST}:{tracker.port}:{KEY}") as meter:
        entries = tune(network, target, meter, TuningLog(), most=2)
    assert len(entries) == 2
    assert all(entry.unit == "seconds" and 0 < entry.measure <= entry.model < 1 for entry in entries)


def test_the_tracker_says_which_boards_there_are(farm: tuple[Any, Any]) -> None:
    place = Place(HOST, farm[0].port, "rpi5")
    message = f"the tracker has no board 'rpi5'; there are {KEY}"
    with pytest.raises(BnncError, match=message), connected(place, build_target("host")):
        pass


def test_a_server_without_a_tracker(network: Network) -> None:
    pytest.importorskip("cloudpickle", reason="TVM's server needs cloudpickle")
    from tvm.rpc.server import Server

    try:
        server = Server(HOST, port=9190, port_end=9990, key="", silent=True)
    except (OSError, RuntimeError, ValueError) as error:
        pytest.skip(f"no port to listen at: {error}")
    target = build_target("host")
    with meter_of(target, f"rpc:{HOST}:{server.port}") as meter:
        assert len(tune(network, target, meter, TuningLog(), most=2)) == 2
    server.terminate()


def test_nobody_answers() -> None:
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    message = f"rpc:{HOST}:{port}: nobody answers .*rpc_server"
    with pytest.raises(BnncError, match=message), connected(Place(HOST, port), build_target("host")):
        pass


def test_somebody_else_answers() -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        process = multiprocessing.get_context("fork").Process(target=_hang_up, args=(other,))
        process.start()
        place, message = Place(HOST, other.getsockname()[1]), "there is no RPC server of TVM"
        with pytest.raises(BnncError, match=message), connected(place, build_target("host")):
            pass
        process.terminate()
        process.join()


def _hang_up(listening: socket.socket) -> None:
    while True:
        connection, _ = listening.accept()
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()


@pytest.mark.parametrize("text", ["rpc:", "rpc:host", "rpc:host:0", "rpc:host:x", "rpc::9190", "rpc:h:1:k:2"])
def test_places_are_checked(text: str) -> None:
    with pytest.raises(BnncError, match="give rpc:HOST:PORT"):
        parse_place(text)


def test_a_library_for_a_board_needs_nothing(network: Network, tmp_path: Path) -> None:
    """It is ELF for AArch64 with TVM's functions, and takes only functions of C from the server."""
    from elftools.elf.elffile import ELFFile

    program: Compiled = compiled_network(network, "arm", "cortex-a72")
    library = program.link_library("remote.c.j2", tmp_path, _values(program))
    with library.open("rb") as file:
        elf = ELFFile(file)
        assert (elf["e_machine"], elf["e_type"]) == ("EM_AARCH64", "ET_DYN")
        symbols = list(elf.get_section_by_name(".dynsym").iter_symbols())
        needed = [
            tag for tag in elf.get_section_by_name(".dynamic").iter_tags() if tag.entry.d_tag == "DT_NEEDED"
        ]
    defined = {s.name for s in symbols if s["st_shndx"] != "SHN_UNDEF"}
    missing = {s.name for s in symbols if s["st_shndx"] == "SHN_UNDEF" and s.name}
    functions = {"__tvm_ffi_bnnc_run", *(f"__tvm_ffi_bnnc_kernel_{i}" for i in range(len(program.functions)))}
    assert functions <= defined and missing <= {"memcpy", "memset", "memmove"} and needed == []


@pytest.mark.parametrize(
    ("target", "way", "message"),
    [
        (build_target("host"), "emulated", "only target arm is emulated"),
        (build_target("arm"), "host", "this machine does not run target arm"),
        (build_target("arm"), "board", "there is no such way to measure; give emulated, host or rpc"),
        (build_target("arm", "cortex-m4"), "rpc:h:1", "cortex-m4 runs no RPC server"),
        (build_target("arm", threads=2), "rpc:h:1", "one thread"),
    ],
)
def test_ways_that_do_not_go_together(target: Any, way: str, message: str) -> None:
    with pytest.raises(BnncError, match=message), meter_of(target, way):
        pass
