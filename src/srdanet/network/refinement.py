"""MFRM, the multi-level feature refinement module."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from srdanet.network.attention import MSCA


class Group(nn.Module):
    """A residual group: convolution, activation, convolution, multi-scale attention (or none, for ablation)."""

    def __init__(self, channels: int, *, box: int, attention: bool = True) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.attention = MSCA(channels, box=box) if attention else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, h, w) -> (B, C, h, w)."""
        inner = self.second(F.leaky_relu(self.first(x), 0.1))
        out: Tensor = x + self.attention(inner)
        return out


class MFRM(nn.Module):
    """Groups in a row; the outputs of all are kept, fused, and refined against the shallow features.

    Without `levels`, for ablation, only the last output is kept.
    """

    def __init__(self, channels: int, *, groups: int, box: int, attention: bool = True, levels: bool = True) -> None:
        super().__init__()
        self.groups = nn.ModuleList(Group(channels, box=box, attention=attention) for _ in range(groups))
        self.kept = groups + 1 if levels else 1
        self.fuse = nn.Conv2d(channels * self.kept, channels, 1)
        self.refine = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, shallow: Tensor) -> Tensor:
        """shallow: (B, C, h, w) -> (B, C, h, w)."""
        levels = [shallow]
        for group in self.groups:
            levels.append(group(levels[-1]))
        fused = self.fuse(torch.cat(levels[-self.kept :], 1))
        return shallow + self.refine(F.leaky_relu(fused, 0.1))
