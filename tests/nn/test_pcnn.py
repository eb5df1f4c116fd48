"""PCNN: projections, their gradients, their loss."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install bnnc[torch]")
from torch.nn import functional as F  # noqa: E402

from bnnc.nn import PCNNBlock, ProjectionConv2d, projection_loss, residual_grid  # noqa: E402

torch.set_num_threads(1)


def layer(projections: int, full_forward: bool = True) -> object:
    torch.manual_seed(projections)
    return ProjectionConv2d(3, 4, 3, projections=projections, full_forward=full_forward)


@pytest.mark.parametrize("projections", [1, 2, 4])
def test_kernels_are_concatenated(projections: int) -> None:
    conv = layer(projections).eval()
    c, w = conv.weight.detach(), conv.projection.detach()
    kernels = [torch.where(w[j] * c[i] > 0, 1.0, -1.0) for i in range(len(c)) for j in range(len(w))]
    x = torch.randn(2, 3, 5, 5)
    sums = F.conv2d(torch.where(x >= 0, 1.0, -1.0), torch.stack(kernels))
    assert torch.equal(conv.accumulate(x), sums)
    assert torch.equal(conv(x), sums * c.abs().mean())


def test_forward_takes_the_mean_of_the_projection() -> None:
    conv = layer(2, full_forward=False).eval()
    with torch.no_grad():
        conv.projection[1] = torch.tensor([[-9.0, 1, 1], [1, 1, 1], [1, 1, 1]])
    first, second = (
        conv.accumulate(torch.randn(1, 3, 3, 3, generator=torch.Generator().manual_seed(0)))
        .reshape(2, 2)
        .unbind(1)
    )
    assert torch.equal(first, -second)  # the mean of the second matrix is below 0


def test_gradients_are_the_papers() -> None:
    conv = layer(2)
    conv.weight.data.mul_(4)  # products on both sides of 1
    x, g = torch.randn(1, 3, 5, 5), torch.randn(1, 4, 3, 3)
    conv(x).backward(g)
    c, w, size = conv.weight.detach(), conv.projection.detach(), conv.magnitude()
    full = (size * torch.where(w[None, :, None] * c[:, None] > 0, 1.0, -1.0)).flatten(0, 1).requires_grad_()
    F.conv2d(torch.where(x >= 0, 1.0, -1.0), full).backward(g)
    delta = full.grad.reshape(2, 2, 3, 3, 3)
    for i in range(2):
        passed = [delta[i, j] * ((w[j] * c[i]).abs() <= 1) for j in range(2)]
        expected = sum(passed[j] * w[j] for j in range(2))
        torch.testing.assert_close(conv.weight.grad[i], expected)
    for j in range(2):
        mask = [delta[i, j] * ((w[j] * c[i]).abs() <= 1) * c[i] for i in range(2)]
        torch.testing.assert_close(conv.projection.grad[j], sum(mask).sum(0))
    torch.testing.assert_close(conv.delta, full.grad)


def test_the_loss_and_its_gradients_are_the_papers() -> None:
    conv, eta = layer(2), 0.25
    conv(torch.randn(1, 3, 5, 5)).sum().backward()
    conv.zero_grad()
    conv.projection_loss(eta).backward()
    c, w, size = conv.weight.detach(), conv.projection.detach(), conv.magnitude()
    total, for_c, for_w = 0.0, torch.zeros_like(c), torch.zeros_like(w)
    for i in range(2):
        for j in range(2):
            moved = c[i] + eta * conv.delta[2 * i + j]
            kernel = size * torch.where(w[j] * c[i] > 0, 1.0, -1.0)
            difference = w[j] * moved - kernel
            total += difference.square().sum() / 2
            for_c[i] += difference * w[j]
            for_w[j] += (difference * moved).sum(0)
    torch.testing.assert_close(conv.projection_loss(eta).detach(), total)
    torch.testing.assert_close(conv.weight.grad, for_c)
    torch.testing.assert_close(conv.projection.grad, for_w)


def test_the_losses_of_all_layers_are_summed() -> None:
    grid = residual_grid()
    blocks = torch.nn.Sequential(PCNNBlock(4, 4, grid=grid), PCNNBlock(4, 8, 2, grid=grid, projections=2))
    total = projection_loss(blocks)
    parts = [block.conv.layer.projection_loss() for block in blocks]
    torch.testing.assert_close(total, parts[0] + parts[1])


def test_a_block_halves_the_map_and_learns() -> None:
    block = PCNNBlock(4, 8, 2, grid=residual_grid(), projections=2)
    y = block(torch.randn(2, 4, 6, 6))
    assert y.shape == (2, 8, 3, 3)
    (y.square().mean() + 1e-3 * projection_loss(block, 0.1)).backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in block.parameters())


def test_outputs_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="no multiple of 3 projections"):
        ProjectionConv2d(3, 4, 3, projections=3)
