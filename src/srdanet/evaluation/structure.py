"""How an image looks beside the truth, not only how far it is: likeness, power, sharpness, as sums that add up.

SSIM and PSNR are of Wang et al. 2004 (IEEE Trans. Image Process. 13), each image on its own scale:
0 is the truth's lowest value and the range is that of the truth. Missing cells take no part:
window means are over the cells known to both images, spectra over whole tiles that are known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from srdanet.errors import ArgumentError

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]

_SIGMA, _RADIUS = 1.5, 5
"""SSIM's Gaussian window, 11 cells wide."""
_C1, _C2 = 0.01**2, 0.03**2
"""SSIM's constants, times the squared range."""
SPECTRUM_SIDE = 32
"""Cells along a tile of which a spectrum is taken."""
EDGE_SHARE = 0.1
"""The strongest gradients of the truth that count as edges."""


@dataclass(frozen=True)
class Structure:
    """Sums over images; every property is a function of them."""

    images: float = 0.0
    """Images with some contrast."""
    decibels: float = 0.0
    """Sum of the images' PSNR."""
    windows: float = 0.0
    """Cells at which SSIM was taken."""
    likeness: float = 0.0
    """Sum of SSIM over them."""
    power: float = 0.0
    """Power of the prediction at wavelengths the coarse image cannot hold."""
    power_truth: float = 0.0
    edge: float = 0.0
    """Sum of the prediction's gradient along the truth's, at the truth's edges."""
    edge_truth: float = 0.0

    @classmethod
    def of(cls, prediction: Floats, truth: Floats, factor: int) -> Structure:
        """Sums of one image.

        Args:
            prediction: (y, x) K, NaN = missing.
            truth: Same shape, K, NaN = missing.
            factor: Cells along one side of the coarse cell that was downscaled.

        Returns:
            Empty where fewer than two cells are known to both or the truth is flat.

        Raises:
            ArgumentError: when the shapes differ or are not of one image.
        """
        if prediction.shape != truth.shape or truth.ndim != 2:
            raise ArgumentError(f"prediction is {prediction.shape}, truth is {truth.shape}", todo="give two (y, x)")
        known = np.isfinite(prediction) & np.isfinite(truth)
        span = float(np.ptp(truth[known])) if known.any() else 0.0
        if not span:
            return cls()
        p, t = (np.where(known, image, np.nan).astype(np.float64) - truth[known].min() for image in (prediction, truth))
        mse = float(np.nanmean((p - t) ** 2))
        psnr = 10 * math.log10(span**2 / mse) if mse else math.inf
        ssim = ssim_map(p, t, span)[known]
        return cls(1.0, psnr, float(ssim.size), float(ssim.sum()), *_power(p, t, factor), *_edges(p, t))

    def __add__(self, other: Structure) -> Structure:
        if not isinstance(other, Structure):
            return NotImplemented
        return Structure(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def metrics(self) -> dict[str, float]:
        """Mean SSIM over cells, mean PSNR (dB) over images, spectral ratio and edge sharpness (1 = as the truth)."""
        found = {
            "ssim": (self.likeness, self.windows),
            "psnr": (self.decibels, self.images),
            "spectral ratio": (self.power, self.power_truth),
            "edge sharpness": (self.edge, self.edge_truth),
        }
        return {name: a / b for name, (a, b) in found.items() if b}


def ssim_map(prediction: Floats, truth: Floats, span: float) -> Doubles:
    """Structural similarity at every cell.

    Args:
        prediction: (y, x), NaN = missing.
        truth: Same shape; known where `prediction` is.
        span: Range of values.

    Returns:
        (y, x) at most 1, NaN where missing; window means are over known cells.
    """
    known = np.isfinite(prediction) & np.isfinite(truth)
    weight = _smooth(known.astype(np.float64))

    def mean(values: Doubles) -> Doubles:
        return _smooth(np.where(known, values, 0.0)) / np.where(known, weight, np.nan)

    p, t = prediction.astype(np.float64), truth.astype(np.float64)
    mp, mt = mean(p), mean(t)
    vp, vt, cov = mean(p * p) - mp**2, mean(t * t) - mt**2, mean(p * t) - mp * mt
    c1, c2 = _C1 * span**2, _C2 * span**2
    found: Doubles = (2 * mp * mt + c1) / (mp**2 + mt**2 + c1) * (2 * cov + c2) / (vp + vt + c2)
    return found


def _smooth(values: Doubles) -> Doubles:
    out: Doubles = gaussian_filter(values, _SIGMA, mode="constant", radius=_RADIUS)
    return out


def _power(prediction: Doubles, truth: Doubles, factor: int) -> tuple[float, float]:
    """Power of both beyond the coarse image's Nyquist frequency, over the tiles without a gap."""
    side = min(SPECTRUM_SIDE, *truth.shape)
    taper = np.hanning(side + 2)[1:-1]
    frequency = np.fft.fftfreq(side)
    beyond = np.hypot(frequency[:, None], frequency) > 1 / (2 * factor)
    sums = [0.0, 0.0]
    for row in range(0, truth.shape[0] - side + 1, side):
        for col in range(0, truth.shape[1] - side + 1, side):
            tiles = [image[row : row + side, col : col + side] for image in (prediction, truth)]
            if not np.isfinite(tiles).all():
                continue
            for i, tile in enumerate(tiles):
                spectrum = np.fft.fft2((tile - tile.mean()) * np.outer(taper, taper))
                sums[i] += float((np.abs(spectrum[beyond]) ** 2).sum())
    return sums[0], sums[1]


def _edges(prediction: Doubles, truth: Doubles) -> tuple[float, float]:
    """Gradient of both along that of the truth, summed over the truth's edges; noise across it cancels."""
    if min(truth.shape) < 2:
        return 0.0, 0.0
    py, px = np.gradient(prediction)
    ty, tx = np.gradient(truth)
    steep: Doubles = np.hypot(ty, tx)
    if not np.isfinite(steep).any():
        return 0.0, 0.0
    edge = (steep >= np.nanquantile(steep, 1 - EDGE_SHARE)) & (steep > 0)
    along: Doubles = np.asarray(py * ty + px * tx)[edge] / steep[edge]
    return float(along.sum()), float(steep[edge].sum())
