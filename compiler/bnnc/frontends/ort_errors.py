"""What onnxruntime raises when it cannot load or run a model."""

from __future__ import annotations

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
