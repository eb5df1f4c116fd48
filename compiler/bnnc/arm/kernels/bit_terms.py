"""Products of bit-plane codes as counted bits: y = bias + pixel's sum + coefficients * pc(bits).

A term's bits are a logical function of planes of x and w. What depends on weights alone goes into the bias,
what depends on x alone into the pixel's sum, which is computed once for all output channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bnnc.arm.kernels.builder import Expr
from bnnc.ir.elem import Elem
from bnnc.sim.bits import plane_offset, plane_weights

Planes = Sequence[Expr]


@dataclass(frozen=True)
class Term:
    """coefficient * pc(bits(planes of x, planes of w)); only the named planes are read."""

    coefficient: int
    x_planes: tuple[int, ...]
    w_planes: tuple[int, ...]
    bits: Callable[[Planes, Planes], Expr]


@dataclass(frozen=True)
class Product:
    """The terms of a pair of element types, and what is counted once for a window.

    `x_weights`, `w_weights`: what a set bit of each plane of x or w counts by itself; `lane_bias`: what any
    lane counts.
    """

    terms: tuple[Term, ...]
    x_weights: tuple[int, ...]
    w_weights: tuple[int, ...]
    lane_bias: int = 0


def product(x: Elem, w: Elem) -> Product:
    """How codes of x and w are multiplied.

    A ternary code is (m, s): not zero, negative. With b1_pm weights w a product is positive where m & (s ^
    w), so the sum is 2 pc(m & (s ^ w)) - pc(m); with b1_pm maps likewise. Two ternary codes (m, s), (n, t):
    pc(m & n) - 2 pc(m & n & (s ^ t)).
    """
    match x, w:
        case (Elem("b1_pm"), Elem("b1_pm")):
            return Product((Term(-2, (0,), (0,), lambda a, b: a[0] ^ b[0]),), (0,), (0,), 1)
        case (Elem("ter"), Elem("b1_pm")):
            positive = Term(2, (0, 1), (0,), lambda a, b: a[0] & (a[1] ^ b[0]))
            return Product((positive,), (-1, 0), (0,))
        case (Elem("b1_pm"), Elem("ter")):
            positive = Term(2, (0,), (0, 1), lambda a, b: b[0] & (a[0] ^ b[1]))
            return Product((positive,), (0,), (-1, 0))
        case (Elem("ter"), Elem("ter")):
            both = Term(1, (0,), (0,), lambda a, b: a[0] & b[0])
            negative = Term(-2, (0, 1), (0, 1), lambda a, b: a[0] & b[0] & (a[1] ^ b[1]))
            return Product((both, negative), (0, 0), (0, 0))
        case _:
            return general(x, w)


def general(x: Elem, w: Elem) -> Product:
    """N*a0*w0 + a0 sum_q cw[q] pc(w_q) + w0 sum_p ca[p] pc(a_p) + sum_pq ca[p] cw[q] pc(a_p & w_q)."""
    a0, w0 = plane_offset(x), plane_offset(w)
    ca, cw = plane_weights(x).tolist(), plane_weights(w).tolist()
    terms = tuple(
        Term(ca[p] * cw[q], (p,), (q,), lambda a, b: a[0] & b[0])
        for p in range(x.bits)
        for q in range(w.bits)
    )
    return Product(terms, tuple(w0 * c for c in ca), tuple(a0 * c for c in cw), a0 * w0)
