"""Runs every network on every executor and writes the tables in docs/results.md and README.md.

`make bench` runs it. Networks that are not beside the checkout (../shared/data) are left out. Names as
arguments choose networks; then the table is printed only.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from command import bnnc
from networks import ROOT, Array, Network, networks

PAGE = ROOT / "docs" / "results.md"
README = ROOT / "README.md"
README_TABLE = re.compile(r"(<!-- results -->\n).*?(<!-- end -->)", re.DOTALL)
README_COLUMNS = 9
COLUMNS = (
    ("network", "weights / activations, bits", "correct", "top-1 as published")
    + ("source", "sim", "host", "arm", "hls")
    + ("compile to arm", "weights, thresholds")
)
INTRODUCTION = """\
# Results

Made by `benchmarks/results.py`, which runs the networks on every executor. "1000 =" says that the results of
1000 samples were compared with the simulator's and all are equal, integer by integer (for `source`: every bit
of the float results); "990 of 1000 =" that ten samples differ. "correct" counts the answers of the simulator
that are the label. "top-1 as published" counts those that equal the reference outputs published with the
network. The time to compile is wall-clock time with verification of the result.
"""


@dataclass(frozen=True)
class Row:
    """Results of one network. `equal`: per executor, how many of how many samples have the bits of `sim`."""

    network: Network
    n_samples: int
    n_correct: int
    n_as_published: int | None
    equal: dict[str, tuple[int, int]]
    compile_seconds: float
    constant_bytes: int
    cost: str

    @property
    def agrees(self) -> bool:
        """`source` may differ where real-valued layers were quantized; nothing else may."""
        exact = [name for name in self.equal if name != "source" or self.network.is_fully_quantized]
        return all(self.equal[name][0] == self.equal[name][1] for name in exact)

    def cells(self) -> tuple[str, ...]:
        published = "" if self.n_as_published is None else f"{self.n_as_published} of {self.n_samples}"
        head = (self.network.name, self.network.bits, f"{self.n_correct} of {self.n_samples}", published)
        size = f"{self.constant_bytes / 1024:.1f} KiB"
        return (*head, *map(_share, self.equal.values()), f"{self.compile_seconds:.1f} s", size)


def main() -> None:
    wanted = sys.argv[1:]
    rows = []
    for network in networks():
        if not wanted or network.name in wanted:
            with tempfile.TemporaryDirectory() as folder:
                rows.append(measure(network, Path(folder)))
            print(_table_line(rows[-1].cells()), flush=True)
    if not wanted:
        PAGE.write_text(page(rows))
        README.write_text(README_TABLE.sub(rf"\1{table(rows, README_COLUMNS)}\2", README.read_text()))
    if not all(row.agrees for row in rows):
        sys.exit("the executors disagree")


def measure(network: Network, folder: Path) -> Row:
    samples = network.load()
    np.save(folder / "x.npy", samples.x)
    domain = ("--input-domain", network.domain) if network.domain else ()
    compiled = {
        target: bnnc("compile", network.model, *domain, "--target", target, "-o", folder / target)
        for target in ("host", "arm", "hls")
    }
    n_all = len(samples.x)
    y = run("sim", folder / "host", folder, n_all)
    raw = run("sim", folder / "host", folder, n_all, "--raw")
    counts = {"host": n_all, "arm": network.n_arm, "hls": network.n_hls}
    equal = {
        "source": (_n_equal(run("source", folder / "host", folder, n_all), y), n_all),
        "sim": (n_all, n_all),
    }
    equal |= {
        name: (_n_equal(run(name, folder / name, folder, n, "--raw"), raw), n) for name, n in counts.items()
    }
    top1 = classes(y)
    return Row(
        network,
        n_all,
        int((top1 == samples.labels).sum()),
        published(network, top1),
        equal,
        compiled["arm"].seconds,
        constant_bytes(folder / "arm"),
        "" if network.is_fully_quantized else cost_of_rounding(folder),
    )


def run(executor: str, network: Path, folder: Path, limit: int, *options: str) -> Array:
    files = ("--input", folder / "x.npy", "--output", folder / "y.npy")
    bnnc("run", network, "--on", executor, *files, "--limit", str(limit), *options)
    result: Array = np.load(folder / "y.npy")
    return result


def classes(y: Array) -> Array:
    """The class of each sample: the index of the largest output, or the output where it is an index."""
    if y.dtype.kind in "iu":
        return y.reshape(len(y))
    indices: Array = y.reshape(len(y), -1).argmax(axis=1)
    return indices


def published(network: Network, top1: Array) -> int | None:
    if network.expected is None:
        return None
    with np.load(network.expected) as reference:
        return int((top1 == reference["top1"]).sum())


def constant_bytes(network: Path) -> int:
    """Weights, thresholds and tables of the device."""
    totals = json.loads(bnnc("inspect", network, "--json").output)["totals"]
    return int(totals["weight_bytes"] + totals["table_bytes"])


def cost_of_rounding(folder: Path) -> str:
    """What `bnnc verify` says about the source network and the integer one."""
    answer = bnnc("verify", folder / "host", "--on", "source", "--data", folder / "x.npy", "--json").output
    verdict = json.loads(answer)
    return f"{verdict['executors']['source']['comparison']}; " + "; ".join(verdict["notes"])


def page(rows: list[Row]) -> str:
    costs = [f"- {row.network.name}: {row.cost}\n" for row in rows if row.cost]
    real = "\nNetworks with real-valued layers, which are rounded to 8 bits:\n\n" if costs else ""
    return f"{INTRODUCTION}\n{table(rows, len(COLUMNS))}{real}" + "".join(costs)


def table(rows: list[Row], n_columns: int) -> str:
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(row.cells() for row in rows)]
    return "".join(_table_line(cells[:n_columns]) + "\n" for cells in lines)


def _n_equal(a: Array, b: Array) -> int:
    """Samples whose numbers are all equal."""
    same = a == b[: len(a)]
    return int(same.reshape(len(a), -1).all(axis=1).sum())


def _share(equal: tuple[int, int]) -> str:
    same, of = equal
    return f"{of} =" if same == of else f"{same} of {of} ="


def _table_line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
