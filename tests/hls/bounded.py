"""Emitted C++ with FIFOs of exactly their depths: units are threads that wait for words and for room."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from bnnc.hls import csim

STREAM = """#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stdio.h>
#include <stdlib.h>
#include <thread>
#include <vector>

/// Threads that are all waiting have nobody left to wait for: the program ends with status 9.
struct Threads {
    std::mutex mutex;
    std::condition_variable changed;
    int running = 0, waiting = 0;
    std::vector<std::function<void()>> units;
    void wait(std::unique_lock<std::mutex> &lock, const std::function<bool()> &ready) {
        while (!ready()) {
            if (++waiting == running) _Exit(9);
            changed.wait(lock);
        }
    }
    void progress() {
        waiting = 0;
        changed.notify_all();
    }
    void run() {
        std::vector<std::thread> all;
        running = (int)units.size();
        for (auto &unit : units)
            all.emplace_back([this, &unit] {
                unit();
                std::unique_lock<std::mutex> lock(mutex);
                if (--running == waiting && running > 0) _Exit(9);
            });
        for (auto &thread : all)
            thread.join();
    }
};
extern Threads bnnc_threads;
extern bool bnnc_shallow;

namespace hls {
template <class T> class stream {
    std::deque<T> words;

  public:
    size_t depth = (size_t)-1;
    void write(const T &word) {
        std::unique_lock<std::mutex> lock(bnnc_threads.mutex);
        bnnc_threads.wait(lock, [this] { return words.size() < depth; });
        words.push_back(word);
        bnnc_threads.progress();
    }
    T read() {
        std::unique_lock<std::mutex> lock(bnnc_threads.mutex);
        bnnc_threads.wait(lock, [this] { return !words.empty(); });
        const T word = words.front();
        words.pop_front();
        bnnc_threads.progress();
        return word;
    }
};
} // namespace hls
"""
MAIN = """Threads bnnc_threads;
bool bnnc_shallow = false;
int main(int argc, char **) {{
    bnnc_shallow = argc > 1;
    hls::stream<net_in_t> in;
    hls::stream<net_out_t> out;
    for (int i = 0; i < {samples} * {words}; i++)
        in.write(0);
    net_top(in, out);
}}
"""
CALL = re.compile(r"^    (\w+\(\w+, .*\));$", re.MULTILINE)
FIFO = re.compile(r"#define BNNC_FIFO\(stream, tokens\)$", re.MULTILINE)


def bounded(project: Path, words: int, samples: int = 2) -> Path:
    """The program of project "net" for so many samples of `words` words; with an argument FIFOs hold 2."""
    sources = project / "src"
    tools = (sources / "bnnc_tools.h").read_text()
    limit = "#define BNNC_FIFO(stream, tokens) stream.depth = bnnc_shallow ? 2 : tokens;"
    (sources / "bnnc_tools.h").write_text(FIFO.sub(limit, tools))
    (sources / "hls_stream.h").write_text(STREAM)
    text = (sources / "net.cpp").read_text()
    head, top = text[: text.index("void net_top(")], text[text.index("void net_top(") :]
    unit = rf"    bnnc_threads.units.push_back([&] {{ for (int i = 0; i < {samples}; i++) \1; }});"
    top = CALL.sub(unit, top).rstrip().removesuffix("}") + "    bnnc_threads.run();\n}\n"
    (project / "bounded.cpp").write_text(head + top + MAIN.format(samples=samples, words=words))
    includes = [f"-I{sources}", "-isystem", str(csim.vendor_headers())]
    program, source = project / "bounded", project / "bounded.cpp"
    command = [*csim.compiler(), "-std=c++14", "-O0", "-pthread", *includes, str(source), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def ends(program: Path, *arguments: str) -> bool:
    """Whether all units come to the end."""
    status = subprocess.run([program, *arguments], check=False).returncode
    assert status in (0, 9)
    return status == 0
