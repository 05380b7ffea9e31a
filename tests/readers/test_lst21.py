"""MOD21A1 and VIIRS' successors: layers, quality bits, view times, and what is refused. On written files only."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio
import xarray as xr
from odc.geo.geom import Geometry, box

from granules import write_granule
from srdanet.errors import GranuleError, ProductError
from srdanet.grid import Tile, lonlat
from srdanet.predictors.solar import runs_with_the_sun
from srdanet.prepare import Screening, prepare
from srdanet.prepare.extent import over_region
from srdanet.product.produce import produce
from srdanet.readers import quality
from srdanet.readers.granule import open_granule
from srdanet.readers.tables import PRODUCTS
from srdanet.scene import Scene

TILE, DAY = Tile(26, 5), dt.date(2020, 7, 15)
ROWS, COLS = slice(300, 312), slice(0, 1200)
BOX = TILE.geobox(1000)[ROWS, COLS]
LON = lonlat(BOX)[0]
NEW = ("MOD21A1D", "MOD21A1N", "MYD21A1D", "MYD21A1N", "VNP21A1D", "VNP21A1N", "VJ121A1D", "VJ121A1N")
VIIRS = tuple(name for name in NEW if name.startswith("V"))
HOURS = {"terra": (10.6, 22.2), "aqua": (13.4, 1.8), "npp": (13.4, 1.8), "noaa20": (13.4, 1.8)}


def word(mandatory: int = 0, cloud: int = 0, accuracy: int = 3) -> int:
    return mandatory | cloud << 4 | 2 << 12 | accuracy << 14


def part_of(product: str) -> str:
    return "night" if product.endswith("N") else "day"


def counts(product: str, utc: bool = False) -> dict[str, np.ndarray]:
    """Counts of one overpass at a solar hour that fits the platform."""
    shape, part = tuple(BOX.shape), part_of(product)
    lst = (14000 + np.arange(shape[0] * shape[1]).reshape(shape) % 1501).astype("u2")
    qc = np.full(shape, word(), "u2")
    for column, value in enumerate((word(2), word(1, accuracy=0), word(1, accuracy=1), word(cloud=3), word(cloud=2))):
        qc[5, column] = value
    lst[5, 0] = 0
    hour = HOURS[PRODUCTS[product].platform or ""][part == "night"]
    solar = hour + (LON - LON.mean()) / 15
    time = np.mod(solar - LON / 15 if utc else solar, 24)
    time = np.round(time * 10).astype("u1")
    angle = np.full(shape, 65 + 30, "u1")
    return {f"lst_{part}": lst, f"qc_{part}": qc, f"view_time_{part}": time, f"view_angle_{part}": angle}


def write(folder: Path, product: str, utc: bool = False, **more: Any) -> Path:
    grid = PRODUCTS[product].layers[0].grid
    arrays = {**counts(product, utc), **more.pop("arrays", {})}
    return write_granule(folder, product, tile=TILE, date=DAY, cells={grid: (ROWS, COLS)}, arrays=arrays, **more)


@pytest.mark.parametrize("product", NEW)
def test_layers_are_read_and_screened_by_their_own_bits(tmp_path: Path, product: str) -> None:
    part = part_of(product)
    path = write(tmp_path, product)
    opened = open_granule(path)
    assert (opened.product, opened.tile, opened.date) == (product, TILE, DAY)
    assert float(opened.layers[f"lst_{part}"][0, 1]) == pytest.approx(14001 * 0.02)
    assert float(opened.layers[f"view_angle_{part}"][0, 0]) == 30
    scene = prepare([path], day=part == "day")
    lst = scene.lst["lst"].values
    assert scene.platform == PRODUCTS[product].platform
    # not produced, above 2 K, 2 K (kept), cloudy, near a cloud (kept)
    assert np.isfinite(lst[5, :5]).tolist() == [False, False, True, False, True]
    assert np.isfinite(lst).sum() == lst.size - 3
    assert scene.lst["lst_error"].values[5, :3].tolist()[1:] == [np.inf, 2.0]
    assert float(scene.lst["lst_error"][0, 0]) == 1.0
    assert scene.lst["qc"].dtype == np.uint16
    (record,) = scene.provenance["inputs"]
    assert "local solar hours" in record["assumed"]


@pytest.mark.parametrize("product", ["MOD21A1D", "MYD21A1N", "VNP21A1D", "VJ121A1N"])
def test_view_times_in_utc_are_told_from_solar_hours(tmp_path: Path, product: str) -> None:
    times = []
    for utc in (False, True):
        (tmp_path / str(utc)).mkdir()
        scene = prepare([write(tmp_path / str(utc), product, utc)], day=part_of(product) == "day")
        times.append(scene.time)
        assert ("UTC" in scene.provenance["inputs"][0]["assumed"]) is utc
    assert abs(times[0] - times[1]) <= np.timedelta64(10, "m")


@pytest.mark.parametrize("step", [0.0, 1 / 15])
def test_steps_along_rows_tell_the_clock_across_midnight_and_passes(step: float) -> None:
    hours = np.mod(23.8 + step * (LON - LON.min()), 24)
    hours[:, 700:] += 1.65  # the next overpass
    hours = np.round(np.mod(hours, 24), 1)
    assert runs_with_the_sun(hours, LON) is (step > 0)
    assert runs_with_the_sun(np.full_like(hours, np.nan), LON) is None


@pytest.mark.parametrize(("hour", "told"), [(10.5, True), (3.5, False), (17.0, None), (None, None)])
def test_of_a_narrow_cut_the_hour_tells(hour: float | None, told: bool | None) -> None:
    lon = LON[:, :40]  # 105 degrees east: 7 hours ahead of UTC
    hours = np.full(lon.shape, 10.5 if hour is None else hour)
    assert runs_with_the_sun(hours, lon, None if hour is None else 10.75) is told


def test_words_mean_what_the_legend_says() -> None:
    words = np.array([word(accuracy=a) for a in range(4)] + [word(2), word(3)], "u2")
    bounds = quality.lst_error(words, quality.QC_LST21)
    assert bounds[:4].tolist() == [np.inf, 2.0, 1.5, 1.0]
    assert np.isnan(bounds[4:]).all()
    cloudy = np.array([word(cloud=c) for c in range(4)], "u2")
    assert Screening().keep_lst(cloudy, quality.QC_LST21).tolist() == [True, True, True, False]
    assert Screening(cloud=False).keep_lst(cloudy, quality.QC_LST21).all()
    assert Screening(lst_error_max=1.5).keep_lst(words[:4], quality.QC_LST21).tolist() == [False, False, True, True]


def test_the_range_that_a_file_states_of_an_unseen_product_is_taken(tmp_path: Path) -> None:
    said = {"view_angle_day": {"valid_range": [0, 140]}, "qc_day": {"scale_factor": "n/a", "_FillValue": None}}
    opened = open_granule(write(tmp_path, "VNP21A1D", attributes=said))
    assert float(opened.layers["view_angle_day"].max()) == 30
    with pytest.raises(GranuleError, match="scale_factor"):
        open_granule(write(tmp_path, "VNP21A1N", attributes={"lst_night": {"scale_factor": 0.1}}))


@pytest.mark.parametrize("product", VIIRS)
def test_damaged_and_foreign_hdf5_is_named(tmp_path: Path, product: str) -> None:
    path = write(tmp_path, product)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(GranuleError, match=f"{product}.*\n?.*HDF5"):
        open_granule(path)
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(4000))
    with pytest.raises(GranuleError, match="HDF5"):
        open_granule(path)


def test_a_field_in_another_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "VNP21A1D")
    place = f"HDFEOS/GRIDS/{PRODUCTS['VNP21A1D'].layers[0].grid}/Data Fields"
    with h5py.File(tmp_path / "other.h5", "w") as other, h5py.File(path, "a") as file:
        other["LST_1KM"] = file[place]["LST_1KM"][()] + 500
        del file[place]["LST_1KM"]
        file[place]["LST_1KM"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "LST_1KM")
    with pytest.raises(GranuleError, match="another file"):
        open_granule(path)


@pytest.mark.parametrize(
    "said", [{"ShortName": "VNP21A1N"}, {"VersionID": "001"}, {"RangeBeginningDate": "2020-08-01"}]
)
def test_attributes_that_contradict_the_name_are_refused(tmp_path: Path, said: dict[str, object]) -> None:
    with pytest.raises(GranuleError, match="contradict"):
        open_granule(write(tmp_path, "VNP21A1D", core=said))


def test_a_collection_of_modis_is_none_of_viirs(tmp_path: Path) -> None:
    path = write(tmp_path, "VNP21A1D")
    with pytest.raises(ProductError, match="Collection 061"):
        open_granule(path.rename(tmp_path / path.name.replace(".002.", ".061.")))


@pytest.mark.parametrize("product", ["MOD21A1D", "VNP21A1N", "VJ121A1D"])
def test_a_product_is_downscaled_as_mod11a1_is(tmp_path: Path, product: str) -> None:
    """To 500 m, whole and validated, with the model that the package ships for other climates."""
    day = part_of(product) == "day"
    with prepare([write(tmp_path, product)], day=day) as scene:
        part = over_region(scene, box_of(scene))
        made = produce(part, tmp_path / "out", 500, model="default")
    record, (lst,) = made.record, [files["lst"] for files in made.files.rasters.values()]
    assert record.day is day
    assert record.inputs[0]["product"] == product
    with rasterio.open(lst) as file:
        values = file.read(1)
    assert np.isfinite(values).mean() > 0.9
    assert 270 < np.nanmin(values) < np.nanmax(values) < 320


def box_of(scene: Scene) -> Geometry:
    """A field of some 8 km in the middle of a scene."""
    lon, lat = lonlat(scene.geobox)
    row, col = (n // 2 for n in scene.geobox.shape)
    x, y = float(lon[row, col]), float(lat[row, col])
    return box(x - 0.04, y - 0.03, x + 0.04, y + 0.03, "EPSG:4326")


def test_a_part_of_an_hdf5_granule_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "VNP21A1D")
    whole = open_granule(path)
    box = TILE.geobox(1000)[ROWS.start + 3 : ROWS.start + 7, COLS.start + 2 : COLS.start + 9]
    part = open_granule(path, over=box)
    for name, layer in part.layers.items():
        xr.testing.assert_identical(layer, whole.layers[name][3:7, 2:9])
