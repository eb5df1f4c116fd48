"""How the products of a step are summed, and what each way takes before calibration."""

from __future__ import annotations

from enum import StrEnum

from bnnc.hls.lanes import BIPOLAR, Lane
from bnnc.hls.model import logic


class Form(StrEnum):
    """Structs of templates/hls/dot.h.j2: EQUAL and PAIRS count bits, and are of weights of +-1."""

    DOT = "Dot"
    EQUAL = "Equal"
    PAIRS = "Pairs"


MIN_PAIRED = 16
"""Words of fewer lanes have next to nothing from pairs."""
MAX_COUNTED_BITS = 4
"""Elements of more bits are added as numbers: adding up what is counted of every bit takes too much."""


def cheapest(x: Lane, w: Lane, lanes: int, sharing: int, marks: int, is_stepped: bool) -> Form:
    """The form of `sharing` elements that read the same `lanes` lanes.

    Of `marks` parts of them some may not count; then half of their lanes are as good as equal. is_stepped:
    sums are compared with cuts, where a number of a row's own has its place.
    """
    forms = [Form.DOT]
    is_counted = w == BIPOLAR and x.bits <= MAX_COUNTED_BITS and (is_stepped or x == BIPOLAR)
    if is_counted and (not marks or lanes // marks % 2 == 0):
        forms.append(Form.EQUAL)
        if is_stepped and not marks and lanes >= MIN_PAIRED and lanes % 2 == 0:
            forms.append(Form.PAIRS)

    def tables(form: Form) -> float:
        return sharing * own(form, lanes, x.bits, w.bits) + shared(form, lanes, x.bits)

    return min(forms, key=tables)


def own(form: Form | None, lanes: int, x_bits: int, w_bits: int) -> float:
    """Tables of what an element adds to its accumulator in a step. None: as HLS tools add products."""
    match form:
        case Form.EQUAL:
            return x_bits * logic.ones(lanes)
        case Form.PAIRS:
            return x_bits * logic.PAIRED * lanes
        case Form.DOT if x_bits + w_bits > 2:
            return logic.dot(lanes, x_bits, w_bits)
        case _:
            return logic.dot(lanes, x_bits, w_bits, in_pairs=form is None) + lanes.bit_length()


def shared(form: Form | None, lanes: int, x_bits: int) -> float:
    """Tables of what is computed once for all elements that read the same lanes."""
    return x_bits * logic.ones(lanes // 2) if form is Form.PAIRS else 0.0
