"""Text of the C runtime beside what printf makes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from bnnc.ir.op import Array
from bnnc.resources import resource

HARNESS = """
#include "bnnc_text.h"
#include <stdint.h>
int main(void) {
    float x;
    while (fread(&x, sizeof x, 1, stdin) == 1) {
        bnnc_print(stdout, "%g\\n", x);
    }
    bnnc_print(stdout, "%s|%u|%d|%d|%u|100", "a%", UINT64_MAX, INT64_MIN, (int64_t)-7, (uint64_t)0);
    return 0;
}
"""


def printed(values: Array, folder: Path) -> list[str]:
    """What the runtime prints for float32 numbers, and then for others."""
    (folder / "harness.c").write_text(HARNESS)
    runtime = resource("bnnc.runtime")
    command = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{runtime}", "harness.c"]
    subprocess.run([*command, str(runtime / "bnnc_text.c"), "-lm", "-o", "harness"], cwd=folder, check=True)
    done = subprocess.run([folder / "harness"], input=values.tobytes(), capture_output=True, check=True)
    return done.stdout.decode().split("\n")


def test_real_numbers_are_those_of_printf(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 20000, np.uint64).astype(np.uint32).view(np.float32)
    small = (rng.integers(-(10**6), 10**6, 5000) / rng.choice([1, 8, 255, 1000], 5000)).astype(np.float32)
    powers = np.ldexp(np.float32(1), np.arange(-149, 128)).astype(np.float32)
    tens = np.float32([10.0**n for n in range(-45, 39)])
    special = np.float32([0, -0.0, np.inf, -np.inf, 999999999, 1e9, 0.0001, 0.00009999999])
    values = np.concatenate([bits[np.isfinite(bits)], small, powers, -powers, tens, special])
    *lines, last = printed(values, tmp_path)
    assert lines == [f"{float(x):.9g}" for x in values]
    assert last == "a%|18446744073709551615|-9223372036854775808|-7|0|100"
