"""Executor `source`: the network as its author wrote it, run by onnxruntime without optimizations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped,unused-ignore]
from onnx import ModelProto, ValueInfoProto

from bnnc.errors import BnncError
from bnnc.executors.cut import cut_between
from bnnc.executors.fold import fold_constants
from bnnc.executors.registry import Progress
from bnnc.frontends.expand import expand
from bnnc.frontends.onnx_file import model_bytes, parse_model
from bnnc.frontends.reader import SourceModel, read_model
from bnnc.frontends.sessions import ORT_ERRORS, open_session
from bnnc.frontends.structure import input_shape, network_inputs
from bnnc.ir.op import Array

FREE_BATCH = 32  # samples at a time where the graph leaves the batch open..
FREE_ELEMENTS = 2**17  # .. fewer where samples are large, so that the maps of one batch fit into memory


class SourceExecutor:
    """Runs the ONNX model of `onnx` on float32 (N, *shape), whatever batch it declares."""

    name = "source"

    def __init__(self, onnx: bytes, threads: int = 1) -> None:
        self._onnx = onnx
        self._threads = threads
        self._model = _constants_folded(expand(parse_model(onnx)))
        [value] = network_inputs(self._model.graph)
        declared, self._shape = input_shape(value)
        self._input = value.name
        self._batch = declared or max(1, min(FREE_BATCH, FREE_ELEMENTS // math.prod(self._shape)))
        self._session = _session(self._model, threads)
        self._sessions: dict[tuple[str, ...], ort.InferenceSession] = {}

    @cached_property
    def read(self) -> SourceModel:
        """The source graph as the passes see it, with the tensors that hold its operations' results."""
        return read_model(parse_model(self._onnx), "")

    def run(self, x: Array, progress: Progress | None = None) -> Array:
        """What the source graph outputs for float32 (N, *shape), in its own dtype; N is axis 0."""
        self._check(x)
        [output] = self._model.graph.output
        return self._results(self._session, [output.name], {self._input: x}, progress)[0]

    def values(self, x: Array, names: Iterable[str]) -> dict[str, Array]:
        """Results (N, ..) of operations of the source graph, by `Op.name`, that the ONNX graph has."""
        self._check(x)
        tensors = self.read.tensors
        wanted = {name: tensors[name] for name in names if name in tensors and tensors[name] != self._input}
        if not wanted:
            return {}
        key = tuple(sorted(set(wanted.values())))
        if key not in self._sessions:
            self._sessions[key] = _session(_with_outputs(self._model, set(key)), self._threads)
        results = self._results(self._sessions[key], list(wanted.values()), {self._input: x}, None)
        return dict(zip(wanted, results, strict=True))

    def between(self, first: str, last: str, values: Array) -> Array:
        """The result (N, ..) of operation `last` if that of `first` were float32 `values` (N, ..)."""
        start, end = self.read.tensors[first], self.read.tensors[last]
        if ("between", start, end) not in self._sessions:
            model = cut_between(self._model, start, end)
            self._sessions["between", start, end] = _session(model, self._threads)
        session = self._sessions["between", start, end]
        feeds = {start: values}
        if any(value.name == self._input for value in session.get_inputs()):  # for its shape alone
            feeds[self._input] = np.zeros((len(values), *self._shape), np.float32)
        return self._results(session, [end], feeds, None)[0]

    def _results(
        self,
        session: ort.InferenceSession,
        outputs: Sequence[str],
        feeds: Mapping[str, Array],
        progress: Progress | None,
    ) -> list[Array]:
        count = len(next(iter(feeds.values())))
        results: list[Array] = []
        for start in range(0, max(1, count), self._batch):
            samples = {name: x[start : start + self._batch] for name, x in feeds.items()}
            n = min(self._batch, count - start)
            batch = self._run_batch(session, outputs, samples)
            results = results or [np.empty((count, *y.shape[1:]), y.dtype) for y in batch]
            for result, part in zip(results, batch, strict=True):
                result[start : start + n] = part[:n]
            if progress is not None:
                progress(n)
        return results

    def _check(self, x: Array) -> None:
        if x.dtype != np.float32 or x.shape[1:] != self._shape:
            wanted = f"float32 (N, {', '.join(map(str, self._shape))}) is needed"
            raise BnncError.at("input", f"{x.dtype} of shape {x.shape}", wanted)
        if np.isnan(x).any():
            raise BnncError.at("input", "holds NaN")

    def _run_batch(
        self, session: ort.InferenceSession, outputs: Sequence[str], samples: Mapping[str, Array]
    ) -> list[Array]:
        """Always a full batch, so that a sample's result does not depend on how many others there are."""
        try:
            feeds = {name: self._full_batch(x) for name, x in samples.items()}
            results: list[Array] = session.run(list(outputs), feeds)
        except ORT_ERRORS as error:
            raise BnncError(f"onnxruntime cannot run the model ({error})") from error
        for name, result in zip(outputs, results, strict=True):
            if result.shape[:1] != (self._batch,):
                raise BnncError.at(f"tensor {name!r}", f"shape {result.shape} for a batch of {self._batch}")
        return results

    def _full_batch(self, samples: Array) -> Array:
        batch = np.zeros((self._batch, *samples.shape[1:]), np.float32)
        batch[: len(samples)] = samples
        return batch


def _with_outputs(model: ModelProto, tensors: set[str]) -> ModelProto:
    extended = ModelProto()
    extended.CopyFrom(model)
    known = {value.name for value in model.graph.output}
    extended.graph.output.extend(ValueInfoProto(name=name) for name in sorted(tensors - known))
    return extended


def _constants_folded(model: ModelProto) -> ModelProto:
    try:
        return fold_constants(model)
    except ORT_ERRORS as error:
        raise BnncError(f"onnxruntime cannot load the model ({error})") from error


def _session(model: ModelProto, threads: int) -> ort.InferenceSession:
    try:
        return open_session(model_bytes(model), threads)
    except ORT_ERRORS as error:
        raise BnncError(f"onnxruntime cannot load the model ({error})") from error
