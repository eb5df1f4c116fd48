"""Identifiers and file names for layers that may be called anything."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAX_LENGTH = 48


def identifier(text: str) -> str:
    """A name of letters, digits and single underscores that starts with a letter and is nobody else's."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[:MAX_LENGTH].rstrip("_")
    if not name or not name[0].isalpha() or name.lower().startswith("bnnc"):
        return f"layer_{name}".rstrip("_")
    return name


@dataclass
class Names:
    """Hands out every identifier of a project once, in upper or lower case: they become file names too."""

    _taken: set[str] = field(default_factory=set)

    def copy(self) -> Names:
        """One with the same names taken."""
        return Names(set(self._taken))

    def take(self, wanted: str) -> str:
        name, number = wanted, 1
        while name.lower() in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name.lower())
        return name
