"""The program as a user meets it: files in, files out, clear errors, the C API, the same bytes again."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.arm import tiny

from bnnc.arm import build as arm
from bnnc.errors import BnncError
from bnnc.executors.native import HostExecutor
from bnnc.ir.edge_ops import EncodeInput, Input, Reshape, ToFloat
from bnnc.ir.elem import elem
from bnnc.ir.graph import Graph, Level
from bnnc.ir.integer_ops import Conv2d
from bnnc.ir.op import Array
from bnnc.sim.edge import decode, encode
from bnnc.sim.simulator import run

NONE, ONE = np.zeros((0, 0), np.float32), np.ones((), np.float32)


@dataclass(frozen=True)
class Built:
    graph: Graph
    folder: Path
    program: Path

    def call(self, *arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [str(self.program), *map(str, arguments)]
        return subprocess.run(command, input=stdin, capture_output=True, check=False)

    def error(self, *arguments: str | Path, stdin: bytes = b"") -> str:
        done = self.call(*arguments, stdin=stdin)
        assert done.returncode == 1 and done.stdout == b"", done
        return done.stderr.decode()


def build(graph: Graph, folder: Path) -> Built:
    out = folder / "out"
    out.mkdir()
    return Built(graph, out, out / tiny.build(graph, out).program)


@pytest.fixture(scope="module")
def tiny_program(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tiny.dense(), tmp_path_factory.mktemp("tiny"))


def reals(graph: Graph, count: int = 9) -> Array:
    return tiny.samples(graph, count).astype(np.float32) + np.float32(0.25)


def npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def save(path: Path, array: Array) -> Path:
    np.save(path, array)
    return path


def test_files_in_files_out(tiny_program: Built, tmp_path: Path) -> None:
    x = reals(tiny_program.graph)
    save(tmp_path / "x.npy", x)
    raw = run(tiny_program.graph, encode(tiny_program.graph, x))
    for flag, wanted in (((), decode(tiny_program.graph, raw)), (("--raw",), raw.reshape(len(x), -1))):
        done = tiny_program.call("--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy", *flag)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        y = np.load(tmp_path / "y.npy")
        assert y.dtype == wanted.dtype and np.array_equal(y, wanted)


def test_streams_and_limit(tiny_program: Built) -> None:
    x = reals(tiny_program.graph)
    wanted = decode(tiny_program.graph, run(tiny_program.graph, encode(tiny_program.graph, x)))
    for arguments in ((), ("--input", "-", "--output", "-")):
        done = tiny_program.call("--limit", "4", *arguments, stdin=npy(x))
        assert done.returncode == 0 and np.array_equal(np.load(io.BytesIO(done.stdout)), wanted[:4])


def test_the_header_is_that_of_numpy(tiny_program: Built) -> None:
    done = tiny_program.call(stdin=npy(reals(tiny_program.graph)))
    y = np.load(io.BytesIO(done.stdout))
    assert len(done.stdout) - y.nbytes == 128 and npy(y)[:10] == done.stdout[:10]


def test_no_samples_give_no_results(tiny_program: Built) -> None:
    done = tiny_program.call(stdin=npy(reals(tiny_program.graph)[:0]))
    assert np.load(io.BytesIO(done.stdout)).shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64, np.uint16, np.float64, np.float32])
def test_codes_and_reals_of_every_type(tiny_program: Built, dtype: type) -> None:
    codes = tiny.samples(tiny_program.graph, 5)
    done = tiny_program.call("--raw", stdin=npy(codes.astype(dtype)))
    assert np.array_equal(np.load(io.BytesIO(done.stdout)), run(tiny_program.graph, codes).reshape(5, 3))


def test_repeat_reports_the_time(tiny_program: Built) -> None:
    done = tiny_program.call("--repeat", "20", stdin=npy(reals(tiny_program.graph, 3)))
    assert re.fullmatch(rb"3 samples, \d+\.\d{3} us a run\n", done.stderr) and done.returncode == 0


def test_self_test_passes(tiny_program: Built) -> None:
    assert tiny_program.call("--self-test").returncode == 0


def test_self_test_fails_when_a_weight_changes(tiny_program: Built, tmp_path: Path) -> None:
    weights = (tiny_program.folder / "weights.bin").read_bytes()
    program = bytearray(tiny_program.program.read_bytes())
    assert program.count(weights) == 1
    program[program.find(weights) + 5] ^= 4
    broken = tmp_path / "broken"
    broken.write_bytes(program)
    broken.chmod(0o755)
    assert "sample 0" in Built(tiny_program.graph, tmp_path, broken).error("--self-test")


BAD_INPUTS = {
    "missing": (b"", "No such file"),
    "empty": (b"", "not a .npy file"),
    "text": (b"hello world, this is no array at all", "not a .npy file"),
    "shape": (npy(np.zeros((2, 16), np.float32)), r"shape (2, 16) where (N, 17) is needed"),
    "no batch": (npy(np.zeros(17, np.float32)), r"shape (17) where (N, 17) is needed"),
    "complex": (npy(np.zeros((2, 17), np.complex64)), "dtype is none of"),
    "nan": (npy(np.full((1, 17), np.nan, np.float32)), "sample 0, element 0: not a number (NaN)"),
    "off": (npy(np.full((1, 17), 256, np.int32)), "sample 0, element 0: 256 is no code"),
    "negative": (npy(np.full((1, 17), -1, np.int64)), "-1 is no code; codes are the integers 0 to 255"),
    "short": (npy(np.zeros((3, 17), np.float32))[:-1], "cut off in sample 2"),
    "fortran": (npy(np.asfortranarray(np.zeros((3, 17), np.float32))), "Fortran order"),
}


@pytest.mark.parametrize("kind", BAD_INPUTS)
def test_bad_input_is_named_and_leaves_nothing(tiny_program: Built, tmp_path: Path, kind: str) -> None:
    data, message = BAD_INPUTS[kind]
    path, result = tmp_path / "x.npy", tmp_path / "y.npy"
    if kind != "missing":
        path.write_bytes(data)
    text = tiny_program.error("--input", path, "--output", result)
    assert text.startswith("tiny: error: ") and message in text and text.count("\n") == 1
    assert not result.exists()


@pytest.mark.parametrize("arguments", [["--limit"], ["--limit", "0"], ["--repeat", "x"], ["--input"], ["-x"]])
def test_bad_options(tiny_program: Built, arguments: Sequence[str]) -> None:
    assert "tiny: error: " in tiny_program.error(*arguments)


def test_unwritable_output(tiny_program: Built, tmp_path: Path) -> None:
    x = save(tmp_path / "x.npy", reals(tiny_program.graph))
    assert "cannot write" in tiny_program.error("--input", x, "--output", tmp_path / "no" / "y.npy")


def test_the_input_is_not_overwritten(tiny_program: Built, tmp_path: Path) -> None:
    x = save(tmp_path / "x.npy", reals(tiny_program.graph))
    before = x.read_bytes()
    assert "would replace the input" in tiny_program.error("--input", x, "--output", x)
    assert x.read_bytes() == before


def test_what_was_there_before_is_not_taken_away(tiny_program: Built, tmp_path: Path) -> None:
    """The output may be a device, which root could remove."""
    x, y = save(tmp_path / "x.npy", np.full_like(reals(tiny_program.graph), np.nan)), tmp_path / "y.npy"
    y.touch()
    assert "not a number" in tiny_program.error("--input", x, "--output", y)
    assert y.exists()


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no /dev/full here")
def test_a_full_disk_is_an_error(tiny_program: Built, tmp_path: Path) -> None:
    x = save(tmp_path / "x.npy", reals(tiny_program.graph, 900))
    link = tmp_path / "full"
    link.symlink_to("/dev/full")
    assert "cannot write" in tiny_program.error("--input", x, "--output", link)


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no /dev/full here")
@pytest.mark.parametrize("count", [0, 1, 900, "help"])
def test_a_standard_output_that_takes_nothing_is_an_error(
    tiny_program: Built, tmp_path: Path, count: int | str
) -> None:
    arguments = ["--help"]
    if isinstance(count, int):
        arguments = ["--input", str(save(tmp_path / "x.npy", reals(tiny_program.graph, count)))]
    with open("/dev/full", "wb") as full:
        command = [str(tiny_program.program), *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1 and b"cannot write" in done.stderr


def test_the_nearest_number_of_the_domain_is_told(tmp_path: Path) -> None:
    """Of its channel: two rows of values at halves and at wholes."""
    values = np.float32([[0, 0.5, 1, 1.5], [0, 1, 2, 3]])
    codes = EncodeInput(
        "in", Input("x", (2,)), (values[:, 1:] + values[:, :-1]) / 2, values, NONE, ONE, 0, elem("u2")
    )
    flat = Reshape("flat", codes, (1, 1, 2))
    layer = Conv2d("fc", flat, np.ones((1, 1, 1, 2), np.int8), elem("i8"))
    program = build(Graph("tiny", Level.PACKED, ToFloat("y", Reshape("v", layer, (1,)))), tmp_path)
    for x, element, number, nearest in (([0.7, 0], 0, "0.699999988", "0.5"), ([0, 99], 1, "99", "3")):
        text = program.error("--output", tmp_path / "y.npy", stdin=npy(np.array([x], np.float32)))
        what = f"{number} is not a value of the declared input domain; the nearest is {nearest}"
        assert text == f"tiny: error: -: sample 0, element {element}: {what}\n"


@pytest.mark.parametrize("kind", ["u8", "b1_pm", "ter", "i8", "u12", "i16"])
def test_the_library_gives_the_simulators_integers(kind: str, tmp_path: Path) -> None:
    built = build(tiny.dense(kind=kind, features=33, outputs=5), tmp_path)
    codes, reported = tiny.samples(built.graph, 130), list[int]()
    got = HostExecutor(built.graph, built.folder).run(codes, reported.append)
    assert np.array_equal(got, run(built.graph, codes)) and reported == [64, 64, 2]


@pytest.mark.parametrize("name", ["../../x", 'a "b" \\', "*/ #error", "模型", "3 layers %s %n", "main"])
def test_any_name_builds(name: str, tmp_path: Path) -> None:
    built = build(tiny.dense(name, layer=name), tmp_path)
    assert built.call("--self-test").returncode == 0
    assert all(path.resolve().is_relative_to(built.folder) for path in built.folder.rglob("*"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_same_bytes_again(tiny_program: Built, tmp_path: Path) -> None:
    again = contents(build(tiny.dense(), tmp_path).folder)
    first = contents(tiny_program.folder)
    assert first == again
    assert not [name for name, data in first.items() if str(tmp_path.parent).encode() in data]


def test_the_makefile_gives_the_same_program(tiny_program: Built, tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    folder = tmp_path / "copy"
    shutil.copytree(tiny_program.folder, folder)
    (folder / tiny_program.program.name).unlink()
    (folder / "libtiny.a").unlink()
    subprocess.run(["make", "-s"], cwd=folder, check=True, capture_output=True)
    for file in ("tiny", "libtiny.a"):
        assert (folder / file).read_bytes() == (tiny_program.folder / file).read_bytes()
    subprocess.run(["make", "-s", "clean"], cwd=folder, check=True)
    assert not list(folder.glob("**/*.o")) or [p.name for p in folder.glob("**/*.o")] == ["tiny_kernels.o"]


API_USE = """
#include "tiny.h"
static _Alignas(TINY_ARENA_ALIGNMENT) unsigned char arena[TINY_ARENA_BYTES + 1];
int main(void) {
    float x[TINY_INPUT_ELEMENTS] = {1, 2, 3};
    tiny_code codes[TINY_INPUT_ELEMENTS];
    tiny_raw raw[TINY_OUTPUT_ELEMENTS];
    tiny_output y[TINY_OUTPUT_ELEMENTS];
    if (tiny_self_test(arena) != 0) return 1;
    if (tiny_run(codes, raw, arena + 1) != -1 || tiny_run(codes, raw, 0) != -1) return 2;
    if (tiny_encode(x, codes) != 0 || tiny_check_codes(codes) != 0) return 3;
    if (tiny_run(codes, raw, arena) != 0) return 4;
    tiny_decode(raw, y);
    x[2] = 0.0f / (x[3] * 0.0f);
    return tiny_encode(x, codes) == 3 && y[0] == (float)raw[0] * 0.25f - 1 ? 0 : 5;
}
"""
STRICT = [
    "-std=c11",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wpedantic",
    "-Wconversion",
    "-Wno-sign-conversion",
    "-I.",
]
SANITIZE = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-ffp-contract=off"]


def sanitizers(folder: Path) -> None:
    (folder / "probe.c").write_text("int main(void) { return 0; }\n")
    if subprocess.run(["cc", *SANITIZE, "probe.c"], cwd=folder, capture_output=True, check=False).returncode:
        pytest.skip("the C compiler has no sanitizers")


def test_the_api_under_sanitizers(tiny_program: Built, tmp_path: Path) -> None:
    sanitizers(tmp_path)
    folder = tmp_path / "copy"
    shutil.copytree(tiny_program.folder, folder)
    (folder / "use.c").write_text(API_USE)
    sources = ["use.c", "tiny.c", "tiny_edge.c", "tiny_self_test.c", "tiny_weights.S", "runtime/bnnc_edge.c"]
    subprocess.run(
        ["cc", *STRICT, *SANITIZE, *sources, "tiny_kernels.o", "-lm", "-o", "use"], cwd=folder, check=True
    )
    assert subprocess.run([folder / "use"], check=False).returncode == 0


def test_the_program_under_sanitizers(tiny_program: Built, tmp_path: Path) -> None:
    sanitizers(tmp_path)
    folder = tmp_path / "copy"
    shutil.copytree(tiny_program.folder, folder)
    sources = [str(p.relative_to(folder)) for p in folder.rglob("*.[cS]")]
    subprocess.run(
        ["cc", *STRICT, *SANITIZE, *sources, "tiny_kernels.o", "-lm", "-o", "it"], cwd=folder, check=True
    )
    program = Built(tiny_program.graph, folder, folder / "it")
    x = reals(tiny_program.graph)
    for array in (x, x.astype(np.float64), x.astype(np.int16), x[:0]):
        done = program.call(stdin=npy(array))
        assert done.returncode == 0 and done.stdout == tiny_program.call(stdin=npy(array)).stdout
    for data, _ in BAD_INPUTS.values():
        done = program.call(stdin=data)
        assert done.returncode == 1 and done.stderr.count(b"\n") == 1


def test_two_networks_fit_into_one_program(tiny_program: Built, tmp_path: Path) -> None:
    other = build(tiny.dense("other", features=5, seed=3), tmp_path)
    tests = "tiny_self_test(arena) == 0 && other_self_test(arena) == 0"
    body = f"static _Alignas(64) char arena[4096];\nint main(void) {{ return !({tests}); }}\n"
    (tmp_path / "both.c").write_text(f'#include "tiny.h"\n#include "other.h"\n{body}')
    folders = [tiny_program.folder, other.folder]
    libraries = [str(next(folder.glob("lib*.a"))) for folder in folders]
    command = [
        "cc",
        "-std=c11",
        *(f"-I{folder}" for folder in folders),
        "both.c",
        *libraries,
        "-lm",
        "-o",
        "both",
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "both"], check=False).returncode == 0


def test_zig_serves_where_there_is_no_other_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    tools = arm.toolchain(tiny.HOST)
    assert tools.shown_cc == "python3 -m ziglang cc"
    built = build(tiny.dense(), tmp_path)
    codes = tiny.samples(built.graph, 5)
    assert np.array_equal(HostExecutor(built.graph, built.folder).run(codes), run(built.graph, codes))
    assert built.call("--self-test").returncode == 0


def test_the_header_is_cpp_too(tiny_program: Built, tmp_path: Path) -> None:
    if shutil.which("c++") is None:
        pytest.skip("no C++ compiler is installed")
    (tmp_path / "a.cpp").write_text('#include "tiny.h"\nint main() { return TINY_INPUT_ELEMENTS - 17; }\n')
    command = ["c++", "-Wall", "-Wextra", "-Werror", f"-I{tiny_program.folder}", "a.cpp"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "a.out"], check=False).returncode == 0


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for on in (tiny.HOST, tiny.ARM):
        with pytest.raises(BnncError, match="pip install ziglang"):
            arm.toolchain(on)
