"""onnxruntime as the reference for real numbers: no optimizations, one thread, no fallback."""

from __future__ import annotations

import onnxruntime as ort  # type: ignore[import-untyped,unused-ignore]
from onnxruntime.capi import onnxruntime_pybind11_state as _state  # type: ignore[import-untyped,unused-ignore]

ORT_ERRORS: tuple[type[Exception], ...] = (
    _state.EPFail,
    _state.Fail,
    _state.InvalidArgument,
    _state.InvalidGraph,
    _state.InvalidProtobuf,
    _state.NotImplemented,
    _state.RuntimeException,
    RuntimeError,
    ValueError,
)
"""What onnxruntime raises when it cannot load or run a model."""

_SILENT = 4


def open_session(model: bytes, threads: int = 1) -> ort.InferenceSession:
    """A session that computes every node as it stands; one of ORT_ERRORS when the model cannot be loaded."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.use_deterministic_compute = True
    options.log_severity_level = _SILENT
    return ort.InferenceSession(model, options, ["CPUExecutionProvider"], enable_fallback=0)
