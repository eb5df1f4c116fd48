"""TAC: pruning keeps its mask, tables are the papers', deployed weights are integers of 16 bits."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
from bnnc.nn import Sign, SparseLinear  # noqa: E402
from bnnc.nn.tables import METHODS, codebook, nearest, power_of_two, uniform  # noqa: E402

torch.set_num_threads(1)


def test_pruning_by_deviation_and_by_density() -> None:
    torch.manual_seed(0)
    layer = SparseLinear(20, 10)
    kept = layer.weight.detach().abs() > 0.5 * layer.weight.detach().std()
    layer.prune(0.5)
    assert torch.equal(layer.mask, kept)
    assert torch.equal(layer.weight != 0, kept)
    layer.prune(density=0.1)
    assert layer.density == pytest.approx(0.1)
    with pytest.raises(ValueError, match="either"):
        layer.prune()


def test_the_mask_stays_in_retraining() -> None:
    torch.manual_seed(1)
    layer = SparseLinear(20, 10)
    layer.prune(density=0.2)
    optimizer = torch.optim.Adam(layer.parameters(), 0.1)
    for _ in range(3):
        layer(torch.randn(4, 20)).square().sum().backward()
        optimizer.step()
    assert torch.equal(layer.deployed_weight() != 0, layer.mask & (layer.deployed_weight() != 0))
    assert bool((layer.weight.grad[~layer.mask] == 0).all())


def test_one_dimensional_k_means_is_a_fixed_point() -> None:
    torch.manual_seed(2)
    values = torch.randn(500)
    table = codebook(values, 7)
    chosen = nearest(values, table)
    for k in range(7):
        assert table[k].item() == pytest.approx(values[chosen == k].mean().item(), rel=1e-5)


def test_k_means_finds_separate_clusters() -> None:
    values = torch.tensor([-3.0, -3.0, 1.0, 1.5, 9.0])
    assert codebook(values, 3).tolist() == [-3, 1.25, 9]
    assert codebook(torch.tensor([2.0]), 3).tolist() == [2, 2, 2]


def test_between_two_entries_the_upper_one_is_taken() -> None:
    table = torch.tensor([-1.0, 1.0, 2.0])
    assert nearest(torch.tensor([-9.0, -0.1, 0.0, 1.5, 9.0]), table).tolist() == [0, 0, 1, 2, 2]


def test_tables_of_the_papers() -> None:
    assert uniform(torch.tensor([0.3, -0.6]), 3).tolist() == pytest.approx([-0.6, -0.4, -0.2, 0.2, 0.4, 0.6])
    # n1 = floor(log2(4 * 0.8 / 3)) = 0, n2 = 0 + 1 - 2^2 = -3
    powers = [0.125, 0.25, 0.5, 1.0]
    assert power_of_two(torch.tensor([0.8, 0.1]), 4).tolist() == [*[-p for p in reversed(powers)], *powers]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_deployed_weights_are_few_integers_of_16_bits(method: str, bits: int) -> None:
    torch.manual_seed(3)
    layer = SparseLinear(300, 20, bits=bits, method=method)
    layer.prune(density=0.2)
    layer.quantize_weights()
    codes = layer.deployed_weight() / layer.weight_step()
    assert torch.equal(codes, codes.round())
    assert float(codes.abs().max()) < 1 << 15
    assert len(codes.unique()) <= 1 << bits
    assert float(codes.abs().sum(1).max()) * 128 <= 1 << 24
    assert bool((codes[~layer.mask] == 0).all())
    if method == "power-of-two":
        sizes = codes.abs()[codes != 0].log2()
        assert torch.equal(sizes, sizes.round())


def test_entries_get_the_summed_gradients_of_their_weights() -> None:
    torch.manual_seed(4)
    layer = SparseLinear(30, 5, bits=3, quantize=Sign(), bias=False)
    layer.prune(density=0.5)
    layer.quantize_weights()
    x = torch.randn(2, 30)
    layer(x).sum().backward()
    per_weight = torch.where(x >= 0, 1.0, -1.0).sum(0).expand(5, 30)
    for code in range(1, 8):
        expected = per_weight[layer.codes == code].sum()
        assert layer.table.grad[code].item() == pytest.approx(expected.item())
    assert layer.table.grad[0] == 0


def test_a_uniform_table_stays_uniform() -> None:
    torch.manual_seed(5)
    layer = SparseLinear(30, 5, bits=3, method="uniform")
    layer.quantize_weights()
    optimizer = torch.optim.SGD(layer.parameters(), 0.01)
    before = layer.effective_weight().detach().abs().max().item()
    layer(torch.randn(4, 30)).square().sum().backward()
    optimizer.step()
    table = layer.effective_weight().detach().unique()
    gaps = [b - a for a, b in itertools.pairwise(table.tolist())]
    assert max(gaps) == pytest.approx(2 * min(gaps), rel=1e-4)  # there is no 0 among dense weights
    assert table.abs().max().item() != before


def test_the_phase_is_saved_and_restored() -> None:
    torch.manual_seed(6)
    layer, copy = SparseLinear(12, 4), SparseLinear(12, 4)
    layer.prune(0.5)
    layer.quantize_weights()
    copy.load_state_dict(layer.state_dict())
    x = torch.randn(3, 12)
    assert torch.equal(layer.eval()(x), copy.eval()(x))


def test_impossible_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="9 bits"):
        SparseLinear(4, 4, bits=9)
    layer = SparseLinear(4, 4)
    layer.mask.zero_()
    with pytest.raises(ValueError, match="all weights are pruned"):
        layer.quantize_weights()
