"""Names out of models can be any text; what they become in C is checked here."""

from __future__ import annotations

import math
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bnnc.edge.names import c_string, comment, identifier
from bnnc.edge.numbers import float_literal, initializer

ODD = [
    "a b",
    'say "hi"',
    "../../etc/passwd",
    "*/ int x; /*",
    "naïve-ß-模型",
    "9lives",
    "",
    "\\\n",
    "int",
    "Makefile",
]


@pytest.mark.parametrize("name", ODD)
def test_identifiers_are_identifiers(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", identifier(name))
    assert identifier(name) == identifier(identifier(name))


@pytest.mark.parametrize("name", ["Makefile", "runtime", "main", "bnnc", "bnnc_edge", "WEIGHTS", "model"])
def test_files_of_a_project_are_no_names(name: str) -> None:
    assert identifier(name) != name


@pytest.mark.parametrize("name", ODD)
def test_a_comment_stays_closed(name: str) -> None:
    shown = comment(f"x{name}*/")
    assert "*/" not in shown and "/*" not in shown and "\n" not in shown and "\\" not in shown


def test_comment_marks_do_not_form_anew() -> None:
    assert "*/" not in comment("**//") and "*/" not in comment("*\u200b/") and "/*" not in comment("//**")


def test_strings_mean_the_same_text_in_c(tmp_path: Path) -> None:
    texts = [*ODD, "??/ %s \x01\x7f1", "é"]
    prints = "".join(f"fwrite({c_string(t)}, 1, sizeof({c_string(t)}), stdout);" for t in texts)
    (tmp_path / "a.c").write_text(f"#include <stdio.h>\nint main(void) {{ {prints} return 0; }}\n")
    subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "a.c"], cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "a.out"], capture_output=True, check=True).stdout
    assert printed == b"".join(t.encode() + b"\0" for t in texts)


def test_floats_mean_the_same_bits_in_c(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2**32, 3000, np.uint64).astype(np.uint32)
    values = np.append(bits.view(np.float32), np.float32([0, -0.0, 1e-45, 3.4028235e38, np.inf, -np.inf]))
    values = values[~np.isnan(values)]
    source = f"static const float v[{len(values)}] = {initializer(values)};"
    body = "int main(void) { fwrite(v, sizeof v, 1, stdout); return 0; }"
    (tmp_path / "a.c").write_text(f"#include <math.h>\n#include <stdio.h>\n{source}\n{body}\n")
    subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "a.c"], cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "a.out"], capture_output=True, check=True).stdout
    assert printed == values.tobytes()


def test_special_numbers() -> None:
    texts = [float_literal(x) for x in (math.nan, math.inf, -math.inf, 3.0, 0.1)]
    assert texts == ["NAN", "INFINITY", "-INFINITY", "3.0f", "0.1f"]
