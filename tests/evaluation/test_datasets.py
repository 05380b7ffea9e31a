"""The readers put values, gaps, places and times where they belong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from srdanet.errors import GranuleError
from srdanet.evaluation.datasets import COVER, aster, imt, overpass_time
from srdanet.grid import Level, Tile, lonlat, nesting, refine


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two IMT patches of 4 x 4 cells and two ASTER pairs of 2 x 2 in the layout of the real files."""
    folder = tmp_path / "imt-modis-2020-h18v04"
    folder.mkdir()
    counts = (14000 + np.arange(32).reshape(2, 4, 4)).astype(np.uint16)
    counts[1, 0, 3] = 0
    refl = (100 * np.arange(96).reshape(2, 3, 4, 4)).astype(np.int16)
    refl[0, 2, 1, 0] = -1000
    np.savez(
        folder / "lst_1km_train.npz",
        lst_day=counts,
        lst_night=counts - 500,
        doy=np.array([36, 366], np.int16),
        row0=np.array([0, 100], np.int16),
        col0=np.array([0, 1000], np.int16),
        refl_index=np.array([1, 0], np.int32),
    )
    np.savez(folder / "refl_1km_train.npz", refl=refl, composite_doy=np.array([353, 33], np.int16))
    (tmp_path / "dem").mkdir()
    rows, cols = np.indices((2400, 2400))
    profile = {"driver": "GTiff", "width": 2400, "height": 2400, "count": 1, "dtype": "int16", "compress": "deflate"}
    with rasterio.open(
        tmp_path / "dem" / "dem_de15_h18v04_500m_DERIVED.tif",
        "w",
        crs=Tile(18, 4).geobox(500).crs.wkt,
        transform=Tile(18, 4).geobox(500).affine,
        **profile,
    ) as target:
        target.write((rows // 2 + cols // 2 * 2 + cols % 2).astype(np.int16), 1)

    folder = tmp_path / "sif-modis-aster-h18v04"
    folder.mkdir()
    fine = np.arange(128).reshape(2, 8, 8)
    elevation = np.full((2, 8, 8), -32768, np.int16)
    elevation[1, 0, 1] = 431
    percent = np.full((2, 7, 8, 8), 255, np.uint8)
    percent[1, :, 2, 5] = [10, 0, 50, 20, 5, 15, 0]
    np.savez(
        folder / "aligned_train.npz",
        id=np.array([7, 5], np.int16),
        lst_1km=(15000 + np.arange(8).reshape(2, 2, 2)).astype(np.uint16),
        ndvi_250m=(fine * 50 - 1000).astype(np.int16),
        aster_250m=np.where(fine == 3, 0, 29000 + fine).astype(np.uint16),
        x0=np.array([277987.63, 0.0]),
        y0=np.array([5099219.758, 5000000.0]),
    )
    np.savez(folder / "elevation_250m_train.npz", id=np.array([7, 5], np.int16), elevation=elevation)
    np.savez(folder / "landcover_250m_train.npz", fraction_pct=percent, classes=np.array(COVER))
    return tmp_path


def test_patches(root: Path) -> None:
    patches = imt(root)
    assert len(patches) == 2
    first, second = patches
    assert first.lst["day"][2, 1] == pytest.approx(0.02 * 14009)
    assert first.lst["night"][2, 1] == pytest.approx(0.02 * 13509)
    assert np.isnan(patches.lst_day[1, 0, 3])
    assert np.isnan(patches.lst_day).sum() == 1
    assert first.reflectance[1, 3, 2] == pytest.approx(1e-2 * (48 + 16 + 14))
    assert np.argwhere(np.isnan(second.reflectance)).tolist() == [[2, 1, 0]]
    assert patches.date.astype(str).tolist() == ["2020-02-05", "2020-12-31"]
    assert patches.day_of_year.tolist() == [36, 366]
    assert patches.composite.tolist() == [33, 353]


def test_patches_lie_in_their_place(root: Path) -> None:
    patches = imt(root)
    tile = Tile(18, 4).geobox(Level.KM1)
    assert patches.geobox(0) == tile[:4, :4]
    assert nesting(tile, patches.geobox(1)).row == -100
    assert nesting(tile, patches.geobox(1)).col == -1000
    assert patches.elevation[1, 2, 3] == 102 + 1003 * 2 + 0.5


def test_time_is_local_solar(root: Path) -> None:
    patch = imt(root)[1]
    longitude = lonlat(patch.geobox)[0].mean()
    solar = patch.time("day") - patch.date + np.timedelta64(round(longitude / 15 * 60), "m")
    assert 10 <= solar / np.timedelta64(1, "h") <= 11.5
    assert 11 <= (patch.time("night") - patch.time("day")) / np.timedelta64(1, "h") <= 12
    west, east = (overpass_time(np.datetime64("2020-06-01"), lon) for lon in (0.0, 15.0))
    assert west - east == np.timedelta64(60, "m")


def test_pairs(root: Path) -> None:
    pairs = aster(root)
    first, second = pairs
    assert (first.id, second.id) == (7, 5)
    assert second.lst[1, 0] == pytest.approx(0.02 * 15006, abs=1e-4)
    assert second.ndvi[0, 1] == pytest.approx((65 * 50 - 1000) * 1e-4)
    assert np.argwhere(np.isnan(first.aster)).tolist() == [[0, 3]]
    assert first.aster[1, 0] == pytest.approx(290.08, abs=1e-4)
    assert np.isnan(first.elevation).all()
    assert second.elevation[0, 1] == 431
    assert np.isfinite(second.elevation).sum() == 1
    assert second.cover[:, 2, 5].tolist() == pytest.approx([0.1, 0, 0.5, 0.2, 0.05, 0.15, 0])
    assert np.isfinite(second.cover).sum() == 7
    assert (first.geobox.affine.c, first.geobox.affine.f) == (277987.63, 5099219.758)
    assert refine(first.geobox, 4).shape == first.ndvi.shape


def test_a_folder_without_the_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(GranuleError, match=r"lst_1km_train\.npz"):
        imt(tmp_path)
    with pytest.raises(GranuleError, match=r"aligned_train\.npz"):
        aster(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "text", "other"])
def test_a_damaged_file_is_named(root: Path, damage: str) -> None:
    path = root / "sif-modis-aster-h18v04" / "aligned_train.npz"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-300])
    elif damage == "text":
        path.write_text("<html>please log in</html>")
    else:
        np.savez(path, id=np.arange(2))
    with pytest.raises(GranuleError, match=r"aligned_train\.npz"):
        aster(root)


def test_elevation_of_other_pairs_is_refused(root: Path) -> None:
    path = root / "sif-modis-aster-h18v04" / "elevation_250m_train.npz"
    np.savez(path, id=np.array([5, 7], np.int16), elevation=np.zeros((2, 8, 8), np.int16))
    with pytest.raises(GranuleError, match="does not belong"):
        aster(root)
