"""The network as a function: kelvin to kelvin, gaps in any input, no memory of its window."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from srdanet.energy import degrade
from srdanet.network.srdanet import FARTHEST, Architecture, SRDANet, Statistics
from srdanet.predictors.stack import CHANNELS, CONTEXT

Inputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def make(*, trained: bool = True) -> SRDANet:
    """A small network; `trained`: with weights that do something."""
    torch.manual_seed(2)
    n, m = len(CHANNELS), len(CONTEXT)
    relative = [CHANNELS.index("elevation")]
    net = SRDANet(
        Statistics([0.3] * n, [0.5] * n, [0.0] * m, [1.0] * m, relative), Architecture(channels=24, groups=2, guides=4)
    )
    if trained:
        torch.nn.init.normal_(net.tail.weight, std=0.05)
    return net.eval()


@pytest.fixture
def inputs() -> Inputs:
    generator = torch.Generator().manual_seed(4)
    lst = 290 + 4 * torch.randn(1, 1, 70, 66, generator=generator)
    channels = torch.rand(1, len(CHANNELS), 140, 132, generator=generator)
    return lst, channels, torch.rand(1, len(CONTEXT), 70, 66, generator=generator)


def with_noise(context: torch.Tensor, noise: float) -> torch.Tensor:
    """The context of a coarse image with this error (K)."""
    out = context.clone()
    out[:, CONTEXT.index("noise")] = noise
    return out


def test_an_untrained_network_without_predictors_is_bicubic(inputs: Inputs) -> None:
    """Of an image that is too noisy to be kept to; its own error is part of the uncertainty."""
    lst, channels, context = inputs
    net = make(trained=False)
    with torch.no_grad():
        fine, sigma = net(lst, torch.full_like(channels, torch.nan), with_noise(context, 20.0))
    bicubic = F.interpolate(lst, scale_factor=2, mode="bicubic", align_corners=False)
    torch.testing.assert_close(fine, bicubic, atol=2e-3, rtol=0)
    assert float(sigma.min()) > 15


@pytest.mark.parametrize("trained", [False, True])
def test_an_exact_image_is_kept_exactly(inputs: Inputs, trained: bool) -> None:
    """The mean of what the fine cells emit is what the coarse cell emits, wherever it is known."""
    lst, channels, context = inputs
    lst = lst.clone()
    lst[..., 10:30, 5:40] = torch.nan
    with torch.no_grad():
        fine, _ = make(trained=trained)(lst, channels, with_noise(context, 0.0))
    coarse = degrade(fine[0, 0].numpy().astype(np.float64), 2)
    known = ~torch.isnan(lst[0, 0]).numpy()
    np.testing.assert_allclose(coarse[known], lst[0, 0].numpy()[known], atol=1e-3)


def test_the_noisier_the_image_the_less_it_is_kept(inputs: Inputs) -> None:
    lst, channels, context = inputs
    closures = []
    for noise in (0.0, 0.5, 1.0, 3.0):
        with torch.no_grad():
            fine, _ = make(trained=False)(lst, channels, with_noise(context, noise))
        closures.append(float(np.abs(degrade(fine[0, 0].numpy(), 2) - lst[0, 0].numpy()).mean()))
    assert closures == sorted(closures)
    assert closures[0] < 1e-3 < 0.1 < closures[-1]


def test_a_field_that_is_linear_in_a_predictor_is_found_untrained() -> None:
    """The local regressions are there before anything is learned: half of bicubic's error and less."""
    torch.manual_seed(8)
    ndvi = F.avg_pool2d(torch.randn(1, 1, 100, 100), 3, 1, 1) * 0.4 + 0.5
    truth = 305 - 12 * ndvi
    lst = F.avg_pool2d(truth, 2)
    channels = torch.full((1, len(CHANNELS), 100, 100), torch.nan)
    channels[:, CHANNELS.index("ndvi")] = ndvi
    net = make(trained=False)
    with torch.no_grad():
        net.gca.ridge.fill_(-12.0)  # type: ignore[union-attr]
        fine, _ = net(lst, channels, torch.zeros(1, len(CONTEXT), 50, 50))
    bicubic = F.interpolate(lst, scale_factor=2, mode="bicubic", align_corners=False)
    assert float((fine - truth).square().mean()) < 0.25 * float((bicubic - truth).square().mean())


def test_results_are_numbers_whatever_is_missing(inputs: Inputs) -> None:
    lst, channels, context = (x.clone() for x in inputs)
    lst[..., 10:30, 5:40] = torch.nan
    channels[:, 3:] = torch.nan
    channels[..., 20:40, :] = torch.nan
    context[:] = torch.nan
    with torch.no_grad():
        fine, sigma = make()(lst, channels, context)
        nothing, _ = make()(torch.full_like(lst, torch.nan), channels, context)
    assert bool(torch.isfinite(fine).all())
    assert bool((sigma > 0).all())
    assert bool(torch.isfinite(nothing).all())


def test_no_input_drives_the_result_far_from_interpolation(inputs: Inputs) -> None:
    """A fire, a cloud that nobody masked, a broken predictor: what is added stays within what a scene can hold."""
    lst, channels, context = (x.clone() for x in inputs)
    lst[..., 30, 30] = 1200
    lst[..., 40:, :] -= 30
    channels[..., 90, 90] = 1e6
    context[:, 2] = 1e6
    net = make()
    with torch.no_grad():
        net.tail.weight *= 100
        net.weigh.bias.zero_()
        fine, _ = net(lst, channels, with_noise(context, 20.0))
    bicubic = F.interpolate(lst, scale_factor=2, mode="bicubic", align_corners=False)
    assert float((fine - bicubic).abs().max()) == pytest.approx(FARTHEST, abs=0.01)


def test_a_missing_value_is_not_a_zero(inputs: Inputs) -> None:
    lst, channels, context = inputs
    gone, zero = channels.clone(), channels.clone()
    gone[:, 0], zero[:, 0] = torch.nan, 0.0
    net = make()
    with torch.no_grad():
        assert not torch.allclose(net(lst, gone, context)[0], net(lst, zero, context)[0], atol=1e-3)


def test_no_edge_is_drawn_where_an_even_image_ends(inputs: Inputs) -> None:
    """To a network that cannot see what is missing, an image that goes on as it was has no end nearby."""
    lst, channels, context = (x.clone() for x in inputs)
    net, count = make(), len(CHANNELS)
    with torch.no_grad():
        net.auxiliary[0].weight[:, 4 * count :] = 0  # type: ignore[index]
        # A regression on pure noise, as this LST is, finds another slope wherever a guide changes.
        net.gca.ridge.fill_(20.0)  # type: ignore[union-attr]
        channels[:, 0] = 4.3
        whole = net(lst, channels, context)[0]
        channels[:, 0, :, 70:] = torch.nan
        ended = net(lst, channels, context)[0]
        channels[:, 0] = torch.nan
        without = net(lst, channels, context)[0]
    effect = float((whole - without).abs().mean())
    assert effect > 0.02
    assert float((ended - whole)[..., 60:72].abs().mean()) < 0.1 * effect
    # Far from it there is nothing to go on with.
    assert float((ended - without)[..., -12:].abs().mean()) < 0.1 * effect


def test_windows_do_not_show(inputs: Inputs) -> None:
    net = make()
    lst, channels, context = inputs
    with torch.no_grad():
        whole, _ = net(*inputs)
        part, _ = net(lst[..., 3:, 9:], channels[..., 6:, 18:], context[..., 3:, 9:])
    halo = net.halo
    inner = part[..., 2 * halo :, 2 * halo :]
    torch.testing.assert_close(whole[..., 2 * (3 + halo) :, 2 * (9 + halo) :], inner, atol=1e-3, rtol=0)


def test_the_level_of_elevation_does_not_matter_only_its_relief(inputs: Inputs) -> None:
    lst, channels, context = inputs
    raised = channels.clone()
    raised[:, CHANNELS.index("elevation")] += 5
    net = make()
    with torch.no_grad():
        torch.testing.assert_close(net(lst, raised, context)[0], net(*inputs)[0], atol=5e-3, rtol=0)


def test_weights_mean_what_they_meant_when_they_were_stored() -> None:
    """They are kept with the four fine cells side by side, and used with the cells before the kinds."""
    net, n = make(), len(CHANNELS)
    cells = [torch.randn(2, 4, count, 9, 8) for count in (n, 8)]
    stored = [part.transpose(1, 2).flatten(1, 2) for part in cells]
    share, p, a, correlations = torch.rand(2, n, 9, 8), *torch.randn(2, 2, 24, 9, 8), torch.randn(2, 8, 9, 8)
    with torch.no_grad():
        found = net._auxiliary_features(cells[0], share)
        torch.testing.assert_close(found, net.auxiliary(torch.cat([stored[0], share], 1)), atol=1e-5, rtol=1e-5)
        found = net._joined([p, a, cells[1].flatten(1, 2), correlations])
        expected = net.join(torch.cat([p, a, stored[1], correlations], 1))
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
