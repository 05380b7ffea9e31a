"""The loss of a batch: all its steps in a row, each with the result of the one before as input, as in production."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from srdanet.downscaling.rollout import advance, rollout
from srdanet.network.fusion import Fusion
from srdanet.network.losses import NLL_WEIGHT, charbonnier, degrade_exitance, gaussian_nll, mean_where, ms_ssim
from srdanet.network.srdanet import StepNetwork
from srdanet.training.batches import BatchStep
from srdanet.training.config import TERMS, Term


class Objective(nn.Module):
    """The network with its loss: one forward, one backward, whatever the number of steps.

    With `mixed` the network's products are taken in bfloat16; weights, kelvin and losses stay in float32.
    """

    halo = StepNetwork.halo

    def __init__(self, net: StepNetwork, fusion: Fusion, terms: Sequence[Term], *, mixed: bool = False) -> None:
        super().__init__()
        self.mixed = mixed
        self.net, self.fusion = net, fusion
        self.chosen = [TERMS.index(term) for term in terms]

    def step(self, lst: Tensor, channels: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """One x2 step of the network, in the precision asked for; same as `StepNetwork.step`."""
        # The losses stay in float32: variances of kelvin do not survive in eight bits.
        with torch.autocast(lst.device.type, torch.bfloat16, enabled=self.mixed):
            fine, sigma = self.net(lst, channels, context)
        return fine.float(), sigma.float()

    def forward(
        self, lst: Tensor, steps: Sequence[BatchStep], scales: Sequence[float]
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """The loss of a batch.

        Args:
            lst: (B, 1, h, w) coarse LST, K, NaN = missing.
            steps: Predictors and truth of each step.
            scales: Bicubic's error (K) at each step.

        Returns:
            The loss; the chosen terms, mean of the steps, without gradient; what the log keeps of each step.
        """
        total = torch.zeros(())
        terms: list[Tensor] = []
        report: dict[str, Tensor] = {}
        estimates = rollout(partial(advance, self, xp=torch), lst, steps)
        for i, (estimate, step, scale) in enumerate(zip(estimates, steps, scales, strict=True), start=1):
            # What the network gives is finite everywhere, as a loss needs; missing cells have no weight.
            fine: Tensor = estimate.raw_lst  # type: ignore[assignment]
            sigma: Tensor = estimate.raw_uncertainty  # type: ignore[assignment]
            known = ~torch.isnan(step.truth)
            valid = known.to(fine.dtype)
            truth = torch.where(known, step.truth, fine.detach())
            error = (fine - truth) / scale
            coarse, whole = degrade_exitance(fine, torch.ones_like(fine))
            missing = torch.isnan(lst)
            closure = torch.where(missing, torch.zeros_like(coarse), coarse - torch.nan_to_num(lst))
            pixel = charbonnier(error, valid)
            # Against the truth made coarse: in the closed loop that is the image; an image of another sensor has noise,
            # which the network is to undo, not to keep.
            target, counted = degrade_exitance(truth, valid)
            degradation = charbonnier((coarse - target) / scale, counted)
            structure = 1 - ms_ssim(fine, truth, valid)
            losses = [(degradation, pixel, structure)[k] for k in self.chosen]
            total = total + self.fusion(*losses)
            total = total + NLL_WEIGHT * gaussian_nll(fine - truth, sigma, valid)
            terms.append(torch.stack(losses).detach())
            report |= {
                f"share{i}": mean_where(error.detach() ** 2, valid).sqrt(),
                f"closure{i}": mean_where(closure.detach().abs(), whole * ~missing),
                f"structure{i}": structure.detach(),
            }
            lst = estimate.lst
        return total / len(steps), torch.stack(terms).mean(0), report
