"""Declared input domains."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from bnnc.errors import BnncError
from bnnc.passes.domain import parse_domain


@pytest.mark.parametrize(
    ("spec", "elem", "scale", "offset"),
    [
        ("u8", "u8", ["1"], ["0"]),
        ("u8:scale=1/255", "u8", ["1/255"], ["0"]),
        ("u8:scale=2/255,offset=-1", "u8", ["2/255"], ["-1"]),
        ("i16:scale=0.5", "i16", ["1/2"], ["0"]),
        ("u1", "b1_01", ["1"], ["0"]),
        ("u4:scale=1e-3", "u4", ["1/1000"], ["0"]),
        ("u8:mean=10:20,std=2:4", "u8", ["1/2", "1/4"], ["-5", "-5"]),
        ("u8:mean=10,std=2:4", "u8", ["1/2", "1/4"], ["-5", "-5/2"]),
        ("u8:mean=10:20", "u8", ["1"], ["-10", "-20"]),
        ("u8:scale=1:2:3,offset=4", "u8", ["1", "2", "3"], ["4"]),
    ],
)
def test_reads(spec: str, elem: str, scale: list[str], offset: list[str]) -> None:
    domain = parse_domain(spec)
    assert (domain.elem.name, list(domain.scale)) == (elem, [Fraction(s) for s in scale])
    assert list(domain.offset) == [Fraction(o) for o in offset]


@pytest.mark.parametrize(
    "spec",
    [
        "", "u0", "u17", "i1", "i17", "f32", "U8", "u08", "u8,scale=1", "u8:scale", "u8:scale=", "u8:scale=x",
        "u8:scale=1/0", "u8:scale=0", "u8:scale=-1", "u8:std=0", "u8:size=3", "u8:scale=1,scale=2",
        "u8:scale=1,mean=2", "u8:mean=1:2,std=1:2:3", "u8:scale=1:2,offset=1:2:3",
    ],
)  # fmt: skip
def test_refuses(spec: str) -> None:
    with pytest.raises(BnncError, match="--input-domain"):
        parse_domain(spec)


def test_values_are_what_float_division_gives() -> None:
    pixels = np.arange(256, dtype=np.float32)
    assert np.array_equal(parse_domain("u8:scale=1/255").values(), [pixels / np.float32(255)])


def test_values_of_every_channel() -> None:
    values = parse_domain("u8:mean=123.68:116.78:103.94,std=58.4:57.1:57.4").values()
    assert values.shape == (3, 256)
    assert values[1, 0] == np.float32(-116.78 / 57.1)


@pytest.mark.parametrize("spec", ["u8:scale=1e400", "u8:scale=1e39", "u8:scale=1e-50", "u8:offset=1e30"])
def test_numbers_that_float32_cannot_tell_apart(spec: str) -> None:
    with pytest.raises(BnncError, match="in float32|too large for float32"):
        parse_domain(spec)
