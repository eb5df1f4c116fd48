"""Lint of emitted C++: nothing in what is emitted, and each fault made on purpose is found."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.hls.branches import BRANCHES
from tests.hls.projects import ENGINES, dense_network, every_engine, largest_folding, write_project

from bnnc.errors import BnncError
from bnnc.executors.hls import HlsExecutor
from bnnc.hls.project.lint import check, lint
from bnnc.hls.project.source import check_installed
from bnnc.ir.graph import Graph
from bnnc.resources import templates

pytestmark = pytest.mark.usefixtures("cpp")

GOOD = """\
#include "bnnc_tools.h"

enum { words = 7 };
struct Shape {
    static const int SIZE = 3, STEPS = 2 * SIZE;
    static int twice(int x) {
        BNNC_INLINE
        return 2 * x;
    }
};
static const uint8_t weights[3] = {1, 2, 3};

template <int N> struct Halves {
    static int of(int x) {
        return Halves<N / 2>::of(x) + 1;
    }
};
template <> struct Halves<1> {
    static int of(int x) {
        return x;
    }
};

template <class P, int TIMES> void engine(hls::stream<ap_uint<8>> &in, hls::stream<ap_uint<8>> &out) {
    int sums[P::SIZE];
    BNNC_REGISTERS(sums)
    for (int step = 0; step < P::STEPS * TIMES; step++) {
        BNNC_PIPELINE
        const ap_uint<8> x = in.read();
        for (int i = P::SIZE - 1; i >= 0; i--) {
            BNNC_UNROLL
            sums[i] = P::twice(weights[i]);
        }
        out.write(x + sums[0]);
    }
}

void first(hls::stream<ap_uint<8>> &in, hls::stream<ap_uint<8>> &out) {
    engine<Shape, 2>(in, out);
}

void second(hls::stream<ap_uint<8>> &in, hls::stream<ap_uint<8>> &out) {
    engine<Shape, 3>(in, out);
}

extern "C" void net_top(hls::stream<ap_uint<8>> &in, hls::stream<ap_uint<8>> &out) {
#if defined(__BAMBU__)
#pragma HLS INTERFACE mode = axis port = in depth = 7
#pragma HLS DATAFLOW
#endif
    BNNC_AXIS(in, 7)
    BNNC_AXIS(out, 7)
    BNNC_FREE_RUNNING
    BNNC_DATAFLOW

    hls::stream<ap_uint<8>> between;
    BNNC_FIFO(between, 2)

    first(in, between);
    second(between, out);
}
"""
FAULTS = [
    ("sums[0]);", "*new int(3));", "src/net.cpp:34: memory is allocated while it runs"),
    ("sums[0]);", "*(int *)malloc(4));", "malloc: memory is allocated"),
    ("int sums[P::SIZE];", "int sums[P::SIZE]; std::vector<int> v;", "the standard library"),
    ("int sums[P::SIZE];", "int sums[P::SIZE]; float f = 1;", "numbers of type float"),
    ("int sums[P::SIZE];", "int sums[P::SIZE]; auto f = [](int x) { return x; };", "a lambda"),
    (
        "int sums[P::SIZE];",
        "int sums[P::SIZE]; while (!sums[0]) sums[0]++;",
        "a loop without a constant bound",
    ),
    ("int sums[P::SIZE];", "int sums[P::SIZE]; do sums[0]++; while (!sums[0]);", "without a constant bound"),
    ("int sums[P::SIZE];", "int sums[P::SIZE]; again: goto again;", "a jump"),
    ("step < P::STEPS", "step < in.read()", "without a constant bound: in is no constant"),
    ("step < P::STEPS", "step != P::STEPS", "does not compare its counter"),
    ("; step++", "; step *= 2", "'step \\*= 2' is no step of its counter"),
    ("; step++", "; ", "no counter, no condition or no step"),
    ("sums[i] = ", "i--; sums[i] = ", "i is set in its body"),
    (
        "const ap_uint<8> x = in.read();",
        "const int n = in.read(); const ap_uint<8> x = n; for (int k = 0; k < n; k++) sums[0]++;",
        "n is no constant",
    ),
    ("return 2 * x;", "return x ? twice(x - 1) : 0;", "src/net.cpp:6: twice calls itself"),
    ("return 2 * x;", "return x ? Shape::twice(x - 1) : 0;", "twice calls itself"),
    ("Halves<N / 2>::of(x)", "Halves<N>::of(x)", "of calls itself"),
    ("P::twice(weights[i])", "P::engine(in, out), 0", "engine calls itself"),
    (
        "struct Shape {",
        "template <int N> struct Deep { static int of(int x) { return Deep<N>::of(x); } };\nstruct Shape {",
        "of calls itself",
    ),
    ("second(between, out);", "second(between, out); first(in, between);", "stream between has 2 writers"),
    ("second(between, out);", "second(between, out); second(between, out);", "stream between has 2 readers"),
    ("second(between, out);", "second(in, out);", "stream between has 0 readers"),
    ("out.write(x + sums[0]);", "out.write(x + sums[0]); in.write(x);", "stream between has 2 writers"),
    ("second(between, out);", "second(between, out); second(in, out);", "port in is read or written 2 times"),
    ("second(between, out);", "if (words) second(between, out);", "more than calls and declarations"),
    ("ap_uint<8>> between", "ap_uint<129>> between", "stream words of 129 bits; Bambu has 128 at most"),
    ("ap_uint<8>> between", "ap_uint<BNNC_WORD(129)>> between", "stream words of 129 bits"),
    ("ap_uint<8>> between", "ap_uint<70>> between", "stream words of 70 bits, of which Bambu loses 6"),
    ("> between;", '> between("between");', "a stream with a name or a value"),
    ("in.read();\n", "in.empty() ? x : in.read();\n", r"\.empty\(\) of a stream, which Bambu does not have"),
    (
        "+ sums[0]",
        "+ (ap_uint<6>)x[1]",
        r"\(ap_uint<6>\)x\[1\] may be ambiguous; write \(bool\)x\[i\] \? 1 : 0",
    ),
    ("int sums[P::SIZE];", "int int sums[P::SIZE;", "is not parsed as C"),
    (
        "BNNC_FREE_RUNNING",
        "BNNC_PRAGMA(HLS INTERFCE mode = ap_ctrl_none port = return)",
        "no pragma 'INTERFCE'",
    ),
    ("BNNC_FREE_RUNNING", "BNNC_PRAGMA(HLS INTERFACE mode = axsi port = in)", "mode is 'axsi'"),
    ("BNNC_FREE_RUNNING", "BNNC_PRAGMA(HLS INTERFACE mode = axis prot = in)", "there is no option 'prot'"),
    ("BNNC_FREE_RUNNING", "BNNC_PRAGMA(HLS INTERFACE mode = axis)", "port is missing"),
    ("BNNC_FREE_RUNNING", "BNNC_PRAGMA(HLS INTERFACE mode = axis port = inn)", "there is no port 'inn'"),
    ("BNNC_FREE_RUNNING", "BNNC_PRAGMA(HLS INLINE off off)", "off is given twice"),
    ("BNNC_FREE_RUNNING", "BNNC_PRAGMA(HLS INLINE off = 1)", "off takes no '1'"),
    ("BNNC_FREE_RUNNING", "BNNC_PRAGMA(hls INLINE)", "no pragma 'hls INLINE'"),
    ("BNNC_FREE_RUNNING", "BNNC_PRAGMA(HLS PIPELINE II = 1)", "Bambu has no pragma 'PIPELINE'"),
    (
        "BNNC_FREE_RUNNING",
        "BNNC_PRAGMA(HLS INTERFACE mode = axis port = return)",
        "INTERFACE: port is 'return'",
    ),
    ("BNNC_FREE_RUNNING", "BNNC_PRAGMA(HLS INTERFACE axis port = in)", "there is no option 'axis'"),
    (
        "BNNC_REGISTERS(sums)",
        "BNNC_REGISTERS(summs)",
        "ARRAY_PARTITION: does not stand in the function of its",
    ),
    (
        "engine<Shape, 2>",
        "BNNC_AXIS(in, 7) engine<Shape, 2>",
        "does not stand among the first lines of the top",
    ),
    (
        "        BNNC_PIPELINE\n        const ap_uint<8> x = in.read();",
        "const ap_uint<8> x = in.read(); BNNC_PIPELINE",
        "PIPELINE: does not stand in the first lines of a function or a loop",
    ),
    (
        "int sums[P::SIZE];",
        "BNNC_UNROLL int sums[P::SIZE];",
        "UNROLL: does not stand in the first lines of a loop",
    ),
    (
        "int sums[P::SIZE];",
        "int sums[P::SIZE]; BNNC_INLINE",
        "INLINE: does not stand among the first lines of a f",
    ),
    ("enum {", "BNNC_INLINE\nenum {", "INLINE: stands outside of functions"),
    ("    BNNC_DATAFLOW", "#pragma HLS DATAFLOW", "src/net.cpp: a pragma that is no macro"),
    ("#pragma HLS DATAFLOW", "#pragma HLS DATAFLOWS", "Bambu has no pragma 'DATAFLOWS'"),
    ("#pragma HLS DATAFLOW", "words", r"src/net.cpp:47: the code depends on defined\(__BAMBU__\)"),
    (
        "engine<Shape, 2>(in, out);",
        "\n#ifdef __SYNTHESIS__\nengine<Shape, 2>(in, out);\n#endif",
        "the code depends on _",
    ),
    ("#include", "#include <vector>\n#include", "vector"),
]


@pytest.mark.parametrize("make", [*ENGINES, *BRANCHES, every_engine])
@pytest.mark.parametrize("folding", [None, largest_folding])
def test_what_is_emitted_is_clean(
    make: Callable[[], Graph], folding: Callable[[Graph], dict[str, dict[str, int]]] | None, tmp_path: Path
) -> None:
    graph = make()
    write_project(graph, tmp_path, folding=folding(graph) if folding else None)
    assert lint(tmp_path) == ()


def test_compressed_weights_are_clean(tmp_path: Path) -> None:
    write_project(dense_network((64, 48, 10)), tmp_path, "net", "huffman", {"fc0": {"weights": "bram"}})
    assert lint(tmp_path) == ()


def findings(source: str, project: Path) -> str:
    (project / "src").mkdir(parents=True)
    (project / "src" / "net.cpp").write_text(source)
    (project / "src" / "bnnc_tools.h").write_text(templates("hls").get_template("tools.h.j2").render())
    return "\n".join(map(str, lint(project)))


def test_the_good_source_is_clean(tmp_path: Path) -> None:
    assert findings(GOOD, tmp_path) == ""


@pytest.mark.parametrize(("old", "new", "finding"), FAULTS, ids=[finding[:40] for *_, finding in FAULTS])
def test_a_fault_is_found(old: str, new: str, finding: str, tmp_path: Path) -> None:
    assert old in GOOD
    try:
        found = findings(GOOD.replace(old, new, 1), tmp_path)
    except BnncError as error:
        found = str(error)
    assert re.search(finding, found), found


def test_check_raises_all_findings_with_their_files(tmp_path: Path) -> None:
    source = GOOD.replace("sums[0]);", "*new int(3));").replace("BNNC_DATAFLOW", "#pragma HLS DATAFLOW")
    findings(source, tmp_path)
    with pytest.raises(BnncError) as error:
        check(tmp_path)
    text = str(error.value)
    assert f"{tmp_path}/src/net.cpp:34: memory is allocated" in text and "a pragma that is no macro" in text


def test_missing_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    check_installed()
    from bnnc.hls.project import source

    source._parser.cache_clear()
    monkeypatch.setitem(sys.modules, "tree_sitter_cpp", None)
    with pytest.raises(BnncError, match=r"tree-sitter-cpp is missing; pip install hls4ml tree-sitter"):
        check_installed()
    monkeypatch.undo()
    source._parser.cache_clear()


def test_an_executor_refuses_what_a_tool_would(tmp_path: Path) -> None:
    graph = dense_network((8, 4, 2))
    write_project(graph, tmp_path)
    source = tmp_path / "src" / "net.cpp"
    source.write_text(
        source.read_text().replace("hls::stream<ap_uint<", "while (false);\n    hls::stream<ap_uint<", 1)
    )
    with pytest.raises(BnncError):
        HlsExecutor(tmp_path, graph)
