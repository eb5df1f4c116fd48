"""The table of docs/papers/results.md, one row a network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "papers" / "results.md"
COLUMNS = (
    "name",
    "paper",
    "network",
    "float twin",
    "binary",
    "binary, first 1000",
    "ARM, first 1000",
    "same class",
    "same logits",
    "training",
)
HEAD = """\
# Small networks of the papers, trained

Made by `examples/papers/train.py`, which trains a small network of each paper and its float twin on a part of
Fashion-MNIST on one CPU core, exports it, compiles it for arm, and runs the program on the first 1000 test
images. The twin has the same layers with real weights and ReLU in place of binarization, and saw as many
images. "float twin" and "binary" are the accuracies of torch on all 10,000 test images; "ARM" is that of the
AArch64 program, as `bnnc run --on arm` runs it ({how}); "same class" and "same logits" say on how many of the
1000 images the program gives torch's class, and exactly torch's float32 logits.
"""


@dataclass(frozen=True)
class Row:
    """What was measured of one network; shares are of 1, images of `n_arm`."""

    name: str
    paper: str
    network: str
    twin: float
    binary: float
    binary_first: float
    arm: float
    same_class: int
    same_logits: int
    n_arm: int
    training: str

    def line(self) -> str:
        """The row of the table."""
        shares = (f"{share:.1%}" for share in (self.twin, self.binary, self.binary_first, self.arm))
        same = (f"{n} of {self.n_arm}" for n in (self.same_class, self.same_logits))
        cells = (self.name, self.paper, self.network, *shares, *same, self.training)
        return f"| {' | '.join(cells)} |"


def write(row: Row, order: list[str], how: str, page: Path = PAGE) -> None:
    """Put a row into the page, in place of an earlier one of that name."""
    lines = {} if not page.is_file() else _rows(page.read_text(), order)
    lines[row.name] = row.line()
    table = [f"| {' | '.join(COLUMNS)} |", "| --- " * len(COLUMNS) + "|"]
    table += [lines[name] for name in order if name in lines]
    page.write_text(HEAD.format(how=how) + "\n" + "\n".join(table) + "\n")


def _rows(text: str, order: list[str]) -> dict[str, str]:
    rows = (line for line in text.splitlines() if line.startswith("| "))
    return {name: row for row in rows if (name := row.split("|")[1].strip()) in order}
