"""Small made-up data sets in the layout of the real files; every scene differs from every other and from its mirror."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio

from srdanet.datasets.aster import COVER
from srdanet.grid import TILE_SIDE, Level, Tile

SIDE = 8
"""Cells of 1 km along a patch or a pair."""
COLUMNS = (0, 64, 576, 632, 640, 696, 704, 768, 0, 64, 128, 192)
DAYS = (5, 5, 5, 37, 37, 37, 5, 37, 113, 128, 193, 225)
"""Columns on both sides of every edge of the split, and days of year."""
PAIRS = (3, 1, 4, 15, 9)
"""Numbers of the pairs."""


def write_patches(root: Path) -> None:
    """Twelve IMT patches of 8 x 8 cells."""
    rng = np.random.default_rng(4)
    folder = root / "imt-modis-2020-h18v04"
    folder.mkdir()
    count = len(COLUMNS)
    shape = (count, SIDE, SIDE)
    ramp = np.arange(SIDE)[:, None] * 0.8 - np.arange(SIDE) * 0.3
    day, night = 295 + ramp + rng.normal(0, 2, shape), 280 + ramp + rng.normal(0, 1, shape)
    reflectance = rng.uniform(0, 6000, (count, 3, SIDE, SIDE)).astype(np.int16)
    reflectance[0, 2, 1, 0] = -1000
    np.savez(
        folder / "lst_1km_train.npz",
        lst_day=_counts(day, 0.02),
        lst_night=_counts(night, 0.02),
        doy=np.array(DAYS, np.int16),
        row0=np.arange(count, dtype=np.int16) * 64,
        col0=np.array(COLUMNS, np.int16),
        refl_index=np.arange(count, dtype=np.int32)[::-1],
    )
    np.savez(folder / "refl_1km_train.npz", refl=reflectance)
    (root / "dem").mkdir()
    rows, cols = np.indices((2400, 2400))
    heights = (rows // 2 % 700 + cols // 2 % 500 * 2 + cols % 2).astype(np.int16)
    box = Tile(18, 4).geobox(Level.M500)
    profile = {"driver": "GTiff", "width": 2400, "height": 2400, "count": 1, "dtype": "int16", "compress": "deflate"}
    path = root / "dem" / "dem_de15_h18v04_500m_DERIVED.tif"
    with rasterio.open(path, "w", crs=box.crs.wkt, transform=box.affine, **profile) as target:
        target.write(heights, 1)


def write_pairs(root: Path) -> None:
    """Five ASTER pairs of 8 x 8 km: two overlap, one stands just inside the buffer, two far apart.

    The fourth alone has heights, the second alone land cover: farmland above, forest below.
    """
    rng = np.random.default_rng(5)
    folder = root / "sif-modis-aster-h18v04"
    folder.mkdir()
    left, top = Tile(18, 4).corner
    fine = (len(PAIRS), 4 * SIDE, 4 * SIDE)
    aster = _counts(rng.normal(300, 3, fine), 0.01)
    aster[:, :2, :5] = 0
    elevation = np.full(fine, -32768, np.int16)
    elevation[3] = rng.uniform(0, 900, fine[1:])
    percent = np.full((len(PAIRS), 7, *fine[1:]), 255, np.uint8)
    percent[1], percent[1, 2, :20], percent[1, 0, 20:] = 0, 100, 100
    number = np.array(PAIRS, np.int16)
    np.savez(
        folder / "aligned_train.npz",
        id=number,
        lst_1km=_counts(rng.normal(299, 2, (len(PAIRS), SIDE, SIDE)), 0.02),
        ndvi_250m=rng.uniform(-500, 9000, fine).astype(np.int16),
        aster_250m=aster,
        x0=left + np.array([10, 280, 291, 295, 400]) * TILE_SIDE / 1200,
        y0=top - np.array([100, 103, 100, 100, 700]) * Level.KM1.metres,
    )
    np.savez(folder / "elevation_250m_train.npz", id=number, elevation=elevation)
    np.savez(folder / "landcover_250m_train.npz", fraction_pct=percent, classes=np.array(COVER))


def _counts(kelvin: np.ndarray, scale: float) -> np.ndarray:
    return np.round(kelvin / scale).astype(np.uint16)
