"""What the physically constrained loss forgives, and what not; its steps are those of a rollout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from srdanet.network.fusion import Fusion, UncertaintyFusion
from srdanet.network.losses import NLL_WEIGHT, charbonnier, degrade_exitance, gaussian_nll, ms_ssim
from srdanet.network.srdanet import Architecture, SRDANet, Statistics
from srdanet.predictors.stack import CHANNELS, CONTEXT
from srdanet.training.batches import BatchStep
from srdanet.training.config import TERMS
from srdanet.training.objective import Objective

SCALE = 0.5


class _Answer(nn.Module):
    """A network that knows what it will say."""

    def __init__(self, fine: Tensor) -> None:
        super().__init__()
        self.fine = fine

    def forward(self, *_: Tensor) -> tuple[Tensor, Tensor]:
        return self.fine, torch.ones_like(self.fine)


def _degradation(fine: Tensor, truth: Tensor, coarse: Tensor) -> tuple[float, float]:
    """The term, and the closure that the log keeps."""
    objective = Objective(cast(SRDANet, _Answer(fine)), Fusion(1), ["degradation"])
    nothing = torch.zeros(1, 0, 8, 8)
    _, terms, report = objective(coarse, [BatchStep(nothing, nothing, truth)], [SCALE])
    return float(terms[0]), float(report["closure1"])


@pytest.fixture
def truth() -> Tensor:
    return 290 + 5 * torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(3))


def test_degradation_does_not_ask_for_the_noise_of_the_image(truth: Tensor) -> None:
    coarse, _ = degrade_exitance(truth, torch.ones_like(truth))
    noise = torch.randn(coarse.shape, generator=torch.Generator().manual_seed(4))
    term, closure = _degradation(truth, truth, coarse + noise)
    assert term == pytest.approx(0, abs=1e-6)
    assert closure == pytest.approx(float(noise.abs().mean()), rel=1e-3)


def test_degradation_forgives_detail_but_no_energy(truth: Tensor) -> None:
    coarse, _ = degrade_exitance(truth, torch.ones_like(truth))
    turned = truth.clone()
    turned[..., ::2, ::2], turned[..., 1::2, 1::2] = truth[..., 1::2, 1::2], truth[..., ::2, ::2]
    assert not torch.allclose(turned, truth)
    assert _degradation(turned, truth, coarse)[0] == pytest.approx(0, abs=1e-6)
    expected = (1 + (1 / SCALE) ** 2) ** 0.5 - 1
    assert _degradation(truth + 1, truth, coarse)[0] == pytest.approx(expected, rel=1e-3)


def test_degradation_asks_nothing_where_truth_is_missing(truth: Tensor) -> None:
    coarse, _ = degrade_exitance(truth, torch.ones_like(truth))
    fine, holed = truth.clone(), truth.clone()
    fine[..., :2, :2] += 7
    holed[..., 0, 1] = torch.nan
    assert _degradation(fine, holed, coarse)[0] == pytest.approx(0, abs=1e-6)
    assert _degradation(fine, truth, coarse)[0] > 0.5


def reference(objective: Objective, lst: Tensor, steps: Sequence[BatchStep], scales: Sequence[float]) -> Tensor:
    """The loss, written out without a rollout."""
    total = torch.zeros(())
    for (channels, context, truth), scale in zip(steps, scales, strict=True):
        with torch.autocast("cpu", torch.bfloat16, enabled=objective.mixed):
            fine, sigma = objective.net(lst, channels, context)
        fine, sigma = fine.float(), sigma.float()
        # Autograd adds up gradients in the order of these lines, to the last bit.
        gaps = torch.isnan(lst).repeat_interleave(2, -1).repeat_interleave(2, -2)
        lst = torch.where(gaps, torch.full_like(fine, torch.nan), fine)
        known = ~torch.isnan(truth)
        valid = known.to(fine.dtype)
        truth = torch.where(known, truth, fine.detach())
        error = (fine - truth) / scale
        coarse, _ = degrade_exitance(fine, torch.ones_like(fine))
        pixel = charbonnier(error, valid)
        target, counted = degrade_exitance(truth, valid)
        degradation = charbonnier((coarse - target) / scale, counted)
        structure = 1 - ms_ssim(fine, truth, valid)
        total = total + objective.fusion(degradation, pixel, structure)
        total = total + NLL_WEIGHT * gaussian_nll(fine - truth, sigma, valid)
    return total / len(steps)


@pytest.mark.parametrize("mixed", [False, True])
def test_loss_and_gradients_of_two_steps_with_gaps(*, mixed: bool) -> None:
    """To the last bit those of the loop written out: gaps are missing again before the second step."""
    torch.manual_seed(8)
    n, m = len(CHANNELS), len(CONTEXT)
    statistics = Statistics([0.0] * n, [1.0] * n, [0.0] * m, [1.0] * m, [11])
    net = SRDANet(statistics, Architecture(channels=6, groups=1, guides=2))
    nn.init.normal_(net.tail.weight, std=0.05)
    objective = Objective(net, UncertaintyFusion(len(TERMS)), TERMS, mixed=mixed)
    lst = 290 + 5 * torch.randn(2, 1, 12, 14)
    lst[0, :, 3:6, 5:9] = torch.nan
    lst[1, :, :, 12:] = torch.nan
    steps = []
    for factor in (2, 4):
        height, width = 12 * factor, 14 * factor
        truth = 290 + 5 * torch.randn(2, 1, height, width)
        truth[:, :, -5:, :3] = torch.nan
        channels = torch.rand(2, n, height, width)
        channels[:, 3:5] = torch.nan
        steps.append(BatchStep(channels, torch.rand(2, m, height // 2, width // 2), truth))
    results = []
    for loss in (reference(objective, lst, steps, (0.7, 1.1)), objective(lst, steps, (0.7, 1.1))[0]):
        objective.zero_grad()
        loss.backward()
        results.append((loss.detach(), [p.grad.clone() for p in objective.parameters() if p.grad is not None]))
    (expected, wanted), (found, gradients) = results
    assert torch.isfinite(expected)
    assert torch.equal(found, expected)
    assert len(gradients) == len(wanted) > 20
    assert all(torch.equal(a, b) for a, b in zip(gradients, wanted, strict=True))
