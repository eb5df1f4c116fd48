"""Reads Fashion-MNIST from its four gzip-compressed IDX files."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HOW_TO_GET = """\
the files of Fashion-MNIST (train-images-idx3-ubyte.gz, ..) are not in {folder}; on Debian and Ubuntu:
  apt-get install dataset-fashion-mnist               # puts them into /usr/share/datasets/fashion-mnist
or, without root:
  apt-get download dataset-fashion-mnist && dpkg -x dataset-fashion-mnist_*.deb data
  python examples/fashion_mnist/train.py --data data/usr/share/datasets/fashion-mnist"""


def load(folder: Path, part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images uint8 (N, 28, 28) and labels int64 (N,) of `part`: "train" (60,000) or "t10k" (10,000)."""
    files = [folder / f"{part}-images-idx3-ubyte.gz", folder / f"{part}-labels-idx1-ubyte.gz"]
    if not all(file.is_file() for file in files):
        raise SystemExit(HOW_TO_GET.format(folder=folder))
    images, labels = (_read_idx(file) for file in files)
    return images, labels.astype(np.int64)


def _read_idx(file: Path) -> NDArray[Any]:
    """An IDX file: two zero bytes, type 8 (uint8), number of axes, each size as a big-endian int32, data."""
    content = gzip.decompress(file.read_bytes())
    n_axes = content[3]
    shape = np.frombuffer(content, ">i4", n_axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * n_axes).reshape(shape)
