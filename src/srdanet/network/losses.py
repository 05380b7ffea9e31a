"""The terms of the physically constrained loss: degradation, Charbonnier, MS-SSIM. `fusion.py` weighs them.

All terms are taken on valid cells only. Kelvin enter divided by a scale that the caller gives for each sample (the
error that interpolation makes there), so that a calm night and a summer noon in the hills weigh alike.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

DATA_RANGE = 40.0
"""Range of LST (K) that SSIM's constants refer to; fixed, so that a scene's loss does not depend on its own range."""
_C1, _C2 = (0.01 * DATA_RANGE) ** 2, (0.03 * DATA_RANGE) ** 2
NLL_WEIGHT = 0.1
"""Weight of the uncertainty head's likelihood; its error term is detached, so it does not bend the mean."""
_LEVEL_WEIGHTS = (0.0448, 0.2856, 0.3001)
"""The first three of Wang, Simoncelli and Bovik 2003, for patches of 64 cells."""


def mean_where(x: Tensor, valid: Tensor) -> Tensor:
    """Mean over valid cells: (B, 1, y, x) -> scalar; 0 when none is valid."""
    return (x * valid).sum() / valid.sum().clamp_min(1)


def degrade_exitance(lst: Tensor, valid: Tensor, factor: int = 2) -> tuple[Tensor, Tensor]:
    """`energy.degrade` for tensors: `(mean T^4)^(1/4)` over valid cells, and where all cells are valid.

    T is taken relative to 300 K, which keeps float32 exact to 1e-4 K.
    """
    ratio = torch.where(valid > 0, lst / 300, torch.ones_like(lst))
    share = F.avg_pool2d(valid, factor)
    energy = F.avg_pool2d(ratio**4 * valid, factor) / share.clamp_min(1e-6)
    whole = (share > 0.999).to(lst.dtype)
    return torch.where(whole > 0, energy.clamp_min(1e-3), torch.ones_like(energy)) ** 0.25 * 300, whole


def charbonnier(error: Tensor, valid: Tensor, epsilon: float = 1.0) -> Tensor:
    """`sqrt(error^2 + eps^2) - eps`: quadratic for small, linear for large errors (Charbonnier 1994)."""
    return mean_where(torch.sqrt(error**2 + epsilon**2) - epsilon, valid)


def ms_ssim(a: Tensor, b: Tensor, valid: Tensor, window: int = 7) -> Tensor:
    """Masked multi-scale structural similarity of (B, 1, y, x) fields in K, at most 1.

    Statistics are taken over the valid cells of a Gaussian window (sigma 1.5); windows less than
    half valid do not count. Contrast terms are clamped at 1e-4 before the powers (they may be
    negative). Levels whose image is smaller than the window are left out.
    """
    middle = torch.arange(window, dtype=a.dtype, device=a.device) - window // 2
    taps = torch.exp(-(middle**2) / (2 * 1.5**2))
    taps = taps / taps.sum()
    out = torch.ones((), dtype=a.dtype, device=a.device)
    total = sum(_LEVEL_WEIGHTS)
    for level, weight in enumerate(_LEVEL_WEIGHTS):
        if min(a.shape[-2:]) < window:
            break
        luminance, contrast, share = _ssim_terms(a, b, valid, taps)
        counted = (share > 0.5).to(a.dtype)
        last = level == len(_LEVEL_WEIGHTS) - 1 or min(a.shape[-2:]) // 2 < window
        term = mean_where(luminance * contrast if last else contrast, counted)
        out = out * term.clamp_min(1e-4) ** (weight / total)
        if last:
            break
        share = F.avg_pool2d(valid, 2)
        a, b = (F.avg_pool2d(x * valid, 2) / share.clamp_min(1e-6) for x in (a, b))
        valid = (share > 0.5).to(a.dtype)
    return out


def _ssim_terms(a: Tensor, b: Tensor, valid: Tensor, taps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Luminance and contrast-structure terms and the share of valid cells in each window."""
    # The middle of the data range stands for the scene's own mean, so that only departures count.
    shift = mean_where(b, valid).detach() - DATA_RANGE / 2
    a, b = (a - shift) * valid, (b - shift) * valid
    # Products with banded matrices: on one core four times as fast as convolutions of one channel.
    down, across = (_band(n, taps) for n in a.shape[-2:])
    blurred = down @ torch.stack([valid.expand_as(a), a, b, a * a, b * b, a * b]) @ across.T
    share, *sums = blurred.unbind()
    mu_a, mu_b, square_a, square_b, product = (total / share.clamp_min(1e-6) for total in sums)
    var_a, var_b, cov = square_a - mu_a**2, square_b - mu_b**2, product - mu_a * mu_b
    luminance = (2 * mu_a * mu_b + _C1) / (mu_a**2 + mu_b**2 + _C1)
    return luminance, (2 * cov + _C2) / (var_a + var_b + _C2), share


def _band(size: int, taps: Tensor) -> Tensor:
    """(size - len(taps) + 1, size): the matrix that slides the taps along an axis."""
    matrix = taps.new_zeros(size - len(taps) + 1, size)
    for start, tap in enumerate(taps):
        matrix.diagonal(start).fill_(tap)
    return matrix


def gaussian_nll(error: Tensor, sigma: Tensor, valid: Tensor) -> Tensor:
    """Negative log likelihood of the error under the stated standard deviation (both in K)."""
    return mean_where(torch.log(sigma) + 0.5 * (error.detach() / sigma) ** 2, valid)
