"""Input domains: the integers that a device receives, and the real numbers that they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from bnnc.errors import BnncError
from bnnc.ir.elem import Elem, elem
from bnnc.ir.op import Array

SYNTAX = "TYPE[:KEY=VALUE,...], TYPE u1..u16 or i2..i16, KEY scale, offset, mean or std, as in u8:scale=1/255"
_TYPE = re.compile(r"u([1-9]|1[0-6])|i([2-9]|1[0-6])")


@dataclass(frozen=True)
class InputDomain:
    """x = q * scale + offset for every integer q of `elem`; one number for all channels, or one a channel."""

    elem: Elem
    scale: tuple[Fraction, ...]
    offset: tuple[Fraction, ...]

    @property
    def channels(self) -> int:
        """1, or the number of channels that scale or offset name."""
        return max(len(self.scale), len(self.offset))

    def values(self) -> Array:
        """float32 (channels, codes): the exact x of every code, rounded once."""
        codes = range(self.elem.lo, self.elem.hi + 1)
        rows = [[float(x) for x in self.reals(c, codes)] for c in range(self.channels)]
        return np.array(rows, np.float32)

    def reals(self, channel: int, codes: Iterable[int]) -> list[Fraction]:
        """The exact x of these codes in a channel."""
        scale, offset = (n[channel if len(n) > 1 else 0] for n in (self.scale, self.offset))
        return [q * scale + offset for q in codes]


def parse_domain(spec: str) -> InputDomain:
    """The domain that `--input-domain SPEC` declares; BnncError tells what is wrong with SPEC."""
    type_name, _, rest = spec.partition(":")
    if not _TYPE.fullmatch(type_name):
        raise _error(spec, f"unknown type {type_name!r}")
    given = _parse_keys(spec, rest)
    one, zero = (Fraction(1),), (Fraction(0),)
    if {"mean", "std"} & given.keys():
        scale, offset = _normalization(given.get("mean", zero), given.get("std", one), spec)
    else:
        scale, offset = given.get("scale", one), given.get("offset", zero)
    if min(scale) <= 0:
        raise _error(spec, "a scale or std that is not positive")
    if len(scale) > 1 < len(offset) and len(scale) != len(offset):
        raise _error(spec, f"{len(scale)} scales and {len(offset)} offsets")
    domain = InputDomain(elem("b1_01") if type_name == "u1" else elem(type_name), scale, offset)
    _check_distinct(domain, spec)
    return domain


def _check_distinct(domain: InputDomain, spec: str) -> None:
    """Refuse a domain whose float32 numbers overflow or coincide, which they do first at one of its ends."""
    codes = (domain.elem.lo, domain.elem.lo + 1, domain.elem.hi - 1, domain.elem.hi)
    try:
        ends = np.array([[float(x) for x in domain.reals(c, codes)] for c in range(domain.channels)])
    except OverflowError as error:
        raise _error(spec, "its numbers are too large for float32") from error
    with np.errstate(over="ignore"):
        narrow = ends.astype(np.float32)
    if not np.isfinite(narrow).all():
        raise _error(spec, "its numbers are too large for float32")
    if (narrow[:, 0] >= narrow[:, 1]).any() or (narrow[:, 2] >= narrow[:, 3]).any():
        raise _error(spec, "neighbouring codes are the same number in float32")


def _normalization(
    mean: tuple[Fraction, ...], std: tuple[Fraction, ...], spec: str
) -> tuple[tuple[Fraction, ...], tuple[Fraction, ...]]:
    """(q - mean) / std as scale and offset."""
    if min(std) <= 0:
        raise _error(spec, "a scale or std that is not positive")
    channels = max(len(mean), len(std))
    if {len(mean), len(std)} - {1, channels}:
        raise _error(spec, f"{len(mean)} means and {len(std)} stds")
    means, stds = mean * (channels // len(mean)), std * (channels // len(std))
    return tuple(1 / s for s in std), tuple(-m / s for m, s in zip(means, stds, strict=True))


def _parse_keys(spec: str, text: str) -> dict[str, tuple[Fraction, ...]]:
    given: dict[str, tuple[Fraction, ...]] = {}
    for part in filter(None, text.split(",")):
        key, equals, numbers = part.partition("=")
        if not equals or key not in ("scale", "offset", "mean", "std") or key in given:
            raise _error(spec, f"cannot read {part!r}")
        given[key] = tuple(_number(spec, number) for number in numbers.split(":"))
    if {"mean", "std"} & given.keys() and {"scale", "offset"} & given.keys():
        raise _error(spec, "scale or offset together with mean or std")
    return given


def _number(spec: str, text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise _error(spec, f"{text!r} is not a number or a fraction") from error


def _error(spec: str, what: str) -> BnncError:
    return BnncError.at(f"--input-domain {spec}", what, f"write it as {SYNTAX}")
