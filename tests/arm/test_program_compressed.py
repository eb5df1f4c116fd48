"""Programs whose weights are compressed: the same integers, decoded once; damage is found; less to store."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.arm import tiny
from tests.arm.test_program import SANITIZE, STRICT, contents, sanitizers
from tests.graphs import Allowed, random_codes, random_graph, random_step

from bnnc.arm import build as arm
from bnnc.arm.linux import run_program
from bnnc.errors import BnncError
from bnnc.executors.native import HostExecutor, UnicornRunner
from bnnc.ir.edge_ops import Input, Reshape, ToFloat
from bnnc.ir.elem import B1_PM, elem
from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array, Op
from bnnc.ir.sparse_ops import SparseDense
from bnnc.passes.pack import PackBits
from bnnc.passes.sparse_costs import by_sums
from bnnc.sim.simulator import run
from bnnc.storage import sparse
from bnnc.storage.panels import Masks, join
from bnnc.targets import target


def binary_conv(x: Op, name: str, symbols: Array) -> Conv2d:
    """A 3x3 layer with these kernels, uint16 (O, I)."""
    taps = symbols[:, :, None] >> np.arange(9, dtype=np.uint16) & 1
    weights = np.moveaxis(2 * taps.astype(np.int8) - 1, 1, 2).reshape(len(symbols), 3, 3, -1)
    return Conv2d(name, x, weights, B1_PM, pads=(1, 1, 1, 1))


def frequent(rng: np.random.Generator, out: int, inputs: int) -> Array:
    """Kernels of which a few are frequent."""
    return rng.choice(512, (out, inputs), p=rng.dirichlet(np.full(512, 0.1))).astype(np.uint16)


def network(name: str = "frequent") -> Graph:
    """i8 -> bytes of signs -> words of bits -> copies under masks -> all kernels as likely."""
    rng, bits = np.random.default_rng(4), Allowed(values=(B1_PM,))
    x: Op = tiny.encoder(Input("x", (5, 4, 33)), elem("i8"), -128, 127)
    x = random_step(rng, binary_conv(x, "signs", frequent(rng, 40, 33)), "s0", bits)
    x = random_step(rng, binary_conv(x, "frequent", frequent(rng, 96, 40)), "s1", bits)
    masked = join(rng.integers(0, 512, (32, 96), np.uint16), Masks((0, 3, 300, 77), 1))
    x = random_step(rng, binary_conv(x, "masked", masked), "s2", bits)
    x = binary_conv(x, "random", rng.integers(0, 512, (32, 128), np.uint16))
    return PackBits().run(Graph(name, Level.INTEGER, ToFloat("y", x)))


def build(graph: Graph, folder: Path, kind: str = "host", compress: str = "huffman") -> arm.Built:
    folder.mkdir(exist_ok=True)
    return arm.build(graph, target(kind), folder, compress)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return network()


@pytest.fixture(scope="module")
def host(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, arm.Built]:
    folder = tmp_path_factory.mktemp("host") / "out"
    return folder, build(graph, folder)


def test_the_library_gives_the_simulators_integers(graph: Graph, host: tuple[Path, arm.Built]) -> None:
    codes = random_codes(graph, 6, 1)
    assert np.array_equal(HostExecutor(graph, host[0]).run(codes), run(graph, codes))


@pytest.mark.parametrize("kind", ["host", "arm"])
def test_every_layer_has_its_form(graph: Graph, tmp_path: Path, kind: str) -> None:
    """What kernels read is found in the layout of their panels, whatever the processor."""
    built = build(graph, tmp_path / "out", kind)
    weights = {layer.name: layer.arrays[0] for layer in built.layers}
    forms = {name: part.form for name, part in weights.items()}
    assert forms == {"signs": "kernels", "frequent": "kernels", "masked": "masked kernels", "random": "raw"}
    assert weights["signs"].stored_bytes < 0.6 * weights["signs"].n_bytes
    assert weights["masked"].stored_bytes < 0.45 * weights["masked"].n_bytes
    assert built.weight_bytes < sum(layer.n_bytes for layer in built.layers)
    assert (tmp_path / "out" / "weights.bin").stat().st_size == built.weight_bytes


def test_the_arm_program_gives_the_simulators_integers(graph: Graph, tmp_path: Path) -> None:
    built, codes = build(graph, tmp_path / "out", "arm"), random_codes(graph, 3, 2)
    runner = UnicornRunner(graph, tmp_path / "out", count=True)
    assert np.array_equal(runner.run(codes), run(graph, codes))
    assert runner.instructions[0] > runner.instructions[1] == runner.instructions[2]  # decoded once
    assert run_program(tmp_path / "out" / built.program, ["--self-test"]).status == 0


def sparse_network(n_values: int, density: float, gap_bits: int) -> Graph:
    """Pruned rows behind codes u8, their weights of more bits than kernels of bytes multiply."""
    codes, rng = tiny.encoder(Input("x", (900,)), elem("u8"), 0, 255), np.random.default_rng(3)
    kept = rng.random((24, 900)) < density
    values = 90 * rng.geometric(0.3, (24, 900)).clip(1, n_values) - 400
    weights = sparse.encode(np.where(kept, values, 0), gap_bits)
    fields = (weights.rows, weights.gaps, weights.codes, weights.table, weights.gap_bits, weights.code_bits)
    layer = SparseDense("rows", Reshape("flat", codes, (1, 1, 900)), *fields)
    return Graph("sparse", Level.PACKED, ToFloat("real", Reshape("vector", layer, (24,))))


@pytest.mark.parametrize(
    ("n_values", "density", "gap_bits", "sums"), [(14, 0.02, 6, False), (5, 0.3, 3, True)]
)
def test_sparse_rows(n_values: int, density: float, gap_bits: int, sums: bool, tmp_path: Path) -> None:
    """Gaps and codes are stored, whether the program multiplies entries or adds inputs of equal weight."""
    graph = sparse_network(n_values, density, gap_bits)
    assert by_sums(next(op for op in graph.ops if isinstance(op, SparseDense))) == sums
    codes = random_codes(graph, 4, 5)
    for kind, executor in (("host", HostExecutor), ("arm", UnicornRunner)):
        built = build(graph, tmp_path / kind, kind)
        assert "gaps and codes" in [part.form for part in built.layers[0].arrays]
        assert built.layers[0].stored_bytes < 0.75 * built.layers[0].n_bytes
        assert np.array_equal(executor(graph, tmp_path / kind).run(codes), run(graph, codes))


@pytest.mark.parametrize("seed", range(3))
def test_random_networks(seed: int, tmp_path: Path) -> None:
    graph = PackBits().run(random_graph(seed + 20))
    codes = random_codes(graph, 8, seed)
    build(graph, tmp_path / "out")
    assert np.array_equal(HostExecutor(graph, tmp_path / "out").run(codes), run(graph, codes))


def test_without_compression_nothing_changes(tmp_path: Path) -> None:
    first, second = tiny.dense(features=300), tmp_path / "b"
    (tmp_path / "a").mkdir()
    tiny.build(first, tmp_path / "a")
    built = build_tiny(first, second, "none")
    assert contents(tmp_path / "a") == contents(second) and built.layers == ()
    assert not (second / "runtime" / "bnnc_weights.c").exists()
    assert "tiny_load" not in (second / "tiny.c").read_text() + (second / "tiny.h").read_text()


def build_tiny(graph: Graph, out: Path, compress: str = "huffman") -> arm.Built:
    """One dense layer, kernels by the C compiler: their arrays are not known."""
    steps, tools = arm.program_stages(graph), arm.toolchain(tiny.HOST)
    out.mkdir()
    kernels = tiny.stand_in(steps, tools, out.parent)
    return arm.assemble(graph, steps, kernels, tiny.HOST, tools, out, compress)


def few_weights() -> Graph:
    """A dense layer with weights 0 and 1, which take a bit."""
    codes = tiny.encoder(Input("x", (300,)), elem("u8"), 0, 255)
    weights = np.random.default_rng(0).integers(0, 2, (3, 1, 1, 300), np.int8)
    core = Conv2d("fc", Reshape("flat", codes, (1, 1, 300)), weights, elem("i8"))
    return Graph("tiny", Level.PACKED, ToFloat("real", Reshape("vector", core, (3,))))


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coded") / "out"
    built = build_tiny(few_weights(), folder)
    assert [part.form for part in built.layers[0].arrays] == ["symbols"]
    assert built.weight_bytes == built.layers[0].stored_bytes < 300
    return folder


def test_the_same_bytes_again(coded: Path, tmp_path: Path) -> None:
    build_tiny(few_weights(), tmp_path / "again")
    assert contents(coded) == contents(tmp_path / "again")


def test_weights_that_do_not_pay_stay_where_they_are(tmp_path: Path) -> None:
    """The function that loads them is there all the same: a program that calls it links."""
    built = build_tiny(tiny.dense(), tmp_path / "out")
    assert [part.form for part in built.layers[0].arrays] == ["raw"]
    assert "tiny_load" in (tmp_path / "out" / "tiny.h").read_text()
    assert "decoded" not in (tmp_path / "out" / "tiny.c").read_text()
    assert subprocess.run([tmp_path / "out" / "tiny", "--self-test"], check=False).returncode == 0


API_USE = """
#include "tiny.h"
static _Alignas(TINY_ARENA_ALIGNMENT) unsigned char arena[TINY_ARENA_BYTES];
int main(void) {
    static tiny_code codes[TINY_INPUT_ELEMENTS];
    tiny_raw raw[TINY_OUTPUT_ELEMENTS];
    if (tiny_run(codes, raw, arena) != -2) return 1;
    if (tiny_load() != 0 || tiny_load() != 0) return 2;
    if (tiny_run(codes, raw, arena) != 0) return 3;
    return tiny_self_test(arena) == 0 ? 0 : 4;
}
"""


def test_the_api_under_sanitizers(coded: Path, tmp_path: Path) -> None:
    sanitizers(tmp_path)
    folder = tmp_path / "copy"
    shutil.copytree(coded, folder)
    (folder / "use.c").write_text(API_USE)
    sources = ["use.c", "tiny.c", "tiny_edge.c", "tiny_self_test.c", "tiny_weights.S"]
    sources += [f"runtime/bnnc_{part}.c" for part in ("edge", "weights", "stream", "panels", "sparse")]
    command = ["cc", *STRICT, *SANITIZE, *sources, "tiny_kernels.o", "-lm", "-o", "use"]
    subprocess.run(command, cwd=folder, check=True)
    assert subprocess.run([folder / "use"], check=False).returncode == 0


def test_the_self_test_loads(coded: Path, tmp_path: Path) -> None:
    body = "static _Alignas(64) char arena[4096];\nint main(void) { return tiny_self_test(arena); }\n"
    (tmp_path / "test.c").write_text(f'#include "tiny.h"\n{body}')
    command = ["cc", f"-I{coded}", "test.c", str(coded / "libtiny.a"), "-lm", "-o", "it"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "it"], check=False).returncode == 0


def test_the_makefile_gives_the_same_program(coded: Path, tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    folder = tmp_path / "copy"
    shutil.copytree(coded, folder)
    for file in ("tiny", "libtiny.a"):
        (folder / file).unlink()
    subprocess.run(["make", "-s"], cwd=folder, check=True, capture_output=True)
    for file in ("tiny", "libtiny.a"):
        assert (folder / file).read_bytes() == (coded / file).read_bytes()


def damaged(path: Path, weights: bytes) -> None:
    """Flips a bit of the weights inside a file."""
    data = bytearray(path.read_bytes())
    assert data.count(weights) == 1
    data[data.find(weights) + len(weights) // 2] ^= 4
    path.write_bytes(data)


def test_damage_is_found_before_anything_is_written(coded: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(coded, folder)
    damaged(folder / "tiny", (folder / "weights.bin").read_bytes())
    for arguments in (["--self-test"], ["--output", str(tmp_path / "y.npy")], ["--help"]):
        done = subprocess.run([folder / "tiny", *arguments], input=b"", capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr == b"tiny: error: the weights in this program are damaged\n"
    assert not (tmp_path / "y.npy").exists()


def test_damage_of_the_library_is_an_error(coded: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(coded, folder)
    damaged(folder / "libtiny.so", (folder / "weights.bin").read_bytes())
    graph = few_weights()
    with pytest.raises(BnncError, match="weights are damaged; compile it again"):
        HostExecutor(graph, folder).run(tiny.samples(graph, 1))


def test_two_networks_fit_into_one_program(coded: Path, host: tuple[Path, arm.Built], tmp_path: Path) -> None:
    folders = [coded, host[0]]
    tests = "tiny_self_test(arena) == 0 && frequent_self_test(arena) == 0"
    body = f"static _Alignas(64) char arena[1 << 20];\nint main(void) {{ return !({tests}); }}\n"
    (tmp_path / "both.c").write_text(f'#include "tiny.h"\n#include "frequent.h"\n{body}')
    libraries = [str(next(folder.glob("lib*.a"))) for folder in folders]
    includes = [f"-I{folder}" for folder in folders]
    command = ["cc", "-std=c11", *includes, "both.c", *libraries, "-lm", "-o", "both"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "both"], check=False).returncode == 0
