"""The published networks beside the checkout, as target hls takes them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from bnnc.frontends.load import load_model
from bnnc.ir.graph import Graph, Level
from bnnc.passes.domain import parse_domain
from bnnc.passes.pipeline import LowerOptions, lower

DOMAINS = {
    "cnv_w1a1_cifar10.onnx.gz": None,
    "cnv_w1a2_cifar10.onnx.gz": None,
    "lfc_w1a1_mnist.onnx.gz": "u8:scale=2/255,offset=-1",
    "tfc_1w1a.onnx": "u8:scale=1/255",
    "kws_mlp_w3a3.onnx": None,
}


@cache
def published(data: Path, name: str) -> Graph:
    """Packed. `data` is the folder of the published networks."""
    domain = DOMAINS[name]
    options = LowerOptions(parse_domain(domain) if domain else None)
    return lower(load_model(data / "models" / name).graph, options, until=Level.PACKED)
