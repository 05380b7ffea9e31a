"""MFRM, the multi-level feature refinement module."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from srdanet.network.attention import MSCA


class Group(nn.Module):
    """A residual group: convolution, activation, convolution, multi-scale attention."""

    def __init__(self, channels: int, *, box: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.attention = MSCA(channels, box=box)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, h, w) -> (B, C, h, w)."""
        inner = self.second(F.leaky_relu(self.first(x), 0.1))
        return x + self.attention(inner)


class MFRM(nn.Module):
    """Groups in a row; the outputs of all are kept, fused, and refined against the shallow features."""

    def __init__(self, channels: int, *, groups: int, box: int) -> None:
        super().__init__()
        self.groups = nn.ModuleList(Group(channels, box=box) for _ in range(groups))
        self.fuse = nn.Conv2d(channels * (groups + 1), channels, 1)
        self.refine = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, shallow: Tensor) -> Tensor:
        """shallow: (B, C, h, w) -> (B, C, h, w)."""
        levels = [shallow]
        for group in self.groups:
            levels.append(group(levels[-1]))
        return shallow + self.refine(F.leaky_relu(self.fuse(torch.cat(levels, 1)), 0.1))
