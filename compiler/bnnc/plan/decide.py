"""The plan: for every layer what becomes of its weights and its input, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from bnnc.plan.layers import Layer
from bnnc.plan.select import Selection, layer_scores, select_real_inputs

POLICIES = ("real", "wbin", "score")
FBIN, WBIN = "fbin", "wbin"  # weights of one bit; the input of one bit, or real


@dataclass(frozen=True)
class Options:
    """`gamma`: the weight of the cost. `clusters`, `max_real`, `snap`: see `select_real_inputs`.

    `first`, `last`, `shortcut`: what such layers become: real, of one-bit weights, or what their score says.
    """

    metric: str = "squared"
    gamma: float = 0.1
    clusters: int = 4
    max_real: float = 0.4
    snap: bool = False
    first: str = "real"
    last: str = "real"
    shortcut: str = "wbin"

    def policy(self, layer: Layer) -> str:
        """ "score" for a layer that is selected by its score, else what it becomes."""
        return str(getattr(self, layer.role)) if layer.role else "score"


@dataclass(frozen=True)
class PlannedLayer:
    """A layer with its error and its decision: "real", "wbin" (one-bit weights, real input) or "fbin".

    `score` and `cluster` (1 has the highest scores) are None where the role decides.
    """

    name: str
    kind: str
    role: str
    block: str
    error: float
    macs: int
    score: float | None
    cluster: int | None
    decision: str
    why: str


@dataclass(frozen=True)
class PlannedCluster:
    """A cluster of scores. `real_inputs`: how many layers keep real inputs if it and all higher ones do."""

    layers: tuple[str, ...]
    mean_score: float
    real_inputs: int
    kept: bool


@dataclass(frozen=True)
class Tradeoff:
    """What keeping the n highest clusters costs and gives, among the layers that are selected by score.

    `real_macs`: the share of their MACs that has real inputs. `error_left`: the share of the summed errors
    that stays.
    """

    clusters: int
    real_inputs: int
    real_macs: float
    error_left: float
    chosen: bool


@dataclass(frozen=True)
class Plan:
    """A decision a layer. `limit`: how many layers selected by score may keep real inputs."""

    options: Options
    layers: tuple[PlannedLayer, ...]
    limit: int
    clusters: tuple[PlannedCluster, ...]
    tradeoff: tuple[Tradeoff, ...]


def make_plan(layers: Sequence[Layer], errors: Sequence[float], options: Options) -> Plan:
    """The plan for layers with their errors, by the algorithm of Hybrid Binary Networks (1804.03867)."""
    chosen = _Chosen(
        options,
        tuple(layer for layer in layers if options.policy(layer) == "score"),
        tuple(e for e, layer in zip(errors, layers, strict=True) if options.policy(layer) == "score"),
    )
    planned = tuple(chosen.planned(layer, error) for layer, error in zip(layers, errors, strict=True))
    return Plan(options, planned, chosen.selection.limit, chosen.planned_clusters(), chosen.tradeoff())


@dataclass(frozen=True)
class _Chosen:
    """The layers that are selected by score, and their errors."""

    options: Options
    layers: tuple[Layer, ...]
    errors: tuple[float, ...]

    @cached_property
    def scores(self) -> tuple[float, ...]:
        return layer_scores(self.errors, [layer.macs for layer in self.layers], self.options.gamma)

    @cached_property
    def selection(self) -> Selection:
        blocks = [layer.block for layer in self.layers] if self.options.snap else None
        return select_real_inputs(self.scores, self.options.max_real, self.options.clusters, blocks)

    def planned(self, layer: Layer, error: float) -> PlannedLayer:
        """The decision on any layer."""
        score, cluster, decision, why = self._decision(layer)
        return PlannedLayer(
            *(layer.name, layer.kind, layer.role, layer.block, error, layer.macs),
            *(score, cluster, decision, why),
        )

    def planned_clusters(self) -> tuple[PlannedCluster, ...]:
        """The clusters, the highest scores first."""
        chosen = self.selection
        return tuple(
            PlannedCluster(
                layers=tuple(self.layers[index].name for index in group),
                mean_score=sum(self.scores[index] for index in group) / len(group),
                real_inputs=len(chosen.steps[number]),
                kept=number <= chosen.n_kept,
            )
            for number, group in enumerate(chosen.clusters, 1)
        )

    def tradeoff(self) -> tuple[Tradeoff, ...]:
        """One point for each number of clusters that might be kept; none without layers."""
        chosen, work, lost = self.selection, [layer.macs for layer in self.layers], self.errors
        return tuple(
            Tradeoff(
                clusters=number,
                real_inputs=len(step),
                real_macs=sum(work[index] for index in step) / sum(work),
                error_left=_share([e for i, e in enumerate(lost) if i not in step], lost),
                chosen=number == chosen.n_kept,
            )
            for number, step in enumerate(chosen.steps)
            if self.layers
        )

    def _decision(self, layer: Layer) -> tuple[float | None, int | None, str, str]:
        policy = self.options.policy(layer)
        if policy != "score":
            return None, None, policy, f"{layer.role} layer: --{layer.role} {policy}"
        index, chosen = self.layers.index(layer), self.selection
        cluster = next(number for number, group in enumerate(chosen.clusters, 1) if index in group)
        decision = WBIN if index in chosen.kept else FBIN
        return self.scores[index], cluster, decision, self._reason(index, cluster)

    def _reason(self, index: int, cluster: int) -> str:
        chosen = self.selection
        if (cluster <= chosen.n_kept) != (index in chosen.kept):
            return self._snapped(index)
        counts = f"real inputs with it {len(chosen.steps[cluster])}, allowed {chosen.limit}"
        return f"cluster {cluster} of {len(chosen.clusters)}: {counts}"

    def _snapped(self, index: int) -> str:
        """Why the block decides otherwise than the layer's own cluster."""
        block, chosen = self.layers[index].block, self.selection
        inside = [i for i, layer in enumerate(self.layers) if layer.block == block]
        kept = {i for group in chosen.clusters[: chosen.n_kept] for i in group}
        count = f"{len(kept.intersection(inside))} of {len(inside)}"
        return f"snapped: {count} layers of block {block!r} are in kept clusters"


def _share(part: Sequence[float], whole: Sequence[float]) -> float:
    return sum(part) / sum(whole) if any(whole) else 0.0
