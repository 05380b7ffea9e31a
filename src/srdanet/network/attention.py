"""The two attentions of SRDA-Net: GCA and MSCA.

Both take their statistics from a box of fixed size around every cell, never from the whole image, so the network
commutes with shifts: a tile cut into windows gives what the whole tile gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the field's usual name)


def box_mean(x: Tensor, size: int) -> Tensor:
    """Mean over a `size` x `size` box around each cell, zeros outside the image: (B, C, h, w) -> same."""
    half = size // 2
    if x.requires_grad and torch.is_grad_enabled() and not x.is_cuda:
        # For the small images of training, products with banded matrices take a third of the pooling's time.
        with torch.autocast(x.device.type, enabled=False):
            down, across = (_band(n, half, x) / size for n in x.shape[-2:])
            return down @ x @ across
    if x.is_cuda:
        # In channels-last memory CUDA shifts the gradient of a padded mean (pytorch issue 188344).
        x = x.contiguous()
    x = F.avg_pool2d(x, (size, 1), stride=1, padding=(half, 0))
    return F.avg_pool2d(x, (1, size), stride=1, padding=(0, half))


def _band(length: int, half: int, like: Tensor) -> Tensor:
    """(length, length): 1 where row and column are no more than `half` apart."""
    at = torch.arange(length, device=like.device)
    return ((at[:, None] - at).abs() <= half).to(like.dtype)


def spread(x: Tensor) -> Tensor:
    """Bicubic interpolation to half the cell size: (B, C, h, w) -> (B, C, 4, h, w), the four cells of each.

    The same numbers as torch's own, which gives them as one image.
    """
    b, c, h, w = x.shape
    # In bfloat16 neighbouring temperatures would lie far apart.
    with torch.autocast(x.device.type, enabled=False) if torch.is_autocast_enabled(x.device.type) else nullcontext():
        padded = F.pad(x.float().reshape(b * c, 1, h, w), (2, 2, 2, 2), mode="replicate")
        return F.conv2d(padded, _TAPS.to(x.device)).view(b, c, 4, h, w)


def _bicubic_taps() -> Tensor:
    """(4, 1, 5, 5): Keys' kernel (a = -0.75) a quarter of a cell before and after each centre."""
    a = -0.75
    near = [(a + 2) * d**3 - (a + 3) * d**2 + 1 for d in (0.25, 0.75)]
    far = [a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a for d in (1.25, 1.75)]
    before = torch.tensor([far[1], near[1], near[0], far[0], 0.0])
    lines = torch.stack([before, before.flip(0)])
    return torch.einsum("iy,jx->ijyx", lines, lines).reshape(4, 1, 5, 5)


_TAPS = _bicubic_taps()


def local_mean(x: Tensor, weight: Tensor, size: int) -> Tensor:
    """Mean of the cells with weight in the box around each cell; 0 where there are none."""
    return box_mean(x * weight, size) / box_mean(weight, size).clamp_min(1e-6)


class GCA(nn.Module):
    """Attention of LST to learned guides: how many kelvin go with each of them here, inferred from the image itself.

    A guide is a function of the predictors of one fine cell, learned; several are formed at once. Their means over
    coarse cells are exact, since a guide is formed before it is averaged. In a box around each coarse cell the guide is
    regressed on LST; slope times the guide's detail within the coarse cell is a candidate for LST's own detail, in
    kelvin, whatever the relation of the two is in this country and season. Boxes of several sizes are answered, since a
    small one follows a relation that changes and a large one is surer of it. All are linear in the number of cells.

    Reconstructed: the paper names GCA without equations.
    """

    def __init__(self, predictors: int, *, guides: int, boxes: Sequence[int], hidden: int = 32) -> None:
        super().__init__()
        self.boxes = tuple(boxes)
        self.curved = nn.Sequential(
            nn.Conv2d(predictors, hidden, 1), nn.LeakyReLU(0.1), nn.Conv2d(hidden, guides, 1, bias=False)
        )
        self.straight = nn.Conv2d(predictors, guides, 1, bias=False)
        self.ridge = nn.Parameter(torch.full((1, guides * len(self.boxes), 1, 1), -3.0))

    def forward(self, lst: Tensor, predictors: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What goes with each guide in LST, and how well each explains LST.

        Args:
            lst: (B, 1, h, w) departure of LST from its surroundings, in any unit.
            predictors: (B, 4, N, h, w) standardised, the four fine cells of each coarse one.
            valid: (B, 1, h, w) 1 where LST is known.

        Returns:
            (B, S, h, w) slopes and correlations for S = boxes * guides, and (B, 4, G, h, w) detail of the G guides;
            a slope times the detail of its guide is a candidate for the detail of LST, in the unit of `lst`.
        """
        b, _, n, h, w = predictors.shape
        flat = predictors.reshape(4 * b, n, h, w)
        guide = (self.curved(flat) + self.straight(flat)).float().view(b, 4, -1, h, w)
        mean = guide.mean(1)
        detail = guide - spread(mean).transpose(1, 2)
        known = mean * valid
        moments = torch.cat([valid, lst * valid, lst * lst * valid, known, known * mean, known * lst], 1)
        slopes, correlations = [], []
        for box, ridge in zip(self.boxes, self.ridge.chunk(len(self.boxes), 1), strict=True):
            around = box_mean(moments, box)
            around = around[:, 1:] / around[:, :1].clamp_min(1e-6)
            t, tt = around[:, :1], around[:, 1:2]
            g, gg, gt = around[:, 2:].chunk(3, 1)
            variance = (gg - g * g).clamp_min(0) + torch.exp(ridge)
            covariance = gt - g * t
            slopes.append(covariance / variance)
            correlations.append(covariance / torch.sqrt(variance * ((tt - t * t).clamp_min(0) + 1e-3)))
        return torch.cat(slopes, 1), torch.cat(correlations, 1), detail


class MSCA(nn.Module):
    """Multi-scale attention: parallel receptive fields, weighed by scale and by channel, residual.

    Three 3 x 3 convolutions with dilations 1, 2 and 4 share the channels; the weights come from
    the branches' own mean in a box, and sum to the number of scales over scales.
    """

    DILATIONS = (1, 2, 4)
    repeated: Tensor

    def __init__(self, channels: int, *, box: int) -> None:
        super().__init__()
        part = channels // 4
        self.box = box
        self.branches = nn.ModuleList(nn.Conv2d(channels, part, 3, padding=d, dilation=d) for d in self.DILATIONS)
        self.channel = nn.Conv2d(part * len(self.DILATIONS), part * len(self.DILATIONS), 1)
        self.scale = nn.Conv2d(part * len(self.DILATIONS), len(self.DILATIONS), 1)
        self.fuse = nn.Conv2d(part * len(self.DILATIONS), channels, 1)
        repeated = torch.eye(len(self.DILATIONS)).repeat_interleave(part, 0).view(-1, len(self.DILATIONS), 1, 1)
        self.register_buffer("repeated", repeated, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, h, w) -> (B, C, h, w)."""
        scales = torch.cat([F.leaky_relu(branch(x), 0.1) for branch in self.branches], 1)
        surroundings = box_mean(scales, self.box)
        by_scale = self.scale(surroundings)
        # A softmax in pieces: over three channels ONNX Runtime's own takes six times as long.
        by_scale = torch.exp(by_scale - by_scale.amax(1, keepdim=True))
        by_scale = by_scale * (len(self.DILATIONS) / by_scale.sum(1, keepdim=True))
        # Each scale's weight for all its channels, as a convolution: its result has the memory layout of `scales`.
        by_channel = F.conv2d(by_scale, self.repeated)
        weighed = scales * by_channel * torch.sigmoid(self.channel(surroundings))
        return x + self.fuse(weighed)
