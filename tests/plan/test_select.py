"""The selection: the sets that the authors chose, the limit, residual blocks, the score."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plan.published import (
    FIRST,
    RESNET_18,
    RESNET_18_REAL,
    SKETCH_A_NET,
    SQUEEZENET,
    SQUEEZENET_REAL,
)

from bnnc.errors import BnncError
from bnnc.plan import Selection, layer_scores, select_real_inputs

BLOCKS = tuple(f"add{(layer - FIRST) // 2}" for layer in range(FIRST, FIRST + len(RESNET_18)))


def numbers(selection: Selection) -> set[int]:
    """The kept layers, as the authors number them."""
    return {index + FIRST for index in selection.kept}


@pytest.mark.parametrize(("max_real", "kept"), [(0.0, set()), (1 / 6, {7}), (0.3, {7}), (2 / 6, {6, 7})])
def test_sketch_a_net_as_published(max_real: float, kept: set[int]) -> None:
    assert numbers(select_real_inputs(SKETCH_A_NET, max_real)) == kept


def test_resnet_18_as_published() -> None:
    """Hybrid1 is whole residual blocks: layers 12 to 17."""
    assert numbers(select_real_inputs(RESNET_18, 0.4, 3, BLOCKS)) == RESNET_18_REAL
    assert numbers(select_real_inputs(RESNET_18, 0.4, 3)) == {14, 16, 17}


def test_squeezenet_as_published() -> None:
    """A cut between 7.87 and 8.39, where the fifth of seven clusters ends."""
    selection = select_real_inputs(SQUEEZENET, 0.64, 7)
    assert numbers(selection) == SQUEEZENET_REAL
    assert min(SQUEEZENET[i - FIRST] for i in numbers(selection)) == 8.39


def test_every_step_is_told() -> None:
    selection = select_real_inputs(SKETCH_A_NET, 2 / 6)
    assert [len(step) for step in selection.steps] == [0, 1, 2, 5, 6]
    assert (selection.limit, selection.n_kept) == (2, 2)


@pytest.mark.parametrize("n", [7, 100, 300])
def test_a_share_that_makes_a_whole_number_allows_it(n: int) -> None:
    for count in range(n + 1):
        assert select_real_inputs([0.0] * n, count / n, 1).limit == count
        assert select_real_inputs([0.0] * n, round(count / n, 12), 1).limit == count


def test_hundredths_as_a_user_writes_them() -> None:
    assert [select_real_inputs([0.0] * 100, float(f"0.{p:02}"), 1).limit for p in range(100)] == list(
        range(100)
    )


def test_a_block_follows_most_of_its_layers() -> None:
    scores, blocks = [9.0, 9.0, 1.0, 9.0, 1.0, 9.0], ["a", "a", "a", "b", "b", ""]
    assert select_real_inputs(scores, 1.0, 1, blocks).kept == (0, 1, 2, 3, 4, 5)
    assert select_real_inputs(scores, 0.7, 2, blocks).kept == (0, 1, 2, 5)
    assert select_real_inputs(scores, 0.6, 2, blocks).kept == (), "the share is that of whole blocks"


@given(
    st.lists(st.tuples(st.integers(0, 9).map(float), st.sampled_from(("", "a", "b", "c"))), max_size=12),
    st.floats(0, 1),
    st.integers(1, 5),
)
def test_the_limit_holds_and_steps_grow(
    layers: list[tuple[float, str]], max_real: float, clusters: int
) -> None:
    scores, blocks = [score for score, _ in layers], [block for _, block in layers]
    selection = select_real_inputs(scores, max_real, clusters, blocks)
    assert len(selection.kept) <= selection.limit
    steps = [set(step) for step in selection.steps]
    assert all(less <= more for less, more in zip(steps, steps[1:], strict=False))
    assert steps[0] == set() and steps[-1] == set(range(len(scores)))
    assert all(len(step) > selection.limit for step in steps[selection.n_kept + 1 :])


def test_the_score_by_hand() -> None:
    assert layer_scores([1, 3], [10, 30], 0.5) == (0.5 + 0.5 * 20 / 10, 1.5 + 0.5 * 20 / 30)
    assert layer_scores([0, 0], [4, 4], 1.0) == (1.0, 1.0)
    assert layer_scores([], [], 1.0) == ()


@pytest.mark.parametrize(
    ("scores", "max_real", "clusters", "blocks", "message"),
    [
        ([1.0, math.nan], 0.5, 2, None, "scores: not all of them are finite numbers"),
        ([1.0], 1.5, 2, None, "selection: a share of 1.5 and 2 clusters"),
        ([1.0], math.nan, 2, None, "selection: a share of nan and 2 clusters"),
        ([1.0], 0.5, 0, None, "selection: a share of 0.5 and 0 clusters"),
        ([1.0], 0.5, 1, [], "blocks: 0 for 1 layers"),
    ],
)
def test_what_cannot_be_selected(
    scores: list[float], max_real: float, clusters: int, blocks: list[str] | None, message: str
) -> None:
    with pytest.raises(BnncError) as caught:
        select_real_inputs(scores, max_real, clusters, blocks)
    assert str(caught.value) == message


@pytest.mark.parametrize(("errors", "macs"), [([1.0], [1, 2]), ([1.0], [0])])
def test_what_has_no_score(errors: list[float], macs: list[int]) -> None:
    with pytest.raises(BnncError, match="one error and one positive number of MACs"):
        layer_scores(errors, macs, 0.1)
