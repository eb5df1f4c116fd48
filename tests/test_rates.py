"""Samples a second are told in one way, and never more than there are."""

from __future__ import annotations

import pytest

from bnnc.rates import rate, rate_text


@pytest.mark.parametrize(
    ("fps", "said"),
    [
        *((55_803.57, "55,803"), (20_000.0, "20,000"), (999.99, "999"), (1_234_567.9, "1,234,567")),
        *((100.0, "100"), (99.99, "99.9"), (52.3, "52.3"), (7.0, "7"), (1.239, "1.23"), (0.7, "0.7")),
        *((0.01999, "0.0199"), (0.0, "0")),
    ],
)
def test_rates_are_cut(fps: float, said: str) -> None:
    assert rate_text(fps) == said


def test_a_rate_is_the_clock_by_the_cycles() -> None:
    assert rate(100, 32_768) == 100e6 / 32_768
    assert rate_text(rate(100, 5_000)) == "20,000"
