"""SRDA-Net: one step of x2, kelvin in, kelvin out.

Inputs and outputs are physical; what the network needs of standardising is inside it,
so that a bundle is one function. Reconstructed from Ma et al. (2025), whose text names the
modules; see `docs/method.md` for what is published and what is ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from srdanet.network.attention import GCA, box_mean, local_mean
from srdanet.network.refinement import MFRM

LEVEL, DEVIATION = 290.0, 20.0
"""Mean and standard deviation (K) of land surface temperature, by which its level is standardised."""
DETAIL = 3.0
"""Usual departure (K) of a cell from its surroundings."""
FAR = 10.0
"""Standardised values beyond this (a fire, a broken cell, a climate never seen) are cut to it."""

FARTHEST = 15.0
"""The most (K) that a fine cell may depart from interpolation, however broken the input; sound input stays below 11."""
ENOUGH = 0.25
"""Share of a predictor's surroundings that must be known for their mean to fill a gap in full."""
HALO = 24
"""Coarse cells of halo; what lies farther changes a result by well under 0.02 K (tests hold it)."""
Kind = Literal["srdanet", "rcan", "unet", "cbam"]
"""Name of a network in `network.kinds.NETWORKS`."""


@dataclass(frozen=True)
class Architecture:
    """Which network, and its size.

    The rivals (`network.rivals`) read `channels`, `groups`, `blocks`, `gate_box` and `level_box` alone.
    """

    kind: Kind = "srdanet"
    channels: int = 48
    groups: int = 3
    """Groups; levels of halved resolution of `unet`, residual blocks of `cbam`."""
    blocks: int = 2
    """Blocks in each group of `rcan`."""
    heads: int = 8
    head_width: int = 4
    attention_box: int = 11
    """Cells along the box from which GCA takes its statistics."""
    gate_box: int = 7
    """The same for MSCA's gates, and for the channel attention of rivals."""
    level_box: int = 11
    """The same for the local mean that is taken off LST, elevation and illumination."""
    gca: bool = True
    """Off, for ablation: LST and auxiliary features are only put side by side."""
    msca: bool = True
    """Off, for ablation: the groups are residual blocks of two convolutions."""
    mfrm: bool = True
    """Off, for ablation: only the last group's output goes on."""


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each predictor, in the order of `predictors.stack`."""

    channel_mean: Sequence[float]
    channel_std: Sequence[float]
    context_mean: Sequence[float]
    context_std: Sequence[float]
    relative: Sequence[int]
    """Channels of which the network sees the departure from their surroundings (elevation, illumination)."""


class StepNetwork(nn.Module):
    """One x2 step (batch B, coarse grid h x w, fine grid 2h x 2w); a `downscaling.rollout.StepModel` of tensors.

    What all networks have in common: standardised inputs, filled gaps, the interpolation that a residual is added to,
    and an uncertainty. A network has its `features` and a `tail` made by `zero_tail`.
    """

    halo = HALO
    tail: nn.Conv2d
    channel_mean: Tensor
    channel_std: Tensor
    context_mean: Tensor
    context_std: Tensor
    relative: Tensor

    def __init__(self, statistics: Statistics, architecture: Architecture | None = None) -> None:
        super().__init__()
        size = architecture or Architecture()
        self.architecture, self.statistics = size, statistics
        n = len(statistics.channel_mean)
        for name in ("channel_mean", "channel_std", "context_mean", "context_std"):
            values = torch.tensor(getattr(statistics, name), dtype=torch.float32).view(1, -1, 1, 1)
            self.register_buffer(name, values)
        relative = torch.zeros(1, n, 1, 1)
        relative[:, list(statistics.relative)] = 1
        self.register_buffer("relative", relative)

    def forward(self, lst: Tensor, auxiliary: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """One step; NaN is missing in every input, never in an output.

        Args:
            lst: (B, 1, h, w) coarse LST, K.
            auxiliary: (B, N, 2h, 2w) predictors in the units of the table.
            context: (B, M, h, w) weather, season, sun, cell size.

        Returns:
            LST (K) and its standard deviation (K), each (B, 1, 2h, 2w).
        """
        known = ~torch.isnan(lst)
        valid = known.to(lst.dtype)
        lst = torch.where(known, lst, 0.0) - LEVEL * valid
        level = local_mean(lst, valid, self.architecture.level_box)
        departure = (lst - level) * valid
        seen = torch.cat([(departure / DETAIL).clamp(-FAR, FAR), valid, level / DEVIATION], 1)
        present = ~torch.isnan(context)
        standard = torch.where(present, (context - self.context_mean) / self.context_std, 0.0).clamp(-FAR, FAR)
        standard = torch.cat([standard, present.to(context.dtype)], 1)
        features = self.features(seen, self._fold(auxiliary), standard, valid)
        residual, log_sigma = F.pixel_shuffle(self.tail(features), 2).chunk(2, 1)
        # A hole takes the mean of its surroundings, so that its neighbours are interpolated towards it.
        base = F.interpolate(departure + level, scale_factor=2, mode="bicubic", align_corners=False) + LEVEL
        return base + residual.clamp(-FARTHEST, FARTHEST), torch.exp(log_sigma.clamp(-5, 3))

    def features(self, seen: Tensor, auxiliary: Tensor, context: Tensor, valid: Tensor) -> Tensor:
        """What the residual and its uncertainty are read from; all on the coarse grid, without gaps.

        Args:
            seen: (B, 3, h, w) departure of LST from its local mean, share of cells with LST, local mean; standardised.
            auxiliary: (B, 5 N, h, w) predictors folded onto the coarse grid, then the share of each present.
            context: (B, 2 M, h, w) the context, then where each entry is present.
            valid: (B, 1, h, w) share of cells with LST.

        Returns:
            (B, C, h, w).
        """
        raise NotImplementedError

    def step(self, lst: Tensor, channels: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Same as `forward`, under the name that a rollout calls."""
        out: tuple[Tensor, Tensor] = self(lst, channels, context)
        return out

    def _fold(self, auxiliary: Tensor) -> Tensor:
        """Standardised predictors and the share of them present, folded onto the coarse grid.

        A gap takes the mean of its surroundings, fading to the mean of all training data where few of them are known,
        so that no edge is drawn where an image ends.
        """
        batch, count, height, width = auxiliary.shape
        # Filling gaps on the coarse grid takes a sixth off the time of a whole step, which memory bounds.
        x = F.pixel_unshuffle(self._levelled(auxiliary), 2).view(batch, count, 4, height // 2, width // 2)
        known = ~torch.isnan(x)
        present = known.to(x.dtype)
        mean, std = self.channel_mean * (1 - self.relative), self.channel_std
        x = torch.where(known, (x - mean.unsqueeze(2)) / std.unsqueeze(2), 0.0)
        share = present.mean(2)
        around = box_mean(share, self.architecture.level_box)
        level = box_mean(x.mean(2), self.architecture.level_box) / around.clamp_min(1e-6)
        filled = level * (around / ENOUGH).clamp(max=1) * (1 - self.relative)
        x = x + (1 - present) * filled.unsqueeze(2)
        return torch.cat([x.clamp(-FAR, FAR).flatten(1, 2), share], 1)

    def _levelled(self, auxiliary: Tensor) -> Tensor:
        """Predictors, the relative ones as their departure from the surroundings."""
        parts = list(auxiliary.chunk(auxiliary.shape[1], 1))
        for i in self.statistics.relative:
            known = ~torch.isnan(parts[i])
            values = torch.where(known, parts[i], 0.0)
            parts[i] = parts[i] - local_mean(values, known.to(values.dtype), 2 * self.architecture.level_box + 1)
        return torch.cat(parts, 1)

    def describe(self) -> dict[str, object]:
        """What a bundle stores to build the same network again."""
        return {"architecture": asdict(self.architecture), "statistics": asdict(self.statistics)}


def zero_tail(channels: int) -> nn.Conv2d:
    """From features to the residual and the logarithm of its standard deviation in 2 x 2 fine cells; zero at first."""
    tail = nn.Conv2d(channels, 8, 3, padding=1)
    nn.init.zeros_(tail.weight)
    nn.init.zeros_(tail.bias)  # type: ignore[arg-type]
    return tail


class SRDANet(StepNetwork):
    """The network of Ma et al. (2025): two branches, GCA between them, MFRM with MSCA."""

    def __init__(self, statistics: Statistics, architecture: Architecture | None = None) -> None:
        super().__init__(statistics, architecture)
        size = self.architecture
        n, m, c = len(statistics.channel_mean), len(statistics.context_mean), size.channels
        self.primary = nn.Conv2d(3, c, 3, padding=1)
        self.auxiliary = nn.Sequential(
            nn.Conv2d(5 * n, c, 1), nn.LeakyReLU(0.1), nn.Conv2d(c, c, 3, padding=1), nn.LeakyReLU(0.1)
        )
        self.modulation = nn.Sequential(nn.Conv2d(2 * m, 32, 1), nn.LeakyReLU(0.1), nn.Conv2d(32, 4 * c, 1))
        self.gca = GCA(c, heads=size.heads, width=size.head_width, box=size.attention_box) if size.gca else None
        self.join = nn.Conv2d(2 * c, c, 1)
        self.mfrm = MFRM(c, groups=size.groups, box=size.gate_box, attention=size.msca, levels=size.mfrm)
        self.tail = zero_tail(c)

    def features(self, seen: Tensor, auxiliary: Tensor, context: Tensor, valid: Tensor) -> Tensor:
        """Same as `StepNetwork.features`."""
        p, a = self.primary(seen), self.auxiliary(auxiliary)
        scale_p, shift_p, scale_a, shift_a = self.modulation(context).chunk(4, 1)
        p, a = p * (1 + scale_p) + shift_p, a * (1 + scale_a) + shift_a
        asked = p if self.gca is None else self.gca(p, a, valid)
        out: Tensor = self.mfrm(self.join(torch.cat([asked, a], 1)))
        return out


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    """The weights as a bundle keeps them."""
    return {name: value.contiguous() for name, value in net.state_dict().items()}


def weights_sha256(net: nn.Module) -> str:
    """Of the weights as a bundle keeps them."""
    return hashlib.sha256(save(weights_of(net))).hexdigest()
