"""The two attentions of SRDA-Net: GCA and MSCA.

Both take their statistics from a box of fixed size around every cell, never from the whole image, so the network
commutes with shifts: a tile cut into windows gives what the whole tile gives.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the field's usual name)


def box_mean(x: Tensor, size: int) -> Tensor:
    """Mean over a `size` x `size` box around each cell, zeros outside the image: (B, C, h, w) -> same."""
    half = size // 2
    if x.is_cuda:
        # In channels-last memory CUDA shifts the gradient of a padded mean (pytorch issue 188344).
        x = x.contiguous()
    x = F.avg_pool2d(x, (size, 1), stride=1, padding=(half, 0))
    return F.avg_pool2d(x, (1, size), stride=1, padding=(0, half))


def local_mean(x: Tensor, weight: Tensor, size: int) -> Tensor:
    """Mean of the cells with weight in the box around each cell; 0 where there are none."""
    return box_mean(x * weight, size) / box_mean(weight, size).clamp_min(1e-6)


class GCA(nn.Module):
    """Cross-attention between LST (queries) and auxiliary features (keys, values), over channels.

    Each place asks which auxiliary features go together with LST in its surroundings, and by how many kelvin: the
    attention matrix of a head is the local covariance of queries and keys divided by the keys' variance, so that one
    head is a local regression of LST on the auxiliary data, and its output is that regression applied to the values'
    departure from their local mean. Signed (no softmax: vegetation cools), linear in the number of cells.

    Reconstructed: the paper names GCA without equations.
    """

    def __init__(self, channels: int, *, heads: int, width: int, box: int) -> None:
        super().__init__()
        self.heads, self.width, self.box = heads, width, box
        inner = heads * width
        self.query = nn.Conv2d(channels, inner, 1)
        self.key = nn.Conv2d(channels, inner, 1)
        self.value = nn.Conv2d(channels, inner, 1)
        self.ridge = nn.Parameter(torch.zeros(1, heads, 1, width, 1, 1))
        self.out = nn.Conv2d(inner, channels, 1)
        self.gate = nn.Parameter(torch.full((1, channels, 1, 1), 0.1))

    def forward(self, lst: Tensor, auxiliary: Tensor, valid: Tensor) -> Tensor:
        """lst, auxiliary: (B, C, h, w); valid: (B, 1, h, w) share of cells with LST; returns (B, C, h, w)."""
        b, _, h, w = lst.shape

        def centred(x: Tensor) -> Tensor:
            return x - local_mean(x, valid, self.box)

        q = centred(self.query(lst)).view(b, self.heads, self.width, 1, h, w)
        k = centred(self.key(auxiliary)).view(b, self.heads, 1, self.width, h, w)
        v = centred(self.value(auxiliary)).view(b, self.heads, 1, self.width, h, w)
        covariance = local_mean((q * k).flatten(1, 3), valid, self.box)
        variance = local_mean((k * k).flatten(1, 3), valid, self.box).view(b, self.heads, 1, self.width, h, w)
        covariance = covariance.view(b, self.heads, self.width, self.width, h, w)
        attention = covariance / (variance + F.softplus(self.ridge))
        answer = (attention * v).sum(3).flatten(1, 2)
        return lst + self.gate * self.out(answer)


class MSCA(nn.Module):
    """Multi-scale attention: parallel receptive fields, weighed by scale and by channel, residual.

    Three 3 x 3 convolutions with dilations 1, 2 and 4 share the channels; the weights come from
    the branches' own mean in a box, and sum to the number of scales over scales.
    """

    DILATIONS = (1, 2, 4)

    def __init__(self, channels: int, *, box: int) -> None:
        super().__init__()
        part = channels // len(self.DILATIONS)
        self.box = box
        self.branches = nn.ModuleList(nn.Conv2d(channels, part, 3, padding=d, dilation=d) for d in self.DILATIONS)
        self.channel = nn.Conv2d(part * len(self.DILATIONS), part * len(self.DILATIONS), 1)
        self.scale = nn.Conv2d(part * len(self.DILATIONS), len(self.DILATIONS), 1)
        self.fuse = nn.Conv2d(part * len(self.DILATIONS), channels, 1)
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, h, w) -> (B, C, h, w)."""
        scales = torch.cat([F.leaky_relu(branch(x), 0.1) for branch in self.branches], 1)
        surroundings = box_mean(scales, self.box)
        by_scale = torch.softmax(self.scale(surroundings), 1) * len(self.DILATIONS)
        by_scale = by_scale.repeat_interleave(self.part, 1)
        weighed = scales * by_scale * torch.sigmoid(self.channel(surroundings))
        return x + self.fuse(weighed)
