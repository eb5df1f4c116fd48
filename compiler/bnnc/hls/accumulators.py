"""What the processing elements of a matrix accumulate, and the integers that it stands for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bnnc.hls.activations import Activation, reachable_steps
from bnnc.hls.lanes import BIPOLAR, signed_bits
from bnnc.hls.matrix import Matrix
from bnnc.hls.model.products import Form
from bnnc.ir.integer_ops import Threshold
from bnnc.ir.op import Array


@dataclass(frozen=True)
class Accumulator:
    """A number that begins at `start`, and what the form of the products adds in each step.

    Times `scale` and with `rest` it is an integer of lo..hi, and `act` a function of that.
    """

    form: Form
    start: int
    scale: int
    rest: int
    lo: int
    hi: int
    act: Activation

    @property
    def bits(self) -> int:
        return signed_bits(self.lo // self.scale, self.hi // self.scale)

    @property
    def value(self) -> str:
        """C++ of the integer that an accumulator `acc` stands for."""
        doubled = f"2 * acc{' + 1' if self.rest else ''}"
        return "acc" if self.scale == 1 else f"(sum_t)({doubled})"


def accumulator_of(m: Matrix, act: Activation, form: Form, lanes: int) -> Accumulator:
    """Of elements that read `lanes` lanes a step.

    A sum is scale * (what the steps add + a number of the row's own) and a constant. Of the row's numbers the
    middle goes into the start, and what is left of them into the cuts.
    """
    if form is Form.DOT:
        return Accumulator(form, 0, 1, 0, m.lo, m.hi, act)
    scale, constant = (2, -m.shape[1]) if m.x == BIPOLAR else (1, 0)
    rows = _of_rows(m, form, lanes)
    middle = int(rows.min() + rows.max()) // 2
    shifts = scale * (rows - middle)
    lo, hi = m.lo - int(shifts.max()), m.hi - int(shifts.min())
    moved = _moved(m, act, shifts) if shifts.any() else act
    return Accumulator(form, middle + constant // scale, scale, constant % scale, lo, hi, moved)


def _of_rows(m: Matrix, form: Form, lanes: int) -> Array:
    """int64 (O,): what steps leave out of the dot product of a row, or of half of it.

    Of each lane that weighs -1 what -x has beside ~x, whose bits are counted: x + ~x is the value of all
    ones. Of pairs, which are lanes i and lanes / 2 + i, the bits in which their weights differ.
    """
    codes = m.w.codes(m.weights).astype(np.int64)
    ones = -1 if m.x.kind == "Signed" else 2**m.x.bits - 1
    rows = np.zeros(len(codes), np.int64) if m.x == BIPOLAR else -ones * (1 - codes).sum(axis=1)
    if form is Form.PAIRS:
        pairs = codes.reshape(len(codes), -1, 2, lanes // 2)
        rows += ones * (pairs[:, :, 0] ^ pairs[:, :, 1]).sum(axis=(1, 2))
    return rows


def _moved(m: Matrix, act: Activation, shifts: Array) -> Activation:
    """The function of sums that are smaller by `shifts`, each row's own."""
    assert isinstance(act.op, Threshold)
    steps = reachable_steps(act.op, m.lo, m.hi)
    return replace(act, op=replace(steps, cuts=steps.cuts - shifts[:, None]))
