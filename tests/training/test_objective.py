"""What the physically constrained loss forgives, and what not."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import Tensor, nn

from srdanet.network.fusion import Fusion
from srdanet.network.losses import degrade_exitance
from srdanet.network.srdanet import SRDANet
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
    _, terms, report = objective(coarse, [(nothing, nothing, truth)], [SCALE])
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
