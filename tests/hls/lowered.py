"""Accelerators for tests, straight from a packed graph."""

from __future__ import annotations

from bnnc.hls.choices import open_layers
from bnnc.hls.core import buildable_core
from bnnc.hls.folding import Foldable
from bnnc.hls.lower import Accelerator, assemble
from bnnc.hls.names import Names
from bnnc.hls.options import Choice
from bnnc.hls.plan import plan_layers
from bnnc.hls.settings import chosen_settings, default_settings
from bnnc.ir.graph import Graph


def lower(graph: Graph, names: Names, folding: Choice | None = None) -> Accelerator:
    """Folded by default, but for what `folding` names; without a part and a solver."""
    plan = plan_layers(buildable_core(graph), names)
    layers = open_layers(plan)
    return assemble(plan, names, chosen_settings(layers, folding or {}, default_settings(layers)))


def foldables(graph: Graph) -> list[Foldable]:
    """The matrices of a packed graph, as they may be folded."""
    layers = open_layers(plan_layers(buildable_core(graph), Names()))
    return [layer for layer in layers if isinstance(layer, Foldable)]
