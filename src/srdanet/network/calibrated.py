"""The network with its uncertainty multiplied by the factors that calibration found."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import log2

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from srdanet.grid import Level
from srdanet.network.srdanet import StepNetwork
from srdanet.predictors.stack import CONTEXT
from srdanet.variables import WEATHER

CELLS = tuple(log2(step * Level.KM1.metres / 1000) for step in (2.0, 1.0, 0.5))
"""Sizes of the step's coarse cell (log2 of km) that a factor is known for."""
Case = tuple[float, bool, bool]
"""What a factor is found for: one of `CELLS`, whether it is night, whether the weather is known."""
CASES: tuple[Case, ...] = tuple(product(CELLS, (False, True), (False, True)))


class Calibrated(nn.Module):
    """One x2 step whose standard deviation is multiplied by a factor of calibration.

    The factor's logarithm is linear in the coarse cell's (log2 of km) between those of `CELLS` and constant beyond
    them; where it is unknown whether it is day or night, it is half-way between the two.

    Args:
        net: The network.
        logarithms: Of the factor in each of `CASES`; `training.calibration` finds them.
    """

    def __init__(self, net: StepNetwork, logarithms: Sequence[float] = (0.0,) * len(CASES)) -> None:
        super().__init__()
        self.net, self.logarithms = net, dict(zip(CASES, logarithms, strict=True))

    def forward(self, lst: Tensor, channels: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Same as `StepNetwork.forward`."""
        fine, sigma = self.net(lst, channels, context)
        cell, day, weather = (context[:, [CONTEXT.index(name)]] for name in ("cell", "day", WEATHER[0]))
        cell = torch.nan_to_num(cell, CELLS[1]).clamp(CELLS[-1], CELLS[0])
        night, known = 1 - torch.nan_to_num(day, 0.5), 1 - torch.isnan(weather).to(sigma.dtype)
        cases = torch.cat([(1 - night) * (1 - known), (1 - night) * known, night * (1 - known), night * known], 1)
        # (sizes, cases, 1, 1): as a convolution all cases take one pass.
        table = cell.new_tensor(list(self.logarithms.values())).view(len(CELLS), -1, 1, 1)
        share = torch.relu(1 - torch.abs(cell - cell.new_tensor(CELLS).view(1, -1, 1, 1)))
        total = (share * F.conv2d(cases, table)).sum(1, keepdim=True)
        return fine, sigma * F.interpolate(torch.exp(total), scale_factor=2, mode="nearest")
