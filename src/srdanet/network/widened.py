"""The network with its claimed standard deviation brought to what validation found."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from srdanet.network.srdanet import SRDANet
from srdanet.predictors.stack import CONTEXT


class Widened(nn.Module):
    """One x2 step whose standard deviation is multiplied by a factor of calibration.

    The factor's logarithm is linear in the size of the coarse cell (log2 of km), by day and by night apart, and
    half-way between them where that is unknown: four coefficients, `training.calibration` finds them.
    """

    def __init__(self, net: SRDANet, coefficients: Sequence[float] = (0.0, 0.0, 0.0, 0.0)) -> None:
        super().__init__()
        self.net, self.coefficients = net, tuple(coefficients)

    def forward(self, lst: Tensor, channels: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """As `SRDANet.forward`."""
        fine, sigma = self.net(lst, channels, context)
        base, by_cell, by_night, by_both = self.coefficients
        cell, day = (context[:, [CONTEXT.index(name)]] for name in ("cell", "day"))
        cell, night = torch.nan_to_num(cell), 1 - torch.nan_to_num(day, 0.5)
        factor = torch.exp(base + by_cell * cell + (by_night + by_both * cell) * night)
        return fine, sigma * F.interpolate(factor, scale_factor=2, mode="nearest")
