"""From files to a scene: screening, counting, time, and images in grids of their own."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from odc.geo.crs import CRS

from granules import write_granule
from srdanet.errors import ArgumentError, SceneError
from srdanet.grid import SINUSOIDAL, Tile, coordinates, geobox_of, lonlat, refine, same_crs
from srdanet.prepare import InputRecord, Screening, auxiliary, plan, prepare
from srdanet.prepare.auxiliary import nest, refine_mask
from srdanet.prepare.doubts import false_ndwi, hazy_bands
from srdanet.prepare.plan import MetricGrid
from srdanet.readers.granule import Granule, open_granule
from srdanet.scene import Scene, open_scene

TILE, DAY = Tile(18, 4), dt.date(2020, 7, 15)
ROWS, COLS = slice(300, 312), slice(400, 410)
BOX = TILE.geobox(1000)[ROWS, COLS]


def cut(factor: int) -> tuple[slice, slice]:
    """The place of the tests on a grid `factor` times finer than 1 km."""
    return (slice(ROWS.start * factor, ROWS.stop * factor), slice(COLS.start * factor, COLS.stop * factor))


CELLS = {
    "MODIS_Grid_Daily_1km_LST": cut(1),
    "MODIS_Grid_1km_2D": cut(1),
    "MODIS_Grid_500m_2D": cut(2),
    "MODIS_Grid_2D": cut(4),
    "MOD_Grid_BRDF": cut(2),
    "MCD12Q1": cut(2),
}


def ramp(factor: int, low: float, high: float, dtype: str) -> np.ndarray:
    """Counts that differ from cell to cell."""
    shape = (12 * factor, 10 * factor)
    return np.linspace(low, high, shape[0] * shape[1]).reshape(shape).round().astype(dtype)


def lst_arrays(word: str = "day") -> dict[str, np.ndarray]:
    lst, qc = ramp(1, 14000, 15500, "u2"), np.zeros((12, 10), "u1")
    lst[0, 3] = 0
    qc[0, 3] = 2  # cloud: not produced
    qc[5, 7] = 0b01000001  # error up to 2 K
    qc[6, 2] = 0b10000001  # up to 3 K
    time, angle = np.full((12, 10), 105, "u1"), ramp(1, 20, 80, "u1")
    time[:, 5:] = 107
    time[0, 3] = 255
    names = ("lst", "qc", "view_time", "view_angle")
    return {f"{n}_{word}": a for n, a in zip(names, (lst, qc, time, angle), strict=True)}


def state() -> np.ndarray:
    words = np.full((12, 10), 0b1000, "u2")  # land, clear
    words[2, 1] = 0b1001  # cloudy
    words[3, 8] = 0b1100  # cloud shadow
    words[7, 4] = 0b1000 | 1 << 13  # next to cloud
    return words


def granule(folder: Path, product: str, arrays: dict[str, np.ndarray], **more: Any) -> Path:
    return write_granule(
        folder, product, tile=TILE, layers=tuple(arrays), arrays=arrays, cells=CELLS, **{"date": DAY, **more}
    )


def reflectance(factor: int, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    out = {n: ramp(factor, 100 * (i + 1), 100 * (i + 1) + 3000, "i2") for i, n in enumerate(names)}
    words = np.zeros((12 * factor, 10 * factor), "u4" if factor == 2 else "u2")
    words[9, 13] = 0b1011 << (10 if factor == 2 else 4)  # band 3 (500 m) or 1 (250 m): missing input
    return out | {"qc_500m" if factor == 2 else "qc_250m": words}


BANDS = ("red", "nir", "blue", "green", "nir2", "swir1", "swir2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A full set of inputs of one small place."""
    here = tmp_path_factory.mktemp("inputs")
    granule(here, "MOD11A1", lst_arrays())
    granule(here, "MOD09GA", reflectance(2, BANDS) | {"state": state()})
    granule(here, "MOD09GQ", reflectance(4, BANDS[:2]))
    quality = np.zeros((24, 20), "u1")
    quality[4, 6], quality[5, 6] = 1, 255
    white, black = ramp(2, 150, 250, "i2"), ramp(2, 100, 200, "i2")
    black[11, 2] = 32767
    albedo = {"albedo_wsa": white, "albedo_bsa": black, "albedo_quality": quality}
    granule(here, "MCD43A3", albedo, date=DAY + dt.timedelta(1))
    cover = ramp(2, 1, 17, "u1")
    cover[2, 2] = 255
    granule(here, "MCD12Q1", {"land_cover": cover}, date=dt.date(2019, 1, 1))
    write_heights(here / "N47E005_dem.tif")
    write_weather(here / "era5.nc")
    return here


def write_heights(path: Path, top: float = 48.0) -> None:
    """Height = 100 m for each degree of longitude, on a 0.01 degree grid."""
    values = np.broadcast_to(100 * (4.5 + (np.arange(150) + 0.5) / 100), (150, 150)).astype("f4")
    place = Affine(0.01, 0, 4.5, 0, -0.01, top)
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype="float32", width=150, height=150, crs="EPSG:4326", transform=place
    ) as file:
        file.write(values, 1)


def write_weather(path: Path) -> None:
    """t2m = 280 K + the hour."""
    hours = np.arange(8, 13)
    grid = {
        "valid_time": np.datetime64("2020-07-15", "ns") + hours * np.timedelta64(3600, "s"),
        "latitude": np.arange(48.0, 44.9, -0.25),
        "longitude": np.arange(4.0, 8.1, 0.25),
    }
    shape = tuple(len(v) for v in grid.values())
    t2m = np.broadcast_to(280.0 + hours[:, None, None], shape).astype("f4")
    fields = {"t2m": (tuple(grid), t2m, {"units": "K"}), "u10": (tuple(grid), t2m * 0 + 3, {"units": "m s**-1"})}
    fields["v10"] = (tuple(grid), t2m * 0 - 4, {"units": "m s**-1"})
    xr.Dataset(fields, coords=grid).to_netcdf(path, engine="h5netcdf")


@pytest.fixture(scope="module")
def scene(folder: Path) -> Scene:
    return prepare([folder])


def record(scene: Scene, role: str) -> dict[str, Any]:
    return next(r for r in scene.provenance["inputs"] if r["role"] == role)


def test_each_product_stays_on_its_grid(scene: Scene) -> None:
    assert same_crs(scene.geobox.crs, SINUSOIDAL)
    assert scene.geobox.shape == BOX.shape
    np.testing.assert_allclose(scene.geobox.affine, BOX.affine, atol=1e-6)
    assert scene.tile == TILE
    shapes = {n: scene.variable(n).shape for n in scene.present}
    assert shapes.pop("t2m") == shapes.pop("wind") == (12, 10)
    assert {n for n, s in shapes.items() if s == (48, 40)} == {"red", "nir", "elevation"}
    assert {n for n, s in shapes.items() if s == (24, 20)} == {*BANDS[2:], "albedo", "land_cover"}
    assert scene.missing == ("d2m", "ssrd", "swvl1")


def test_lst_is_kept_by_its_error_class_and_the_words_stay(scene: Scene, folder: Path) -> None:
    stored, lst = lst_arrays(), scene.lst["lst"].values
    assert np.argwhere(np.isnan(lst)).tolist() == [[0, 3], [6, 2]]
    kept = np.isfinite(lst)
    np.testing.assert_array_equal(lst[kept], (stored["lst_day"] * 0.02).astype("f4")[kept])
    np.testing.assert_array_equal(scene.lst["qc"].values, stored["qc_day"])
    error = scene.lst["lst_error"].values
    assert [error[5, 7], error[6, 2], error[1, 1]] == [2, 3, 1]
    assert np.isnan(error[0, 3])
    assert scene.lst["view_angle"].values[0, 0] == stored["view_angle_day"][0, 0] - 65.0
    assert record(scene, "lst")["dropped"] == {"lst_error": 1}
    loose = prepare([folder], screening=Screening(lst_error_max=3))
    assert np.argwhere(np.isnan(loose.lst["lst"].values)).tolist() == [[0, 3]]
    strict = prepare([folder], screening=Screening(lst_error_max=1))
    assert np.argwhere(np.isnan(strict.lst["lst"].values)).tolist() == [[0, 3], [5, 7], [6, 2]]
    assert strict.provenance["screening"]["lst_error_max"] == 1


def test_cloud_state_of_1_km_screens_500_m_and_250_m(scene: Scene) -> None:
    for name, factor in (("nir", 4), ("green", 2)):
        values = scene.variable(name).values
        gone = np.kron(np.isin(state(), [0b1001, 0b1100, 0b1000 | 1 << 13]), np.ones((factor, factor))) > 0
        np.testing.assert_array_equal(np.isnan(values), gone)
        dropped = record(scene, "reflectance_250m" if factor == 4 else "reflectance_500m")["dropped"]
        assert dropped[f"{name}: cloud, shadow or other state"] == 3 * factor**2
    assert np.isnan(scene.variable("red").values[9, 13])
    assert np.isnan(scene.variable("blue").values[9, 13])
    assert record(scene, "reflectance_250m")["dropped"]["red: band quality"] == 1
    assert scene.variable("red").values[0, 1] == pytest.approx(reflectance(4, BANDS)["red"][0, 1] * 1e-4)


def test_each_screen_can_be_lifted(folder: Path) -> None:
    open_ = Screening(cloud=False, adjacent=False, shadow=False, internal_cloud=False, band_quality=tuple(range(16)))
    scene = prepare([folder], screening=open_)
    assert np.isfinite(scene.variable("red").values).all()


def test_albedo_is_blue_sky_and_screened(scene: Scene, folder: Path) -> None:
    white, black = ramp(2, 150, 250, "i2") * 1e-3, ramp(2, 100, 200, "i2") * 1e-3
    values = scene.variable("albedo").values
    assert values[0, 5] == pytest.approx(0.8 * black[0, 5] + 0.2 * white[0, 5], abs=1e-6)
    assert values[11, 2] == pytest.approx(white[11, 2]), "where one is missing, the other stands for both"
    assert np.argwhere(np.isnan(values)).tolist() == [[5, 6]]
    assert record(scene, "albedo")["distance"] == 1
    full = prepare([folder], screening=Screening(albedo_magnitude=False), diffuse=1.0).variable("albedo").values
    assert np.argwhere(np.isnan(full)).tolist() == [[4, 6], [5, 6]]
    assert full[0, 5] == pytest.approx(white[0, 5], abs=1e-6)


def test_land_cover_stays_classes_and_an_older_year_is_marked(scene: Scene) -> None:
    cover = scene.variable("land_cover").values
    assert cover.dtype == np.uint8
    assert cover[2, 2] == 255
    assert (cover[0, 0], cover[23, 19]) == (1, 17)
    assert record(scene, "land_cover")["note"] == "of 2019, not 2020"


def test_time_is_the_median_view_in_utc_and_weather_is_of_each_cell(scene: Scene) -> None:
    lon, _ = lonlat(BOX)
    hours = np.where(np.arange(10) < 5, 10.5, 10.7)[None, :] - lon / 15
    kept = np.isfinite(scene.lst["lst"].values)
    found = (scene.time - np.datetime64("2020-07-15T00:00")) / np.timedelta64(1, "h")
    assert found == pytest.approx(float(np.sort(hours[kept])[kept.sum() // 2]), abs=1 / 3600)
    assert scene.day
    hours[0, 3] = found  # the cell without a view time takes the scene's
    np.testing.assert_allclose(scene.variable("t2m").values, 280 + hours, atol=2e-3)
    np.testing.assert_allclose(scene.variable("wind").values, 5, atol=1e-4)


def test_elevation_lies_on_the_250_m_grid(scene: Scene) -> None:
    lon, _ = lonlat(refine(BOX, 4))
    np.testing.assert_allclose(scene.variable("elevation").values, 100 * lon, atol=0.05)


def test_heights_that_touch_the_tile_but_not_the_scene_are_left_out(tmp_path: Path) -> None:
    granule(tmp_path, "MOD11A1", lst_arrays())
    write_heights(tmp_path / "dem.tif", top=44.0)
    scene = prepare([tmp_path])
    assert "elevation" in scene.missing
    assert scene.provenance["left_out"] == [["dem.tif", "does not touch the LST grid"]]


def test_only_heights_that_touch_the_scene_are_read_and_recorded(tmp_path: Path) -> None:
    granule(tmp_path, "MOD11A1", lst_arrays())
    write_heights(tmp_path / "far_dem.tif", top=44.0)
    write_heights(tmp_path / "near_dem.tif")
    scene = prepare([tmp_path])
    assert record(scene, "elevation")["file"] == ["near_dem.tif"]
    assert scene.provenance["left_out"] == [["far_dem.tif", "does not touch the LST grid"]]


def test_weather_is_recorded_by_the_names_it_has(tmp_path: Path) -> None:
    granule(tmp_path, "MOD11A1", lst_arrays())
    write_weather(tmp_path / "whole.nc")
    with xr.open_dataset(tmp_path / "whole.nc", engine="h5netcdf") as whole:
        whole.drop_vars("t2m").to_netcdf(tmp_path / "era5.nc", engine="h5netcdf")
    (tmp_path / "whole.nc").unlink()
    entry = record(prepare([tmp_path]), "meteorology")
    assert (entry["layers"], entry["valid"]) == (["wind"], {"wind": 1.0})


def test_a_dryness_index_is_not_made_but_scenes_that_hold_one_open(scene: Scene, tmp_path: Path) -> None:
    assert "tvdi" not in scene.present
    dryness = scene.lst["lst"].copy(data=np.linspace(0, 1, 120, dtype="f4").reshape(12, 10)).rename("tvdi")
    Scene.from_arrays(scene.lst, dryness, time=scene.time).save(tmp_path / "older.nc")
    with open_scene(tmp_path / "older.nc") as again:
        assert again.present == ("tvdi",)
        np.testing.assert_array_equal(again.variable("tvdi").values, dryness.values)


def test_provenance_names_every_input_with_its_hash(scene: Scene, folder: Path) -> None:
    assert scene.provenance["made_by"].startswith("srdanet ")
    inputs = scene.provenance["inputs"]
    products = {r["product"] for r in inputs}
    assert products == {"MOD11A1", "MOD09GA", "MOD09GQ", "MCD43A3", "MCD12Q1", "heights", "ERA5"}
    for entry in inputs:
        names, hashes = ([v] if isinstance(v, str) else v for v in (entry["file"], entry["sha256"]))
        for name, digest in zip(names, hashes, strict=True):
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert record(scene, "lst")["valid"] == {"lst": round(118 / 120, 6)}
    assert json.loads(json.dumps(scene.provenance)) == scene.provenance
    for entry in inputs:
        assert InputRecord(**entry).model_dump(mode="json", exclude_unset=True) == entry


def test_granules_are_not_changed_by_screening(folder: Path, monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    def read_only(*args: Any, **options: Any) -> Granule:
        granule = open_granule(*args, **options)
        for layer in granule.layers.values():
            layer.values.flags.writeable = False
        return granule

    monkeypatch.setattr(auxiliary, "open_granule", read_only)
    assert prepare([folder]).identical(scene)


def test_a_prepared_scene_survives_the_disk(scene: Scene, tmp_path: Path) -> None:
    scene.save(tmp_path / "scene.nc")
    with open_scene(tmp_path / "scene.nc") as again:
        assert again.identical(scene)


def test_progress_names_each_source_and_counts_them(folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    made = plan([folder])
    prepare(made, progress=lambda *what: told.append(what))
    (name,) = (Path(path).name for path in made.sources[0].paths)
    assert told[:2] == [(f"lst from {name}", 0, 7), (f"lst from {name}", 1, 7)]
    assert {total for _, _, total in told} == {len(made.sources)}
    assert sorted({done for _, done, _ in told}) == list(range(8))
    assert told[-1][1:] == (7, 7)


def test_lst_alone_makes_a_scene(tmp_path: Path) -> None:
    granule(tmp_path, "MOD11A1", lst_arrays("night"))
    scene = prepare(plan([tmp_path], day=False))
    assert scene.present == ()
    assert not scene.day
    assert set(scene.provenance["missing"]) >= {"albedo", "elevation"}
    with pytest.raises(ArgumentError, match="cannot be given with a plan"):
        prepare(plan([tmp_path]), day=False)


def test_aqua_reflectance_screens_only_itself(tmp_path: Path) -> None:
    granule(tmp_path, "MOD11A1", lst_arrays())
    granule(tmp_path, "MYD09GA", reflectance(2, BANDS) | {"state": state()})
    granule(tmp_path, "MOD09GQ", reflectance(4, BANDS[:2]))
    scene = prepare([tmp_path])
    assert np.isnan(scene.variable("green").values).sum() == 12
    assert np.isnan(scene.variable("nir").values).sum() == 0
    assert "not screened" in record(scene, "reflectance_250m")["assumed"]
    assert "hours from the LST" in record(scene, "reflectance_500m")["note"]


def test_no_lst_left_is_an_error_that_says_why(tmp_path: Path) -> None:
    arrays = lst_arrays()
    arrays["qc_day"][:] = 0b11000001
    granule(tmp_path, "MOD11A1", arrays)
    with pytest.raises(SceneError, match="no day LST is left \\(119 cells were dropped"):
        prepare([tmp_path])
    kept = prepare([tmp_path], screening=Screening(lst_error_max=float("inf")))
    assert kept.provenance["screening"]["lst_error_max"] == "inf"
    with pytest.raises(ArgumentError, match="diffuse"):
        prepare([tmp_path], diffuse=2)


def test_refine_mask_repeats_a_mask_and_is_false_outside() -> None:
    mask = np.array([[True, False, True], [False, True, True]])
    coarse = TILE.geobox(1000)[10:12, 20:23]
    fine = TILE.geobox(500)[19:24, 41:48]
    expected = np.zeros((5, 7), bool)
    for row, col in np.ndindex(5, 7):
        r, c = (19 + row) // 2 - 10, (41 + col) // 2 - 20
        expected[row, col] = 0 <= r < 2 and 0 <= c < 3 and mask[r, c]
    np.testing.assert_array_equal(refine_mask(mask, coarse, fine), expected)


def write_raster(path: Path, values: np.ndarray, crs: str, place: Affine, **more: Any) -> Path:
    values = values if values.ndim == 3 else values[None]
    with rasterio.open(
        path, "w", driver="GTiff", count=values.shape[0], dtype=values.dtype.name, width=values.shape[2],
        height=values.shape[1], crs=crs, transform=place, **more,
    ) as file:  # fmt: skip
        file.write(values)
    return path


def test_of_a_netcdf_stack_the_date_is_taken(tmp_path: Path) -> None:
    lst = np.linspace(285, 304, 2 * 12 * 10).reshape(2, 12, 10).astype("f4")
    coords = {
        "time": ("time", [7500.0, 7501.0], {"units": "days since 2000-01-01"}),
        "y": 5199500.0 - 1000 * np.arange(12),
        "x": 400500.0 + 1000 * np.arange(10),
    }
    about = {"units": "K", "crs": "EPSG:32631"}
    data = {"LST": (("time", "y", "x"), lst, about), "NDVI": (("time", "y", "x"), lst / 400, about | {"units": "1"})}
    xr.Dataset(data, coords).to_netcdf(tmp_path / "stack.nc", engine="h5netcdf")
    files = [f"lst={tmp_path}/stack.nc:LST", f"ndvi={tmp_path}/stack.nc:NDVI"]
    with pytest.raises(ArgumentError, match="Give date="):
        prepare(files)
    scene = prepare(files, date="2020-07-15")
    np.testing.assert_array_equal(scene.lst["lst"].values, lst[1])
    np.testing.assert_allclose(scene.variable("ndvi").values, lst[1] / 400, rtol=1e-6)


def test_plain_rasters_in_grids_of_their_own(tmp_path: Path) -> None:
    lst = np.linspace(12, 31, 12 * 10).reshape(12, 10)
    place = Affine(1000, 0, 400000, 0, -1000, 5200000)
    write_raster(tmp_path / "lst_20200715.tif", lst, "EPSG:32631", place)
    fine = np.linspace(0.1, 0.8, 400 * 334).reshape(400, 334).astype("f4")
    finer = Affine(30, 0, 400000, 0, -30, 5200000)
    cover = np.full((400, 334), 10, "u1")
    cover[:200, 100:] = 12
    write_raster(tmp_path / "two.tif", np.stack([fine, fine**2]), "EPSG:32631", finer)
    write_raster(tmp_path / "cover.tif", cover, "EPSG:32631", finer)
    files = [f"lst={tmp_path}/lst_20200715.tif", f"ndvi={tmp_path}/two.tif:2", f"land_cover={tmp_path}/cover.tif"]
    scene = prepare(files)
    np.testing.assert_allclose(scene.lst["lst"].values, lst + 273.15, atol=1e-4)
    assert str(scene.time) == "2020-07-15T00:00:00", "the date is known, the hour is not"
    assert scene.when == "2020-07-15", "and no hour is told to people"
    assert scene.tile is None
    ndvi = scene.variable("ndvi")
    assert ndvi.shape == (48, 40)
    rows, cols = slice(0, 25), slice(100, 125)  # 25 x 25 fine cells make 3 x 3 cells of 250 m
    np.testing.assert_allclose(ndvi.values[:3, 12:15].mean(), (fine**2)[rows, cols].mean(), atol=2e-3)
    classes = scene.variable("land_cover").values
    assert (classes[0, 0], classes[3, 20], classes[40, 20]) == (10, 12, 10)
    assert record(scene, "raster:ndvi")["regridded"] == "mean to 250 m"
    assert "degC" in record(scene, "lst")["assumed"]


@pytest.mark.parametrize("grid", [None, "modis"])
def test_a_raster_in_degrees_gets_a_grid_in_metres_and_is_screened_by_its_words(
    tmp_path: Path, grid: MetricGrid | None
) -> None:
    counts = np.linspace(13500, 15500, 30 * 40).reshape(30, 40).astype("u2")
    words = np.zeros((30, 40), "u1")
    words[8:16, 10:20] = 0b10000001
    place = Affine(1 / 120, 0, 100, 0, -1 / 120, 40)
    write_raster(tmp_path / "lst.tif", counts, "EPSG:4326", place)
    write_raster(tmp_path / "qc.tif", words, "EPSG:4326", place)
    files = [f"lst={tmp_path}/lst.tif,scale=0.02", f"qc={tmp_path}/qc.tif"]
    scene = prepare(files, time="2020-07-15T03:50", grid=grid)
    assert same_crs(scene.geobox.crs, SINUSOIDAL if grid else CRS(32647))
    lon, lat = lonlat(scene.geobox)
    inside = (lon > 100.1) & (lon < 100.15) & (lat < 39.9) & (lat > 39.88)
    assert inside.sum() > 5
    assert np.isnan(scene.lst["lst"].values[inside]).all()
    assert (scene.lst["lst_error"].values[inside] == 3).all()
    assert scene.lst["qc"].dtype == np.uint8
    assert scene.lst["qc"].values[~np.isfinite(scene.lst["lst_error"].values)].min() == 255
    assert record(scene, "lst")["dropped"]["lst_error"] > 50
    assert scene.day
    assert str(scene.time) == "2020-07-15T03:50:00"


def test_nest_keeps_what_nests_and_chooses_the_nearest_level() -> None:
    box = geobox_of(xr.DataArray(np.zeros(BOX.shape), dims=("y", "x"), coords=coordinates(BOX)))

    def image(place: Any, name: str = "red") -> xr.DataArray:
        values = np.linspace(0.1, 0.5, place.shape[0] * place.shape[1]).reshape(place.shape).astype("f4")
        return xr.DataArray(values, dims=("y", "x"), coords=coordinates(place), name=name)

    native = image(refine(BOX, 4))
    assert nest(native, box)[0] is native
    moved = refine(BOX, 4)
    moved = type(moved)(moved.shape, Affine.translation(70, 40) * moved.affine, moved.crs)
    assert nest(image(moved), box)[1] == "mean to 231.656 m"
    half = refine(BOX, 2)
    half = type(half)(half.shape, Affine.translation(70, 40) * half.affine, half.crs)
    assert nest(image(half), box)[1] == "mean to 463.313 m"
    assert nest(image(refine(BOX, 16)), box)[1] == "mean to 231.656 m"
    coarse = type(BOX)((3, 3), BOX.affine * Affine.scale(4), BOX.crs)
    assert nest(image(coarse), box)[1] == "bilinear to 926.625 m"
    assert nest(image(coarse, "aspect"), box)[1] == "nearest to 926.625 m"


def test_bands_seen_through_the_atmosphere_are_told_from_the_surfaces() -> None:
    plants = np.linspace(0, 1, 400).reshape(20, 20)
    surface = {"blue": 0.06 - 0.03 * plants, "green": 0.10 - 0.03 * plants, "red": 0.14 - 0.1 * plants}
    surface["nir"] = 0.25 + 0.2 * plants
    air = {"blue": 0.07, "green": 0.04, "red": 0.02, "nir": 0.01}
    given = {name: xr.DataArray(values) for name, values in surface.items()}
    above = {name: values + air[name] for name, values in given.items()}
    assert hazy_bands(given) == {}
    assert set(hazy_bands(above)) == {"blue", "green"}
    assert "give surface reflectance" in hazy_bands(above)["blue"]
    # Snow and bare ground may be as blue: only plants are looked at.
    assert hazy_bands({**above, "nir": above["red"] * 1.1}) == {}
    assert hazy_bands({**above, "blue": above["blue"][:10]}) == {}
    assert hazy_bands({name: above[name] for name in ("blue", "green", "red")}) == {}


def test_mcfeeters_ndwi_is_told_from_gaos() -> None:
    ndvi = xr.DataArray(np.linspace(-0.2, 0.9, 60).reshape(6, 10))
    noise = 0.1 * np.sin(np.arange(60)).reshape(6, 10)
    (reason,) = false_ndwi({"ndvi": ndvi, "ndwi": 0.3 - 0.8 * ndvi + noise}).values()
    assert reason.startswith("correlates -0.9")
    for other in (0.5 * ndvi - 0.1 + noise, ndvi[:3], ndvi * 0):
        assert false_ndwi({"ndvi": ndvi, "ndwi": other}) == {}
    assert false_ndwi({"ndwi": -ndvi}) == {}
