"""Networks from the literature that SRDA-Net is compared with: RCAN, a guided residual U-Net, a CBAM residual network.

Each keeps the body that its authors publish. What surrounds it is the same for all, so that a comparison tells of the
body alone: inputs, gaps, bicubic interpolation plus a residual, the uncertainty (`StepNetwork`), samples, loss,
optimizer and calibration. Predictors come in beside LST at the first convolution, folded onto the coarse grid; the
residual leaves by pixel shuffle, as in RCAN. The first convolution has two parts, 1 x 1 and 3 x 3, as in SRDA-Net: one
of 3 x 3 over all inputs would take half the operations.

Where the authors take a mean or maximum over the whole image, here it is taken over a box around each cell
(`Architecture.gate_box`), so that a tile cut into windows gives what the whole tile gives. There is no batch
normalisation: RCAN has none, and levels in kelvin should not depend on the batch.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from srdanet.network.attention import local_mean
from srdanet.network.srdanet import Architecture, Inputs, Statistics, StepNetwork, zero_tail

REDUCTION = 4
"""Channels over those inside a channel attention; the authors' 16 would leave two of 32."""


class Rcan(StepNetwork):
    """Residual Channel Attention Network: residual groups of residual blocks with channel attention, skips around all.

    The authors have 10 groups of 20 blocks with 64 channels; here both numbers are those of the architecture. They
    train with the mean absolute error.

    Zhang, Y., Li, K., Li, K., Wang, L., Zhong, B., Fu, Y. (2018): Image super-resolution using very deep residual
    channel attention networks. ECCV 2018, 294-310. Their program: github.com/yulunzhang/RCAN.
    """

    def __init__(self, statistics: Statistics, architecture: Architecture | None = None) -> None:
        super().__init__(statistics, architecture)
        size = self.architecture
        c = size.channels
        self.head = _head(statistics, c)
        self.groups = nn.Sequential(
            *(
                _Residual(
                    *(_Residual(*_pair(c), ChannelAttention(c, box=size.gate_box)) for _ in range(size.blocks)),
                    _conv(c, c),
                )
                for _ in range(size.groups)
            ),
            _conv(c, c),
        )
        self.tail = zero_tail(c)

    def features(self, inputs: Inputs) -> Tensor:
        """Same as `StepNetwork.features`."""
        shallow: Tensor = self.head(_all(inputs))
        return shallow + self.groups(shallow)


class GuidedUNet(StepNetwork):
    """A U-Net that is given LST and predictors together, and whose result is added to interpolation.

    The kind of SC-Unet and SIF-CNN-SR. Two convolutions at each level; `Architecture.groups` times the grid is halved
    by the maximum of 2 x 2 cells and the channels doubled; on the way back the nearest value is taken, then a
    convolution. The authors work on the fine grid with NDVI alone, and train on images degraded to 4 km or on closure
    and texture; here the fine grid is folded, all predictors come in, and the loss is that of SRDA-Net.

    Windows that begin at multiples of 2 to the power of `groups` cells, as those of a run do unless its block is odd,
    do not show in the result.

    Ronneberger, O., Fischer, P., Brox, T. (2015): U-Net: convolutional networks for biomedical image segmentation.
    MICCAI 2015, 234-241.
    Ait-Bachir, R., Granero-Belinchon, C., Michel, A., Michel, J., Briottet, X., Drumetz, L. (2025): Land surface
    temperature super-resolution with a scale-invariance-free neural approach: application to MODIS. arXiv 2502.01204.
    """

    def __init__(self, statistics: Statistics, architecture: Architecture | None = None) -> None:
        super().__init__(statistics, architecture)
        widths = [self.architecture.channels << level for level in range(self.architecture.groups + 1)]
        self.head = _head(statistics, widths[0])
        self.down = nn.ModuleList([nn.Sequential(nn.ReLU(), _conv(widths[0], widths[0]), nn.ReLU())])
        self.down.extend(_twice(before, after) for before, after in pairwise(widths))
        self.up = nn.ModuleList(_twice(low + high, low) for low, high in pairwise(widths))
        self.tail = zero_tail(widths[0])

    def features(self, inputs: Inputs) -> Tensor:
        """Same as `StepNetwork.features`."""
        x = self.down[0](self.head(_all(inputs)))
        levels = [x]
        for down in list(self.down)[1:]:
            levels.append(down(F.max_pool2d(levels[-1], 2, ceil_mode=True)))
        x = levels.pop()
        for up in reversed(self.up):
            x = up(torch.cat([levels[-1], _doubled(x, levels.pop())], 1))
        return x


class Cbam(StepNetwork):
    """A residual network whose blocks end in a Convolutional Block Attention Module: channels first, then space.

    The authors put the module into networks for classification, in ResNet before a block's skip is added, as here.

    Woo, S., Park, J., Lee, J.-Y., Kweon, I. S. (2018): CBAM: convolutional block attention module. ECCV 2018, 3-19.
    Their program: github.com/Jongchan/attention-module.
    """

    def __init__(self, statistics: Statistics, architecture: Architecture | None = None) -> None:
        super().__init__(statistics, architecture)
        size = self.architecture
        c = size.channels
        self.head = _head(statistics, c)
        self.blocks = nn.Sequential(
            *(
                _Residual(*_pair(c), ChannelAttention(c, box=size.gate_box, maximum=True), SpatialAttention())
                for _ in range(size.groups)
            )
        )
        self.tail = zero_tail(c)

    def features(self, inputs: Inputs) -> Tensor:
        """Same as `StepNetwork.features`."""
        out: Tensor = self.blocks(self.head(_all(inputs)))
        return out


class ChannelAttention(nn.Module):
    """Multiplies each channel by a weight that comes from the mean (and with `maximum` the largest value) in a box."""

    def __init__(self, channels: int, *, box: int, maximum: bool = False) -> None:
        super().__init__()
        inner = channels // REDUCTION
        self.box, self.maximum = box, maximum
        self.weigh = nn.Sequential(nn.Conv2d(channels, inner, 1), nn.ReLU(), nn.Conv2d(inner, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, h, w) -> (B, C, h, w)."""
        weight = self.weigh(local_mean(x, torch.ones_like(x[:, :1]), self.box))
        if self.maximum:
            half = self.box // 2
            largest = F.max_pool2d(x, (self.box, 1), stride=1, padding=(half, 0))
            weight = weight + self.weigh(F.max_pool2d(largest, (1, self.box), stride=1, padding=(0, half)))
        return x * torch.sigmoid(weight)


class SpatialAttention(nn.Module):
    """Multiplies each cell by a weight from the mean and the largest of its channels and of those within 3 cells."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, h, w) -> (B, C, h, w)."""
        return x * torch.sigmoid(self.weigh(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)))


class _Residual(nn.Sequential):
    """Layers with a skip around them."""

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for layer in self:
            y = layer(y)
        return x + y


def _conv(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1)


def _pair(channels: int) -> tuple[nn.Module, ...]:
    """The two convolutions of a residual block."""
    return _conv(channels, channels), nn.ReLU(), _conv(channels, channels)


def _twice(before: int, after: int) -> nn.Sequential:
    """The two convolutions of a level of a U-Net."""
    return nn.Sequential(_conv(before, after), nn.ReLU(), _conv(after, after), nn.ReLU())


def _head(statistics: Statistics, channels: int) -> nn.Sequential:
    """From all inputs to shallow features."""
    inputs = 3 + 5 * len(statistics.channel_mean) + 2 * len(statistics.context_mean)
    return nn.Sequential(nn.Conv2d(inputs, channels, 1), nn.ReLU(), _conv(channels, channels))


def _all(inputs: Inputs) -> Tensor:
    return torch.cat([inputs.lst, inputs.folded, inputs.context], 1)


def _doubled(x: Tensor, like: Tensor) -> Tensor:
    """Each cell repeated 2 x 2 times, cut to the height and width of `like`."""
    rows, cols = (torch.arange(n, device=x.device) // 2 for n in like.shape[-2:])
    return x.index_select(2, rows).index_select(3, cols)
