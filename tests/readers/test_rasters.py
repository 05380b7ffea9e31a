"""Exports as people have them: wrong tags, no tags, counts, degrees Celsius."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from srdanet.errors import ArgumentError, GranuleError, GridError
from srdanet.grid import SINUSOIDAL, SPHERE_RADIUS, Level, Tile, geobox_of, same_crs
from srdanet.readers.rasters import open_raster, suggest_grid, true_crs
from srdanet.readers.resampling import to_grid
from srdanet.units import Unit, unit_of

DEGREES = Affine(0.01, 0, 5, 0, -0.01, 45)
KELVIN = 280 + np.arange(56.0).reshape(7, 8) / 2
GEE_WKT = CRS("+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +datum=WGS84 +units=m").to_wkt()


def geotiff(path: Path, *bands: NDArray[np.generic], affine=DEGREES, crs="EPSG:4326", tags=None, names=(), **profile):
    profile = {"driver": "GTiff", "height": bands[0].shape[0], "width": bands[0].shape[1], **profile}
    with rasterio.open(path, "w", count=len(bands), dtype=bands[0].dtype, transform=affine, crs=crs, **profile) as file:
        for i, band in enumerate(bands, 1):
            file.write(band, i)
        for i, name in enumerate(names, 1):
            file.set_band_description(i, name)
        file.update_tags(**(tags or {}))
    return path


def test_kelvin_is_known_by_its_values(tmp_path: Path) -> None:
    got = open_raster(geotiff(tmp_path / "a.tif", KELVIN.astype("f4")), name="lst")
    assert got.dims == ("y", "x")
    assert np.allclose(got, KELVIN)
    assert got.attrs["units"] == "K"
    assert got.attrs["assumed"] == ["no unit in the file: values from 280 to 307.5 are taken as K"]
    assert got.x.values[0] == pytest.approx(5.005)
    assert got.y.values[0] == pytest.approx(44.995)
    assert got.x.attrs["units"] == "degrees_east"


def test_celsius_is_known_by_its_values_or_by_word(tmp_path: Path) -> None:
    path = geotiff(tmp_path / "a.tif", KELVIN - 273.15)
    assert np.allclose(open_raster(path, name="lst"), KELVIN)
    assert "taken as degC" in open_raster(path, name="lst").attrs["assumed"][0]
    assert np.allclose(open_raster(path, name="lst", unit="degC"), KELVIN)
    assert open_raster(path, name="lst", unit="degC").attrs["assumed"] == []
    said = geotiff(tmp_path / "b.tif", KELVIN - 273.15, names=["Land surface temperature (C)"])
    assert open_raster(said, name="lst").attrs["assumed"] == ["unit C as the file says"]
    with pytest.raises(GranuleError, match="not lst as stored"):
        open_raster(path, name="lst", unit="K")


def test_a_mix_of_both_asks_for_the_unit(tmp_path: Path) -> None:
    mixed = KELVIN - 273.15
    mixed[0, :3] = 255
    path = geotiff(tmp_path / "a.tif", mixed)
    with pytest.raises(ArgumentError, match="do not tell whether") as caught:
        open_raster(path, name="lst")
    assert "unit=" in str(caught.value)
    got = open_raster(path, name="lst", nodata=255)
    assert np.isnan(got.values[0, :3]).all()
    assert np.allclose(got.values[1:], KELVIN[1:])


def test_counts_want_a_scale(tmp_path: Path) -> None:
    counts = np.round(KELVIN / 0.02).astype("u2")
    counts[2, 3] = 0
    path = geotiff(tmp_path / "a.tif", counts)
    with pytest.raises(ArgumentError, match=r"scale= \(MODIS LST: 0\.02\)"):
        open_raster(path, name="lst")
    with pytest.raises(GranuleError, match="scale="):
        open_raster(path, name="lst", unit="K")
    got = open_raster(path, name="lst", scale=0.02)
    assert np.isnan(got.values[2, 3])
    assert np.isnan(got.values).sum() == 1
    assert np.nanmax(np.abs(got.values - KELVIN)) < 0.011
    assert "1 values outside 150 to 400 are taken as missing (0)" in got.attrs["assumed"]


def test_the_scale_a_file_states_is_used_for_counts_only(tmp_path: Path) -> None:
    tags = {"scale_factor": "0.02", "add_offset": "0", "units": "K"}
    counts = np.round(KELVIN / 0.02).astype("u2")
    got = open_raster(geotiff(tmp_path / "a.tif", counts, tags=tags), name="lst")
    assert np.abs(got.values - KELVIN).max() < 0.011
    assert "scale 0.02 and offset 0 as the file says" in got.attrs["assumed"]
    real = open_raster(geotiff(tmp_path / "b.tif", KELVIN, tags=tags), name="lst")
    assert np.allclose(real, KELVIN)
    assert "not applied" in real.attrs["assumed"][0]


def test_older_modis_scales_divide(tmp_path: Path) -> None:
    ndvi = np.round(np.linspace(-0.2, 0.9, 56).reshape(7, 8) * 1e4)
    path = geotiff(tmp_path / "a.tif", ndvi.astype("i2"), tags={"scale_factor": "10000"})
    got = open_raster(path, name="ndvi")
    assert np.allclose(got, ndvi / 1e4, atol=1e-6)
    assert any("divides" in note for note in got.attrs["assumed"])


def test_untagged_fills(tmp_path: Path) -> None:
    counts = np.round(np.linspace(-0.2, 0.9, 56).reshape(7, 8) * 1e4).astype("i2")
    counts[1, 2] = -3000
    got = open_raster(geotiff(tmp_path / "a.tif", counts), name="ndvi", scale=1e-4)
    assert np.argwhere(np.isnan(got.values)).tolist() == [[1, 2]]
    red = np.linspace(0.02, 0.4, 56).reshape(7, 8).astype("f4")
    red[3, 1] = -3.4e38
    got = open_raster(geotiff(tmp_path / "b.tif", red), name="red")
    assert np.argwhere(np.isnan(got.values)).tolist() == [[3, 1]]


def test_missing_is_what_the_file_or_the_caller_says(tmp_path: Path) -> None:
    celsius = KELVIN - 273.15
    celsius[0, 1] = 0
    path = geotiff(tmp_path / "a.tif", celsius, nodata=0)
    assert np.argwhere(np.isnan(open_raster(path, name="lst").values)).tolist() == [[0, 1]]
    celsius[2, 3] = 25
    both = open_raster(geotiff(tmp_path / "c.tif", celsius, nodata=0), name="lst", nodata=25)
    assert np.argwhere(np.isnan(both.values)).tolist() == [[0, 1], [2, 3]]
    kept = open_raster(path, name="lst", nodata="none")
    assert kept.values[0, 1] == pytest.approx(273.15)
    assert any("sets aside" in note for note in kept.attrs["assumed"])
    untagged = open_raster(geotiff(tmp_path / "b.tif", celsius), name="lst")
    assert any("taken as 0 degC" in note for note in untagged.attrs["assumed"])


def test_sinusoidal_on_the_ellipsoid_means_the_sphere(tmp_path: Path) -> None:
    grid = Tile(26, 5).geobox(Level.KM1)[100:107, 200:208]
    path = geotiff(tmp_path / "a.tif", KELVIN, affine=grid.affine, crs=GEE_WKT)
    got = open_raster(path, name="lst")
    assert "taken as the MODIS sphere" in got.attrs["assumed"][0]
    assert np.allclose(to_grid(got, grid, "nearest"), KELVIN)
    stubborn = open_raster(path, name="lst", crs=GEE_WKT)
    assert not same_crs(geobox_of(stubborn, degrees=True).crs, SINUSOIDAL)


def test_only_the_modis_sinusoidal_is_taken_for_it() -> None:
    sphere = CRS(f"+proj=sinu +a={SPHERE_RADIUS} +b={SPHERE_RADIUS} +units=m")
    assert true_crs(sphere) == (SINUSOIDAL, [])
    for other in ("EPSG:32631", "EPSG:4326", "+proj=sinu +lon_0=90 +datum=WGS84", "+proj=sinu +R=6370997"):
        found, note = true_crs(CRS(other))
        assert note == []
        assert found.proj == CRS(other)


def test_bands_are_chosen_by_number_or_description(tmp_path: Path) -> None:
    path = geotiff(tmp_path / "a.tif", KELVIN, KELVIN + 1, names=["LST", "other"])
    assert np.allclose(open_raster(path, name="lst"), KELVIN)
    assert np.allclose(open_raster(path, name="lst", band=2), KELVIN + 1)
    assert np.allclose(open_raster(path, name="lst", band="Other"), KELVIN + 1)
    with pytest.raises(ArgumentError, match="1: LST, 2: other"):
        open_raster(path, name="ndvi")
    with pytest.raises(ArgumentError, match="'7'"):
        open_raster(path, name="lst", band=7)


def netcdf(path: Path, values: NDArray[np.generic], dims=("lat", "lon"), **attrs) -> Path:
    coords = {dims[-2]: 44.995 - 0.01 * np.arange(7), dims[-1]: 5.005 + 0.01 * np.arange(8)}
    if "time" in dims:
        about = {"units": "days since 2000-01-01 00:00:00", "calendar": "julian"}
        coords["time"] = ("time", [7500.0, 7501.0], about)
    ds = xr.Dataset({"LST_Day_1km": (dims, values, attrs), "crs": ((), np.int8(0), {"epsg_code": 4326})}, coords)
    ds.to_netcdf(path, engine="h5netcdf")
    return path


def test_netcdf_counts_with_scale_fill_and_time(tmp_path: Path) -> None:
    counts = np.round(KELVIN / 0.02).astype("u2")
    counts[4, 5] = 0
    stack = np.stack([counts[::-1], counts])
    about = {"scale_factor": 0.02, "_FillValue": np.uint16(0), "units": "Kelvin"}
    path = netcdf(tmp_path / "a.nc", stack, ("time", "lat", "lon"), **about)
    with pytest.raises(ArgumentError, match="date="):
        open_raster(path, name="lst")
    got = open_raster(path, name="lst", date=datetime.date(2020, 7, 15))
    assert np.argwhere(np.isnan(got.values)).tolist() == [[4, 5]]
    assert np.nanmax(np.abs(got.values - KELVIN)) < 0.011
    assert any("taken as WGS 84" in note for note in got.attrs["assumed"])
    with pytest.raises(ArgumentError, match="2020-07-14 to 2020-07-15"):
        open_raster(path, name="lst", date=datetime.date(2020, 7, 20))


def test_netcdf_from_south_to_north_is_turned(tmp_path: Path) -> None:
    path = netcdf(tmp_path / "a.nc", KELVIN)
    with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as ds:
        ds.load().isel(lat=slice(None, None, -1)).to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    a, b = (open_raster(tmp_path / n, name="lst") for n in ("a.nc", "b.nc"))
    assert np.array_equal(a, b)
    assert b.y.values[0] == pytest.approx(44.995)
    with pytest.raises(ArgumentError, match="images: LST_Day_1km"):
        open_raster(path, name="lst", variable="ndvi")


def test_units_of_other_quantities_are_checked(tmp_path: Path) -> None:
    path = geotiff(tmp_path / "a.tif", np.linspace(100, 900, 56).reshape(7, 8))
    assert open_raster(path, name="elevation").attrs["units"] == "m"
    with pytest.raises(ArgumentError, match="'fathom'"):
        open_raster(path, name="elevation", unit="fathom")
    assert unit_of("°C", "K") == Unit("K", 1, 273.15)
    assert unit_of("degRe", "K") is None


def test_bad_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GranuleError, match="no such raster"):
        open_raster(tmp_path / "none.tif", name="lst")
    (tmp_path / "x.tif").write_text("no image")
    with pytest.raises(GranuleError, match="cannot be read"):
        open_raster(tmp_path / "x.tif", name="lst")
    (tmp_path / "x.nc").write_bytes(b"\x89HDF\r\n\x1a\n but no more")
    with pytest.raises(GranuleError, match="cannot be read as"):
        open_raster(tmp_path / "x.nc", name="lst")
    lost = geotiff(tmp_path / "lost.tif", KELVIN, crs=None)
    with pytest.raises(GridError, match="no CRS"):
        open_raster(lost, name="lst")
    assert np.allclose(open_raster(lost, name="lst", crs="EPSG:4326"), KELVIN)
    with pytest.raises(ArgumentError, match="is not a CRS"):
        open_raster(lost, name="lst", crs="EPSG:nonsense")
    turned = geotiff(tmp_path / "turned.tif", KELVIN, affine=DEGREES * Affine.rotation(20))
    with pytest.raises(GridError, match="rotated"):
        open_raster(turned, name="lst")


def test_an_image_without_a_valid_value_is_empty_not_an_error(tmp_path: Path) -> None:
    path = geotiff(tmp_path / "a.tif", np.zeros((7, 8)), nodata=0)
    assert np.isnan(open_raster(path, name="lst").values).all()


def export(step: float, lon: float, lat: float, shape: tuple[int, int], factor: int = 1) -> xr.DataArray:
    """A random image in degrees, replicated `factor` times."""
    size = tuple(-(-n // factor) for n in shape)
    values = np.random.default_rng(0).normal(300, 3, size).repeat(factor, 0).repeat(factor, 1)[: shape[0], : shape[1]]
    coords = {"y": lat - step * (np.arange(shape[0]) + 0.5), "x": lon + step * (np.arange(shape[1]) + 0.5)}
    return xr.DataArray(values, coords=coords, dims=("y", "x"), attrs={"crs": "EPSG:4326"}, name="lst")


def test_a_kilometre_in_degrees_gets_the_modis_lattice() -> None:
    grid = suggest_grid(export(1 / 120, 100.0, 39.0, (60, 90)))
    tile = Tile(25, 5).geobox(Level.KM1)
    assert grid.affine.a == pytest.approx(Level.KM1.metres)
    col, row = ~tile.affine * (grid.affine.c, grid.affine.f)
    assert abs(col - round(col)) < 1e-6
    assert abs(row - round(row)) < 1e-6


@pytest.mark.parametrize(("lat", "code"), [(45.0, 32647), (-20.0, 32747)])
def test_other_sizes_get_utm_and_the_image_fits_in(lat: float, code: int) -> None:
    image = export(0.001, 100.3, lat, (70, 110))
    grid = suggest_grid(image)
    assert grid.crs.epsg == code
    assert grid.affine.a == 110
    got = to_grid(image, grid, "nearest")
    assert np.isfinite(got.values[5:-5, 5:-5]).all()
    # every row and column of the rim holds something: the grid is not larger than needed
    holes = np.isnan(got.values)
    assert not any(rim.all() for rim in (holes[1], holes[-2], holes[:, 1], holes[:, -2]))


def test_a_replicated_image_gets_its_true_cell() -> None:
    grid = suggest_grid(export(0.001, 100.3, 45.0, (130, 210), factor=10), kind="utm")
    assert grid.affine.a == pytest.approx(1100)


def test_an_image_in_metres_keeps_its_grid() -> None:
    from srdanet.grid import coordinates

    own = Tile(18, 4).geobox(Level.KM1)[3:20, 5:31]
    image = xr.DataArray(np.random.default_rng(0).normal(size=own.shape), coordinates(own), ("y", "x"))
    assert suggest_grid(image).affine.almost_equals(own.affine, 1e-5)
    with pytest.raises(ArgumentError, match="kind"):
        suggest_grid(image, kind="polar")  # type: ignore[arg-type]
