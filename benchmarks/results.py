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
1000 samples were compared with the simulator's and all are equal, integer by integer; "990 of 1000 =" that
ten samples differ. In the column `source`, whose results are float, "=" says that all bits are equal,
"rounding" that each result is the float sum of what the integers stand for, "approximate" that layers were
quantized by bnnc. "correct" counts the answers of the simulator that are the label, "top-1 as published"
those that equal the reference outputs published with the network (for kws_mlp_w3a3 the classes that the
submitters' FPGA board answered). The time to compile is wall-clock time and contains the verification of
what was made.
"""


@dataclass(frozen=True)
class Row:
    """Results of one network. `equal`: per executor, how many of how many samples have the bits of `sim`."""

    network: Network
    n_samples: int
    n_correct: int
    n_as_published: int | None
    source: str
    equal: dict[str, tuple[int, int]]
    compile_seconds: float
    constant_bytes: int
    cost: str

    @property
    def agrees(self) -> bool:
        return all(same == of for same, of in self.equal.values())

    def cells(self) -> tuple[str, ...]:
        published = "" if self.n_as_published is None else f"{self.n_as_published} of {self.n_samples}"
        head = (self.network.name, self.network.bits, f"{self.n_correct} of {self.n_samples}", published)
        size = f"{self.constant_bytes / 1024:.1f} KiB"
        shares = (self.source, *map(_share, self.equal.values()))
        return (*head, *shares, f"{self.compile_seconds:.1f} s", size)


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
    top1 = classes(run("sim", folder / "host", folder, n_all))
    source, cost = against_source(folder)
    return Row(
        network,
        n_all,
        int((top1 == samples.labels).sum()),
        published(network, top1),
        source,
        against_simulator(folder, {"host": n_all, "arm": network.n_arm, "hls": network.n_hls}),
        compiled["arm"].seconds,
        constant_bytes(folder / "arm"),
        cost,
    )


def against_simulator(folder: Path, counts: dict[str, int]) -> dict[str, tuple[int, int]]:
    """How many of the first samples have the simulator's integers on each executor."""
    raw = run("sim", folder / "host", folder, max(counts.values()), "--raw")
    equal = {"sim": (len(raw), len(raw))}
    for name, n in counts.items():
        same = run(name, folder / name, folder, n, "--raw") == raw[:n]
        equal[name] = (int(same.reshape(n, -1).all(axis=1).sum()), n)
    return equal


def against_source(folder: Path) -> tuple[str, str]:
    """The cell of `source`, and what quantizing real-valued layers cost; both as `bnnc verify` says."""
    command = ("verify", folder / "host", "--on", "source", "--data", folder / "x.npy", "--json")
    answer = json.loads(bnnc(*command).output)
    verdict = answer["executors"]["source"]
    if verdict["equal"]:
        return f"{verdict['samples']} =", ""
    if answer["notes"]:
        cost = verdict["comparison"].removeprefix("approximate: ")
        return f"{verdict['samples']} approximate", "; ".join([cost, *answer["notes"]])
    return f"{verdict['samples']} rounding", ""


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
        return int((top1 == reference[network.expected_key]).sum())


def constant_bytes(network: Path) -> int:
    """Weights, thresholds and tables of the device."""
    totals = json.loads(bnnc("inspect", network, "--json").output)["totals"]
    return int(totals["weight_bytes"] + totals["table_bytes"])


def page(rows: list[Row]) -> str:
    costs = [f"- {row.network.name}: {row.cost}\n" for row in rows if row.cost]
    real = "\nNetworks with real-valued layers, which are rounded to 8 bits:\n\n" if costs else ""
    return f"{INTRODUCTION}\n{table(rows, len(COLUMNS))}{real}" + "".join(costs)


def table(rows: list[Row], n_columns: int) -> str:
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(row.cells() for row in rows)]
    return "".join(_table_line(cells[:n_columns]) + "\n" for cells in lines)


def _share(equal: tuple[int, int]) -> str:
    same, of = equal
    return f"{of} =" if same == of else f"{same} of {of} ="


def _table_line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
