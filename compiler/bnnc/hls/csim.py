"""Compiles and runs the C++ of a project on this machine, against the vendor's headers."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from bnnc.errors import BnncError

# The vendor's ap_int() reads itself before it is set, which g++ reports wherever it is inlined.
FLAGS = ("-std=c++14", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-uninitialized")
GCC_FLAGS = ("-Wno-maybe-uninitialized",)
ZIG_FLAGS = ("-D__AP_INT_SPECIAL_H__", "-D__AP_FIXED_SPECIAL_H__", "-fno-sanitize=undefined")
INSTALL = "pip install hls4ml tree-sitter tree-sitter-cpp"
FIRST = "; the first time zig builds its C++ library, which takes minutes"
_log = logging.getLogger("bnnc.csim")


def csim(project: Path) -> str:
    """Compile and run the project's own test bench; what it printed. BnncError when it does not pass."""
    with tempfile.TemporaryDirectory(prefix="bnnc-csim-") as folder:
        program = compile_project(project, sorted((project / "tb").glob("*_tb.cpp")), Path(folder) / "csim")
        done = subprocess.run([program], capture_output=True, text=True, check=False)
    if done.returncode or "WARNING" in done.stdout:
        raise BnncError.at(
            str(project), f"the test bench fails: {done.stdout.strip() or done.stderr.strip()}"
        )
    return done.stdout


def compile_project(project: Path, mains: list[Path], program: Path) -> Path:
    """Compile the sources of a project with the files in `mains` into `program`.

    As one unit: the vendor's headers take as long as a small project, and are read once.
    """
    *others, main = [*sorted((project / "src").glob("*.cpp")), *mains]
    includes = [f"-I{project / 'src'}", "-isystem", str(vendor_headers())]
    includes += [word for source in others for word in ("-include", str(source))]
    command = [*compiler(), *FLAGS, *includes, str(main), "-o", str(program)]
    _log.info("compiling the C++%s", FIRST if "ziglang" in command else "")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BnncError.at(str(project), f"the emitted C++ does not compile:\n{done.stderr.strip()}")
    return program


@cache
def vendor_headers() -> Path:
    """The folder of ap_int.h and hls_stream.h inside an installed hls4ml, which is not imported."""
    spec = importlib.util.find_spec("hls4ml")
    for location in (spec.submodule_search_locations or []) if spec else []:
        headers = Path(location) / "templates" / "vivado" / "ap_types"
        if (headers / "ap_int.h").is_file() and (headers / "hls_stream.h").is_file():
            return headers
    raise BnncError.at("executor hls", "the vendor's headers ap_int.h and hls_stream.h are missing", INSTALL)


def compiler() -> tuple[str, ...]:
    """CXX, g++, clang++ or zig's."""
    candidates = [os.environ.get("CXX", ""), "g++", "clang++"]
    for name in candidates:
        if name and (found := shutil.which(name)):
            return (found, *(GCC_FLAGS if "clang" not in found else ()))
    if importlib.util.find_spec("ziglang") is not None:
        return (sys.executable, "-m", "ziglang", "c++", *ZIG_FLAGS)
    raise BnncError.at("executor hls", "there is no C++ compiler", "install g++ or pip install ziglang")
