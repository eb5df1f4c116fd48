"""Where weights lie: the same integers from everywhere, and memories that are full."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from tests.hls.lowered import lower
from tests.hls.projects import (
    Folding,
    assert_as_sim,
    convolutional_network,
    dense_network,
    write_project,
)

from bnnc.errors import BnncError
from bnnc.hls import csim
from bnnc.hls.folding import Fold
from bnnc.hls.layers import MatrixLayer
from bnnc.hls.lower import Accelerator
from bnnc.hls.model.memory import weights_cost
from bnnc.hls.mvtu import storages
from bnnc.hls.names import Names
from bnnc.hls.project.lint import lint
from bnnc.hls.roms import array_text
from bnnc.hls.storage import Storage, Weights, bank_bits, banks, default_storage, stored_weights
from bnnc.ir.elem import TER
from bnnc.ir.op import Array


def random_words(elements: int, depth: int, bits: int) -> Array:
    rng = np.random.default_rng(elements + depth + bits)
    return rng.integers(0, 2**bits, (elements, depth), dtype=np.uint64)


@pytest.mark.parametrize(
    ("depth", "bits"), [(1, 36), (512, 36), (513, 54), (1025, 63), (2049, 64), (9000, 64)]
)
def test_banks_are_whole_blocks(depth: int, bits: int) -> None:
    assert bank_bits(depth) == bits


@pytest.mark.parametrize(("elements", "bits", "width"), [(1, 7, 36), (3, 36, 36), (5, 64, 36), (72, 13, 54)])
def test_banks_hold_every_bit_once(elements: int, bits: int, width: int) -> None:
    words = random_words(elements, 4, bits)
    made = banks(words, bits, width)
    assert made.shape == (-(-elements * bits // width), 4)
    for step in range(4):
        whole = sum(int(word) << width * bank for bank, word in enumerate(made[:, step]))
        assert [whole >> bits * e & 2**bits - 1 for e in range(elements)] == words[:, step].tolist()


@pytest.mark.parametrize(
    ("elements", "depth", "bits"), [(72, 240, 64), (32, 512, 32), (3, 2000, 5), (16, 600, 9)]
)
def test_as_many_blocks_as_the_resource_model_counts(elements: int, depth: int, bits: int) -> None:
    """Every array of at most 64 bits is some blocks side by side: those that the formula has for all."""
    weights = stored_weights("unit", random_words(elements, depth, bits), bits, Storage.BRAM)
    whole = weights_cost(depth, bits, elements, "bram").bram18
    width, n_banks = bank_bits(depth), len(weights.head)
    last = elements * bits - (n_banks - 1) * width
    alone = [weights_cost(depth, part, 1, "bram").bram18 for part in [width] * (n_banks - 1) + [last]]
    assert sum(alone) == whole


def test_lfc_fits_into_block_ram() -> None:
    """1024 x 1024, PE 72, SIMD 64: 4,608 bits a step are 128 blocks of 36 bits, 64 of the larger ones."""
    weights = stored_weights("fc", random_words(72, 240, 64), 64, Storage.BRAM)
    assert len(weights.head) == weights_cost(240, 64, 72, "bram").bram18 == 128


def test_as_many_ultra_rams_as_the_resource_model_counts() -> None:
    weights = stored_weights("unit", random_words(9, 5000, 16), 16, Storage.URAM)
    n_banks = len(memory_of(weights)) // 5000
    assert weights_cost(5000, 16, 9, "uram").uram == 2 * n_banks == 6


@pytest.mark.parametrize("storage", [Storage.URAM, Storage.DDR])
def test_what_lies_outside_is_one_array(storage: Storage) -> None:
    words = random_words(4, 10, 16)
    outside = memory_of(stored_weights("unit", words, 16, storage))
    assert outside.dtype == np.uint64 and outside.tolist() == banks(words, 16, 64)[0].tolist()
    wide = memory_of(stored_weights("unit", random_words(9, 10, 16), 16, Storage.URAM))
    np.testing.assert_array_equal(wide.reshape(10, 3).T, banks(random_words(9, 10, 16), 16, 64))


def memory_of(weights: Weights) -> Array:
    assert weights.memory is not None
    return weights.memory


def test_the_default_is_tables_where_they_are_shallow() -> None:
    assert [default_storage(depth) for depth in (1, 128, 129)] == ["lut", "lut", "bram"]


def network(storage: Mapping[str, str]) -> tuple[Accelerator, Folding]:
    folding = {"conv2": {"pe": 4, "simd": 16}, "fc0": {"pe": 2, "simd": 32}, "fc1": {"pe": 2, "simd": 16}}
    chosen = {name: {**fold, "weights": storage[name]} for name, fold in folding.items()}
    return lower(convolutional_network(), Names(), chosen), chosen


@pytest.mark.usefixtures("cpp")
@pytest.mark.parametrize(
    "storage",
    [
        {"conv2": "lut", "fc0": "bram", "fc1": "uram"},
        {"conv2": "ddr", "fc0": "ddr", "fc1": "lut"},
        {"conv2": "uram", "fc0": "uram", "fc1": "bram"},
        {"conv2": "bram", "fc0": "lut", "fc1": "ddr"},
    ],
    ids=lambda storage: "-".join(storage.values()),
)
def test_as_sim(storage: dict[str, str], tmp_path: Path) -> None:
    graph = convolutional_network()
    assert_as_sim(graph, tmp_path, network(storage)[1])
    outside = {f"{name}_mvtu_weights" for name, kind in storage.items() if kind in ("uram", "ddr")}
    assert {path.stem for path in (tmp_path / "weights").glob("*.npy")} == outside
    assert csim.csim(tmp_path).startswith("PASS")
    assert lint(tmp_path) == ()


@pytest.mark.usefixtures("cpp")
def test_padded_folds_in_every_storage(tmp_path: Path) -> None:
    folding = {
        "fc0": {"pe": 7, "simd": 14, "weights": "bram"},
        "fc1": {"pe": 7, "simd": 4, "weights": "ddr"},
        "fc_last": {"pe": 4, "simd": 24, "weights": "uram"},
    }
    assert_as_sim(dense_network((196, 64, 48, 10), TER), tmp_path, folding)


def test_the_folding_says_where() -> None:
    acc, _ = network({"conv2": "ddr", "fc0": "bram", "fc1": "lut"})
    entries = acc.settings.entries
    chosen = {name: entry["weights"] for name, entry in entries.items() if "weights" in entry}
    wanted = {"conv2": "ddr", "fc0": "bram", "fc1": "lut"}
    assert wanted.items() <= chosen.items()  # those too that lie where they do by default
    assert set(chosen) == set(acc.settings.folds)  # and those that nobody chose
    again = lower(convolutional_network(), Names(), entries)
    assert again.settings == acc.settings
    units = {unit.name: unit for unit in acc.units}
    assert units["conv2_mvtu"].resources.bram18 == 4 and units["fc0_mvtu"].resources.bram18 == 2


def test_a_word_of_memory_has_the_weights_of_a_step() -> None:
    layers = lower(convolutional_network(), Names()).layers
    m = next(layer.matrix for layer in layers if isinstance(layer, MatrixLayer) and layer.name == "conv2")
    assert Storage.DDR in storages(m, Fold(4, 16)) and Storage.DDR not in storages(m, Fold(8, 16))
    with pytest.raises(BnncError, match=r"'conv2': weights in 'ddr' are not possible with pe 8 with simd 16"):
        lower(convolutional_network(), Names(), {"conv2": {"pe": 8, "simd": 16, "weights": "ddr"}})
    with pytest.raises(
        BnncError, match=r"weights in 'disk' are not possible .*; one of bram, lut, uram, ddr is"
    ):
        lower(convolutional_network(), Names(), {"conv2": {"pe": 1, "simd": 16, "weights": "disk"}})


def test_the_same_bytes_again(tmp_path: Path) -> None:
    chosen = network({"conv2": "ddr", "fc0": "uram", "fc1": "bram"})[1]
    for folder in ("a", "b"):
        write_project(convolutional_network(), tmp_path / folder, folding=chosen, part="zcu104")
    files = {
        p.relative_to(tmp_path / "a"): p.read_bytes() for p in (tmp_path / "a").rglob("*") if p.is_file()
    }
    assert files and all((tmp_path / "b" / path).read_bytes() == data for path, data in files.items())


def test_arrays_of_banks_are_as_wide_as_what_is_shifted_out_of_them() -> None:
    """Also where the numbers in a bank happen to be small."""
    words = np.array([1, 2], np.uint64)
    assert "static const uint64_t bank[2]" in array_text("bank", words, 36)
    assert "static const uint8_t bank[2]" in array_text("bank", words)
