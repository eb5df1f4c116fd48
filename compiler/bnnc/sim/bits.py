"""Packing integers into bit planes and back."""

from __future__ import annotations

import numpy as np

from bnnc.ir.elem import B1_PM, Elem
from bnnc.ir.op import Array
from bnnc.ir.packed_ops import BitConv2d, PackedConv, XnorConv2d
from bnnc.ir.types import WORD_BITS, n_words


def pack(values: Array, elem: Elem) -> Array:
    """Integers (..., C) of `elem` to uint32 (..., elem.bits, words); the layout of `ir.types.Packed`."""
    planes = np.stack([_plane(values, elem, p) for p in range(elem.bits)], axis=-2)
    lanes = n_words(values.shape[-1]) * WORD_BITS
    padded = np.zeros((*planes.shape[:-1], lanes), np.uint8)
    padded[..., : values.shape[-1]] = planes
    return np.packbits(padded, axis=-1, bitorder="little").view("<u4")


def unpack(words: Array, elem: Elem, channels: int) -> Array:
    """uint32 (..., elem.bits, words) to integers (..., channels) of `elem.dtype`."""
    octets = np.ascontiguousarray(words, "<u4").view(np.uint8)
    bits = np.unpackbits(octets, axis=-1, count=channels, bitorder="little")
    if elem == B1_PM:
        return (2 * bits[..., 0, :].astype(np.int8) - 1).astype(elem.dtype)
    weight = plane_weights(elem).reshape(-1, 1)
    values: Array = (bits * weight).sum(axis=-2).astype(elem.dtype)
    return values


def plane_weights(elem: Elem) -> Array:
    """int32 (bits,): what bit p of a two's complement code counts. b1_pm has code 2*bit - 1: here (2,)."""
    if elem == B1_PM:
        return np.array([2], np.int32)
    weights = 2 ** np.arange(elem.bits, dtype=np.int32)
    if elem.is_signed:
        weights[-1] *= -1
    return weights


def plane_offset(elem: Elem) -> int:
    """The value of a code whose planes are all 0: -1 for b1_pm, 0 otherwise."""
    return -1 if elem == B1_PM else 0


def weight_values(conv: PackedConv) -> Array:
    """The weights of a packed convolution as integers, int8 (O, kh, kw, C/groups)."""
    channels = conv.x.type.shape[2] // conv.groups
    match conv:
        case XnorConv2d():
            return unpack(conv.weights[:, :, :, None, :], B1_PM, channels)
        case BitConv2d():
            return unpack(conv.weights, conv.weight_elem, channels)


def _plane(values: Array, elem: Elem, plane: int) -> Array:
    if elem == B1_PM:
        return (values > 0).astype(np.uint8)
    return ((values >> plane) & 1).astype(np.uint8)
