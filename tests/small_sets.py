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


def write_places(root: Path) -> dict[str, dict[str, np.ndarray]]:
    """The four places of `world`, 2 x 3 coarse cells and a rim each; returns their LST (K) and NDVI, NaN = missing."""
    rng = np.random.default_rng(6)
    stem = "ECOv002_L2T_LSTE_21485_013_11SPS_20220420T211350_0601_01_LST"
    given = {}
    for name, step, gap in (
        ("zhangye", 32, None),
        ("imperial", 16, np.s_[:4, 4:8]),
        ("los-angeles", 8, np.s_[6:8, 4:6]),
        ("talca", 40, np.s_[70:80, :10]),
    ):
        shape = (2 * step + 3, 3 * step + 1)
        red, nir = rng.integers(40, 90, shape), rng.integers(90, 160, shape)
        thermal = rng.integers(110, 140, shape)
        if name == "talca":
            red[gap] = nir[gap] = thermal[gap] = 0
            counts = np.where(thermal == 0, np.nan, thermal)
            lst = 1282.71 / np.log(666.09 / (0.067 * counts - 0.06709) + 1)
        else:
            lst = rng.normal(300, 5, shape)
        ndvi = np.where(red == 0, np.nan, (nir - red) / np.maximum(nir + red, 1))
        if name == "imperial":
            lst[gap] = np.nan
            path = root / "ecostress-imperial" / f"{stem}_rows0-1029.tif"
            _write(path, np.where(np.isnan(lst), 0, lst / 0.02).round().astype(np.uint16), 70)
            greenness = ((ndvi + 0.155) / 1.07 * 250).round().astype(np.uint8)
            _write(path.with_name("greenness_approx_DERIVED_rows0-1029.tif"), greenness, 70)
        elif name == "talca":
            bands = np.stack([*rng.integers(1, 255, (2, *shape)), red, nir, red, thermal, nir]).astype(np.uint8)
            _write(root / "landsat7-talca" / "L7_Talca_dn_cols0-329.tif", bands, 30)
            heights = rng.integers(100, 600, shape).astype(np.int16)
            heights[79, 1] = -32768
            _write(root / "landsat7-talca" / "DEM_Talca_cols0-329.tif", heights, 30)
        elif name == "los-angeles":
            ndvi[gap] = -0.2
            _write(root / "landsat-losangeles" / "lst_rows250-717.tif", (lst - 273.15).astype(np.float32), 100)
            _write(root / "landsat-losangeles" / "ndvi_rows250-717.tif", ndvi.astype(np.float32), 100)
            lst[gap] = np.nan
        else:
            _write(root / "aster-zhangye" / "lst_cols0-654.tif", lst.astype(np.float32), 30)
            _write(root / "aster-zhangye" / "ndvi_cols0-654.tif", ndvi.astype(np.float32), 30)
        given[name] = {"lst": lst, "ndvi": ndvi}
    return given


def _write(path: Path, values: np.ndarray, metres: float) -> None:
    """A GeoTIFF of one band or several in UTM 11N."""
    bands = values.reshape(-1, *values.shape[-2:])
    path.parent.mkdir(exist_ok=True)
    profile = {"driver": "GTiff", "height": bands.shape[1], "width": bands.shape[2], "count": len(bands)}
    transform = rasterio.Affine(metres, 0, 600_000, 0, -metres, 3_700_000)
    with rasterio.open(path, "w", crs="EPSG:32611", transform=transform, dtype=values.dtype, **profile) as target:
        target.write(bands)


def _counts(kelvin: np.ndarray, scale: float) -> np.ndarray:
    return np.round(kelvin / scale).astype(np.uint16)
