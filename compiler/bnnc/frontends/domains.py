"""Where operators come from: the ONNX standard, and the homes that the QONNX quantizers have had."""

from __future__ import annotations

STANDARD_DOMAINS = ("", "ai.onnx")
QONNX_DOMAINS = ("onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general")
