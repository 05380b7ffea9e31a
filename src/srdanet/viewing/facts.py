"""What a report says about a product, computed from its layers: departures from interpolation, overshoot, spectra.

Everything is a function of arrays; nothing is read or drawn here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srdanet.arrays import Float32
from srdanet.energy import aggregate, degrade
from srdanet.flags import FLAGS
from srdanet.interpolation import interpolate_rows

_STRIP = 64
"""Coarse rows interpolated at a time."""
SPECTRUM_SIDE = 1024
"""Longest side (fine cells) of the square whose spectrum is taken."""
DETAIL = 24
"""Side (coarse cells) of the part shown enlarged."""
_LEAST_VALID = 0.9


@dataclass(frozen=True)
class Overshoot:
    """How far fine cells lie beyond the range of the coarse cells around them.

    Detail that is real does so too, at a lake's edge or in a town: large shares over plain land are the sign of fault.
    """

    share: float
    """Of valid cells, beyond the range at all."""
    share_1k: float
    """Beyond it by more than 1 K."""
    p99: float
    """99th percentile of the excess (K), over all valid cells."""
    largest: float
    """K."""


@dataclass(frozen=True)
class Stratum:
    """A part of the cells: those with a flag, of a land cover, of a range of uncertainty."""

    group: str
    name: str
    share: float
    """Of valid cells."""
    lst: float
    """Mean (K)."""
    uncertainty: float | None
    """Mean (K)."""
    departure: float
    """Root mean square difference from bicubic interpolation (K)."""
    overshoot: float
    """Share of its cells beyond the range of the coarse cells around."""


@dataclass(frozen=True)
class Spectrum:
    """Power by wavelength, averaged over all directions."""

    wavelength: NDArray[np.float64]
    """Fine cells, long to short."""
    power: Mapping[str, NDArray[np.float64]]
    """By image; in units of the image squared, up to a factor common to all."""


def bicubic(coarse: Float32, factor: int) -> Float32:
    """Bicubic interpolation of a whole image, strip by strip: the same values in bounded memory.

    Args:
        coarse: (y, x) K, NaN = missing.
        factor: Fine cells along a coarse cell.

    Returns:
        (y * factor, x * factor) K.
    """
    height, width = coarse.shape
    out = np.empty((height * factor, width * factor), np.float32)
    for top in range(0, height, _STRIP):
        bottom = min(top + _STRIP, height)
        out[top * factor : bottom * factor] = interpolate_rows(coarse, factor, slice(top, bottom))
    return out


def overshoot(beyond: Float32) -> Overshoot:
    """Sum up what `energy.excess` found; all 0 when no cell is valid."""
    valid = beyond[np.isfinite(beyond)]
    if not valid.size:
        return Overshoot(0.0, 0.0, 0.0, 0.0)
    share, above_1k = (float(np.mean(valid > bound)) for bound in (0.005, 1.0))
    return Overshoot(share, above_1k, p99=float(np.percentile(valid, 99)), largest=float(valid.max()))


def closure_error(fine: Float32, coarse: Float32) -> Float32:
    """The product brought back to the coarse cells, less the coarse LST: (y, x) K, NaN where either is missing."""
    return (degrade(fine, fine.shape[0] // coarse.shape[0]) - coarse).astype(np.float32)


def rms(values: Float32) -> float:
    """Root mean square of the valid cells; NaN when there is none."""
    valid = values[np.isfinite(values)].astype(np.float64)
    return float(np.sqrt(np.mean(valid**2))) if valid.size else float("nan")


def strata(
    fine: Float32,
    departure: Float32,
    beyond: Float32,
    uncertainty: Float32 | None,
    quality: NDArray[np.uint8] | None,
    land_cover: Mapping[str, NDArray[np.bool_]],
) -> list[Stratum]:
    """Rows by quality flag, by third of the stated uncertainty, and by land cover; those without a cell are left out.

    Args:
        fine: (y, x) K.
        departure: (y, x) K, difference from bicubic interpolation.
        beyond: (y, x) K, from `energy.excess`.
        uncertainty: (y, x) K, where the product has one.
        quality: (y, x) bits of `FLAGS`, where the product has one.
        land_cover: Where each group is, by name.
    """
    valid = np.isfinite(fine)
    parts: list[tuple[str, str, NDArray[np.bool_]]] = [("All", "all valid cells", valid)]
    if quality is not None:
        parts.append(("Quality", "no flag", valid & (quality == 0)))
        parts += [("Quality", flag.name, valid & ((quality & flag.mask) > 0)) for flag in FLAGS]
    if uncertainty is not None and np.isfinite(uncertainty).any():
        low, high = (float(v) for v in np.nanpercentile(uncertainty, (100 / 3, 200 / 3)))
        if high > low:
            bounds = ((f"up to {low:.2f} K", -np.inf, low), (f"{low:.2f} to {high:.2f} K", low, high))
            for name, start, stop in (*bounds, (f"above {high:.2f} K", high, np.inf)):
                parts.append(("Uncertainty", name, valid & (uncertainty > start) & (uncertainty <= stop)))
    parts += [("Land cover", name, valid & where) for name, where in land_cover.items()]
    count = max(1, int(valid.sum()))

    def row(group: str, name: str, where: NDArray[np.bool_]) -> Stratum:
        stated = None if uncertainty is None else float(np.nanmean(uncertainty[where]))
        share, mean = where.sum() / count, float(np.mean(fine[where], dtype=np.float64))
        return Stratum(group, name, share, mean, stated, rms(departure[where]), float(np.mean(beyond[where] > 0.005)))

    return [row(*part) for part in parts if part[2].any()]


def spectrum(images: Mapping[str, Float32]) -> Spectrum | None:
    """Power spectra of images on one grid, over the square with the most valid cells; gaps take the mean.

    Args:
        images: (y, x) each.

    Returns:
        None where no square is at least nine tenths valid, or the images are smaller than 16 cells.
    """
    first = next(iter(images.values()))
    side = min(SPECTRUM_SIDE, *first.shape)
    if side < 16:
        return None
    known = np.logical_and.reduce([np.isfinite(image) for image in images.values()])
    starts = [(row, col) for row in _starts(first.shape[0], side) for col in _starts(first.shape[1], side)]
    shares = [float(known[row : row + side, col : col + side].mean()) for row, col in starts]
    if max(shares) < _LEAST_VALID:
        return None
    row, col = starts[int(np.argmax(shares))]
    here = (slice(row, row + side), slice(col, col + side))
    taper = np.hanning(side + 2)[1:-1]
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    edges = np.geomspace(1 / side, 0.5, 25)
    bins = np.digitize(frequency.ravel(), edges)
    counts = np.bincount(bins, minlength=26)[1:25]
    power = {}
    for name, image in images.items():
        part = np.where(known[here], image[here], np.nan).astype(np.float64)
        part = np.nan_to_num(part - np.nanmean(part))
        strength = np.abs(np.fft.rfft2(part * np.outer(taper, taper))) ** 2
        power[name] = np.bincount(bins, strength.ravel(), minlength=26)[1:25] / np.maximum(counts, 1)
    used = counts > 0
    middle = np.sqrt(edges[:-1] * edges[1:])
    return Spectrum(1 / middle[used], {name: values[used] for name, values in power.items()})


def _starts(length: int, side: int) -> list[int]:
    return sorted({*range(0, length - side + 1, side), length - side})


def detail(departure: Float32, factor: int) -> tuple[slice, slice] | None:
    """The part, `DETAIL` coarse cells on a side, in which the product departs most from interpolation.

    Args:
        departure: (y, x) K, difference from bicubic interpolation, NaN = missing.
        factor: Fine cells along a coarse cell.

    Returns:
        Rows and columns in fine cells; None where no part is valid, or the whole is not larger.
    """
    side = DETAIL * factor
    height, width = (n // side for n in departure.shape)
    if height * width < 2:
        return None
    part = departure[: height * side, : width * side]
    power = aggregate(part**2, side, min_valid=_LEAST_VALID)
    if not np.isfinite(power).any():
        return None
    row, col = np.unravel_index(int(np.nanargmax(power)), power.shape)
    return slice(int(row) * side, int(row + 1) * side), slice(int(col) * side, int(col + 1) * side)
