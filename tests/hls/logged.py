"""What the loops of an emitted project read and write in each of their steps, as the C++ itself tells."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
from tests.hls.projects import Folding, write_project

from bnnc.hls import csim
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array

STREAM = """#pragma once
#include <deque>
#include <stdio.h>
#include <string>
#include <vector>

/// The steps of the loops of one unit, a letter each: a + what it reads and writes.
struct Log {
    std::string steps;
    std::vector<const void *> reads, writes;
};
extern Log unit_log;
inline void bnnc_did(const void *stream, const std::vector<const void *> &streams, int flag) {
    for (size_t i = 0; i < streams.size(); i++)
        if (streams[i] == stream) unit_log.steps.back() |= flag << i;
}
inline void bnnc_begin(const char *name, std::vector<const void *> reads, std::vector<const void *> writes) {
    if (!unit_log.steps.empty()) printf("%s\\n", unit_log.steps.c_str());
    printf("%s ", name);
    unit_log = {"", reads, writes};
}

namespace hls {
template <class T> class stream {
    std::deque<T> words;

  public:
    void write(const T &word) {
        words.push_back(word);
        if (!unit_log.steps.empty()) bnnc_did(this, unit_log.writes, 4);
    }
    T read() {
        const T word = words.front();
        words.pop_front();
        if (!unit_log.steps.empty()) bnnc_did(this, unit_log.reads, 1);
        return word;
    }
};
} // namespace hls
"""
STEP = '#define BNNC_PIPELINE unit_log.steps.push_back("@"[0]);'
MAIN = """Log unit_log;
int main() {{
    hls::stream<{name}_in_t> in;
    hls::stream<{name}_out_t> out;
    for (int i = 0; i < {words}; i++)
        in.write(0);
    {name}_top(in, out);
    bnnc_begin("end", {{}}, {{}});
}}
"""
UNIT = re.compile(r"^void (?!net_top)(\w+)\((.*)\) \{$", re.MULTILINE)
PORT = re.compile(r"&(\w+)")
OUTPUTS = {"out", "copy"}


def logged(
    graph: Graph, folder: Path, folding: Folding | None, words: int, compress: str = "none"
) -> dict[str, Array]:
    """uint8 flags of `Trace` for one sample of every unit, by its name; `words` come in."""
    write_project(graph, folder, "net", compress, folding)
    sources = folder / "src"
    tools = (sources / "bnnc_tools.h").read_text()
    (sources / "bnnc_tools.h").write_text(re.sub(r"#define BNNC_PIPELINE$", STEP, tools, flags=re.MULTILINE))
    (sources / "hls_stream.h").write_text(STREAM)
    unit = (sources / "net.cpp").read_text()
    (folder / "net.cpp").write_text(UNIT.sub(_begins, unit) + MAIN.format(name="net", words=words))
    return _run(folder)


def _begins(head: re.Match[str]) -> str:
    ports = PORT.findall(head[2])
    reads = ", ".join(f"&{port}" for port in ports if port not in OUTPUTS)
    writes = ", ".join(f"&{port}" for port in ports if port in OUTPUTS)
    return f'{head[0]}\n    bnnc_begin("{head[1]}", {{{reads}}}, {{{writes}}});'


def _run(folder: Path) -> dict[str, Array]:
    includes = [f"-I{folder / 'src'}", "-isystem", str(csim.vendor_headers())]
    program = folder / "logged"
    command = [*csim.compiler(), "-std=c++14", "-O0", *includes, str(folder / "net.cpp"), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    text = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    lines = (line.split(" ") for line in text.splitlines()[:-1])
    return {name: np.frombuffer(steps.encode(), np.uint8) & np.uint8(7) for name, steps in lines}
