"""Scenes from real files: NASA granules, Earth Engine exports, AppEEARS exports."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from srdanet.errors import ArgumentError
from srdanet.grid import SPHERE_RADIUS, Tile, cell_size, lonlat
from srdanet.prepare import plan, prepare
from srdanet.readers.rasters import open_raster
from srdanet.readers.resampling import to_grid
from srdanet.scene import Scene, open_scene
from srdanet.variables import BASE

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def granules(shared_data: Path) -> Path:
    return shared_data / "hdf4-granules"


@pytest.fixture(scope="module")
def brazil(granules: Path) -> Scene:
    return prepare([granules], tile="h14v09")


def test_a_real_granule_alone_is_a_scene_with_all_else_missing(brazil: Scene) -> None:
    assert (brazil.tile, brazil.present) == (Tile(14, 9), ())
    assert brazil.missing == tuple(p.name for p in BASE)
    record = brazil.provenance["inputs"][0]
    left = np.isfinite(brazil.lst["lst"].values)
    # 23.2 % of the tile is valid; the rest of it has errors above 2 K.
    assert left.mean() + record["dropped"]["lst_error"] / left.size == pytest.approx(0.232, abs=1e-3)
    assert record["dropped"]["lst_error"] > 1000
    assert np.nanmax(brazil.lst["lst_error"].values[left]) <= 2
    assert 290 < np.nanmedian(brazil.lst["lst"].values) < 320


def test_the_overpass_of_terra_is_near_its_crossing_hour(brazil: Scene, granules: Path) -> None:
    lon, _ = lonlat(brazil.geobox)
    left = np.isfinite(brazil.lst["lst"].values)
    for scene, crossing in ((brazil, 10.5), (prepare([granules], tile="h14v09", day=False), 22.5)):
        hours = (scene.time - scene.time.astype("datetime64[D]")) / np.timedelta64(1, "h")
        assert str(scene.time)[:10] == "2019-11-01"
        assert abs((hours + lon[left].mean() / 15 - crossing + 12) % 24 - 12) < 1.5


def test_a_folder_of_many_tiles_asks_which(granules: Path) -> None:
    with pytest.raises(ArgumentError, match="several tiles: h11v05, h12v11, h14v09"):
        plan([granules])
    made = plan([granules, granules.parent / "dem"], tile="h11v05")
    assert made.date == dt.date(2021, 8, 15)
    reasons = dict(made.ignored)
    assert {v for k, v in reasons.items() if k.endswith(".hdf")} == {"another tile"}
    assert reasons[str(granules.parent / "dem" / "N44E005.hgt")] == "does not touch the tile"


def test_a_real_scene_survives_the_disk(brazil: Scene, tmp_path: Path) -> None:
    brazil.save(tmp_path / "scene.nc")
    with open_scene(tmp_path / "scene.nc") as again:
        assert again.identical(brazil)


def test_orleans_with_its_wrong_crs_tag_and_its_other_ndwi(shared_data: Path) -> None:
    folder = shared_data / "wgast-orleans"
    landsat = folder / "LC08_199027_20170409.tif"
    files = [f"lst={folder}/MODIS_2017_04_09.tif:1"]
    files += [f"{name}={landsat}:{band}" for name, band in (("ndvi", 2), ("ndwi", 3), ("ndbi", 4))]
    scene = prepare(files, time="2017-04-09T10:41")
    assert scene.geobox.crs.proj.ellipsoid.semi_major_metre == SPHERE_RADIUS
    assert scene.lst.sizes == {"y": 13, "x": 13}
    assert 298 < float(scene.lst["lst"].min()) < float(scene.lst["lst"].max()) < 306
    assert scene.present == ("ndvi",)
    assert scene.variable("ndvi").shape == (52, 52)
    left_out = dict(scene.provenance["left_out"])
    assert "not Gao's" in left_out["ndwi"]
    assert "not a quantity this package uses" in left_out["LC08_199027_20170409.tif"]
    # Landsat's own LST, brought to the same grid, is the witness of the place.
    landsat_lst = to_grid(open_raster(landsat, name="lst", band=1), scene.geobox).values
    both = np.isfinite(landsat_lst)
    assert both.sum() > 140
    assert np.corrcoef(landsat_lst[both], scene.lst["lst"].values[both])[0, 1] > 0.6


def test_heihe_in_degrees_is_screened_by_its_own_words(shared_data: Path) -> None:
    stem = shared_data / "heihe-2013001" / "MOD11A1_2013001."
    files = [
        f"lst={stem}LST_Day_1km.tif,scale=0.02",
        f"qc={stem}QC_Day.tif",
        f"view_time={stem}Day_view_time.tif,scale=0.1,nodata=255",
        f"ndvi={stem.parent}/MOD13A2_2013001.1_km_16_days_NDVI.tif,scale=0.0001,nodata=-3000",
    ]
    scene = prepare(files)
    assert cell_size(scene.geobox) == 930.0
    assert scene.geobox.crs.proj.utm_zone == "47N"
    assert scene.tile is None
    assert str(scene.time).startswith("2013-01-01T0")
    assert scene.provenance["inputs"][0]["date"] == "2013-01-01"
    lst, error = scene.lst["lst"].values, scene.lst["lst_error"].values
    assert np.isfinite(lst).any()
    assert np.isnan(lst[~(error <= 2)]).all()
    assert scene.variable("ndvi").shape == lst.shape


def test_yanco_is_replicated_and_gets_cells_of_about_a_kilometre(shared_data: Path) -> None:
    file = shared_data / "ubestarfm-yanco" / "MOD11A1_LST_cloudrm_20160205.tif"
    scene = prepare([f"lst={file}"])
    assert 850 < cell_size(scene.geobox) < 1250
    assert str(scene.time) == "2016-02-05T00:00:00"
    assert 300 < float(scene.lst["lst"].mean()) < 312


def test_real_srtm_and_era5_join_a_raster_scene(shared_data: Path) -> None:
    folder = shared_data / "wgast-orleans"
    heights, weather = shared_data / "dem" / "dem_de15_h18v04_500m_DERIVED.tif", shared_data / "era5"
    files = [f"lst={folder}/MODIS_2017_01_19.tif:1", f"elevation={heights}", str(weather)]
    made = plan(files, time="2017-01-19T10:40")
    assert made.source("meteorology") is None
    assert any("the overpass is about 2017-01-19T10:40" in reason for _, reason in made.ignored)
    scene = prepare(plan(files, time="2017-01-01T12:00"))
    assert scene.present == ("elevation", "t2m")
    assert 50 < float(scene.variable("elevation").mean()) < 200
    assert 265 < float(scene.variable("t2m").mean()) < 285
