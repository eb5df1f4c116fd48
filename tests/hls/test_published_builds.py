"""The resource model against builds that others published, and the constants that these decide."""

from __future__ import annotations

import pytest
from benchmarks.hls_builds import BUILDS, seen
from benchmarks.hls_fit import KINDS, fit, left_out

from bnnc.hls.model import calibration


@pytest.mark.parametrize("kind", KINDS)
def test_each_build_is_within_a_quarter_when_only_the_others_decide(kind: str) -> None:
    for row in left_out(kind):
        assert abs(row.error) < 0.25, f"{row.build.name}: {row.predicted:.0f} {kind}, not {row.published}"


def test_constants_are_what_all_builds_decide() -> None:
    lut, ff, bram36 = (fit(kind) for kind in KINDS)
    assert pytest.approx(lut.scale, abs=0.005) == calibration.LUT_SCALE
    assert pytest.approx(ff.scale, abs=0.005) == calibration.FF_SCALE
    assert (calibration.UNIT.lut, calibration.UNIT.ff) == (round(lut.unit), round(ff.unit))
    assert (calibration.SHELL.lut, calibration.SHELL.ff) == (round(lut.shell), round(ff.shell))
    assert calibration.SHELL.bram18 == round(2 * bram36.shell)


def test_block_ram_of_fully_connected_builds_is_counted_to_the_last_block() -> None:
    """208 blocks of 18 kbit hold weights, as the utilization reports have them, and the rest is FIFOs."""
    memory = {build.name: seen(build).circuit.memory for build in BUILDS}
    assert memory["lfcW1A1"].bram18 == memory["lfcW1A2"].bram18 == 208 + 2 * 4


def test_tables_as_memory_of_fully_connected_builds() -> None:
    """Reported are 2,314 tables as distributed RAM at one bit, and 4,362 at two."""
    memory = {build.name: seen(build).circuit.memory.lut for build in BUILDS}
    assert memory["lfcW1A1"] == pytest.approx(2314, rel=0.25)
    assert memory["lfcW1A2"] == pytest.approx(4362, rel=0.25)
