"""SRDA-Net: one step of x2, kelvin in, kelvin out.

Inputs and outputs are physical; what the network needs of standardising is inside it,
so that a bundle is one function. Reconstructed from Ma et al. (2025), whose text names the
modules; see `docs/method.md` for what is published and what is ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from srdanet.network.attention import GCA, box_mean, local_mean, spread
from srdanet.network.bundle import Bundle
from srdanet.network.refinement import MFRM
from srdanet.predictors.stack import CONTEXT

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
UNKNOWN_NOISE = 0.5
"""Standard deviation (K) of the coarse image's error where nobody states it."""
NOISE = CONTEXT.index("noise")
HALO = 16
"""Coarse cells of halo; what lies farther changes a result by well under 0.02 K (tests hold it)."""


@dataclass(frozen=True)
class Architecture:
    """Size of the network."""

    channels: int = 32
    groups: int = 2
    guides: int = 8
    """Functions of the predictors that GCA regresses LST on."""
    attention_boxes: tuple[int, ...] = (7, 21)
    """Cells along the boxes in which it does."""
    gate_box: int = 7
    """Cells along the box from which MSCA's gates take their means."""
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


class SRDANet(nn.Module):
    """One x2 step (batch B, coarse grid h x w, fine grid 2h x 2w); a `downscaling.rollout.StepModel` of tensors."""

    halo = HALO
    channel_mean: Tensor
    channel_std: Tensor
    context_mean: Tensor
    context_std: Tensor

    def __init__(self, statistics: Statistics, architecture: Architecture | None = None) -> None:
        super().__init__()
        size = architecture or Architecture()
        self.architecture, self.statistics = size, statistics
        n, m, c = len(statistics.channel_mean), len(statistics.context_mean), size.channels
        for name in ("channel_mean", "channel_std", "context_mean", "context_std"):
            values = torch.tensor(getattr(statistics, name), dtype=torch.float32).view(1, -1, 1, 1)
            self.register_buffer(name, values)
        self.primary = nn.Conv2d(3, c, 3, padding=1)
        self.auxiliary = nn.Sequential(
            nn.Conv2d(5 * n, c, 1), nn.LeakyReLU(0.1), nn.Conv2d(c, c, 3, padding=1), nn.LeakyReLU(0.1)
        )
        self.modulation = nn.Sequential(nn.Conv2d(2 * m, 16, 1), nn.LeakyReLU(0.1), nn.Conv2d(16, 4 * c, 1))
        self.gca = GCA(n, guides=size.guides, boxes=size.attention_boxes) if size.gca else None
        answers = size.guides * len(size.attention_boxes) if size.gca else 0
        self.join = nn.Conv2d(2 * c + 5 * answers, c, 1)
        self.mfrm = MFRM(c, groups=size.groups, box=size.gate_box, attention=size.msca, levels=size.mfrm)
        self.tail = nn.Conv2d(c, 8, 3, padding=1)
        self.weigh = nn.Conv2d(c, answers + 1, 1)
        for last in (self.tail, self.weigh):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            # At first the mean of all local regressions, and what is known of the coarse image kept.
            self.weigh.bias[:answers] = 1 / max(answers, 1)  # type: ignore[index]
        self.carried = nn.Parameter(torch.tensor(2.0))

    def forward(self, lst: Tensor, auxiliary: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """One step; NaN is missing in every input, never in an output.

        Args:
            lst: (B, 1, h, w) coarse LST, K.
            auxiliary: (B, N, 2h, 2w) predictors in the units of the table.
            context: (B, M, h, w) weather, season, sun, cell size, noise of the coarse image.

        Returns:
            LST (K) and its standard deviation (K), each (B, 1, 2h, 2w).
        """
        known = ~torch.isnan(lst)
        valid = known.to(lst.dtype)
        lst = torch.where(known, lst, 0.0) - LEVEL * valid
        level = local_mean(lst, valid, self.architecture.level_box)
        departure = (lst - level) * valid
        scaled = (departure / DETAIL).clamp(-FAR, FAR)
        x, share = self._fold(auxiliary)
        present = ~torch.isnan(context)
        standard = torch.where(present, (context - self.context_mean) / self.context_std, 0.0).clamp(-FAR, FAR)
        hidden = self.modulation[1](self.modulation[0](torch.cat([standard, present.to(context.dtype)], 1)))
        p = self._modulated(self.primary(torch.cat([scaled, valid, level / DEVIATION], 1)), hidden, 0)
        a = self._modulated(self._auxiliary_features(x, share), hidden, 2)
        features = [p, a]
        if self.gca is not None:
            slopes, correlations, detail = self.gca(scaled, x, valid)
            slopes, detail = slopes.unflatten(1, (-1, detail.shape[2])), detail.unsqueeze(2)
            candidates = slopes.unsqueeze(1) * detail
            features += [candidates.clamp(-FAR, FAR).flatten(1, 3), correlations]
        refined = self.mfrm(self._joined(features))
        residual, log_sigma = self.tail(refined).float().chunk(2, 1)
        weights, trust = self.weigh(refined).float().split([self.weigh.out_channels - 1, 1], 1)
        if self.gca is not None:
            # The same as weighing the candidates, at a quarter of the cost.
            weighed = (weights.unflatten(1, slopes.shape[1:3]) * slopes).sum(1)
            residual = residual + DETAIL * (weighed.unsqueeze(1) * detail.squeeze(2)).sum(2)
        noise = context[:, [NOISE]]
        noise = torch.where(torch.isnan(noise), UNKNOWN_NOISE, noise)
        # A hole takes the mean of its surroundings, so that its neighbours are interpolated towards it.
        fine = spread(departure + level)[:, 0] + LEVEL + residual.clamp(-FARTHEST, FARTHEST)
        fine = self._closed(fine, lst + LEVEL, valid * torch.exp(-((noise / F.softplus(trust + 1)) ** 2)))
        variance = torch.exp(2 * log_sigma.clamp(-5, 3)) + (torch.sigmoid(self.carried) * noise) ** 2
        return F.pixel_shuffle(fine, 2), F.pixel_shuffle(torch.sqrt(variance), 2)

    @staticmethod
    def _closed(fine: Tensor, lst: Tensor, trust: Tensor) -> Tensor:
        """The four fine cells of each coarse one, brought towards its temperature.

        The correction is smooth as far as that goes; what it leaves is shared out evenly, so that where `trust` is 1
        the mean of what the fine cells emit is what the coarse cell emits.
        """
        for correction in (spread, spread, _even):
            square = (fine / 300) ** 2
            mean = torch.sqrt(torch.sqrt((square * square).mean(1, keepdim=True).clamp_min(1e-3))) * 300
            fine = fine + correction((lst - mean) * trust)[:, 0]
        return fine

    def step(self, lst: Tensor, channels: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Same as `forward`, under the name that a rollout calls."""
        out: tuple[Tensor, Tensor] = self(lst, channels, context)
        return out

    def _fold(self, auxiliary: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised predictors (B, 4, N, h, w), folded onto the coarse grid, and the share of them present there.

        The relative ones are departures from their surroundings. A gap takes the mean of its surroundings, fading to
        the mean of all training data where few of them are known, so that no edge is drawn where an image ends.
        """
        x = torch.stack([auxiliary[..., i::2, j::2] for i in (0, 1) for j in (0, 1)], 1)
        missing = torch.isnan(x)
        absent = missing.to(x.dtype)
        x = torch.where(missing, 0.0, (x - self.channel_mean) / self.channel_std)
        share = 1 - absent.mean(1)
        around = box_mean(share, self.architecture.level_box)
        level = box_mean(x.mean(1), self.architecture.level_box) / around.clamp_min(1e-6)
        filled = level * (around / ENOUGH).clamp(max=1)
        x = x + absent * filled.unsqueeze(1)
        # Interpolated, or the level's own steps from cell to cell would show.
        relative = list(self.statistics.relative)
        parts = list(x.chunk(x.shape[2], 2))
        below = spread(filled[:, relative])
        for i, k in enumerate(relative):
            parts[k] = parts[k] - below[:, i].unsqueeze(2)
        return torch.cat(parts, 2).clamp(-FAR, FAR), share

    def _auxiliary_features(self, x: Tensor, share: Tensor) -> Tensor:
        """(B, 4, N, h, w) predictors and (B, N, h, w) share of them -> (B, C, h, w).

        The weights are stored with the four fine cells of a predictor side by side.
        """
        first, *others = cast("tuple[nn.Conv2d, nn.Module, nn.Module, nn.Module]", tuple(self.auxiliary))
        count = share.shape[1]
        weight = torch.cat([_cells_first(first.weight[:, : 4 * count], count), first.weight[:, 4 * count :]], 1)
        a = F.conv2d(torch.cat([x.flatten(1, 2), share], 1), weight, first.bias)
        for layer in others:
            a = layer(a)
        return a

    def _modulated(self, x: Tensor, hidden: Tensor, part: int) -> Tensor:
        """(B, C, h, w) scaled and shifted by two of the four parts of the modulation's last convolution.

        Part by part, so that none has to be cut out of a larger array.
        """
        last = cast(nn.Conv2d, self.modulation[2])
        weight, bias = last.weight.chunk(4), cast(Tensor, last.bias).chunk(4)
        scale = F.conv2d(hidden, weight[part], 1 + bias[part])
        return x * scale + F.conv2d(hidden, weight[part + 1], bias[part + 1])

    def _joined(self, features: Sequence[Tensor]) -> Tensor:
        """The features, (B, any, h, w) each, brought together: `join` of their concatenation, which is never made.

        The weights are stored with the four fine cells of a candidate side by side.
        """
        weights = list(self.join.weight.split([part.shape[1] for part in features], 1))
        if len(weights) > 2:
            weights[2] = _cells_first(weights[2], weights[2].shape[1] // 4)
        total = F.conv2d(features[0], weights[0], self.join.bias)
        for part, weight in zip(features[1:], weights[1:], strict=True):
            total = total + F.conv2d(part, weight)
        return total

    def describe(self) -> dict[str, object]:
        """What a bundle stores to build the same network again."""
        return {"architecture": asdict(self.architecture), "statistics": asdict(self.statistics)}


def _even(x: Tensor) -> Tensor:
    """Each coarse value for its four fine cells: (B, C, h, w) -> (B, C, 4, h, w)."""
    return x.unsqueeze(2).expand(-1, -1, 4, -1, -1)


def _cells_first(weight: Tensor, count: int) -> Tensor:
    """Weights (out, count * 4, 1, 1) as stored, for an input of (4, count) instead."""
    return weight.unflatten(1, (count, 4)).transpose(1, 2).flatten(1, 2)


def weights_of(net: SRDANet) -> dict[str, Tensor]:
    """The weights as a bundle keeps them."""
    return {name: value.contiguous() for name, value in net.state_dict().items()}


def weights_sha256(net: SRDANet) -> str:
    """Of the weights as a bundle keeps them."""
    return hashlib.sha256(save(weights_of(net))).hexdigest()


def load_network(bundle: Bundle) -> SRDANet:
    """The network of a bundle, with its weights: to train on, or to adapt."""
    config = bundle.config
    net = SRDANet(Statistics(**config["statistics"]), Architecture(**config["architecture"]))
    net.load_state_dict(load_file(bundle.folder / "weights.safetensors"))
    return net.eval()
