"""Units, scales, masks, words and codes of images: what is stated counts, what is stated and unknown is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from srdanet.errors import ArgumentError, GranuleError, GridError, SceneError
from srdanet.prepare import prepare
from srdanet.prepare.survey import RasterSpec, survey
from srdanet.readers.rasters import open_raster
from srdanet.units import unit_of

KELVIN = (284 + np.random.default_rng(1).random((6, 7)) * 12).astype("f4")
PLACE = Affine(1000, 0, 400000, 0, -1000, 5200000)


def tif(path: Path, values: NDArray[Any], unit: str = "", scale: float = 1, offset: float = 0, tags=None, **more: Any):
    about = {"crs": "EPSG:32631", "transform": PLACE, **more}
    height, width = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=1, dtype=values.dtype, **about
    ) as file:
        file.write(values, 1)
        file.update_tags(**(tags or {}))
        file.units, file.scales, file.offsets = (unit,), (scale,), (offset,)
    return path


@pytest.mark.parametrize(
    ("unit", "values"),
    [
        ("K", KELVIN), ("Kelvin", KELVIN), ("degrees_K", KELVIN), ("degC", KELVIN - 273.15), ("°C", KELVIN - 273.15),
        ("degree_Celsius", KELVIN - 273.15), ("degF", (KELVIN - 273.15) * 1.8 + 32),
        ("Fahrenheit", (KELVIN - 273.15) * 1.8 + 32), ("0.1 degC", (KELVIN - 273.15) * 10),
        ("degC*10", (KELVIN - 273.15) * 10), ("K x 100", KELVIN * 100), ("0.02 K", KELVIN * 50),
    ],
)  # fmt: skip
def test_temperatures_come_in_every_unit(unit: str, values: NDArray[Any], tmp_path: Path) -> None:
    stated = open_raster(tif(tmp_path / "a.tif", values.astype("f4"), unit), name="lst")
    assert np.allclose(stated, KELVIN, atol=1e-3)
    assert any(unit in note for note in stated.attrs["assumed"])
    given = open_raster(tif(tmp_path / "b.tif", values.astype("f4")), name="lst", unit=unit)
    assert np.allclose(given, KELVIN, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "unit", "factor"),
    [
        ("elevation", "ft", 0.3048), ("elevation", "US survey foot", 1200 / 3937), ("elevation", "km", 1000),
        ("elevation", "dm", 0.1), ("ndvi", "%", 0.01), ("wind", "knots", 1852 / 3600), ("wind", "km/h", 1 / 3.6),
        ("ssrd", "kW m-2", 1000), ("slope", "radians", 180 / np.pi), ("view_time", "minutes", 1 / 60),
    ],
)  # fmt: skip
def test_other_quantities_are_converted(name: str, unit: str, factor: float, tmp_path: Path) -> None:
    values = np.linspace(0.2, 0.8, 42).reshape(6, 7) / factor
    path = tif(tmp_path / "a.tif", values, unit)
    assert np.allclose(open_raster(path, name=name), values * factor)
    assert np.allclose(open_raster(tif(tmp_path / "b.tif", values), name=name, unit=unit), values * factor)


def test_a_unit_that_is_not_known_or_contradicts_is_refused(tmp_path: Path) -> None:
    rankine = tif(tmp_path / "r.tif", KELVIN * np.float32(1.8), "degR")
    with pytest.raises(ArgumentError, match="'degR', which is not a unit of lst"):
        open_raster(rankine, name="lst")
    with pytest.raises(ArgumentError, match="'J m-2'"):
        open_raster(tif(tmp_path / "s.tif", KELVIN, "J m-2"), name="ssrd")
    celsius = tif(tmp_path / "c.tif", KELVIN - 273, "degC")
    assert open_raster(celsius, name="lst", unit="Celsius").attrs["units"] == "K"
    with pytest.raises(ArgumentError, match="contradicted: unit=degF, but the file's unit 'degC'"):
        open_raster(celsius, name="lst", unit="degF")
    with pytest.raises(ArgumentError, match="scaled unit"):
        open_raster(tif(tmp_path / "d.tif", (KELVIN * 10).astype("i2"), "0.1 K", scale=0.1), name="lst")
    for nothing in ("none", "n/a", "unknown", "-"):
        assert np.allclose(open_raster(tif(tmp_path / "n.tif", KELVIN, nothing), name="lst"), KELVIN)
    assert unit_of("furlong", "m") is None


@pytest.mark.parametrize("where", ["band", "tag"])
@pytest.mark.parametrize(
    ("name", "values", "scale"),
    [("lst", KELVIN, 0.02), ("ndvi", KELVIN / 400, 1e-4), ("albedo", KELVIN / 400, 1e-3), ("red", KELVIN / 400, 1e-4)],
)
def test_floats_in_the_physical_range_are_no_counts(
    name: str, values: NDArray[Any], scale: float, where: str, tmp_path: Path
) -> None:
    given = {"scale": scale} if where == "band" else {"tags": {"scale_factor": str(scale)}}
    left = open_raster(tif(tmp_path / "a.tif", values.astype("f4"), **given), name=name)
    assert np.allclose(left, values)
    assert any("not applied" in note for note in left.attrs["assumed"])
    counts = np.round(values / scale)
    for kind in ("f4", "i4"):
        read = open_raster(tif(tmp_path / f"{kind}.tif", counts.astype(kind), **given), name=name)
        assert np.allclose(read, values, atol=scale)
    with pytest.raises(ArgumentError, match="already"):
        open_raster(tif(tmp_path / "b.tif", values.astype("f4")), name=name, scale=scale)


def test_a_scale_is_said_once(tmp_path: Path) -> None:
    counts = np.round(KELVIN / 0.02).astype("u2")
    path = tif(tmp_path / "a.tif", counts, scale=0.02)
    assert np.allclose(open_raster(path, name="lst", scale=0.02), KELVIN, atol=0.02)
    with pytest.raises(
        ArgumentError, match=r"the scale is contradicted: scale= says 0\.01, but the file's scale says 0\.02"
    ):
        open_raster(path, name="lst", scale=0.01)
    metres = tif(tmp_path / "b.tif", KELVIN, scale=0.3048)
    with pytest.raises(ArgumentError, match="may be elevation as they are or times"):
        open_raster(metres, name="elevation")
    assert np.allclose(open_raster(metres, name="elevation", scale=0.3048), KELVIN * 0.3048)
    with pytest.raises(ArgumentError, match="'two percent' is not a number"):
        open_raster(tif(tmp_path / "c.tif", counts, tags={"scale_factor": "two percent"}), name="lst")


def test_missing_is_what_any_mask_or_fill_says(tmp_path: Path) -> None:
    values = KELVIN.copy()
    values[0, 0], values[1, 1] = 0, -9999
    path = tif(tmp_path / "a.tif", values, nodata=-9999)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        mask = np.full(values.shape, 255, "u1")
        mask[2, 2:4] = 0
        file.write_mask(mask)
    missing = [[0, 0], [1, 1], [2, 2], [2, 3]]
    for given in ({}, {"nodata": 0}, {"nodata": -1}):
        assert np.argwhere(np.isnan(open_raster(path, name="lst", **given).values)).tolist() == missing
    ndvi = np.round(np.linspace(-0.1, 0.9, 42).reshape(6, 7) * 1e4).astype("i2")
    ndvi[3, 3], ndvi[4, 4] = -3000, -2000
    read = open_raster(tif(tmp_path / "b.tif", ndvi, nodata=-3000), name="ndvi", scale=1e-4, nodata=-2000)
    assert np.argwhere(np.isnan(read.values)).tolist() == [[3, 3], [4, 4]]


def netcdf(path: Path, values: NDArray[Any], engine: Any = "h5netcdf", **about: Any) -> Path:
    coords = {"y": 5199500.0 - 1000 * np.arange(6), "x": 400500.0 + 1000 * np.arange(7)}
    xr.Dataset({"QC_Day": (("y", "x"), values, {"crs": "EPSG:32631", **about})}, coords).to_netcdf(path, engine=engine)
    return path


def test_words_of_quality_are_words(tmp_path: Path) -> None:
    words = np.zeros((6, 7), "u1")
    words[2:4], words[4] = 65, 129
    paths = (
        tif(tmp_path / "plain.tif", words),
        tif(tmp_path / "nodata.tif", words, nodata=0),
        tif(tmp_path / "wide.tif", words.astype("i2")),
        tif(tmp_path / "float.tif", words.astype("f4")),
        netcdf(tmp_path / "fill.nc", words, _FillValue=np.uint8(0)),
        netcdf(tmp_path / "v3.nc", words.view("i1"), "scipy", _Unsigned="true"),
        netcdf(tmp_path / "marked.nc", words.view("i1"), _Unsigned="true", _FillValue=np.int8(-1)),
        netcdf(tmp_path / "signed.nc", words.view("i1")),
    )
    for path in paths:
        assert np.array_equal(open_raster(path, name="qc"), words), path.name
    with pytest.raises(ArgumentError, match="best word of quality"):
        open_raster(paths[0], name="qc", nodata=0)
    with pytest.raises(GranuleError, match="no whole numbers"):
        open_raster(tif(tmp_path / "mean.tif", words * np.float32(0.3)), name="qc")
    with pytest.raises(GranuleError, match="not qc"):
        open_raster(tif(tmp_path / "big.tif", words.astype("i2") + np.arange(7, dtype="i2") + 300), name="qc")


@pytest.mark.parametrize(
    ("name", "counts", "keys", "values"),
    [
        ("view_time", [103, 105, 108], {"scale": 0.1}, [10.3, 10.5, 10.8]),
        ("view_time", [13, 15, 22], {"scale": 0.1}, [1.3, 1.5, 2.2]),
        ("view_angle", [0, 65, 130], {"offset": -65}, [-65, 0, 65]),
        ("view_angle", [20, 65, 66], {"offset": -65}, [-45, 0, 1]),
    ],
)
@pytest.mark.parametrize("kind", ["u1", "f4"])
def test_counts_of_companions_are_told_from_values(
    name: str, counts: list[int], keys: dict[str, float], values: list[float], kind: str, tmp_path: Path
) -> None:
    stored = np.resize(np.array(counts, kind), (6, 7))
    path = tif(tmp_path / "a.tif", stored)
    with pytest.raises((ArgumentError, GranuleError), match="offset=-65" if name == "view_angle" else r"scale=0\.1"):
        open_raster(path, name=name)
    assert np.allclose(open_raster(path, name=name, **keys), np.resize(np.array(values), (6, 7)), atol=1e-5)
    physical = np.resize(np.array(values) + 0.25, (6, 7)).astype("f4")
    physical = np.clip(physical, -66, 66)
    assert np.allclose(open_raster(tif(tmp_path / "b.tif", physical), name=name), physical)


def test_view_times_fit_the_time_and_the_part_of_the_day(tmp_path: Path) -> None:
    lst = tif(tmp_path / "lst_20200715.tif", KELVIN)
    hours = tif(tmp_path / "hours.tif", np.full((6, 7), 10.5, "f4"))
    files = [f"lst={lst}", f"view_time={hours}"]
    assert str(prepare(files).time)[:15] == "2020-07-15T10:2"
    prepare(files, time="2020-07-15T10:20")
    with pytest.raises(ArgumentError, match="the view times say 10:2"):
        prepare(files, time="2020-07-15T13:20")
    with pytest.raises(ArgumentError, match=r"10\.5 h local solar time, which is not by night"):
        prepare(files, day=False)


@pytest.mark.parametrize(
    ("codes", "good"),
    [([1, 10, 17, 255], True), ([0, 12, 254], True), ([10, 30, 40, 50, 80], False), ([11, 21, 41, 82], False),
     ([111, 112, 311], False), ([1.0, 2.5, 3.0], False), ([5, 18], False)],
)  # fmt: skip
def test_codes_of_another_legend_are_refused(codes: list[float], good: bool, tmp_path: Path) -> None:
    kind = "f4" if any(code % 1 for code in codes) else "i2"
    path = tif(tmp_path / "a.tif", np.resize(np.array(codes, kind), (6, 7)))
    if good:
        open_raster(path, name="land_cover")
        return
    with pytest.raises(GranuleError, match="no classes of the IGBP legend"):
        open_raster(path, name="land_cover")


def test_layers_of_other_legends_are_known_by_name(tmp_path: Path) -> None:
    path = tif(tmp_path / "MCD12Q1.061_LC_Type3_doy2020001_aid0001.tif", np.full((6, 7), 3, "u1"))
    with pytest.raises(GranuleError, match="LC_Type3"):
        open_raster(path, name="land_cover")


# Axes and grids.


@pytest.mark.parametrize(
    ("unit", "metres", "crs"),
    [("km", 1000, "EPSG:32631"), ("kilometre", 1000, "EPSG:32631"), ("m", 1, "EPSG:32631"), ("", 1, "EPSG:32631"),
     ("US_survey_foot", 1200 / 3937, "EPSG:2264"), ("", 1200 / 3937, "EPSG:2264"), ("ft", 0.3048, "EPSG:32631")],
)  # fmt: skip
@pytest.mark.parametrize("turned", [False, True])
def test_axes_in_every_unit_of_length(unit: str, metres: float, crs: str, turned: bool, tmp_path: Path) -> None:
    y, x = (200000 - 1000 * (np.arange(6) + 0.5)) / metres, (500000 + 1000 * (np.arange(7) + 0.5)) / metres
    about = {"units": unit} if unit else {}
    coords = {"y": ("y", y, about), "x": ("x", x, about)}
    data = xr.Dataset({"lst": (("y", "x"), KELVIN, {"units": "K", "crs": crs})}, coords)
    data = data.isel(y=slice(None, None, -1)) if turned else data
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    got = open_raster(tmp_path / "a.nc", name="lst")
    assert np.array_equal(got, KELVIN)
    assert np.allclose(got.x, 500500 + 1000 * np.arange(7), atol=1e-4)
    assert np.allclose(got.y, 199500 - 1000 * np.arange(6), atol=1e-4)
    assert CRS(got.spatial_ref.attrs["crs_wkt"]).axis_info[0].unit_name == "metre"


@pytest.mark.parametrize(("unit", "crs"), [("furlong", "EPSG:32631"), ("degrees", "EPSG:32631"), ("m", "EPSG:2264")])
def test_units_of_axes_that_are_unknown_or_contradict_are_refused(unit: str, crs: str, tmp_path: Path) -> None:
    about = {"units": unit}
    coords = {"y": ("y", 2e5 - 1000.0 * np.arange(6), about), "x": ("x", 5e5 + 1000.0 * np.arange(7), about)}
    data = xr.Dataset({"lst": (("y", "x"), KELVIN, {"units": "K", "crs": crs})}, coords)
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with pytest.raises(GridError, match=f"'{unit}'"):
        open_raster(tmp_path / "a.nc", name="lst")


def test_a_raster_from_south_to_north_is_turned(tmp_path: Path) -> None:
    up = Affine(1000, 0, 400000, 0, 1000, 5194000)
    got = open_raster(tif(tmp_path / "a.tif", KELVIN[::-1], transform=up), name="lst")
    assert np.array_equal(got, KELVIN)
    assert got.y.values[0] == 5199500


@pytest.mark.parametrize("first", [179.95, -180.05, 359.95, 10.0, 275.0])
@pytest.mark.parametrize("wrapped", [False, True])
def test_longitudes_run_on_across_the_seam(first: float, wrapped: bool, tmp_path: Path) -> None:
    lon = first + np.arange(24) / 120
    lon = (lon + 180) % 360 - 180 if wrapped else lon
    lat = -16 - np.arange(20) / 120
    values = (290 + np.random.default_rng(2).random((20, 24)) * 9).astype("f4")
    xr.Dataset({"lst": (("lat", "lon"), values, {"units": "K"})}, {"lat": lat, "lon": lon}).to_netcdf(
        tmp_path / "a.nc", engine="h5netcdf"
    )
    scene = prepare([f"lst={tmp_path}/a.nc"])
    height, width = scene.geobox.shape
    assert height <= 26
    assert width <= 40
    assert np.isfinite(scene.lst["lst"].values).mean() > 0.5


@pytest.mark.parametrize("n", [2, 4])
@pytest.mark.parametrize("cut", [0, 1])
def test_replicated_cells_in_metres_are_undone(n: int, cut: int, tmp_path: Path) -> None:
    coarse = (290 + np.random.default_rng(3).random((12, 11)) * 9).astype("f4")
    coarse[4, 4] = np.nan
    values = coarse.repeat(n, 0).repeat(n, 1)[cut:, cut:]
    place = Affine(1000 / n, 0, 500000 + cut * 1000 / n, 0, -1000 / n, 5e6 - cut * 1000 / n)
    scene = prepare([f"lst={tif(tmp_path / 'a.tif', values, transform=place)}"])
    assert scene.geobox.affine[:6] == (1000, 0, 500000, 0, -1000, 5e6)
    got = scene.lst["lst"].values
    assert np.allclose(got[cut:, cut:], coarse[cut:, cut:], equal_nan=True)
    smooth = np.round(290 + np.add.outer(np.arange(24.0), np.arange(22.0)) / 5).astype("f4")
    measured = prepare([f"lst={tif(tmp_path / 'b.tif', smooth, transform=Affine(1000, 0, 5e5, 0, -1000, 5e6))}"])
    assert measured.geobox.affine.a == 1000, "values rounded to whole kelvins are not copies"


def test_metres_of_the_map_that_are_not_of_the_ground(tmp_path: Path) -> None:
    values = (290 + np.random.default_rng(4).random((30, 30)) * 9).astype("f4")
    place = Affine(2000, 0, 1e6, 0, -2000, 8.4e6)  # 60 degrees north: 1 km on the ground
    scene = prepare([f"lst={tif(tmp_path / 'a.tif', values, crs='EPSG:3857', transform=place)}"])
    assert scene.geobox.affine.a == pytest.approx(1000, rel=0.1)
    assert scene.geobox.crs.epsg != 3857


# What users write.


def test_misspelt_names_and_keys_are_refused_with_the_nearest(tmp_path: Path) -> None:
    path = tif(tmp_path / "a.tif", KELVIN)
    with pytest.raises(ArgumentError, match="'ndvii' is not a quantity this package knows\n  Did you mean 'ndvi'"):
        survey([f"ndvii={path}"])
    with pytest.raises(ArgumentError, match="Did you mean 'scale'"):
        RasterSpec.parse(f"lst={path},sclae=0.02")
    with pytest.raises(ArgumentError, match="scale=0,02 is not a number\n  Write decimals with a point"):
        RasterSpec.parse(f"lst={path},scale=0,02")
    assert RasterSpec.parse(f"lst={path},nodata=none").nodata == "none"
    assert RasterSpec.parse(r"lst=C:\data\lst.nc:LST_Day_1km,unit=degC").band == "LST_Day_1km"
    assert RasterSpec.parse(r"lst=C:\data\lst.nc,unit=degC").path == r"C:\data\lst.nc"


def test_a_netcdf_without_a_name_is_asked_what_it_holds(tmp_path: Path) -> None:
    path = netcdf(tmp_path / "MOD11A1.061_1km_aid0001.nc", KELVIN)
    (found,) = survey([path])
    assert found.kind == "other"
    assert "(QC_Day); say what it holds, as NAME=FILE:VARIABLE" in found.reason


def test_a_crs_may_be_corrected_but_not_contradicted(tmp_path: Path) -> None:
    right = tif(tmp_path / "a.tif", KELVIN)
    with pytest.raises(ArgumentError, match="the CRS is contradicted"):
        open_raster(right, name="lst", crs="EPSG:32632")
    impossible = tif(tmp_path / "b.tif", KELVIN, crs="EPSG:4326")
    assert open_raster(impossible, name="lst", crs="EPSG:32631").shape == (6, 7)


def test_scenes_refuse_what_the_reader_refuses() -> None:
    from srdanet.scene import Scene

    place = {"y": 5199500.0 - 1000 * np.arange(6), "x": 400500.0 + 1000 * np.arange(7)}
    about = {"crs": "EPSG:32631"}

    def array(values: NDArray[Any], name: str, **more: Any) -> xr.DataArray:
        return xr.DataArray(values, place, ("y", "x"), name, {**about, **more})

    lst = array(KELVIN, "lst")
    with pytest.raises(SceneError, match="view_time"):
        Scene.from_arrays(xr.Dataset({"lst": lst, "view_time": array(KELVIN / KELVIN * 105, "view_time")}, attrs=about))
    with pytest.raises(SceneError, match="IGBP"):
        Scene.from_arrays(lst, array(np.full((6, 7), 40, "u1"), "land_cover"))
    with pytest.raises(SceneError, match="Did you mean 'ndvi'"):
        Scene.from_arrays(lst, array(KELVIN / 400, "ndvii"))
    with pytest.raises(ArgumentError, match="contradicted"):
        Scene.from_arrays(lst.assign_coords(time=np.datetime64("2020-07-14", "ns")), time="2020-07-15T10:40")
    stated = Scene.from_arrays(lst.assign_coords(time=np.datetime64("2020-07-15T10:40", "ns")))
    assert stated.time == np.datetime64("2020-07-15T10:40")
    feet = Scene.from_arrays(lst, array(KELVIN, "elevation", units="ft"))
    assert np.allclose(feet.variable("elevation").values, KELVIN * 0.3048)
    with pytest.raises(ArgumentError, match="'fathom'"):
        Scene.from_arrays(lst, array(KELVIN, "elevation", units="fathom"))
    celsius = array(KELVIN - 273.15, "lst", units="degC")
    turned = Scene.from_arrays(celsius.isel(y=slice(None, None, -1)).expand_dims("band"))
    assert np.allclose(turned.lst["lst"].values, KELVIN, atol=1e-4)
    big = {"y": 5e6 - 500.0 * np.arange(12), "x": 5e5 + 500.0 * np.arange(14)}
    copies = xr.DataArray(KELVIN.repeat(2, 0).repeat(2, 1), big, ("y", "x"), "lst", about)
    with pytest.raises(GridError, match="2 x 2 times"):
        Scene.from_arrays(copies)
    north = {"y": 8.4e6 - 1000.0 * np.arange(6), "x": 1e6 + 1000.0 * np.arange(7)}
    mercator = xr.DataArray(KELVIN, north, ("y", "x"), "lst", {"crs": "EPSG:3857"})
    with pytest.raises(GridError, match="on the ground"):
        Scene.from_arrays(mercator)


@pytest.mark.parametrize("left", [400000.0, 277987.63])
@pytest.mark.parametrize("size", [1000.0, 926.6254330558333, 463.3127165279166])
def test_coordinates_in_single_precision_give_the_grid_that_was_rounded(left: float, size: float) -> None:
    from srdanet.grid import cell_size, geobox_of

    y, x = 5096439.88 - size * (np.arange(16) + 0.5), left + size * (np.arange(21) + 0.5)
    for dtype in ("f4", "f8"):
        coords = {"y": y.astype(dtype), "x": x.astype(dtype)}
        box = geobox_of(xr.DataArray(np.zeros((16, 21)), coords, ("y", "x"), attrs={"crs": "EPSG:32631"}))
        assert cell_size(box) == pytest.approx(size, rel=5e-5)
        assert (box.affine.c, box.affine.f) == pytest.approx((left, 5096439.88), abs=0.5)
