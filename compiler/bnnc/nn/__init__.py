"""Layers and quantizers of 1-bit and low-bit networks for torch, forward and backward as in the papers."""

from __future__ import annotations

from bnnc.nn.alphas import Alpha
from bnnc.nn.binary import BinaryConv2d, BinaryLinear, penalty
from bnnc.nn.ftbnn import FTBNNBlock
from bnnc.nn.hybrid import FBin, WBin
from bnnc.nn.layer import Layer
from bnnc.nn.layout import ChannelShuffle, Duplicate
from bnnc.nn.normalization import BatchNorm
from bnnc.nn.pcnn import PCNNBlock, ProjectionConv2d, projection_loss
from bnnc.nn.quantizers import ActivationQuantizer, OnGrid, Quantizer, Requantizer, Sign, Step, residual_grid
from bnnc.nn.real import QuantConv2d, QuantLinear
from bnnc.nn.rescale import Rescale, Rescaled
from bnnc.nn.tac import SparseLinear
from bnnc.nn.values import Add, AveragePool2d, PReLU, RPReLU

__all__ = [
    "ActivationQuantizer",
    "Add",
    "Alpha",
    "AveragePool2d",
    "BatchNorm",
    "BinaryConv2d",
    "BinaryLinear",
    "ChannelShuffle",
    "Duplicate",
    "FBin",
    "FTBNNBlock",
    "Layer",
    "OnGrid",
    "PCNNBlock",
    "PReLU",
    "ProjectionConv2d",
    "QuantConv2d",
    "QuantLinear",
    "Quantizer",
    "RPReLU",
    "Requantizer",
    "Rescale",
    "Rescaled",
    "Sign",
    "SparseLinear",
    "Step",
    "WBin",
    "penalty",
    "projection_loss",
    "residual_grid",
]
