"""Pieces of Verilog that cores are made of: counters, adders, modules."""

from __future__ import annotations

from dataclasses import dataclass

Counted = tuple[list[str], str]


@dataclass(frozen=True)
class Core:
    """A module called `name`, with as many tables as the model expects, where it has a formula for it.

    `beside` is the core that computes the same in the way that it is compared with.
    """

    name: str
    what: str
    verilog: str
    expected: float | None = None
    beside: str | None = None


def pair_wires(name: str, lanes: int, w: str = "w", x: str = "x") -> list[str]:
    """h of lanes i and lanes / 2 + i."""
    half = lanes // 2
    lines = [f"wire {bus(half)} {name};"]
    for i in range(half):
        a, b = f"[{i}]", f"[{half + i}]"
        lines.append(f"assign {name}[{i}] = ({w}{a} ^ {x}{b}) ? ({x}{a} ^ {x}{b}) : ~({w}{a} ^ {w}{b});")
    return lines


def tree(wire: str, n: int) -> Counted:
    """Adds the bits of a wire in pairs, a register behind every adder."""
    return levels([f"{wire}[{i}]" for i in range(n)], 1, "", wire)


def levels(terms: list[str], bits: int, sign: str, prefix: str = "l") -> Counted:
    lines = []
    while len(terms) > 1:
        bits += 1
        names = [f"{prefix}_{bits}_{i}" for i in range((len(terms) + 1) // 2)]
        for i, name in enumerate(names):
            lines.append(f"reg {sign}{bus(bits)} {name};")
            lines.append(f"always @(posedge clk) {name} <= {' + '.join(terms[2 * i : 2 * i + 2])};")
        terms = names
    return lines, terms[0]


def adders(wire: str, n: int) -> Counted:
    """Full adders of a third of the bits each, whose sums and carries are counted in the same way."""
    third = -(-n // 3)
    if n <= 3:
        return [], " + ".join(f"{wire}[{i}]" for i in range(n))
    a, b = (f"{wire}[{(i + 1) * third - 1}:{i * third}]" for i in range(2))
    c = f"{wire}[{n - 1}:{2 * third}]"
    ones, carries = adders(f"{wire}s", third), adders(f"{wire}c", third)
    lines = [
        f"wire {bus(third)} {wire}s = {a} ^ {b} ^ {c};",
        f"wire {bus(third)} {wire}c = ({a} & {b}) | ({c} & ({a} ^ {b}));",
        *ones[0],
        *carries[0],
        f"reg {bus(n.bit_length())} {wire}n;",
        f"always @(posedge clk) {wire}n <= ({ones[1]}) + 2 * ({carries[1]});",
    ]
    return lines, f"{wire}n"


def bus(bits: int) -> str:
    return f"[{bits - 1}:0]"


def module(name: str, ports: str, *body: str) -> str:
    return "\n".join([f"module {name}({ports});", *(f"  {line}" for line in body), "endmodule", ""])
