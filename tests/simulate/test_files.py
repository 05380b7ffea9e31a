"""Files in the providers' formats, read back by the readers."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import rasterio

from srdanet.errors import ArgumentError, OutputError
from srdanet.prepare import plan
from srdanet.products.elevation import open_elevation
from srdanet.products.granule import Granule, open_granule
from srdanet.products.meteorology import at_overpass, open_era5
from srdanet.products.table import PRODUCTS
from srdanet.simulate import Simulation, companion, simulate, write
from srdanet.simulate.granules import pack

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


def test_truth_lies_beside_them(scene: Simulation, files: list[Path]) -> None:
    for level in (1000, 500, 250):
        path = next(f for f in files if f.name == f"truth_{level}m.tif")
        with rasterio.open(path) as file:
            np.testing.assert_array_equal(file.read(1), scene.truth_at(level))
            assert file.transform == scene.geobox_at(level).affine
            assert file.tags()["seed"] == "4"


def test_a_plan_finds_all_it_needs(files: list[Path]) -> None:
    for by_day in (True, False):
        found = plan(files, "h26v05", "2020-07-15", by_day)
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


def test_what_is_there_is_not_overwritten(scene: Simulation, files: list[Path]) -> None:
    with pytest.raises(OutputError, match="exists already"):
        write(scene, files[0].parent)


def test_values_that_do_not_fit_are_refused() -> None:
    layer = PRODUCTS["MOD11A1"].layer("lst_day")
    with pytest.raises(ArgumentError, match="LST_Day_1km"):
        pack(layer, np.asarray([[20.0, 300.0]]))
    np.testing.assert_array_equal(pack(layer, np.asarray([[np.nan, 300.0]])), [[0, 15000]])
