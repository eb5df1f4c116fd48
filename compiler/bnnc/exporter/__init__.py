"""torch to QONNX: trained modules, and saved torch.export programs, become ONNX models that bnnc compiles."""

from __future__ import annotations

from bnnc.exporter.api import export, from_pt2, to_onnx

__all__ = ["export", "from_pt2", "to_onnx"]
