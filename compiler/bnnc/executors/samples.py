"""Samples: read from files and checked, or generated from what the input encoder accepts."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from bnnc.errors import BnncError, errors_within
from bnnc.executors.network import Network
from bnnc.ir.edge_ops import EncodeInput, Input
from bnnc.ir.graph import Graph
from bnnc.ir.op import Array, tensor_of
from bnnc.ir.parts import core_input
from bnnc.sim.edge import encode

SEED = 2024


def read_samples(path: Path, source: Input) -> Array:
    """float32 (N, *shape) from an .npy file, or from the array `x` of an .npz file."""
    x = _read(path)
    shape = source.shape
    if x.dtype.kind != "f" or x.dtype.itemsize != 4:
        remedy = "give the numbers that the source network takes, as float32"
        if x.dtype.kind in "iub":
            remedy += "; a code q of an input domain stands for q * scale + offset"
        raise BnncError.at(str(path), f"dtype {x.dtype} where float32 is needed", remedy)
    if x.shape[1:] != shape or x.ndim != len(shape) + 1:
        wanted = ", ".join(map(str, ("N", *shape)))
        raise BnncError.at(str(path), f"shape {x.shape} where ({wanted}) is needed")
    if nan := np.argwhere(np.isnan(x)).tolist():
        raise BnncError.at(str(path), f"a NaN at {tuple(nan[0])} ({len(nan)} in all)")
    return x.astype(np.float32, copy=False)


def generated_samples(graph: Graph, count: int, seed: int = SEED) -> Array:
    """float32 (count, *shape): legal inputs of a lowered graph, the same ones for the same seed."""
    encoder = core_input(graph)
    if encoder.values.size:
        return _from_values(encoder, count, np.random.default_rng(seed))
    return _around_cuts(encoder, count, np.random.default_rng(seed))


def choose_samples(
    network: Network, data: Path | None, count: int | None, default: int, calibrate: Path | None = None
) -> Array:
    """The first `count` samples of the file `data`, all of them by default.

    Without it the first of the samples to calibrate with, and without those generated ones, `default` many.

    What is wrong with the file is an error before the network is lowered, which may take long.
    """
    if data is None and calibrate is not None:
        data, count = calibrate, default if count is None else count
    if data is None:
        return generated_samples(network.graph, default if count is None else count)
    x = read_samples(data, network.archive.graph.input)[:count]
    if not len(x):
        raise BnncError.at(str(data), "there are no samples in it")
    graph = network.graph
    with errors_within(data):
        encode(graph, x)
    return x


def _read(path: Path) -> Array:
    try:
        loaded = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise BnncError.at(str(path), "there is no such file") from error
    except OSError as error:
        raise BnncError.at(str(path), f"cannot read it ({error.strerror or error})") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        remedy = "save a plain array with np.save"
        raise BnncError.at(str(path), "not an .npy or .npz file of plain numbers", remedy) from error
    if isinstance(loaded, np.ndarray):
        return loaded
    with loaded:
        return _member(path, loaded)


def _member(path: Path, archive: np.lib.npyio.NpzFile) -> Array:
    if "x" not in archive.files:
        raise BnncError.at(str(path), f"no array `x` in it, only {', '.join(archive.files) or 'nothing'}")
    try:
        array: Array = archive["x"]
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BnncError.at(
            str(path), "its array `x` cannot be read", "save plain numbers with np.savez"
        ) from error
    return array


def _from_values(encoder: EncodeInput, count: int, random: np.random.Generator) -> Array:
    """One of the declared numbers for each element."""
    shape = tensor_of(encoder).shape
    codes = random.integers(0, encoder.values.shape[1], (count, *shape))
    rows = np.broadcast_to(encoder.values, (shape[0], encoder.values.shape[1]))
    channels = np.arange(shape[0]).reshape(-1, *(1 for _ in shape[1:]))
    return rows[channels, codes].astype(np.float32)


def _around_cuts(encoder: EncodeInput, count: int, random: np.random.Generator) -> Array:
    """Uniform over the range of the cuts and half as much on both sides, outside the rejected interval."""
    shape = tensor_of(encoder).shape
    finite = np.isfinite(encoder.cuts)
    lo = _per_channel(encoder.cuts.min(axis=1, where=finite, initial=np.inf), shape)
    hi = _per_channel(encoder.cuts.max(axis=1, where=finite, initial=-np.inf), shape)
    lo, hi = (np.where(np.isfinite(bound), bound, 0) for bound in (lo, hi))
    margin = np.maximum((hi - lo) / 2, 1)
    x = random.uniform(lo - margin, hi + margin, (count, *shape)).astype(np.float32)
    if not encoder.reject.size:
        return x
    first, behind = (_per_channel(encoder.reject[:, end], shape) for end in (0, 1))
    return np.where((x >= first) & (x < behind), behind, x).astype(np.float32)


def _per_channel(values: Array, shape: tuple[int, ...]) -> Array:
    """Numbers (1 or C,) so that they broadcast over samples of `shape`."""
    return values.reshape(-1, *(1 for _ in shape[1:]))
