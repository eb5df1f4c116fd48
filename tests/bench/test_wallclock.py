"""Times of kernels: one a kernel, positive, together no more than about the whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.bench.conftest import Compile

from bnnc.bench.wallclock import Stopwatch, time_kernels
from bnnc.errors import BnncError


@pytest.mark.parametrize("threads", [1, 2])
def test_every_kernel_has_a_time(compiled: Compile, threads: int) -> None:
    program = compiled("host", None, threads)
    assert program.threads == threads
    timed = time_kernels(program, runs=3)
    assert timed.runs == 3 and len(timed.kernels) == len(program.functions)
    assert timed.whole > 0 and min(timed.kernels) > 0


def test_a_table_has_a_row_a_run(compiled: Compile, tmp_path: Path) -> None:
    program = compiled("host", None)
    table = Stopwatch(program, tmp_path).take(4, 2)
    assert table.shape == (4, 1 + len(program.functions)) and (table > 0).all()


def test_a_program_that_fails_is_an_error(compiled: Compile, tmp_path: Path) -> None:
    watch = Stopwatch(compiled("host", None), tmp_path)
    (tmp_path / "bench").write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(BnncError, match="ended with 3"):
        watch.take(1, 1)
