"""Statistics of temperature images that can be computed for real and simulated scenes alike.

All functions take (..., y, x) and work on each image of the leading axes by itself.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from srdanet.arrays import Float64, Floats, Mask, repeat
from srdanet.energy import aggregate, degrade
from srdanet.interpolation import interpolate

_BINS = 9
"""Rings of the spectrum, evenly wide in the logarithm of the wavelength."""
_LEAST_CELLS = 100
"""Cells below which a correlation says nothing."""


def spread(lst: Floats) -> Float64:
    """Standard deviation over the image, (...) K; NaN cells are left out."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nanstd(lst.astype(np.float64), axis=(-2, -1)))


def bicubic_error(lst: Floats) -> Float64:
    """RMSE (...) K of bicubic interpolation from cells twice as coarse back to the image's own.

    Args:
        lst: (..., y, x) K, even sides, NaN = missing. The coarse image is the mean of its exitance.
    """
    error = interpolate(degrade(lst, 2, min_valid=1.0), 2) - lst
    return np.asarray(np.sqrt(np.nanmean(np.square(error, dtype=np.float64), axis=(-2, -1))))


def spectrum_slope(values: Floats, cell: float, shortest: float, longest: float) -> Float64:
    """How steeply the two-dimensional power spectrum falls: (...), 3 for power ~ wavenumber ** -3.

    A plane is taken off, a Hann window tapers the edges, and a line is fitted to the mean power of rings that are
    evenly wide in the logarithm of the wavenumber.

    Args:
        values: (..., y, x) without gaps; an image with gaps gives NaN.
        cell: Cell size, in the unit of the wavelengths.
        shortest: Shortest wavelength of the fit; two cells at least.
        longest: Longest wavelength of the fit; half an image is sensible.
    """
    height, width = values.shape[-2:]
    flat = _without_plane(values.astype(np.float64))
    taper = np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[1:-1]
    power = np.abs(np.fft.fft2(flat * taper)) ** 2
    wave = np.hypot(np.fft.fftfreq(height, cell)[:, None], np.fft.fftfreq(width, cell))
    edges = np.geomspace(1 / longest, 1 / shortest, _BINS + 1)
    rings = [(wave >= low) & (wave < high) for low, high in pairwise(edges)]
    rings = [ring for ring in rings if ring.any()]
    where = np.log([np.exp(np.log(wave[ring]).mean()) for ring in rings])
    with np.errstate(divide="ignore"):
        mean = np.log(np.stack([power[..., ring].mean(axis=-1) for ring in rings], axis=-1))
    away = where - where.mean()
    slope: Float64 = -(mean * away).sum(axis=-1) / (away**2).sum()
    return slope


def detail(values: Floats, factor: int) -> Float64:
    """What an image shows inside cells `factor` times coarser: each cell minus its block's mean, NaN = missing.

    Args:
        values: (..., y, x), any unit; sides that are no multiple of `factor` lose their last cells.
        factor: Cells along a block; a block with a missing cell is missing.
    """
    height, width = (side - side % factor for side in values.shape[-2:])
    part = values[..., :height, :width].astype(np.float64)
    means = aggregate(part, factor, min_valid=1.0)
    inside: Float64 = part - repeat(means, factor)
    return inside


def rms(values: Floats) -> Float64:
    """Root of the mean square, (...), over the cells that are there; NaN where there are too few."""
    valid = np.isfinite(values)
    count = valid.sum(axis=(-2, -1))
    total = np.where(valid, values, 0.0).astype(np.float64) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(total.sum(axis=(-2, -1)) / count)
    return np.where(count >= _LEAST_CELLS, root, np.nan)


def correlation(a: Floats, b: Floats) -> Float64:
    """Pearson's correlation (...) over the cells both images have; NaN where there are too few or nothing varies."""
    valid = np.isfinite(a) & np.isfinite(b)
    count = valid.sum(axis=(-2, -1), keepdims=True)
    parts = []
    with np.errstate(invalid="ignore", divide="ignore"):
        for part in (a, b):
            masked = np.where(valid, part, 0.0).astype(np.float64)
            parts.append(np.where(valid, masked - masked.sum(axis=(-2, -1), keepdims=True) / count, 0.0))
        over = np.sqrt((parts[0] ** 2).sum(axis=(-2, -1)) * (parts[1] ** 2).sum(axis=(-2, -1)))
        found = (parts[0] * parts[1]).sum(axis=(-2, -1)) / over
    return np.where((count[..., 0, 0] >= _LEAST_CELLS) & (over > 0), found, np.nan)


def equal_neighbours(lst: Floats) -> Float64:
    """Share of cells (...) that hold exactly their eastern neighbour's value: pixels gridded more than once."""
    return np.asarray((lst[..., 1:] == lst[..., :-1]).mean(axis=(-2, -1)))


def step_ratio(lst: Floats) -> Float64:
    """Size of the steps between cells along rows over that along columns, (...); 1 where directions are alike."""
    along, down = (np.square(np.diff(lst.astype(np.float64), axis=axis)).mean(axis=(-2, -1)) for axis in (-1, -2))
    return np.asarray(np.sqrt(along / down))


def cloud_size(cloud: Mask, cell: float) -> float:
    """Mean length of a cloud along a straight line (in the unit of `cell`), over rows and columns; NaN without edges.

    Cells of cloud over edges of cloud: an estimate that clouds cut by the image's border do not spoil.

    Args:
        cloud: (y, x).
        cell: Cell size.
    """
    edges = int((cloud[1:] != cloud[:-1]).sum() + (cloud[:, 1:] != cloud[:, :-1]).sum())
    return 4.0 * float(cloud.sum()) / edges * cell if edges else float("nan")


def _without_plane(values: Float64) -> Float64:
    """Minus the plane that fits best, each image by itself."""
    height, width = values.shape[-2:]
    y, x = np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2
    flat = values - values.mean(axis=(-2, -1), keepdims=True)
    down = (flat * y[:, None]).sum(axis=(-2, -1), keepdims=True) / (width * (y**2).sum())
    along = (flat * x).sum(axis=(-2, -1), keepdims=True) / (height * (x**2).sum())
    rest: Float64 = flat - down * y[:, None] - along * x
    return rest
