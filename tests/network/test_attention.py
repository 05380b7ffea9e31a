"""The attentions take their statistics near each cell and nowhere else."""

from __future__ import annotations

import pytest
import torch

from srdanet.network.attention import GCA, MSCA, box_mean, local_mean


@pytest.fixture
def features() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(1, 12, 40, 31, generator=generator)


def test_box_mean_is_the_mean_of_the_box() -> None:
    x = torch.arange(35.0).view(1, 1, 5, 7) ** 1.5
    assert box_mean(x, 3)[0, 0, 2, 3] == pytest.approx(float(x[0, 0, 1:4, 2:5].mean()), rel=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_box_mean_has_the_right_gradient_on_a_gpu(features: torch.Tensor) -> None:
    """In channels-last memory torch's own mean over padded boxes has not."""
    gradients = []
    for device in ("cpu", "cuda"):
        x = features.to(device).contiguous(memory_format=torch.channels_last).detach().requires_grad_()
        (box_mean(x, 7) * features.flip(-1).to(device)).sum().backward()
        assert x.grad is not None
        gradients.append(x.grad.cpu())
    torch.testing.assert_close(gradients[1], gradients[0])


def test_local_mean_counts_valid_cells_only() -> None:
    x = torch.arange(35.0).view(1, 1, 5, 7)
    valid = torch.ones_like(x)
    valid[..., 1, 2] = 0
    inside = [float(x[0, 0, r, c]) for r in range(3) for c in range(1, 4) if (r, c) != (1, 2)]
    assert local_mean(x, valid, 3)[0, 0, 1, 2] == pytest.approx(sum(inside) / 8)
    # At the rim the box is cut, not padded with zeros.
    assert local_mean(x, torch.ones_like(x), 3)[0, 0, 0, 0] == pytest.approx(float(x[0, 0, :2, :2].mean()))


def test_gca_finds_a_local_regression(features: torch.Tensor) -> None:
    """With one head of one channel, its answer is the local least squares line of queries on keys."""
    gca = GCA(1, heads=1, width=1, box=9)
    with torch.no_grad():
        for layer in (gca.query, gca.key, gca.value, gca.out):
            layer.weight.fill_(1.0)
            layer.bias.zero_()
        gca.ridge.fill_(-20.0)
        gca.gate.fill_(1.0)
    key = features[:, :1]
    lst = -2.5 * key + 7
    with torch.no_grad():
        found = gca(lst, key, torch.ones_like(key)) - lst
    expected = -2.5 * (key - local_mean(key, torch.ones_like(key), 9))
    # Means of means: the line itself is exact only in the limit of a smooth local mean.
    line = torch.corrcoef(torch.stack([found.flatten(), expected.flatten()]))[0, 1]
    assert line > 0.97
    assert float((found / expected).median()) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("kind", ["gca", "msca"])
def test_a_far_cell_changes_nothing(kind: str, features: torch.Tensor) -> None:
    torch.manual_seed(1)
    valid = torch.ones_like(features[:, :1])
    gca, msca = GCA(12, heads=2, width=3, box=5), MSCA(12, box=5)

    def run(x: torch.Tensor) -> torch.Tensor:
        return gca(x, x.flip(1), valid) if kind == "gca" else msca(x)

    other = features.clone()
    other[..., 30:, :] += 3
    with torch.no_grad():
        before, after = run(features), run(other)
    assert torch.equal(before[..., :20, :], after[..., :20, :])
    assert not torch.equal(before[..., 28:, :], after[..., 28:, :])


def test_msca_commutes_with_shifts(features: torch.Tensor) -> None:
    torch.manual_seed(1)
    msca = MSCA(12, box=5)
    with torch.no_grad():
        whole, part = msca(features), msca(features[..., 5:, 4:])
    torch.testing.assert_close(whole[..., 13:-8, 12:-8], part[..., 8:-8, 8:-8], atol=1e-5, rtol=1e-5)
