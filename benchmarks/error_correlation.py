"""How far errors of the shipped model go together: correlation with distance, and errors of the means of squares.

    python benchmarks/error_correlation.py DATA

`DATA` is the folder of the data sets. For the ASTER pairs held out from training, and for the fields around Zhangye as
MODIS would see them, each without its mean error (the bias between two sensors): the correlation of errors divided by
their stated uncertainty in bins of distance, the fit of `srdanet.analysis.errors.Correlation` to the pairs, and for
squares of growing side the error of their mean as it is, as that correlation states it, and as it would be if errors
were independent. Recorded in docs/notebook/031-error-correlation.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.optimize import curve_fit

from srdanet.analysis.errors import CORRELATION, Correlation, error_of_sum
from srdanet.datasets import aster, world
from srdanet.datasets.sources import MODIS_BLUR
from srdanet.datasets.splits import aster_part
from srdanet.downscaling.plan import RunPlan
from srdanet.downscaling.run import Run
from srdanet.grid import cell_size, geobox_of
from srdanet.scene import LabelledScene
from srdanet.variables import MODIS_NOISE

EDGES = 1000 * np.array([0, 0.1, 0.3, 0.6, 0.9, 1.2, 1.6, 2, 2.5, 3, 4, 5, 7, 10, 15, 20, 25])
"""Of the bins of distance (m)."""
SIDES = (1, 2, 4, 8, 16, 32)
"""Of the squares (cells)."""


@dataclass(frozen=True)
class Errors:
    """Errors of one image, its own mean taken off."""

    error: NDArray[np.floating]
    uncertainty: NDArray[np.floating]
    cell: float


def errors_of(labelled: LabelledScene, noise: float) -> Errors:
    """Downscale to the factor 4 and compare."""
    scene = replace(labelled.scene, noise=noise)
    result = list(Run.of(scene, RunPlan.of(scene.geobox, factor=4), "default"))[-1][1]
    error = result["lst"].values.astype(np.float64) - labelled.truth[4].values
    return Errors(error - np.nanmean(error), result["lst_uncertainty"].values, cell_size(geobox_of(result)))


def correlation(image: Errors) -> tuple[NDArray[np.floating], NDArray[np.floating], float]:
    """Mean product in each bin of distance, mean distance (m), and variance of the normalised errors."""
    z = image.error / image.uncertainty
    known = np.isfinite(z)
    shape = [next_fast_len(2 * n, real=True) for n in z.shape]
    products = irfft2(np.abs(rfft2(np.where(known, z, 0), shape)) ** 2, shape)
    counts = irfft2(np.abs(rfft2(known * 1.0, shape)) ** 2, shape)
    down, right = (np.minimum(np.arange(n), n - np.arange(n)) for n in shape)
    distance = np.hypot(down[:, None], right) * image.cell
    bins = np.where(counts > 500, np.digitize(distance, EDGES) - 1, len(EDGES))
    sums = [np.bincount(bins.ravel(), of.ravel(), len(EDGES) + 1)[: len(EDGES) - 1]
            for of in (products, counts, distance * counts)]  # fmt: skip
    with np.errstate(invalid="ignore"):
        return sums[0] / sums[1], sums[2] / sums[1], float(products[0, 0] / counts[0, 0])


def squares(image: Errors, side: int) -> Iterator[tuple[float, float, float]]:
    """For each whole square: error of its mean, what is stated of it, and what would be if errors were independent."""
    for top in range(0, image.error.shape[0] - side + 1, side):
        for left in range(0, image.error.shape[1] - side + 1, side * (3 if side < 4 else 1)):
            part = np.s_[top : top + side, left : left + side]
            if np.isfinite(image.error[part]).all():
                weight = np.full((side, side), 1 / side**2)
                stated, alone = (error_of_sum(weight, image.uncertainty[part], image.cell, c)
                                 for c in (CORRELATION, Correlation((), ())))  # fmt: skip
                yield float(image.error[part].mean()), stated, alone


def main(data: Path) -> None:
    """Print the three tables."""
    pairs = [errors_of(pair, MODIS_NOISE) for pair in aster_part(aster.read(data), "test")]
    fields = [errors_of(world.with_guides(field, ("ndvi",)), 0.5)
              for field in world.scenes("zhangye", data, blur=MODIS_BLUR, noise=0.5)]  # fmt: skip
    for name, images in (("ASTER", pairs), ("Zhangye", fields)):
        products, distances, variances = zip(*map(correlation, images), strict=True)
        rho = np.nanmean(products, axis=0) / np.mean(variances)
        at = np.nanmean(distances, axis=0)
        print(f"{name}: {len(images)} images, standard deviation {np.mean(variances) ** 0.5:.2f}")
        for metres, value in zip(at, rho, strict=True):
            print(f"  {metres / 1000:6.2f} km  {value:6.3f}  stated {CORRELATION.at(np.float64(metres)):6.3f}")
        if images is pairs:
            (share, near, far), _ = curve_fit(
                lambda d, share, near, far: (1 - share) * np.exp(-d / near) + share * np.exp(-d / far),
                at[1:], rho[1:], p0=(0.2, 500, 20000), bounds=((0, 50, 2000), (1, 2000, 60000)),
            )  # fmt: skip
            print(f"  fit: {1 - share:.3f} over {near:.0f} m and {share:.3f} over {far:.0f} m")
        for side in SIDES:
            means = np.array([row for image in images for row in squares(image, side)])
            actual, stated, alone = np.sqrt((means**2).mean(0))
            print(f"  {side * images[0].cell / 1000:5.2f} km  {actual:.3f}, stated {stated:.3f}, alone {alone:.3f} K")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
