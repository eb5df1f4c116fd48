"""Pass "streamline": everything between two layers becomes integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bnnc.errors import BnncError, Finding, raise_all
from bnnc.ir import source_ops as src
from bnnc.ir.edge_ops import Cast, Input, Reshape
from bnnc.ir.elem import I64
from bnnc.ir.graph import Graph, Level
from bnnc.ir.op import Op
from bnnc.passes.branches import Branches
from bnnc.passes.chain import DomainValue
from bnnc.passes.direction import direction
from bnnc.passes.domain import InputDomain
from bnnc.passes.encode import encode_domain
from bnnc.passes.finish import finish
from bnnc.passes.grid import last_discretizer
from bnnc.passes.layers import Lowering
from bnnc.passes.materialize import Materializer, first_pool, is_wide
from bnnc.passes.spans import Calibration
from bnnc.passes.value import Value, append, differs_by_pixel, reshape, settle, transpose

DECLARING = ([src.Quant], [src.QuantizeLinear])


@dataclass(frozen=True)
class Streamline:
    """Before: source level. After: integer level.

    Layers become `Conv2d` on integers. The float chain between an accumulator and the next quantizer is
    evaluated over the reachable accumulators, in the source's own operation order, and becomes a
    `Threshold` or a `Table`. What stands behind the last layer stays float: it is the edge. A layer that
    reads real numbers or has real weights is quantized, and a note says so.
    """

    domain: InputDomain | None = None
    calibration: Calibration = field(default_factory=dict)
    name: str = "streamline"

    def run(self, graph: Graph) -> Graph:
        """BnncError with all findings; `graph` itself when it is lowered already."""
        if graph.level != Level.SOURCE:
            return graph
        walk = _Walk(self.domain, Materializer(self.calibration), graph.users)
        result = walk.run(graph)
        return replace(graph, level=Level.INTEGER, result=result).with_notes(*walk.made.notes)


class _Walk:
    """One visit to every source operation, operands first: a `Value` is open, an `Op` belongs to the tail."""

    def __init__(
        self, domain: InputDomain | None, made: Materializer, users: Mapping[Op, tuple[Op, ...]]
    ) -> None:
        self.domain, self.made, self.users = domain, made, users
        self.lowering, self.branches = Lowering(made), Branches(made)
        self.done: dict[Op, Value | Op] = {}

    def run(self, graph: Graph) -> Op:
        """The lowered result of the graph."""
        findings = list[Finding]()
        for op in graph.ops:
            if all(operand in self.done for operand in op.operands):
                try:
                    self.done[op] = self._visit(op)
                except BnncError as error:
                    findings.extend(error.findings)
        raise_all(findings)
        return self._finished(graph.result)

    def _finished(self, op: Op) -> Op:
        done = self.done[op]
        return finish(done, self.made, op.name) if isinstance(done, Value) else done

    def _visit(self, op: Op) -> Value | Op:
        if isinstance(op, Input):
            return self._input(op)
        values = [self.done[operand] for operand in op.operands]
        if len(values) == 2:
            return self._on_values(op, *values)
        [before] = values
        return self._in_tail(op) if isinstance(before, Op) else self._shared(op, self._on_value(op, before))

    def _on_values(self, op: Op, a: Value | Op, b: Value | Op) -> Value:
        if isinstance(a, Op) or isinstance(b, Op):
            raise op.refusal("reads what ends a network", "cut the model in front of it")
        match op:
            case src.AddTensors():
                return self.branches.add(op, a, b)
            case src.Concat():
                return self.branches.concat(op, a, b)
        raise op.refusal("is not supported at this place", "cut the model in front of it")

    def _append(self, op: src.Elementwise, value: Value) -> Value:
        """A quantizer that reads the input says which integers a device receives; the rest reads those."""
        if isinstance(value.root, Input) and [type(link) for link in value.chain] in DECLARING:
            value = self.made.encoded(value)
        if differs_by_pixel(value, op) and first_pool(value.chain) is not None:
            value = self.branches.settled(value, op.name)
        return append(value, op)

    def _shared(self, op: Op, value: Value | Op) -> Value | Op:
        """A value of many levels that several operations read: they share its integers."""
        if isinstance(value, Op) or len(self.users[op]) < 2:
            return value
        if isinstance(value.root, Input):
            return self.made.encoded(value) if last_discretizer(value.functions) >= 0 else value
        wide = (
            i for i, link in enumerate(value.chain) if not isinstance(link, src.MaxPool) and is_wide(link)
        )
        last = max(wide, default=-1)
        return self.made.upto(settle(self.made.encoded(value)), last, op.name) if last >= 0 else value

    def _in_tail(self, op: Op) -> Op:
        """Behind a Softmax or a ranking only the edge's own operations can stand."""
        match op:
            case src.Elementwise() | src.Softmax() | src.LogSoftmax():
                return op.with_operands(self._finished(op.operands[0]))
            case Reshape():
                return Reshape(op.name, self._finished(op.operands[0]), op.type.shape)
            case src.ArgTopK() if op.k == 1 and isinstance(op.x, src.Softmax | src.LogSoftmax):
                return self._largest_logit(op, op.x.x)
        what = "stands behind a Softmax or an ArgMax, which end a network"
        raise op.refusal(what, "cut the model in front of it")

    def _largest_logit(self, op: src.ArgTopK, logits: Op) -> Op:
        """The largest result of a softmax is that of the largest logit, as `Lowering.top_k` makes sure."""
        before = self.done[logits]
        if isinstance(before, Op):
            raise op.refusal("stands behind two functions that end a network", "rank the logits themselves")
        return self._ranking(op, before)

    def _ranking(self, op: src.ArgTopK, value: Value) -> Op:
        indices = self.lowering.top_k(op, value)
        return Cast(op.name, Reshape(op.name, indices, op.type.shape), I64)

    def _on_value(self, op: Op, value: Value) -> Value | Op:
        match op:
            case src.Elementwise():
                return self._append(op, value)
            case src.Conv():
                return self.lowering.conv(op, value)
            case src.Dense():
                return self.lowering.dense(op, value)
            case src.MaxPool():
                return self._max_pool(op, value)
            case src.AveragePool():
                return self.lowering.average_pool(op, value)
            case src.SumPool():
                return self.lowering.sum_pool(op, value)
            case src.Gather():
                return self.branches.gather(op, value)
            case Reshape():
                return reshape(value, op)
            case src.Transpose():
                return transpose(value, op)
            case src.Softmax() | src.LogSoftmax():
                return op.with_operands(self._finished(op.operands[0]))
            case src.ArgTopK():
                return self._ranking(op, value)
        raise op.refusal("is not supported at this place", "cut the model in front of it")

    def _input(self, op: Input) -> Value:
        if self.domain is None:
            return Value(op, (), op.shape, in_source_layout=True)
        codes = encode_domain(op, self.domain)
        meaning = DomainValue.of(op, codes, self.domain)
        return Value(codes, (meaning,), op.shape, in_source_layout=True)

    def _max_pool(self, op: src.MaxPool, value: Value) -> Value:
        """Pools small integers at once; pools in front of a threshold wait."""
        value = settle(self.made.encoded(value))
        waiting = replace(value, chain=(*value.chain, op), shape=op.type.shape)
        small = value.root.type.elem.bits <= 8 and first_pool(value.chain) is None
        rises = direction(value.functions, value.root.type.shape[-1])
        ready = small and bool((rises == 1).all()) and last_discretizer(value.functions) < 0
        return self.made.pool_root(waiting) if ready else waiting
