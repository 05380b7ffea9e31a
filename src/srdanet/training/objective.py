"""What a batch costs: all its steps in a row, each fed with the one before, as in production."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from srdanet.network.fusion import Fusion
from srdanet.network.losses import NLL_WEIGHT, charbonnier, degrade_exitance, gaussian_nll, mean_where, ms_ssim
from srdanet.network.srdanet import SRDANet

Term = Literal["degradation", "charbonnier", "ms_ssim"]
TERMS: tuple[Term, ...] = get_args(Term)


class Objective(nn.Module):
    """The network with its loss: one forward, one backward, whatever the number of steps.

    With `mixed` the network's products are taken in bfloat16; weights, kelvin and losses stay in float32.
    """

    def __init__(self, net: SRDANet, fusion: Fusion, terms: Sequence[Term], *, mixed: bool = False) -> None:
        super().__init__()
        self.mixed = mixed
        self.net, self.fusion = net, fusion
        self.chosen = [TERMS.index(term) for term in terms]

    def forward(
        self, lst: Tensor, steps: Sequence[tuple[Tensor, Tensor, Tensor]], scales: Sequence[float]
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """The loss of a batch.

        Args:
            lst: (B, 1, h, w) coarse LST, K, NaN = missing.
            steps: Channels, context and truth of each step, as in `batches.BatchStep`.
            scales: Bicubic's error (K) at each step.

        Returns:
            The loss; the chosen terms, mean of the steps, without gradient; what the log keeps of each step.
        """
        total = torch.zeros(())
        terms: list[Tensor] = []
        report: dict[str, Tensor] = {}
        for i, ((channels, context, truth), scale) in enumerate(zip(steps, scales, strict=True)):
            # The losses stay in float32: variances of kelvin do not survive in eight bits.
            with torch.autocast(lst.device.type, torch.bfloat16, enabled=self.mixed):
                fine, sigma = self.net(lst, channels, context)
            fine, sigma = fine.float(), sigma.float()
            known = ~torch.isnan(truth)
            valid = known.to(fine.dtype)
            truth = torch.where(known, truth, fine.detach())
            error = (fine - truth) / scale
            coarse, whole = degrade_exitance(fine, torch.ones_like(fine))
            holes = torch.isnan(lst)
            closure = torch.where(holes, torch.zeros_like(coarse), coarse - torch.nan_to_num(lst))
            pixel = charbonnier(error, valid)
            # Against the truth made coarse: in the closed loop that is the image; an image of another sensor has noise,
            # which the network is to undo, not to keep.
            wanted, judged = degrade_exitance(truth, valid)
            degradation = charbonnier((coarse - wanted) / scale, judged)
            structure = 1 - ms_ssim(fine, truth, valid)
            losses = [(degradation, pixel, structure)[k] for k in self.chosen]
            total = total + self.fusion(*losses)
            total = total + NLL_WEIGHT * gaussian_nll(fine - truth, sigma, valid)
            terms.append(torch.stack(losses).detach())
            report |= {
                f"share{i + 1}": mean_where(error.detach() ** 2, valid).sqrt(),
                f"closure{i + 1}": mean_where(closure.detach().abs(), whole * ~holes),
                f"structure{i + 1}": structure.detach(),
            }
            gaps = holes.repeat_interleave(2, -1).repeat_interleave(2, -2)
            lst = torch.where(gaps, torch.full_like(fine, torch.nan), fine)
        return total / len(steps), torch.stack(terms).mean(0), report
