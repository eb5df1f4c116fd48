"""Options of target hls, which `compile` and `fold` have in common."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING, Any

import click

from bnnc.errors import BnncError

if TYPE_CHECKING:
    from bnnc.hls.options import HlsOptions

Command = Callable[..., Any]
ROWS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "--part",
        {"metavar": "NAME", "help": "An FPGA or a board, such as pynq-z2; xc7z020 unless told."},
    ),
    (
        "--clock",
        {"type": float, "metavar": "MHZ", "help": "The clock; the board's, or 100 MHz, unless told."},
    ),
    (
        "--folding",
        {
            "metavar": "FILE",
            "help": "How much of each layer is computed at once: a file of `bnnc fold -o`, or minimal, one "
            "element at a time; maximal, every layer as fast as it can be; balanced, no layer slower than "
            "the slowest one with 16 processing elements. With a rate what a file leaves open is chosen.",
        },
    ),
    (
        "--fps",
        {
            "type": click.FloatRange(min=0, min_open=True),
            "metavar": "N",
            "help": "A rate: at least N samples a second, with as little of the part as possible.",
        },
    ),
    ("--max-fps", {"is_flag": True, "help": "A rate: as many samples a second as fit into the part."}),
    (
        "--budget",
        {
            "metavar": "SHARES",
            "help": "How much of the part a rate may take, as in lut=0.7,bram=0.8 (lut, ff, bram, uram, "
            "dsp); all of it unless told.",
        },
    ),
)


def hls_options(target: str = "") -> Callable[[Command], Command]:
    """`--part`, `--clock`, `--folding`, `--fps`, `--max-fps` and `--budget`.

    target: for what they are, where a command has others.
    """

    def decorate(command: Command) -> Command:
        for name, arguments in reversed(ROWS):
            text = arguments["help"].removesuffix(".") + (f" ({target})." if target else ".")
            command = click.option(name, **{**arguments, "help": text})(command)
        return command

    return decorate


def control_option(command: Command) -> Command:
    """`--control`, which is nothing to a folding."""
    text = "What starts the block: axilite, a register, unless told; none, nothing but its input (hls)."
    return click.option("--control", type=click.Choice(("axilite", "none")), help=text)(command)


def taken_options(
    part: str | None,
    clock: float | None,
    folding: str | None,
    fps: float | None,
    max_fps: bool,
    budget: str | None,
    control: str | None = None,
) -> HlsOptions | None:
    """None where no option of target hls was given."""
    if (part, clock, folding, fps, budget, control) == (None,) * 6 and not max_fps:
        return None
    from bnnc.hls.model.parts import board_of
    from bnnc.hls.options import (
        DEFAULT_CLOCK_MHZ,
        DEFAULT_PART,
        NAMED,
        Folding,
        HlsOptions,
        checked_clock,
        parse_budget,
        read_folding,
    )

    if fps is not None and max_fps:
        raise BnncError.at("--fps", "it is there beside --max-fps", "give one of them")
    solves = fps is not None or max_fps
    if solves and folding in NAMED:
        raise BnncError.at(f"--folding {folding}", "it leaves nothing to choose", "leave out --fps or it")
    if budget is not None and not solves:
        raise BnncError.at("--budget", "there is nothing to choose", "give --fps or --max-fps as well")
    if fps is not None and not isfinite(fps):
        raise BnncError.at(f"--fps {fps:g}", "no number of samples", "give a number")
    board = board_of(part or "")
    default_clock = board.clock_mhz if board else DEFAULT_CLOCK_MHZ
    return HlsOptions(
        part=part or DEFAULT_PART,
        clock_mhz=checked_clock(clock if clock is not None else default_clock),
        folding=read_folding(folding) if folding else Folding(),
        fps=fps,
        max_fps=max_fps,
        budget=parse_budget(budget) if budget is not None else {},
        control=control or "axilite",
    )
