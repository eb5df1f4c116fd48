"""Measures layers and networks beside the peers and writes docs/performance.md.

`make performance` runs it. Names as arguments choose sections; the others stay as they were measured before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import kernels
import whole
from page import Section, write

SECTIONS: dict[str, Callable[[], Section]] = {
    "instructions": kernels.instructions,
    "loops": kernels.loops,
    "times": kernels.times,
    "geometries": kernels.geometries,
    "loads": kernels.loads,
    "int8": kernels.int8,
    "sparse": kernels.sparse,
    "networks": whole.networks,
    "memory": whole.memory,
}


def main() -> None:
    wanted = sys.argv[1:] or list(SECTIONS)
    unknown = sorted(set(wanted) - SECTIONS.keys())
    if unknown:
        raise SystemExit(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    for name in wanted:
        section = SECTIONS[name]()
        print(section.markdown(), flush=True)
        write([section], list(SECTIONS))


if __name__ == "__main__":
    main()
