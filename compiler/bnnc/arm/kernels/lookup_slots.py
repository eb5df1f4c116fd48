"""How sparse weights lie for kernels that look activations up: rows in groups, their entries in slots.

The inputs are cut into chunks of registers, of which a few neighbours are a window: the table of a lookup. A
group of rows has so many steps a chunk, each with a window of its own and `SLOTS` entries of every row; the
windows of n steps are spread evenly, so that all groups of n steps share their code. Each row fills the
slots of a step with its first entries that are left: what lies in front of the next window has to be gone.
Rows that need the same steps are grouped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bnnc.ir.op import Array

SLOTS = 4  # entries of a row in a step
MOST_STEPS = 64  # of a chunk
_MOST_BODIES = 8  # numbers of steps, each of which has code of its own
_TIE = 1 << 20  # more than a row's steps in all
END = -1  # of the groups of so many steps


@dataclass(frozen=True)
class Slots:
    """`rows` of a group, `vectors` registers of indices a step, `table` registers of a window.

    `places` (rows of a vector, SLOTS) are the bytes of a row's slots in a register of `n_bytes`; a chunk is
    at most `chunk` registers.
    """

    rows: int
    table: int
    n_bytes: int
    chunk: int
    places: tuple[tuple[int, ...], ...]

    @property
    def vectors(self) -> int:
        return self.rows // len(self.places)

    @property
    def step_bytes(self) -> int:
        """Of indices and weights of a step."""
        return 2 * self.vectors * self.n_bytes

    def fitted(self, inputs: int) -> Slots:
        """Chunks of one size, as few as possible."""
        registers = -(-inputs // self.n_bytes)
        chunks = -(-registers // self.chunk)
        return replace(self, chunk=max(-(-registers // chunks), self.table))

    def windows(self, steps: int) -> list[int]:
        """The first register of every window, evenly from 3/8 of one in front of the chunk to 3/8 behind."""
        room, ends = self.chunk - self.table, max(steps - 1, 1)
        # Times 8: what is rounded, half up, is (n * (8 * room + 6 * table) / ends - 3 * table) / 8.
        exact = (n * (8 * room + 6 * self.table) - 3 * self.table * ends for n in range(steps))
        return [min(max((at + 4 * ends) // (8 * ends), 0), room) for at in exact]


@dataclass(frozen=True)
class Filled:
    """Weights in slots. Group g of chunk c has steps[c, g]; row `order[i]` is row i of the groups, -1 none.

    `stream` has for each chunk, by ascending number of steps, the steps of every group: indices into the
    window, then weights, vector by vector. `groups` has their numbers in that order, END behind each of
    `counts`, the numbers of steps that occur.
    """

    slots: Slots
    order: Array
    steps: Array
    counts: tuple[int, ...]
    stream: dict[tuple[int, int], Array]
    groups: Array

    @property
    def chunks(self) -> int:
        return len(self.steps)

    @property
    def inputs(self) -> int:
        """Bytes that are read of the inputs."""
        return self.chunks * self.slots.chunk * self.slots.n_bytes

    @property
    def octets(self) -> Array:
        """The stream as it lies in memory."""
        return np.concatenate([part.reshape(-1) for part in self.stream.values()] or [np.zeros(0, np.int8)])


def filled(weights: Array, slots: Slots) -> Filled | None:
    """int8 (O, K) in slots; None where a row has more entries than steps take."""
    slots = slots.fitted(weights.shape[1])
    counts = _register_counts(weights, slots)
    feasible = np.stack([_feasible(counts[:, c], slots) for c in range(counts.shape[1])], axis=1)
    if not feasible.any(axis=2).all():
        return None
    order = _similar(feasible.argmax(axis=2), slots.rows)
    known: Array = np.where((order < 0)[:, None, None], True, feasible[order])
    together: Array = np.all(known.reshape(-1, slots.rows, *feasible.shape[1:]), axis=1)
    if not together.any(axis=2).all():
        return None
    steps = _few(together).T
    used = tuple(int(n) for n in np.unique(steps) if n)
    groups = [np.append(np.flatnonzero(row == n), END) for row in steps for n in used]
    stream = dict(_streams(weights, slots, order, steps, used))
    return Filled(slots, order, steps, used, stream, np.concatenate(groups or [np.zeros(0)]).astype(np.int32))


def _register_counts(weights: Array, slots: Slots) -> Array:
    """Entries (O, chunks, registers of a chunk)."""
    outputs, inputs = weights.shape
    size = slots.chunk * slots.n_bytes
    padded = np.zeros((outputs, -(-inputs // size) * size), bool)
    padded[:, :inputs] = weights != 0
    counts: Array = padded.reshape(outputs, -1, slots.chunk, slots.n_bytes).sum(axis=3)
    return counts


def _feasible(counts: Array, slots: Slots) -> Array:
    """bool (rows, MOST_STEPS + 1): whether so many steps take the entries counts (rows, registers)."""
    before = np.pad(np.cumsum(counts, axis=1), ((0, 0), (1, 0)))
    result = np.zeros((len(counts), MOST_STEPS + 1), bool)
    for steps in range(MOST_STEPS + 1):
        result[:, steps] = _taken(before, slots, steps)[:, -1] == before[:, -1]
    return result


def _taken(before: Array, slots: Slots, steps: int) -> Array:
    """(rows, steps + 1): the entries that are gone after each step; none any more once one was left behind.

    before (rows, registers + 1) counts those in front of every register.
    """
    windows, taken = slots.windows(steps), np.zeros((len(before), steps + 1), np.int64)
    for n, first in enumerate(windows):
        late = before[:, first] > taken[:, n]
        most = np.minimum(taken[:, n] + SLOTS, before[:, first + slots.table])
        taken[:, n + 1] = np.where(late, taken[:, n], np.maximum(most, taken[:, n]))
    return taken


def _similar(needs: Array, rows: int) -> Array:
    """int (groups * rows,): rows (O, chunks) in groups of which the largest needs are small in sum."""
    left, order, needs = np.arange(len(needs)), list[int](), needs.astype(np.int16)
    totals = needs.sum(axis=1)
    most = np.zeros(needs.shape[1], np.int16)
    while left.size:
        if len(order) % rows == 0:
            at = int(totals[left].argmax())
            most = needs[left[at]]
        else:
            together = np.maximum(needs[left], most)
            at = int((together.sum(axis=1, dtype=np.int64) * _TIE - totals[left]).argmin())
            most = together[at]
        order.append(int(left[at]))
        left = np.delete(left, at)
    return np.array(order + [-1] * (-len(order) % rows))


def _few(feasible: Array) -> Array:
    """Of bool (groups, chunks, numbers of steps) the smallest that is, but few different ones in all."""
    allowed = feasible.copy()
    while True:
        steps: Array = allowed.argmax(axis=2)
        used, counts = np.unique(steps[steps > 0], return_counts=True)
        if len(used) <= _MOST_BODIES:
            return steps
        more = [int(counts[i] * (used[i + 1] - n)) for i, n in enumerate(used[:-1])]
        for i in np.argsort(more, kind="stable"):
            rest = allowed.copy()
            rest[:, :, used[i]] = False
            if rest.any(axis=2).all():
                allowed = rest
                break
        else:
            return steps


def _streams(
    weights: Array, slots: Slots, order: Array, steps: Array, used: tuple[int, ...]
) -> Iterator[tuple[tuple[int, int], Array]]:
    """(chunk, steps), int8 (groups, steps, vectors, 2, bytes)."""
    size = slots.chunk * slots.n_bytes
    for chunk, row in enumerate(steps):
        part = weights[:, chunk * size : (chunk + 1) * size]
        for n in used:
            groups = np.flatnonzero(row == n)
            members = order.reshape(-1, slots.rows)[groups].reshape(-1)
            own = np.where((members < 0)[:, None], 0, part[members])
            if groups.size:
                yield (chunk, n), _placed(own, slots, n)


def _placed(weights: Array, slots: Slots, steps: int) -> Array:
    """Rows of whole groups, a chunk of each, in slots: int8 (groups, steps, vectors, 2, bytes)."""
    counts = _register_counts(weights, slots)[:, 0]
    before = np.pad(np.cumsum(counts, axis=1), ((0, 0), (1, 0)))
    taken = _taken(before, slots, steps)
    rows, columns = np.nonzero(weights)
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    step = (taken[rows, 1:] <= rank[:, None]).sum(axis=1)
    slot = rank - taken[rows, step]
    group, member = np.divmod(rows, slots.rows)
    vector, row = np.divmod(member, len(slots.places))
    octet = np.array(slots.places)[row, slot]
    result = np.zeros((len(weights) // slots.rows, steps, slots.vectors, 2, slots.n_bytes), np.int8)
    first = np.array(slots.windows(steps))[step] * slots.n_bytes
    result[group, step, vector, 0, octet] = columns - first
    result[group, step, vector, 1, octet] = weights[rows, columns]
    return result
