"""Files in the providers' formats, read back by the readers."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr

from srdanet.energy import degrade
from srdanet.errors import ArgumentError, OutputError
from srdanet.grid import SPHERE_RADIUS, Nesting, Tile, coarsen, geobox_of, lonlat, nesting
from srdanet.prepare import plan
from srdanet.readers.elevation import open_elevation
from srdanet.readers.era5 import open_era5
from srdanet.readers.granule import Granule, open_granule
from srdanet.readers.meteorology import at_overpass
from srdanet.readers.tables import PRODUCTS
from srdanet_simulator import Simulation, companion, simulate, write, write_days
from srdanet_simulator.files.granules import pack
from srdanet_simulator.files.heights import srtm_tiles
from srdanet_simulator.files.write import file_names, room
from srdanet_simulator.place import grid_of

SIZE = 12


@pytest.fixture(scope="module")
def scene() -> Simulation:
    return simulate(4, SIZE, "h26v05", "2020-07-15", clouds=0.2)


@pytest.fixture(scope="module")
def files(scene: Simulation, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write(scene, tmp_path_factory.mktemp("granules"))


def _granule(files: list[Path], product: str, layers: tuple[str, ...]) -> Granule:
    return open_granule(next(f for f in files if f.name.startswith(product)), layers)


def _part(granule: Granule, scene: Simulation, name: str) -> np.ndarray:
    values = granule.layers[name].values
    factor = values.shape[0] // 1200
    rows, cols = (slice(o * factor, (o + SIZE) * factor) for o in scene.offset)
    return values[rows, cols]


def test_temperatures_come_back(scene: Simulation, files: list[Path]) -> None:
    names = ("lst_day", "qc_day", "lst_night", "view_time_day", "view_angle_day", "emissivity_31")
    granule = _granule(files, "MOD11A1", names)
    assert (granule.tile, granule.date, granule.collection, granule.whole) == (scene.tile, scene.date, "061", True)
    np.testing.assert_allclose(_part(granule, scene, "lst_day"), scene.raw.view.lst, atol=1e-3)
    np.testing.assert_array_equal(_part(granule, scene, "qc_day"), scene.qc)
    np.testing.assert_allclose(_part(granule, scene, "lst_night"), companion(scene).raw.view.lst, atol=1e-3)
    seen = np.isfinite(scene.raw.view.lst)
    np.testing.assert_allclose(_part(granule, scene, "view_time_day")[seen], scene.view_time[seen], atol=1e-3)
    np.testing.assert_allclose(_part(granule, scene, "view_angle_day")[seen], scene.view_angle[seen], atol=1e-3)
    assert np.isfinite(granule.layers["lst_day"].values).sum() == seen.sum()


def test_reflectances_albedo_and_classes_come_back(scene: Simulation, files: list[Path]) -> None:
    fine = _granule(files, "MOD09GQ", ("red", "nir"))
    for n, name in enumerate(("red", "nir")):
        np.testing.assert_allclose(_part(fine, scene, name), scene.raw.reflectance_250[n], atol=6e-5)
    coarse = _granule(files, "MOD09GA", ("blue", "swir2", "state", "qc_500m"))
    np.testing.assert_allclose(_part(coarse, scene, "blue"), scene.raw.reflectance[2], atol=6e-5)
    np.testing.assert_allclose(_part(coarse, scene, "swir2"), scene.raw.reflectance[6], atol=6e-5)
    np.testing.assert_array_equal(_part(coarse, scene, "state"), scene.raw.state)
    albedo = _granule(files, "MCD43A3", ("albedo_wsa", "albedo_bsa"))
    np.testing.assert_allclose(_part(albedo, scene, "albedo_wsa"), scene.raw.albedo_wsa, atol=6e-4)
    cover = _granule(files, "MCD12Q1", ("land_cover",))
    np.testing.assert_array_equal(_part(cover, scene, "land_cover"), scene.predictors["land_cover"])


def test_heights_and_weather_come_back(scene: Simulation, files: list[Path]) -> None:
    box = scene.geobox_at(250)
    height = open_elevation([f for f in files if f.suffix == ".hgt"], box)
    np.testing.assert_allclose(height.values, scene.predictors["elevation"], atol=12)
    assert np.sqrt(np.mean((height.values - scene.predictors["elevation"]) ** 2)) < 2.5
    archive = next(f for f in files if f.suffix == ".zip")
    air = at_overpass(open_era5(archive, around=scene.geobox, time=scene.time), scene.geobox, scene.time)
    for name, tolerance in {"t2m": 0.02, "d2m": 0.02, "wind": 0.02, "ssrd": 2.0, "swvl1": 1e-4}.items():
        np.testing.assert_allclose(air[name].values, scene.predictors[name], atol=tolerance)


def test_the_share_of_clear_sky_goes_with_the_temperature(scene: Simulation, files: list[Path]) -> None:
    granule = _granule(files, "MOD11A1", ("lst_day", "clear_day"))
    lst, clear = (_part(granule, scene, name) for name in ("lst_day", "clear_day"))
    np.testing.assert_array_equal(np.isfinite(lst), np.isfinite(clear))
    cloudy = np.isnan(lst)
    assert cloudy.any()
    assert np.nanmin(clear) < 1
    assert np.nanmax(clear) <= 1
    beside = np.zeros_like(cloudy)
    beside[:, 1:] |= cloudy[:, :-1]
    assert (clear[beside & ~cloudy] < 1).all()


def test_the_sea_is_missing_where_providers_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srdanet_simulator.place._LARGE", 20)
    scene = simulate(8, 24, "h26v04", "2020-05-15", clouds=0.1)
    files = write(scene, tmp_path)
    height = scene.predictors["elevation"].reshape(24, 4, 24, 4)
    sea, (row, col) = (height == 0).all((1, 3)), scene.offset
    assert sea.any()
    assert not sea.all()
    lst = open_granule(next(f for f in files if f.name.startswith("MOD11A1")), ("lst_day", "qc_day", "emissivity_31"))
    there = {name: part.values[row : row + 24, col : col + 24][sea] for name, part in lst.layers.items()}
    assert np.isnan(there["lst_day"]).all()
    assert np.isnan(there["emissivity_31"]).all()
    assert (there["qc_day"] == 3).all()
    white = open_granule(next(f for f in files if f.name.startswith("MCD43A3")), ("albedo_wsa",)).layers["albedo_wsa"]
    half = white.values[2 * row : 2 * row + 48, 2 * col : 2 * col + 48]
    np.testing.assert_array_equal(np.isnan(half), np.isnan(scene.predictors["albedo"]))
    assert np.isnan(half[sea.repeat(2, 0).repeat(2, 1)]).all()
    archive = next(f for f in files if f.suffix == ".zip")
    air = at_overpass(open_era5(archive, around=scene.geobox, time=scene.time), scene.geobox, scene.time)
    np.testing.assert_allclose(air["t2m"].values, scene.predictors["t2m"], atol=0.02)


@pytest.mark.parametrize("day", [True, False])
def test_truth_of_both_overpasses_lies_beside_them(scene: Simulation, files: list[Path], day: bool) -> None:
    known = scene if day else companion(scene)
    for level in (1000, 500, 250):
        stem = f"truth_h26v05_2020197_{'day' if day else 'night'}_{level}m"
        path = next(f for f in files if f.name == f"{stem}.tif")
        with rasterio.open(path) as file:
            np.testing.assert_array_equal(file.read(1), known.truth_at(level))
            assert file.transform == scene.geobox_at(level).affine
            tags = file.tags()
            assert (tags["seed"], tags["day"], file.units) == ("4", "day" if day else "night", ("K",))
            assert np.datetime64(tags["time"]) == known.time.astype("datetime64[s]")
        with xr.open_dataset(path.with_suffix(".nc"), engine="h5netcdf", decode_coords="all") as data:
            np.testing.assert_array_equal(data["lst"], known.truth_at(level))
            assert (data["lst"].attrs["units"], data["lst"].attrs["standard_name"]) == ("K", "surface_temperature")
            assert data["lst"].encoding["grid_mapping"] == "spatial_ref"
            assert data["time"].values == known.time.astype("datetime64[s]")
            box = scene.geobox_at(level)
            assert nesting(box, geobox_of(data["lst"])) == Nesting(1, 0, 0)
            again = degrade(known.truth, level // 250, emissivity=known.emissivity) if level > 250 else known.truth
            np.testing.assert_allclose(data["lst"], again, atol=1e-3)
            np.testing.assert_allclose(data["emissivity"].mean(), known.emissivity.mean(), atol=1e-6)


def test_a_plan_finds_all_it_needs(files: list[Path]) -> None:
    everything = sorted(files[0].parent.iterdir())
    assert {f.name for f in everything if f.is_dir()} == {"stations", "truth"}
    for by_day in (True, False):
        found = plan(everything, tile="h26v05", date="2020-07-15", day=by_day)
        roles = {source.role for source in found.sources}
        assert {
            "lst",
            "reflectance_250m",
            "reflectance_500m",
            "albedo",
            "land_cover",
            "elevation",
            "meteorology",
        } <= roles


def test_the_same_simulation_gives_the_same_bytes(scene: Simulation, files: list[Path], tmp_path: Path) -> None:
    again = write(simulate(4, SIZE, "h26v05", "2020-07-15", clouds=0.2), tmp_path)
    assert [f.name for f in again] == [f.name for f in files]
    for a, b in zip(files, again, strict=True):
        assert hashlib.sha256(a.read_bytes()).digest() == hashlib.sha256(b.read_bytes()).digest(), a.name


def test_days_share_their_land(scene: Simulation, tmp_path: Path) -> None:
    dates = [dt.date(2020, 7, 15), dt.date(2020, 10, 3)]
    told: list[tuple[str, int, int]] = []
    files = write_days(4, SIZE, scene.tile, dates, tmp_path / "both", progress=lambda *told_: told.append(told_))
    names = [f.name for f in files]
    below = [f.relative_to(tmp_path / "both") for f in files]
    assert [str(f) for f in below] == file_names(4, SIZE, scene.tile, dates)
    assert sorted(files) == sorted(f for f in (tmp_path / "both").rglob("*") if f.is_file())
    assert [t for t in told if t[1] == t[2]] == [("2020-07-15", 5, 5), ("2020-10-03", 5, 5)]
    assert sum(name.startswith("MCD12Q1") for name in names) == 1
    assert sum(name.startswith("MOD11A1") for name in names) == 2
    alone = write_days(4, SIZE, scene.tile, dates[1:], tmp_path / "alone")
    for path in alone:
        twin = tmp_path / "both" / path.relative_to(tmp_path / "alone")
        assert path.read_bytes() == twin.read_bytes(), path.name
    truths = [next(f for f in files if f.name == f"truth_h26v05_{day}_day_250m.tif") for day in (2020197, 2020277)]
    first, second = (rasterio.open(path).read(1) for path in truths)
    assert not np.array_equal(first, second)


def test_days_are_what_single_scenes_are(tmp_path: Path) -> None:
    days = write_days(6, SIZE, Tile(18, 4), [dt.date(2020, 4, 2)], tmp_path / "days", platform="Aqua")
    one = write(simulate(6, SIZE, "h18v04", "2020-04-02", False, platform="Aqua"), tmp_path / "one")
    assert [f.name for f in one] == [f.name for f in days]
    assert any(f.name.startswith("MYD11A1") for f in one)
    assert any(f.name == "truth_h18v04_2020093_night_aqua_250m.nc" for f in one)
    for a, b in zip(one, days, strict=True):
        assert a.read_bytes() == b.read_bytes(), a.name


def test_nothing_is_left_of_days_that_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("srdanet_simulator.files.write.write_era5", full)
    with pytest.raises(OutputError, match="No space left"):
        write_days(4, 4, Tile(26, 5), [dt.date(2020, 7, 15)], tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_room_that_is_told_is_about_what_is_taken(scene: Simulation, files: list[Path]) -> None:
    names = file_names(4, SIZE, scene.tile, [scene.date], offset=scene.offset)
    assert room(names, SIZE) == pytest.approx(sum(path.stat().st_size for path in files), rel=0.3)


@pytest.mark.parametrize(
    ("dates", "problem"), [([], "there is no date"), ([dt.date(2020, 7, 15)] * 2, "a date is given twice")]
)
def test_each_date_is_given_once(dates: list[dt.date], problem: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=problem):
        write_days(4, SIZE, Tile(26, 5), dates, tmp_path)


@pytest.mark.parametrize("tile", ["h08v05", "h31v11", "h19v02", "h35v10"])
def test_height_tiles_are_those_that_have_posts(tile: str) -> None:
    """Counted the slow way, post by post."""
    _, fine = grid_of(3, 40, Tile.parse(tile))
    scene = coarsen(fine, 8)[2:-2, 2:-2]
    found = srtm_tiles(scene, fine)
    lon, lat = lonlat(scene)
    for south in range(int(np.floor(lat.min())), int(np.floor(lat.max())) + 1):
        for west in range(int(np.floor(lon.min())), int(np.floor(lon.max())) + 1):
            rise, turn = np.meshgrid(south + np.arange(1201) / 1200, west + np.arange(1201) / 1200, indexing="ij")
            x = np.radians(turn) * SPHERE_RADIUS * np.cos(np.radians(rise))
            col, row = ~fine.affine * (x, np.radians(rise) * SPHERE_RADIUS)
            inside = (col >= 0.5) & (row >= 0.5) & (col <= fine.shape[1] - 0.5) & (row <= fine.shape[0] - 0.5)
            assert ((south, west) in found.values()) == inside.any()


def test_what_is_there_is_not_overwritten(scene: Simulation, files: list[Path]) -> None:
    with pytest.raises(OutputError, match="exists already"):
        write(scene, files[0].parent)


def test_values_that_do_not_fit_are_refused() -> None:
    layer = PRODUCTS["MOD11A1"].layer("lst_day")
    with pytest.raises(ArgumentError, match="LST_Day_1km"):
        pack(layer, np.asarray([[20.0, 300.0]]))
    np.testing.assert_array_equal(pack(layer, np.asarray([[np.nan, 300.0]])), [[0, 15000]])
