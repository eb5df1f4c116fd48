"""What the models of an FPGA project say, in a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bnnc.rates import rate_text


def expected(details: Mapping[str, Any]) -> str | None:
    """Rate, latency and resources out of the details of a manifest; None where it is none of target hls."""
    if "ii_cycles" not in details:
        return None
    clock, taken = float(details["clock_mhz"]), details["resources"]
    cycles = f"{details['ii_cycles']:,} cycles a sample"
    memory = f"{taken['bram36']:g} BRAM36" + (f", {taken['uram']:,} URAM" if taken["uram"] else "")
    over = f"; more than the part has: {details['exceeded']}" if details.get("exceeded") else ""
    return (
        f"{rate_text(details['fps'])} samples a second at {clock:g} MHz ({cycles}), "
        f"latency {details['latency_cycles'] / clock:,.1f} us, {taken['lut']:,} LUTs and {memory} "
        f"of {details['part']}, by bnnc's models{over}; report.html has more"
    )
