"""Every value stays where it belongs: an image that tells its own coordinates goes through every step that moves cells.

The image is a slope whose rise differs along x and y: turned, mirrored, transposed, or moved by half a cell it is
another. `test_what_is_out_of_place_is_noticed` tries that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from odc.geo.geobox import GeoBox
from odc.geo.geom import box as box_of
from odc.geo.geom import point
from pyproj import Transformer

from srdanet.analysis.extract import extract
from srdanet.baselines.interpolation import Interpolation
from srdanet.downscaling.run import downscale, downscale_scene
from srdanet.energy import aggregate, conserve, degrade
from srdanet.flags import flag_attributes
from srdanet.grid import SINUSOIDAL, Level, Tile, coarsen, coordinates, geobox_of, lonlat, refine, windows
from srdanet.prepare.extent import over_region
from srdanet.product import Layout, Origin, product, write_product
from srdanet.product.cube import write_cube
from srdanet.product.produce import produce
from srdanet.product.stored import stored_levels
from srdanet.readers.elevation import open_elevation
from srdanet.readers.places import Place
from srdanet.readers.rasters import open_raster
from srdanet.readers.resampling import to_grid
from srdanet.scene import Scene, open_scene
from srdanet.scene.checks import on_grid

ROOT = Tile(18, 4).geobox(Level.KM1)[203:239, 704:735]
EAST, NORTH = 0.9, 0.5
"""Rise of the image in K for a kilometre."""
LINEAR = Interpolation("bilinear")


@pytest.fixture(autouse=True, scope="module")
def _no_pictures() -> Iterator[None]:
    """Drawing takes most of the time, and is not looked at here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(product, "write_quicklook", lambda path, *_, **__: path.write_bytes(b""))
        patch.setattr(product, "validate_png", lambda path: None)
        yield


def image_on(box: GeoBox) -> xr.DataArray:
    """LST (K) at the centres of a grid of any CRS."""
    rows, cols = (index + 0.5 for index in np.mgrid[: box.shape[0], : box.shape[1]])
    x, y = box.affine * (cols, rows)
    values = at(*Transformer.from_crs(box.crs.proj, SINUSOIDAL.proj, always_xy=True).transform(x, y))
    return xr.DataArray(values.astype(np.float32), coords=coordinates(box), dims=("y", "x"), name="lst")


def at(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    left, bottom, *_ = ROOT.boundingbox
    return 275 + EAST * (x - left) / 1000 + NORTH * (y - bottom) / 1000


def check_in_place(found: xr.DataArray, *, near: float = 0.0, least: float = 0.8) -> None:
    """Away from the rim each cell has the value of its place: within `near` cells, and within 1/40 in the mean."""
    box = geobox_of(found, degrees=True)
    error = (found.values - image_on(box).values)[4:-4, 4:-4]
    known = np.isfinite(error)
    assert known.mean() >= least, known.mean()
    x = box.affine.a * (111_000 * np.cos(np.radians(46)) if box.crs.geographic else 1) / 1000
    y = -box.affine.e * (111_000 if box.crs.geographic else 1) / 1000
    rise = EAST * x + NORTH * y
    assert np.abs(error[known]).max() <= near * rise + 4e-3, np.abs(error[known]).max() / rise
    assert abs(error[known].mean()) < 0.025 * rise, error[known].mean() / rise
    for axis in (0, 1):
        assert np.nanmax(np.abs(np.nanmean(error, axis=axis))) < max(near, 0.025) * rise


@pytest.mark.parametrize(
    "spoil",
    [
        lambda a: a[::-1], lambda a: a[:, ::-1], lambda a: a[::-1, ::-1], lambda a: a[:28, :28].T,
        lambda a: (a + np.roll(a, 1, 0)) / 2, lambda a: (a + np.roll(a, -1, 1)) / 2,
        lambda a: (a + np.roll(a, (1, -1), (0, 1))) / 2, lambda a: np.roll(a, 1, 1),
    ],
    ids=["upside down", "mirrored", "turned", "transposed", "half a cell south", "west", "aslant", "a cell east"],
)  # fmt: skip
@pytest.mark.parametrize("near", [0.0, 0.5])
def test_what_is_out_of_place_is_noticed(spoil: Callable[[np.ndarray], np.ndarray], near: float) -> None:
    right = image_on(ROOT)
    check_in_place(right, near=near)
    values = spoil(right.values)
    wrong = right[: values.shape[0], : values.shape[1]].copy(data=values)
    with pytest.raises(AssertionError):
        check_in_place(wrong, near=near)


def fine(factor: int) -> xr.DataArray:
    return image_on(refine(ROOT, factor))


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_through_averages_and_finer_grids(factor: int) -> None:
    for method in (aggregate, degrade, lambda values, n: degrade(values, n, point_spread=0.35)):
        check_in_place(xr.DataArray(method(fine(factor).values, factor), coordinates(ROOT), ("y", "x")))
    assert coarsen(refine(ROOT, factor), factor) == ROOT
    flat = np.full(refine(ROOT, factor).shape, 300.0, np.float32)
    closed = xr.DataArray(conserve(flat, image_on(ROOT).values), coordinates(refine(ROOT, factor)), ("y", "x"))
    check_in_place(closed, near=1.0)
    check_in_place(xr.DataArray(degrade(closed.values, factor), coordinates(ROOT), ("y", "x")))


@pytest.mark.parametrize("block", [7, 16, 400])
@pytest.mark.parametrize("to", [500, 250])
def test_through_the_rollout_in_windows(block: int, to: int) -> None:
    check_in_place(downscale(image_on(ROOT), to=to, model=LINEAR, block=block, day=True).lst)


def test_through_windows() -> None:
    whole, seen = image_on(ROOT), np.full(ROOT.shape, np.nan, np.float32)
    for window in windows(ROOT.shape, 10, 3):
        seen[window.inner] = whole.values[window.outer][window.crop]
    np.testing.assert_array_equal(seen, whole.values)


def scene() -> Scene:
    ndvi = fine(4).rename("ndvi") / 1000
    heights = fine(2).rename("elevation")
    return Scene(
        on_grid({"lst": image_on(ROOT).values}, ROOT),
        (on_grid({"ndvi": ndvi.values}, refine(ROOT, 4)), on_grid({"elevation": heights.values}, refine(ROOT, 2))),
        np.datetime64("2020-07-15T10:30"), True, Tile(18, 4),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["scene.nc", "scene.zarr"])
def test_through_a_scene_and_a_region_of_it(tmp_path: Path, name: str) -> None:
    lon, lat = lonlat(ROOT[9:30, 7:29])
    region = box_of(lon.min(), lat.min(), lon.max(), lat.max(), "EPSG:4326")
    with open_scene(scene().save(tmp_path / name)) as opened:
        for part in (opened, over_region(opened, region)):
            check_in_place(part.lst["lst"])
            for one in part.auxiliary:
                (variable,) = one.data_vars.values()
                check_in_place(variable * (1000 if variable.name == "ndvi" else 1))
            check_in_place(dict(downscale_scene(part, to=250, model=LINEAR))[250].lst)
        produce(over_region(opened, region), tmp_path / "out", model=LINEAR)
    (stored,) = stored_levels([tmp_path / "out"], 250)
    assert stored.geobox.shape[0] < 4 * 36
    check_in_place(stored.read()["lst"])


LAYOUTS = {
    "own grid": (Layout(), 0.0),
    "NetCDF": (Layout("netcdf"), 0.0),
    "Zarr": (Layout("zarr"), 0.0),
    "UTM": (Layout(crs="EPSG:32631"), 0.5),
    "degrees": (Layout(crs="EPSG:4326"), 0.75),
    "Lambert, as NetCDF": (Layout("netcdf", "EPSG:3035", 220.0), 0.75),
    "means in UTM": (Layout(crs="EPSG:32631", res=900.0), 0.25),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_through_files_on_any_grid(tmp_path: Path, layout: str) -> None:
    how, near = LAYOUTS[layout]
    data = fine(4).to_dataset()
    data["quality"] = (("y", "x"), np.zeros(data.lst.shape, np.uint8), flag_attributes())
    about = Origin(tile="h18v04", time="2020-07-15T10:32:00", day=True)
    write_product({250: data}, tmp_path, "x", origin=about, layout=how)
    (stored,) = stored_levels([tmp_path])
    check_in_place(stored.read()["lst"], near=near, least=0.6)
    if how.file_format == "cog":
        check_in_place(open_raster(tmp_path / "x_250m.tif", name="lst"), near=near, least=0.6)
    rows, cols = slice(20, 90), slice(33, 101)
    if min(stored.geobox.shape) > 101:
        np.testing.assert_array_equal(stored.read(rows, cols)["lst"], stored.read()["lst"][rows, cols])
    # A place on the ground has the value of the cell in which it lies.
    lon, lat = (float(values[17, 12]) for values in lonlat(ROOT))
    (value,) = extract([stored], [Place("here", point(lon, lat, "EPSG:4326"))])
    assert abs(value.lst - float(image_on(ROOT)[17, 12])) < (near + 0.5) * 1.4 * (1.0 if "means" in layout else 0.25)
    if layout == "own grid":
        cube = write_cube([stored], tmp_path / "cube.nc", crs="EPSG:32631", res=250.0)
        with xr.open_dataset(cube, engine="h5netcdf", decode_coords="all") as file:
            check_in_place(file["lst"].isel(time=0).load(), near=0.75, least=0.6)


@pytest.mark.parametrize("crs", ["EPSG:32631", "EPSG:4326", "EPSG:3035"])
@pytest.mark.parametrize(("how", "near"), [("nearest", 1.0), ("bilinear", 0.02), ("mean", 0.3)])
def test_through_readers_of_any_grid(tmp_path: Path, crs: str, how: str, near: float) -> None:
    """A raster of 100 m in another CRS, brought to the cells of the scene."""
    lon_lat = 100 / 111_000
    given = image_on(refine(ROOT, 4).to_crs(crs, resolution=lon_lat if crs == "EPSG:4326" else 100.0))
    box = geobox_of(given, degrees=True)
    path = tmp_path / "lst.tif"
    about = {"driver": "GTiff", "count": 1, "dtype": "float32", "crs": crs, "transform": box.affine}
    with rasterio.open(path, "w", height=box.shape[0], width=box.shape[1], **about) as file:
        file.write(given.values, 1)
    for target in (ROOT, refine(ROOT, 4)):
        share = 1.0 if how != "nearest" else 100 / target.affine.a
        check_in_place(to_grid(open_raster(path, name="lst"), target, how), near=near * share)


def test_through_elevation(tmp_path: Path) -> None:
    degrees = image_on(refine(ROOT, 4).to_crs("EPSG:4326", resolution=1 / 1200))
    box = geobox_of(degrees, degrees=True)
    path = tmp_path / "dem.tif"
    about = {"driver": "GTiff", "count": 1, "dtype": "float32", "crs": "EPSG:4326", "transform": box.affine}
    with rasterio.open(path, "w", height=box.shape[0], width=box.shape[1], **about) as file:
        file.write(degrees.values, 1)
    inner = refine(ROOT[2:-2, 2:-2], 4)
    check_in_place(open_elevation(path, inner), near=0.05)
