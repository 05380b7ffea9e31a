from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from small_results import ABOUT, level

from srdanet.cli import cli
from srdanet.errors import ArgumentError, GridError
from srdanet.flags import flag_attributes
from srdanet.grid import SINUSOIDAL, Level, Tile, coordinates, geobox_of, same_crs
from srdanet.product import write_product
from srdanet.product.cube import grid_of, write_cube
from srdanet.product.stored import stored_levels
from srdanet.product.warp import on_other_grid

BOX = Tile(18, 4).geobox(Level.M250)[800:1100, 400:660]


def places(box: GeoBox) -> xr.Dataset:
    """An image whose values are the places of its cells: `lst` the column, `lst_uncertainty` the row."""
    rows, cols = np.mgrid[: box.shape[0], : box.shape[1]]
    data = {"lst": cols + 0.5, "lst_uncertainty": rows + 0.5}
    layers = {name: (("y", "x"), values.astype("f4")) for name, values in data.items()}
    quality = (("y", "x"), ((rows == 17) * 4).astype("u1"), flag_attributes())
    return xr.Dataset({**layers, "quality": quality}, coords=coordinates(box))


@pytest.mark.parametrize(("crs", "res"), [("EPSG:32631", 231.0), ("EPSG:4326", 0.002), ("EPSG:3035", 250.0)])
def test_no_cell_is_shifted(crs: str, res: float) -> None:
    target = BOX.to_crs(CRS(crs), resolution=res)
    found = on_other_grid(places(BOX), BOX, target)
    rows, cols = np.mgrid[: target.shape[0], : target.shape[1]] + 0.5
    x, y = target.affine * (cols, rows)
    back = ~BOX.affine * Transformer.from_crs(crs, SINUSOIDAL.proj, always_xy=True).transform(x, y)
    known = np.isfinite(found["lst"].values)
    assert known.mean() > 0.5
    for name, place in zip(("lst", "lst_uncertainty"), back, strict=True):
        off = (found[name].values - place)[known]
        assert np.abs(off).max() < 0.501  # the nearest cell, and no other
        assert abs(off.mean()) < 0.05
    inside = (back[0] > 0.1) & (back[0] < 259.9) & (back[1] > 0.1) & (back[1] < 299.9)
    assert known[inside].all()
    assert (found["quality"].values[~known] == 1).all()


def test_larger_cells_are_means_at_their_place() -> None:
    target = BOX.to_crs(CRS("EPSG:32631"), resolution=1000.0)
    data = places(BOX)
    data["lst"] += 100
    found = on_other_grid(data, BOX, target)
    rows, cols = np.mgrid[: target.shape[0], : target.shape[1]] + 0.5
    back = ~BOX.affine * Transformer.from_crs(32631, SINUSOIDAL.proj, always_xy=True).transform(
        *target.affine * (cols, rows)
    )
    inner = (back[0] > 6) & (back[0] < 254) & (back[1] > 6) & (back[1] < 294)
    off = (found["lst"].values - 100 - back[0])[inner]
    assert abs(off.mean()) < 0.1
    assert np.abs(off).max() < 0.6
    flagged = np.abs(back[1] - 17.5) < 1
    assert (found["quality"].values[inner & flagged] == 4).all()


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days, the second of them on other ground of the same lattice."""
    folder = tmp_path_factory.mktemp("cube")
    write_product(level(250, 120, 80), folder, "a", origin=ABOUT)
    rows, cols = slice(20, 120), slice(8, 80)
    later = ABOUT.model_copy(update={"time": "2020-07-16T10:44:00"})
    write_product(level(250, 120, 80).isel(y=rows, x=cols), folder, "b", origin=later)
    return folder


@pytest.mark.parametrize("ending", [".nc", ".zarr"])
def test_a_cube_holds_every_product_in_its_place(products: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"season{ending}"
    done = CliRunner().invoke(cli, ["cube", str(products), "-o", str(path)])
    assert done.exit_code == 0, done.output
    engine = {"engine": "h5netcdf"} if ending == ".nc" else {"engine": "zarr", "consolidated": False}
    with xr.open_dataset(path, **engine) as cube:
        assert cube["time"].values.astype("datetime64[s]").tolist() == [
            np.datetime64("2020-07-15T10:32:00").item(), np.datetime64("2020-07-16T10:44:00").item(),
        ]  # fmt: skip
        expected = level(250, 120, 80)
        assert geobox_of(cube) == geobox_of(expected)
        np.testing.assert_array_equal(cube["lst"].values[0], expected["lst"].values)
        np.testing.assert_array_equal(cube["lst"].values[1, 20:, 8:], expected["lst"].values[20:, 8:])
        assert np.isnan(cube["lst"].values[1, :20]).all()
        assert (cube["quality"].values[1, :, :8] == 1).all()
        about = cube["lst"].attrs
        assert (about["standard_name"], about["units"]) == ("surface_temperature", "K")
        assert about["ancillary_variables"] == "lst_uncertainty quality"
        assert cube["quality"].attrs["flag_meanings"].split()[0] == "no_input"
        assert cube.attrs["Conventions"] == "CF-1.11"
        assert cube["day"].values.tolist() == [1, 1]
        if ending == ".zarr":
            assert cube.attrs["spatial:transform"] == list(geobox_of(expected).affine)[:6]
            assert same_crs(CRS(cube.attrs["proj:wkt2"]), SINUSOIDAL)


def test_a_cube_in_utm(products: Path, tmp_path: Path) -> None:
    path = write_cube(stored_levels([products]), tmp_path / "utm.nc", crs="EPSG:32631", res=250)
    with xr.open_dataset(path, engine="h5netcdf") as cube:
        box = geobox_of(cube)
        assert (box.crs.epsg, box.resolution.x, box.affine.c % 250) == (32631, 250, 0)
        assert np.isfinite(cube["lst"].values[0]).mean() > 0.3


def test_wrong_wishes_are_refused(products: Path, tmp_path: Path) -> None:
    levels = stored_levels([products])
    for wish, words in (({"crs": "EPSG:1"}, "no CRS"), ({"res": 100.0}, "without a CRS")):
        with pytest.raises(ArgumentError, match=words):
            grid_of(levels, **wish)
    with pytest.raises(ArgumentError, match="name of a cube"):
        write_cube(levels, tmp_path / "cube.tif")
    write_product(level(500, 120, 80), tmp_path, "c", origin=ABOUT)
    with pytest.raises(GridError):
        grid_of([*levels, *stored_levels([tmp_path])])
