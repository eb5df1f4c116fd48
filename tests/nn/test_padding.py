"""Padding with a value that the input's quantizer may not have."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")

from bnnc import nn


def test_learned_steps_cannot_be_padded_with_one() -> None:
    with pytest.raises(ValueError, match="padding with -1 is no value of"):
        nn.BinaryConv2d(3, 4, 3, padding=1, quantize=nn.Quantizer(8), padding_value=-1)
    with pytest.raises(ValueError, match="padding with 0.5"):
        nn.BinaryConv2d(3, 4, 3, padding=1, padding_value=0.5)


def test_signs_and_fixed_steps_can() -> None:
    binary = nn.BinaryConv2d(3, 4, 3, padding=1, padding_value=-1)
    fixed = nn.QuantConv2d(3, 4, 3, padding=1, quantize=nn.Quantizer(8, step=0.5), padding_value=1)
    assert (binary.window.padding_value, fixed.window.padding_value) == (-1, 1)
