"""How far MODIS LST lies from the data that is to sharpen it: `python benchmarks/registration.py --data DATA`.

MOD11A1 and MOD13A2 share a grid, but not what falls into its cells. The offset is where the cross-correlation of what
is finer than some 5 km in LST and in the other field is greatest, found to 0.05 cells from the cross-spectrum. Asked of
the MODIS patches (LST against NDVI, by columns of the tile), of the ASTER pairs (LST against ASTER and NDVI), and of
Orleans (LST against Landsat).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from srdanet.datasets import aster, imt, orleans
from srdanet.energy import aggregate, degrade
from srdanet.grid import Level
from srdanet.predictors.indices import ndvi

Floats = NDArray[np.floating]
Pair = tuple[Floats, Floats]
FAR, STEP = 2.0, 0.05
"""Offsets looked at, in cells."""


def offset(pairs: Iterable[Pair]) -> tuple[float, float, float, float]:
    """How far the first field of each pair lies down and right of the second (cells).

    The fields are square and of one size, NaN = missing; all pairs have one offset. Returned with it: the correlation
    there and at no offset.
    """
    spectra = [_spectrum(first, second) for first, second in pairs]
    total = np.mean(spectra, 0)
    shifts = np.arange(-FAR, FAR + STEP / 2, STEP)
    waves = np.exp(2j * np.pi * np.outer(shifts, np.fft.fftfreq(len(total))))
    found = (waves @ total @ waves.T).real
    row, col = np.unravel_index(np.argmax(np.abs(found)), found.shape)
    return shifts[row], shifts[col], found[row, col], float(total.real.sum())


def _spectrum(first: Floats, second: Floats) -> NDArray[np.complex128]:
    both = np.isfinite(first) & np.isfinite(second)
    window = np.outer(np.hanning(len(first)), np.hanning(len(first)))
    a, b = (np.fft.fft2(_detail(field, both) * window) for field in (first, second))
    norm = np.sqrt((np.abs(a) ** 2).sum() * (np.abs(b) ** 2).sum())
    return np.asarray(a * np.conj(b) / max(float(norm), 1e-12))


def _detail(field: Floats, known: NDArray[np.bool_], sigma: float = 2.0) -> Floats:
    weight = gaussian_filter(known.astype(float), sigma)
    mean = gaussian_filter(np.where(known, field, 0), sigma) / np.maximum(weight, 1e-6)
    return np.where(known, field - mean, 0)


def patches(data: str, when: imt.When, columns: tuple[int, int] = (0, 1200)) -> Iterator[Pair]:
    """LST and NDVI of the MODIS patches that begin in some columns of the tile."""
    for patch in imt.read(data, when=(when,)):
        column = round((patch.scene.geobox.affine.c - imt.TILE.corner[0]) / Level.KM1.metres)
        if columns[0] <= column < columns[1]:
            red, nir = (patch.scene.variable(name).values for name in ("red", "nir"))
            yield patch.truth[2].values, ndvi(red, nir)


def main() -> None:
    """Print the offsets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    data = parser.parse_args().data

    def tell(label: str, pairs: Iterable[Pair]) -> None:
        down, right, there, zero = offset(pairs)
        print(f"{label}: {down:+.2f} down, {right:+.2f} right, r = {there:.3f} there, {zero:.3f} at 0")

    for when in imt.WHEN:
        tell(f"MOD11A1 by {when} against NDVI", patches(data, when))
    for first in range(0, 832, 208):
        tell(f"by day, columns {first} to {first + 207}", patches(data, "day", (first, first + 208)))
    pairs = list(aster.read(data))
    lst = [pair.scene.lst["lst"].values for pair in pairs]
    seen = [np.asarray(degrade(pair.truth[4].values, 4)) for pair in pairs]
    tell("LST of the ASTER pairs against ASTER", zip(lst, seen, strict=True))
    greenness = [
        np.where(np.isfinite(fine), aggregate(pair.scene.variable("ndvi").values, 4), np.nan)
        for pair, fine in zip(pairs, seen, strict=True)
    ]
    tell("LST of the ASTER pairs against NDVI", zip(lst, greenness, strict=True))
    for date in orleans.read(data):
        landsat = np.asarray(degrade(date.truth[4].values, 4))
        tell(f"Orleans {date.group} against Landsat", [(date.scene.lst["lst"].values, landsat)])


if __name__ == "__main__":
    main()
