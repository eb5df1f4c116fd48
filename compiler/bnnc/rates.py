"""Samples a second, as every command, table and report has them."""

from __future__ import annotations

import math


def rate(clock_mhz: float, cycles: int) -> float:
    """Samples a second, where one comes out every so many cycles."""
    return clock_mhz * 1e6 / cycles


def rate_text(fps: float) -> str:
    """Cut, not rounded: never more than there are. Below 100 with three digits."""
    if fps >= 100 or fps <= 0:
        return f"{math.floor(fps):,}"
    places = 2 - math.floor(math.log10(fps))
    cut = math.floor(round(fps * 10**places, 6)) / 10**places
    return f"{cut:.{places}f}".rstrip("0").rstrip(".")
