"""FIFOs whose depth somebody chose: which of them are why samples come more slowly than they could."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bnnc.hls.model.pipeline import streams_of
from bnnc.hls.model.simulate import Simulation, simulate
from bnnc.hls.model.sizing import Fifo, slowest
from bnnc.hls.network import Stage


def costly(
    stages: Sequence[Stage], fifos: Sequence[Fifo], given: Collection[str], run: Simulation
) -> tuple[str, ...]:
    """Those of `given` that cost cycles in `run`, at the latencies of the model.

    Those that do so alone, with room for a whole sample in each of the others; if it takes several, all that
    are full at times.
    """
    if run.ii_cycles <= slowest(stages):
        return ()
    depths = {fifo.name: fifo.depth for fifo in fifos}
    words = {stream.name: stream.words for stream in streams_of(stages)}
    full = [name for name in depths if name in given and run.high_water[name] == depths[name]]
    if len(full) == 1:
        return tuple(full)
    roomy = {name: max(depths[name], words[name]) for name in full}
    alone = [
        name
        for name in full
        if simulate(stages, {**depths, **roomy, name: depths[name]}).ii_cycles > slowest(stages)
    ]
    return tuple(alone or full)
