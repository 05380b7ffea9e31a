"""The loss, against independent implementations and by its laws."""

from __future__ import annotations

import numpy as np
import pytest
import pytorch_msssim
import torch

from srdanet.energy import degrade
from srdanet.network.losses import charbonnier, degrade_exitance, gaussian_nll, ms_ssim


@pytest.fixture
def fields() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    truth = 290 + 20 * torch.rand(1, 1, 128, 112, generator=generator)
    return truth + torch.randn(truth.shape, generator=generator), truth


def test_degradation_is_that_of_physics(fields: tuple[torch.Tensor, torch.Tensor]) -> None:
    lst = fields[0]
    ours, whole = degrade_exitance(lst, torch.ones_like(lst))
    assert bool(whole.all())
    np.testing.assert_allclose(ours[0, 0].numpy(), degrade(lst[0, 0].double().numpy(), 2), atol=2e-4)


def test_degradation_leaves_out_broken_cells(fields: tuple[torch.Tensor, torch.Tensor]) -> None:
    lst = fields[0]
    valid = torch.ones_like(lst)
    valid[..., 5, 8] = 0
    _, whole = degrade_exitance(lst, valid)
    assert float(whole[0, 0, 2, 4]) == 0
    assert float(whole.sum()) == whole.numel() - 1


def test_ms_ssim_equals_the_usual_one_without_gaps(fields: tuple[torch.Tensor, torch.Tensor]) -> None:
    a, b = fields
    weights = torch.tensor([0.0448, 0.2856, 0.3001])
    shift = b.mean() - 20
    usual = pytorch_msssim.ms_ssim(
        a - shift, b - shift, data_range=40, win_size=7, weights=(weights / weights.sum()).tolist()
    )
    assert float(ms_ssim(a, b, torch.ones_like(a))) == pytest.approx(float(usual), abs=1e-4)


def test_ms_ssim_ignores_masked_cells_and_never_gives_nan(fields: tuple[torch.Tensor, torch.Tensor]) -> None:
    a, b = fields
    valid = torch.ones_like(a)
    valid[..., 20:50, 10:30] = 0
    spoiled = torch.where(valid > 0, a, torch.full_like(a, 500.0))
    assert float(ms_ssim(spoiled, b, valid)) == pytest.approx(float(ms_ssim(a, b, valid)), abs=1e-6)
    assert torch.isfinite(ms_ssim(a[..., :9, :9], b[..., :9, :9], valid[..., :9, :9]))
    assert torch.isfinite(ms_ssim(-a, b, torch.zeros_like(a)))
    a.requires_grad_(True)
    ms_ssim(a, b, valid).backward()
    assert bool(torch.isfinite(a.grad).all())


def test_ms_ssim_of_equal_fields_is_one(fields: tuple[torch.Tensor, torch.Tensor]) -> None:
    assert float(ms_ssim(fields[1], fields[1], torch.ones_like(fields[1]))) == pytest.approx(1, abs=1e-6)


def test_charbonnier_is_square_near_zero_and_linear_far_off() -> None:
    one = torch.ones(1, 1, 1, 1)
    assert float(charbonnier(0.01 * one, one)) == pytest.approx(0.5e-4, rel=1e-2)
    assert float(charbonnier(100 * one, one)) == pytest.approx(99, abs=0.1)


def test_likelihood_is_best_at_the_true_spread() -> None:
    error = 2 * torch.randn(1, 1, 200, 200, generator=torch.Generator().manual_seed(1))
    valid = torch.ones_like(error)
    costs = {s: float(gaussian_nll(error, torch.full_like(error, s), valid)) for s in (1.0, 1.5, 2.0, 2.5, 3.0)}
    assert min(costs, key=costs.__getitem__) == 2.0
