"""The tuning log: JSON lines, one a processor and stage, that later compiles take their choices from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import bnnc
from bnnc.errors import BnncError

Unit = Literal["instructions", "seconds"]
_FIELDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("cpu", "stage", "choice", "unit", "bnnc"), str),
    "threads": int,
    **dict.fromkeys(("measure", "model"), (int, float)),
}


@dataclass(frozen=True)
class Entry:
    """The best `choice` of those that were measured for a stage on a processor.

    `measure` is what it took, `model` what the cost models' own choice took, both in `unit`; `bnnc` is the
    version that measured.
    """

    cpu: str
    threads: int
    stage: str
    choice: str
    measure: float
    model: float
    unit: Unit
    bnnc: str = bnnc.__version__

    @property
    def key(self) -> tuple[str, int, str, str]:
        """What there is one entry for."""
        return self.cpu, self.threads, self.stage, self.unit


class TuningLog:
    """Entries by their keys; of several for a key the last one counts, so that logs are merged by `cat`."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries = {entry.key: entry for entry in entries}

    def find(self, cpu: str, threads: int, stage: str, unit: Unit | None = None) -> Entry | None:
        """The entry for a stage; without a unit that of times before that of instructions."""
        units = (unit,) if unit else ("seconds", "instructions")
        found = (self._entries.get((cpu, threads, stage, unit)) for unit in units)
        return next(filter(None, found), None)

    def with_entries(self, entries: Iterable[Entry]) -> TuningLog:
        """Those of this log and newer ones."""
        return TuningLog([*self._entries.values(), *entries])

    def __str__(self) -> str:
        """The file: entries in the order of their keys, no dates."""
        lines = (json.dumps(asdict(entry), sort_keys=True) for _, entry in sorted(self._entries.items()))
        return "".join(f"{line}\n" for line in lines)


def read_log(path: Path) -> TuningLog:
    """The log in a file; BnncError with the line where it is not one."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        what = f"cannot be read ({error.strerror if isinstance(error, OSError) else error})"
        raise BnncError.at(str(path), what, "give a file that --tune wrote") from error
    return TuningLog(_entry(f"{path}:{i}", line) for i, line in enumerate(lines, 1) if line.strip())


def _entry(where: str, line: str) -> Entry:
    remedy = "correct the line or delete it"
    try:
        fields: Any = json.loads(line)
    except ValueError as error:
        raise BnncError.at(where, f"not JSON ({error})", remedy) from error
    if not isinstance(fields, dict) or fields.keys() != _FIELDS.keys():
        raise BnncError.at(where, f"not an entry with {', '.join(sorted(_FIELDS))}", remedy)
    for name, kind in _FIELDS.items():
        if not isinstance(fields[name], kind) or isinstance(fields[name], bool):
            raise BnncError.at(where, f"{name} is {fields[name]!r}", remedy)
    if fields["unit"] not in get_args(Unit):
        raise BnncError.at(
            where, f"unit is {fields['unit']!r}, not one of {', '.join(get_args(Unit))}", remedy
        )
    return Entry(**fields)
