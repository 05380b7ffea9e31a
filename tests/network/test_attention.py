"""The attentions take their statistics near each cell and nowhere else."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from srdanet.network.attention import GCA, MSCA, box_mean, local_mean, spread


@pytest.fixture
def features() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(1, 12, 40, 31, generator=generator)


def test_box_mean_is_the_mean_of_the_box() -> None:
    x = torch.arange(35.0).view(1, 1, 5, 7) ** 1.5
    assert box_mean(x, 3)[0, 0, 2, 3] == pytest.approx(float(x[0, 0, 1:4, 2:5].mean()), rel=1e-6)


@pytest.mark.parametrize("size", [3, 7, 21])
def test_box_mean_is_the_same_where_gradients_are_taken(features: torch.Tensor, size: int) -> None:
    torch.testing.assert_close(box_mean(features.clone().requires_grad_(), size), box_mean(features, size))


def test_spread_is_bicubic_interpolation(features: torch.Tensor) -> None:
    found = F.pixel_shuffle(spread(features).flatten(1, 2), 2)
    expected = F.interpolate(features, scale_factor=2, mode="bicubic", align_corners=False)
    torch.testing.assert_close(found, expected, atol=3e-6, rtol=0)


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


@pytest.mark.parametrize("slope", [-2.5, 0.7])
def test_gca_finds_the_detail_of_a_field_that_is_linear_in_a_predictor(slope: float) -> None:
    """Whatever the slope: it is read off the coarse image, and the detail is the predictor's own times the slope."""
    torch.manual_seed(5)
    gca = GCA(2, guides=1, boxes=(9,))
    with torch.no_grad():
        for weight in gca.curved.parameters():
            weight.zero_()
        gca.straight.weight.copy_(torch.tensor([0.0, 1.0]).view(1, 2, 1, 1))
        gca.ridge.fill_(-20.0)
        predictors = torch.randn(1, 4, 2, 30, 26)
        mean = predictors[:, :, 1].mean(1, keepdim=True)
        slopes, correlations, detail = gca(slope * mean + 7, predictors, torch.ones_like(mean))
    expected = slope * (predictors[:, :, 1] - spread(mean)[:, 0])
    torch.testing.assert_close(slopes * detail[:, :, 0], expected, atol=2e-2, rtol=1e-2)
    assert float((correlations * slope).min()) > 0.9 * abs(slope)


def test_gca_is_silent_where_the_predictor_says_nothing() -> None:
    gca = GCA(1, guides=3, boxes=(5, 9))
    lst = torch.randn(1, 1, 20, 20)
    with torch.no_grad():
        slopes, correlations, detail = gca(lst, torch.full((1, 4, 1, 20, 20), 0.3), torch.ones_like(lst))
    assert slopes.shape == correlations.shape == (1, 6, 20, 20)
    assert detail.shape == (1, 4, 3, 20, 20)
    assert float((slopes.view(1, 1, 2, 3, 20, 20) * detail.unsqueeze(2)).abs().max()) < 1e-4
    assert float(correlations.abs().max()) < 1e-2


@pytest.mark.parametrize("kind", ["gca", "msca"])
def test_a_far_cell_changes_nothing(kind: str, features: torch.Tensor) -> None:
    torch.manual_seed(1)
    valid = torch.ones_like(features[:, :1])
    gca, msca = GCA(3, guides=2, boxes=(5,)), MSCA(12, box=5)

    def run(x: torch.Tensor) -> torch.Tensor:
        return gca(x[:, :1], x.view(1, 4, 3, 40, 31), valid)[0] if kind == "gca" else msca(x)

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
