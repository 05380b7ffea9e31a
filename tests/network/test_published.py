"""Published networks take what SRDA-Net takes and give what it gives: bicubic at first, no window memory, any size."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from srdanet.network.kinds import NETWORKS, TITLES, build, flops_per_cell
from srdanet.network.published import ChannelAttention, GuidedUNet, SpatialAttention
from srdanet.network.srdanet import Architecture, Kind, Statistics, StepNetwork
from srdanet.predictors.stack import CHANNELS, CONTEXT
from srdanet.training import read_config

Inputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
PUBLISHED: tuple[Kind, ...] = ("rcan", "unet", "cbam")
SRDANET = Architecture()
CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def configured(kind: Kind) -> Architecture:
    """The size that its configuration gives it."""
    return read_config(CONFIGS / f"rival-{kind}.toml")[0].network


def make(architecture: Architecture, *, trained: bool = True) -> StepNetwork:
    """A network; `trained`: with weights that do something."""
    torch.manual_seed(2)
    n, m = len(CHANNELS), len(CONTEXT)
    relative = [CHANNELS.index("elevation")]
    net = build(Statistics([0.3] * n, [0.5] * n, [0.0] * m, [1.0] * m, relative), architecture)
    if trained:
        nn.init.normal_(net.tail.weight, std=0.05)
    return net.eval()


def small(kind: Kind) -> Architecture:
    return Architecture(kind, channels=12, groups=2, blocks=1)


def scene(height: int, width: int) -> Inputs:
    generator = torch.Generator().manual_seed(4)
    lst = 290 + 4 * torch.randn(1, 1, height, width, generator=generator)
    channels = torch.rand(1, len(CHANNELS), 2 * height, 2 * width, generator=generator)
    return lst, channels, torch.rand(1, len(CONTEXT), height, width, generator=generator)


def test_every_kind_has_a_network_and_a_title() -> None:
    assert set(NETWORKS) == set(TITLES) == set(get_args(Kind))


@pytest.mark.parametrize("kind", PUBLISHED)
def test_an_untrained_rival_is_bicubic(kind: Kind) -> None:
    inputs = scene(20, 17)
    with torch.no_grad():
        fine, sigma = make(small(kind), trained=False)(*inputs)
    bicubic = F.interpolate(inputs[0], scale_factor=2, mode="bicubic", align_corners=False)
    torch.testing.assert_close(fine, bicubic, atol=2e-4, rtol=0)
    torch.testing.assert_close(sigma, torch.ones_like(sigma))


@pytest.mark.parametrize("kind", PUBLISHED)
def test_results_are_numbers_whatever_is_missing(kind: Kind) -> None:
    lst, channels, context = scene(21, 18)
    lst[..., 5:13, 2:9] = torch.nan
    channels[:, 3:] = torch.nan
    context[:] = torch.nan
    with torch.no_grad():
        for given in (lst, torch.full_like(lst, torch.nan)):
            fine, sigma = make(small(kind))(given, channels, context)
            assert bool(torch.isfinite(fine).all())
            assert bool((sigma > 0).all())


@pytest.mark.parametrize("kind", PUBLISHED)
def test_windows_do_not_show(kind: Kind) -> None:
    """A window that begins where those of a run may, with the halo that the network states."""
    net = make(configured(kind))
    lst, channels, context = scene(70, 66)
    with torch.no_grad():
        whole, _ = net(lst, channels, context)
        part, _ = net(lst[..., 4:, 8:], channels[..., 8:, 16:], context[..., 4:, 8:])
    inner = part[..., 2 * net.halo :, 2 * net.halo :]
    torch.testing.assert_close(whole[..., 2 * (4 + net.halo) :, 2 * (8 + net.halo) :], inner, atol=1e-3, rtol=0)


@pytest.mark.parametrize("kind", PUBLISHED)
def test_a_rival_learns_one_sample_by_heart(kind: Kind) -> None:
    """Detail that NDVI shows: bicubic's error is gone after a few steps."""
    _, channels, context = scene(8, 7)
    green = channels[:, [CHANNELS.index("ndvi")]]
    truth = 295 - 8 * green
    lst = F.avg_pool2d(truth, 2)
    net = make(small(kind), trained=False).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    errors = []
    for _ in range(150):
        optimizer.zero_grad()
        error = (net(lst, channels, context)[0] - truth).square().mean()
        error.backward()
        optimizer.step()
        errors.append(float(error.detach()) ** 0.5)
    assert errors[0] > 2
    assert errors[-1] < 0.5


@pytest.mark.parametrize("kind", PUBLISHED)
def test_rivals_have_the_size_of_the_network(kind: Kind) -> None:
    assert flops_per_cell(make(configured(kind))) == pytest.approx(flops_per_cell(make(SRDANET)), rel=0.1)


def test_operations_are_those_of_its_convolutions() -> None:
    """Counted by hand: two operations for each weight and place, and 5/16 of a coarse cell for each 250 m cell."""
    net = make(Architecture("cbam", channels=8, groups=1))
    kernels = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    # What comes out of a box is as large as what goes in; the mean and the largest value are both weighed.
    times = [2 if any(layer is kernel for layer in _weighed(net)) else 1 for kernel in kernels]
    by_hand = sum(2 * kernel.weight.numel() * n for kernel, n in zip(kernels, times, strict=True))
    # Bicubic interpolation of LST and of the level of relative predictors: 25 taps for each of four cells.
    by_hand += 2 * 100 * (1 + len(net.statistics.relative))
    assert flops_per_cell(net) == pytest.approx(by_hand * 5 / 16)


def _weighed(net: nn.Module) -> list[nn.Module]:
    return [layer for part in net.modules() if isinstance(part, ChannelAttention) for layer in part.weigh]


def test_channel_attention_weighs_by_what_is_around() -> None:
    """Worked by hand: one channel, of which the weight is a logistic function of the mean in a box of three cells."""
    attention = ChannelAttention(4, box=3)
    with torch.no_grad():
        for layer in (attention.weigh[0], attention.weigh[2]):
            layer.weight.fill_(0)
            layer.bias.fill_(0)
        attention.weigh[0].weight[0, 0] = 1
        attention.weigh[2].weight[1, 0] = 1
        x = torch.zeros(1, 4, 5, 6)
        x[0, 0, 1, 2], x[0, 1] = 9, 1
        out = attention(x)
    # 9 / 9 cells within the image's inner part, 9 / 6 at its upper edge; the other channels are halved.
    assert float(out[0, 1, 2, 3]) == pytest.approx(1 / (1 + 2.718281828**-1))
    assert float(out[0, 1, 0, 1]) == pytest.approx(1 / (1 + 2.718281828**-1.5))
    assert float(out[0, 1, 4, 5]) == pytest.approx(0.5)
    assert float(out[0, 0, 1, 2]) == pytest.approx(4.5)


def test_spatial_attention_sees_the_mean_and_the_largest_channel() -> None:
    attention = SpatialAttention()
    with torch.no_grad():
        attention.weigh.weight.fill_(0)
        attention.weigh.bias.fill_(0)
        attention.weigh.weight[0, :, 3, 3] = torch.tensor([2.0, -1.0])
        x = torch.tensor([1.0, 5.0]).view(1, 2, 1, 1).expand(1, 2, 8, 9)
        out = attention(x)
    assert float(out[0, 1, 4, 4]) == pytest.approx(5 / (1 + 2.718281828 ** -(2 * 3 - 5)))


def test_a_u_net_puts_each_cell_back_where_it_was() -> None:
    """An odd image, of which a peak must not move on its way through the levels."""
    net = make(Architecture("unet", channels=4, groups=2))
    assert isinstance(net, GuidedUNet)
    lst, channels, context = scene(13, 11)
    moved = lst.clone()
    moved[..., 12, 10] += 8
    with torch.no_grad():
        change = (net(moved, channels, context)[0] - net(lst, channels, context)[0]).abs()[0, 0]
    assert divmod(int(change.argmax()), 22)[0] >= 22
    assert divmod(int(change.argmax()), 22)[1] >= 18
