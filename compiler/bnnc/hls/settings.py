"""The choice that is made of every layer: its folding or its lanes, by default or as a user wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bnnc.errors import BnncError, Finding, raise_all, some_of
from bnnc.hls.choices import Laned, Open
from bnnc.hls.folding import Fold, Foldable
from bnnc.hls.options import Choice, Wanted
from bnnc.hls.storage import Storage

MAX_PE = 16


@dataclass(frozen=True)
class Settings:
    """`folds` of the layers with a matrix, `lanes` of the others and of the input port, by name.

    storages: where weights lie; where they do by default if a layer is not there. thresholds: the same of
    thresholds.
    """

    folds: Mapping[str, Fold]
    lanes: Mapping[str, int]
    storages: Mapping[str, Storage] = field(default_factory=dict)
    thresholds: Mapping[str, Storage] = field(default_factory=dict)

    @property
    def entries(self) -> dict[str, dict[str, int | str]]:
        """As a folding file has them."""
        folds: dict[str, dict[str, int | str]] = {
            name: {"pe": fold.pe, "simd": fold.simd} for name, fold in self.folds.items()
        }
        for name, storage in self.storages.items():
            folds[name]["weights"] = storage.value
        for name, storage in self.thresholds.items():
            folds[name]["thresholds"] = storage.value
        return folds | {name: {"lanes": lanes} for name, lanes in self.lanes.items()}


def default_settings(layers: Sequence[Open]) -> Settings:
    """The smallest with which no layer is slower than the slowest one has to be, matrices at MAX_PE."""
    return settings_at(layers, max(map(_fastest, layers)))


def settings_at(layers: Sequence[Open], target: int) -> Settings:
    """The smallest with which no layer takes more cycles, where that is possible."""
    return Settings(
        {layer.name: _smallest_fold(layer, target) for layer in layers if isinstance(layer, Foldable)},
        {layer.name: _fewest_lanes(layer, target) for layer in layers if isinstance(layer, Laned)},
    )


def minimal_settings(layers: Sequence[Open]) -> Settings:
    """One at a time of everything."""
    return settings_at(layers, max(max(layer.cycles.values()) for layer in layers))


def maximal_settings(layers: Sequence[Open]) -> Settings:
    """The smallest with which every layer is as fast as it can be."""
    return settings_at(layers, 0)


def _fastest(layer: Open) -> int:
    if isinstance(layer, Laned):
        return min(layer.cycles.values())
    return min(n for fold, n in layer.cycles.items() if fold.pe <= MAX_PE)


def _smallest_fold(layer: Foldable, target: int) -> Fold:
    """Fewest products at once, then fewest elements: a wide word costs less than a second accumulator."""
    limit = max(target, min(layer.cycles.values()))
    reaching = [fold for fold, cycles in layer.cycles.items() if cycles <= limit]
    return min(reaching, key=lambda fold: (fold.pe * fold.simd, fold.pe))


def _fewest_lanes(layer: Laned, target: int) -> int:
    limit = max(target, min(layer.cycles.values()))
    return min(lanes for lanes, cycles in layer.cycles.items() if cycles <= limit)


def chosen_settings(layers: Sequence[Open], chosen: Choice, default: Settings) -> Settings:
    """The default, but for layers that `chosen` names, by their name in the model or in the sources."""
    names = {layer.name for layer in layers}
    known = names | {layer.node for layer in layers}
    findings = [
        Finding(f"folding of {name!r}", "there is no such layer", f"there are {some_of(sorted(known))}")
        for name in chosen
        if name not in known
    ]
    findings += [
        Finding(_where(layer), f"it is there as {layer.name!r} as well", "keep one of them")
        for layer in layers
        if layer.node not in names and {layer.name, layer.node} <= chosen.keys()
    ]
    folds, lanes, storages = dict(default.folds), dict(default.lanes), dict(default.storages)
    thresholds = dict(default.thresholds)
    for layer in layers:
        wanted = chosen.get(layer.name, chosen.get(layer.node))
        if wanted is None:
            continue
        try:
            if isinstance(layer, Laned):
                lanes[layer.name] = _checked_lanes(layer, wanted, lanes[layer.name])
            else:
                folds[layer.name] = _checked_fold(layer, wanted, folds[layer.name])
                storages |= _checked_storage(layer, wanted, folds[layer.name])
                thresholds |= _checked_thresholds(layer, wanted)
        except BnncError as error:
            findings += error.findings
    raise_all(findings)
    return Settings(folds, lanes, _default_storages(layers, folds) | storages, thresholds)


def _default_storages(layers: Sequence[Open], folds: Mapping[str, Fold]) -> dict[str, Storage]:
    foldable = (layer for layer in layers if isinstance(layer, Foldable))
    return {layer.name: s for layer in foldable for s in layer.storages(folds[layer.name])[:1]}


def _checked_lanes(layer: Laned, wanted: Wanted, default: int) -> int:
    _refuse_unknown(layer, wanted, ("lanes",))
    lanes: int = wanted.get("lanes", default)
    raise_all(_impossible(layer, "lanes", lanes, sorted(layer.cycles)))
    return lanes


def _checked_fold(layer: Foldable, wanted: Wanted, default: Fold) -> Fold:
    if "thresholds" in wanted and not layer.has_thresholds:
        raise BnncError.at(_where(layer), "it has no thresholds", "leave them out")
    _refuse_unknown(layer, wanted, ("pe", "simd", "weights", *["thresholds"] * layer.has_thresholds))
    fold = Fold(wanted.get("pe", default.pe), wanted.get("simd", default.simd))
    raise_all(
        [
            *_impossible(layer, "pe", fold.pe, layer.pe_choices()),
            *_impossible(layer, "simd", fold.simd, layer.simd_choices()),
        ]
    )
    if fold not in layer.cycles:
        fitting = [other for other in sorted(layer.cycles) if other.pe == fold.pe or other.simd == fold.simd]
        what = f"{fold} is not possible: a word holds one group or whole groups, with all of their outputs"
        raise BnncError.at(_where(layer), what, f"one of {', '.join(map(str, fitting))} is")
    return fold


def _checked_storage(layer: Foldable, wanted: Wanted, fold: Fold) -> dict[str, Storage]:
    """Nothing where none is chosen."""
    if "weights" not in wanted:
        return {}
    possible = layer.storages(fold)
    if wanted["weights"] not in possible:
        what = f"weights in {wanted['weights']!r} are not possible with {fold}"
        remedy = f"one of {', '.join(possible)} is" if possible else "leave them out"
        raise BnncError.at(_where(layer), what, remedy)
    return {layer.name: Storage(wanted["weights"])}


def _checked_thresholds(layer: Foldable, wanted: Wanted) -> dict[str, Storage]:
    if "thresholds" not in wanted:
        return {}
    possible = (Storage.LUT, Storage.BRAM)
    if wanted["thresholds"] not in possible:
        what = f"thresholds in {wanted['thresholds']!r} are not possible"
        raise BnncError.at(_where(layer), what, f"one of {', '.join(possible)} is")
    return {layer.name: Storage(wanted["thresholds"])}


def _refuse_unknown(layer: Open, wanted: Wanted, known: tuple[str, ...]) -> None:
    if unknown := sorted(set(wanted) - set(known)):
        raise BnncError.at(_where(layer), f"unknown key {unknown[0]!r}", f"give {' and '.join(known)}")


def _impossible(layer: Open, key: str, value: object, possible: Sequence[int]) -> list[Finding]:
    if isinstance(value, int) and not isinstance(value, bool) and value in possible:
        return []
    remedy = f"one of {', '.join(map(str, possible))} is"
    return [Finding(_where(layer), f"{key} {value!r} is not possible", remedy)]


def _where(layer: Open) -> str:
    return f"folding of {layer.node!r}"
