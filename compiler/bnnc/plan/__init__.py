"""Selective binarization (Hybrid Binary Networks): which layers keep real inputs, which get one-bit ones."""

from bnnc.plan.clusters import kmeans_1d
from bnnc.plan.decide import Options, Plan, make_plan
from bnnc.plan.layers import Layer, find_layers
from bnnc.plan.measure import measure
from bnnc.plan.metric import METRICS
from bnnc.plan.select import Selection, layer_scores, select_real_inputs

__all__ = [
    "METRICS",
    "Layer",
    "Options",
    "Plan",
    "Selection",
    "find_layers",
    "kmeans_1d",
    "layer_scores",
    "make_plan",
    "measure",
    "select_real_inputs",
]
