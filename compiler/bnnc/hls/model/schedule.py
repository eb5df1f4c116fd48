"""A schedule of a pipeline that repeats every `interval` cycles, and what its FIFOs have to hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bnnc.hls.model.pipeline import NOBODY, SINK, pipeline
from bnnc.hls.network import Stage
from bnnc.ir.op import Array

LONG_AGO = -(1 << 48)
ROUNDS, MORE_ROUNDS, EVENTS = 12, 2048, 64_000_000
"""How often a unit may be put off before a smaller depth is given up: often in pipelines of few events."""


@dataclass(frozen=True)
class Saved:
    """Parts of arrays as they were."""

    parts: list[tuple[Array, slice | int, Array]]

    def keep(self, array: Array, part: slice | int) -> None:
        self.parts.append((array, part, np.copy(array[part])))

    def restore(self) -> None:
        for array, part, values in reversed(self.parts):
            array[part] = values


class Schedule:
    """When the words of a sample are written and read; those of the next one `interval` cycles later.

    Units are never earlier than what they read, than room for what they write, and than their own steps
    before. With depths for which there is such a schedule, units that do everything as soon as they can are
    never later than it: words they wait for are there when the schedule says. So the pipeline does a sample
    every `interval` cycles. FIFOs have no bounds until they are limited.
    """

    def __init__(self, stages: Sequence[Stage], interval: int, latency: int | None = None) -> None:
        p = pipeline(stages, latency)
        p.fifos["start"] = np.cumsum(p.fifos["words"]) - p.fifos["words"]
        p.units["last"] = interval - 1
        p.tail_time[:] = LONG_AGO
        # Without bounds the last word is there when all units have run one after the other; putting off
        # adds no more than a few times that before it ends or is given up.
        dtype = np.int32 if 16 * int(p.units["steps"].sum()) < 2**31 else np.int64
        times = (np.zeros(int(p.fifos["words"].sum()), dtype) for _ in range(2))
        self._pipeline = p._replace(write_time=next(times), read_time=next(times))
        self._interval = interval
        self._rounds = min(MORE_ROUNDS, max(ROUNDS, EVENTS // len(p.at)))
        self._near = _distances(p.units["inputs"], p.fifos["writer"])
        self._early = np.ones(len(p.units), np.bool_)
        settled = self._settle(None, SINK, len(p.units))
        assert settled, "a unit that is slower than the interval"

    def most(self, f: int) -> int:
        """The most words in FIFO f."""
        from bnnc.hls.model.retime import most

        return int(most(self._pipeline, f, self._interval))

    def limit(self, f: int, depth: int) -> Saved | None:
        """Put units off until `depth` is enough for FIFO f: what was before, or None if they cannot."""
        fifos, saved = self._pipeline.fifos, Saved([])
        saved.keep(fifos["depth"], f)
        fifos["depth"][f] = depth
        self._early[fifos["writer"][f]] = True
        if self._settle(saved, int(fifos["writer"][f]), self._rounds):
            return saved
        self._early[:] = False
        saved.restore()
        return None

    def _settle(self, saved: Saved | None, start: int, rounds: int) -> bool:
        """Put off all units that are too early, first those near `start`; whether there is an end to it."""
        from bnnc.hls.model.retime import ENDLESS, settle

        is_saved = np.full(len(self._early), saved is None)
        count = np.zeros(len(self._early), np.int64)
        near = self._near[start]
        while (u := settle(self._pipeline, near, self._interval, self._early, is_saved, count, rounds)) >= 0:
            assert saved is not None
            self._save(saved, u)
            is_saved[u] = True
        return bool(u != ENDLESS)

    def _save(self, saved: Saved, u: int) -> None:
        p, unit = self._pipeline, self._pipeline.units[u]
        saved.keep(p.units["last"], u)
        saved.keep(p.tail_time, slice(int(unit["first_tail"]), int(unit["end_tail"])))
        for array, side in ((p.write_time, "outputs"), (p.read_time, "inputs")):
            for f in unit[side][unit[side] != NOBODY]:
                start = int(p.fifos["start"][f])
                saved.keep(array, slice(start, start + int(p.fifos["words"][f])))


def _distances(inputs: Array, writer: Array) -> Array:
    """int64 (units, units): how many FIFOs are between two of them at least."""
    n = len(inputs)
    near = np.where(np.eye(n, dtype=bool), 0, n)
    reader, port = np.nonzero(inputs != NOBODY)
    ends = reader, writer[inputs[reader, port]]
    near[ends] = near[ends[::-1]] = 1
    for u in range(n):
        near = np.minimum(near, near[:, u, None] + near[u])
    return near
