"""SRDA-Net: one step of x2, kelvin in, kelvin out.

Inputs and outputs are physical; what the network needs of standardising is inside it,
so that a bundle is one function. Reconstructed from Ma et al. (2025), whose text names the
modules; see `docs/method.md` for what is published and what is ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal, NamedTuple, cast

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from srdanet.network.attention import GCA, box_mean, local_mean, spread
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
HALO = 24
"""Coarse cells of halo; what lies farther changes a result by less than 1e-4 K (16 would leave 2.7 mK)."""


Kind = Literal["srdanet", "rcan", "unet", "cbam"]
"""Name of a network in `network.kinds.NETWORKS`."""


@dataclass(frozen=True)
class Architecture:
    """Which network, and its size.

    Networks of `network.published` read `channels`, `groups`, `blocks`, `gate_box` and `level_box` alone.
    """

    kind: Kind = "srdanet"
    channels: int = 32
    groups: int = 2
    """Groups; levels of halved resolution of `unet`, residual blocks of `cbam`."""
    blocks: int = 2
    """Blocks in each group of `rcan`."""
    guides: int = 8
    """Functions of the predictors that GCA regresses LST on."""
    attention_boxes: tuple[int, ...] = (7, 21)
    """Cells along the boxes in which it does."""
    gate_box: int = 7
    """Cells along the box from which MSCA's gates take their means, and channel attention in `published`."""
    level_box: int = 11
    """The same for the local mean that is taken off LST, elevation and illumination."""
    gca: bool = True
    """Off, for ablation: LST and auxiliary features are only put side by side."""
    msca: bool = True
    """Off, for ablation: the groups are residual blocks of two convolutions."""
    mfrm: bool = True
    """Off, for ablation: only the last group's output goes on."""

    def __post_init__(self) -> None:
        # JSON knows no tuples.
        object.__setattr__(self, "attention_boxes", tuple(self.attention_boxes))


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each predictor, in the order of `predictors.stack`."""

    channel_mean: Sequence[float]
    channel_std: Sequence[float]
    context_mean: Sequence[float]
    context_std: Sequence[float]
    relative: Sequence[int]
    """Channels of which the network sees the departure from their surroundings (elevation, illumination)."""
    ranges: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Lowest and highest usual value of inputs in training (`network.domain`); the network does not use them."""


class Inputs(NamedTuple):
    """What a network sees of a step: standardised, without gaps, on the coarse grid."""

    lst: Tensor
    """(B, 3, h, w) departure of LST from its local mean, 1 where LST is known, local mean."""
    predictors: Tensor
    """(B, 4, N, h, w) the four fine cells of each coarse one."""
    share: Tensor
    """(B, N, h, w) share of them that is known."""
    context: Tensor
    """(B, 2 M, h, w) the context, then where each entry is known."""

    @property
    def folded(self) -> Tensor:
        """(B, 5 N, h, w): the four fine cells of each predictor in turn, then the shares."""
        return torch.cat([self.predictors.transpose(1, 2).flatten(1, 2), self.share], 1)


class Answer(NamedTuple):
    """What a network makes of it."""

    residual: Tensor
    """(B, 4, h, w) K, to be added to interpolation in the four fine cells of each coarse one."""
    log_sigma: Tensor
    """(B, 4, h, w) logarithm of its standard deviation (K)."""
    trust: Tensor | None = None
    """(B, 1, h, w) noise (K) up to which the coarse image is kept to; None: it is not."""


class StepNetwork(nn.Module):
    """One x2 step (batch B, coarse grid h x w, fine grid 2h x 2w); a `downscaling.rollout.StepModel` of tensors.

    What all networks have in common: standardised inputs, filled gaps, the interpolation that a residual is added to,
    and an uncertainty.
    """

    halo = HALO
    tail: nn.Conv2d
    channel_mean: Tensor
    channel_std: Tensor
    context_mean: Tensor
    context_std: Tensor

    def __init__(self, statistics: Statistics, architecture: Architecture | None = None) -> None:
        super().__init__()
        self.architecture, self.statistics = architecture or Architecture(), statistics
        for name in ("channel_mean", "channel_std", "context_mean", "context_std"):
            values = torch.tensor(getattr(statistics, name), dtype=torch.float32).view(1, -1, 1, 1)
            self.register_buffer(name, values)

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
        seen = torch.cat([(departure / DETAIL).clamp(-FAR, FAR), valid, level / DEVIATION], 1)
        present = ~torch.isnan(context)
        standard = torch.where(present, (context - self.context_mean) / self.context_std, 0.0).clamp(-FAR, FAR)
        standard = torch.cat([standard, present.to(context.dtype)], 1)
        answer = self.answer(Inputs(seen, *self._fold(auxiliary), standard))
        # A hole takes the mean of its surroundings, so that its neighbours are interpolated towards it.
        fine = spread(departure + level)[:, 0] + LEVEL + answer.residual.clamp(-FARTHEST, FARTHEST)
        sigma = torch.exp(answer.log_sigma.clamp(-5, 3))
        if answer.trust is not None:
            noise = context[:, [NOISE]]
            noise = torch.where(torch.isnan(noise), UNKNOWN_NOISE, noise)
            fine = fit_to_coarse(fine, lst + LEVEL, valid * torch.exp(-((noise / answer.trust) ** 2)))
            sigma = torch.sqrt(sigma**2 + (self.carried_share() * noise) ** 2)
        return F.pixel_shuffle(fine, 2), F.pixel_shuffle(sigma, 2)

    def answer(self, inputs: Inputs) -> Answer:
        """The residual and its uncertainty, read from the features by `tail`."""
        residual, log_sigma = self.tail(self.features(inputs)).float().chunk(2, 1)
        return Answer(residual, log_sigma)

    def features(self, inputs: Inputs) -> Tensor:
        """(B, C, h, w): what `tail` reads."""
        raise NotImplementedError

    def carried_share(self) -> Tensor:
        """Share of the coarse image's noise that is left in the result."""
        raise NotImplementedError

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

    def describe(self) -> dict[str, object]:
        """What a bundle stores to build the same network again."""
        return {"architecture": asdict(self.architecture), "statistics": asdict(self.statistics)}


def zero_tail(channels: int) -> nn.Conv2d:
    """From features to the residual and the logarithm of its standard deviation in 2 x 2 fine cells; zero at first."""
    return _zeroed(nn.Conv2d(channels, 8, 3, padding=1))


def _zeroed(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def fit_to_coarse(fine: Tensor, lst: Tensor, trust: Tensor) -> Tensor:
    """The four fine cells of each coarse one, brought towards its temperature.

    The correction is smooth as far as that goes; what it leaves is shared out evenly, so that where `trust` is 1 the
    mean of what the fine cells emit is what the coarse cell emits.

    Args:
        fine: (B, 4, h, w) K.
        lst: (B, 1, h, w) coarse LST, K.
        trust: (B, 1, h, w) share of the difference that is taken off, 0 to 1.
    """
    for correction in (spread, spread, _even):
        square = (fine / 300) ** 2
        mean = torch.sqrt(torch.sqrt((square * square).mean(1, keepdim=True).clamp_min(1e-3))) * 300
        fine = fine + correction((lst - mean) * trust)[:, 0]
    return fine


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
        self.modulation = nn.Sequential(nn.Conv2d(2 * m, 16, 1), nn.LeakyReLU(0.1), nn.Conv2d(16, 4 * c, 1))
        self.gca = GCA(n, guides=size.guides, boxes=size.attention_boxes) if size.gca else None
        answers = size.guides * len(size.attention_boxes) if size.gca else 0
        self.join = nn.Conv2d(2 * c + 5 * answers, c, 1)
        self.mfrm = MFRM(c, groups=size.groups, box=size.gate_box, attention=size.msca, levels=size.mfrm)
        self.tail = zero_tail(c)
        self.weigh = _zeroed(nn.Conv2d(c, answers + 1, 1))
        with torch.no_grad():
            # At first the mean of all local regressions.
            self.weigh.bias[:answers] = 1 / max(answers, 1)  # type: ignore[index]
        self.carried = nn.Parameter(torch.tensor(2.0))

    def answer(self, inputs: Inputs) -> Answer:
        """Same as `StepNetwork.answer`, with the candidates of GCA, each by its weight, in the residual."""
        hidden = self.modulation[1](self.modulation[0](inputs.context))
        p = self._modulated(self.primary(inputs.lst), hidden, 0)
        a = self._modulated(self._auxiliary_features(inputs.predictors, inputs.share), hidden, 2)
        features = [p, a]
        if self.gca is not None:
            departure, valid, _ = inputs.lst.chunk(3, 1)
            slopes, correlations, detail = self.gca(departure, inputs.predictors, valid)
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
        return Answer(residual, log_sigma, F.softplus(trust + 1))

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
        weights = list(self.join.weight.split([part.shape[1] for part in features], 1))  # type: ignore[no-untyped-call]
        if len(weights) > 2:
            weights[2] = _cells_first(weights[2], weights[2].shape[1] // 4)
        total = F.conv2d(features[0], weights[0], self.join.bias)
        for part, weight in zip(features[1:], weights[1:], strict=True):
            total = total + F.conv2d(part, weight)
        return total

    def carried_share(self) -> Tensor:
        """Same as in `StepNetwork`."""
        return torch.sigmoid(self.carried)


def _even(x: Tensor) -> Tensor:
    """Each coarse value for its four fine cells: (B, C, h, w) -> (B, C, 4, h, w)."""
    return x.unsqueeze(2).expand(-1, -1, 4, -1, -1)


def _cells_first(weight: Tensor, count: int) -> Tensor:
    """Weights (out, count * 4, 1, 1) as stored, for an input of (4, count) instead."""
    return weight.unflatten(1, (count, 4)).transpose(1, 2).flatten(1, 2)  # type: ignore[no-untyped-call]


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    """The weights as a bundle keeps them."""
    return {name: value.contiguous() for name, value in net.state_dict().items()}


def weights_sha256(net: nn.Module) -> str:
    """Of the weights as a bundle keeps them."""
    return hashlib.sha256(save(weights_of(net))).hexdigest()
