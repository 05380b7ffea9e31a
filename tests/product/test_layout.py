"""Products on other grids and as NetCDF or Zarr."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from small_results import ABOUT, level

from srdanet.analysis.extract import extract
from srdanet.errors import ArgumentError
from srdanet.flags import FLAGS, NO_INPUT
from srdanet.grid import SINUSOIDAL, geobox_of
from srdanet.product import Layout, Origin, product, write_product
from srdanet.product.inspection import inspect_product
from srdanet.product.stored import stored_levels
from srdanet.production.units import Options, Unit, key_of

UTM = Layout(crs="EPSG:32631", res=230.0)


@pytest.fixture(autouse=True, scope="module")
def _no_pictures() -> Iterator[None]:
    """Drawing takes most of the time, and is not looked at here."""
    whole_png = b"\x89PNG\r\n\x1a\n" + b"IEND\xaeB`\x82"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(product, "write_quicklook", lambda path, *_, **__: path.write_bytes(whole_png))
        yield


@pytest.fixture(scope="module")
def result() -> dict[int, xr.Dataset]:
    return {m: level(m, 64, 48) for m in (500, 250)}


def _nearest(fine: xr.Dataset, crs: str, box: GeoBox) -> np.ndarray:
    """The value of the cell in which each centre lies, by a way of its own."""
    rows, cols = np.mgrid[: box.shape[0], : box.shape[1]] + 0.5
    x, y = box.affine.c + box.affine.a * cols, box.affine.f + box.affine.e * rows
    x, y = Transformer.from_crs(crs, SINUSOIDAL.proj, always_xy=True).transform(x, y)
    found = fine["lst"].sel(x=xr.DataArray(x, dims=("y", "x")), y=xr.DataArray(y, dims=("y", "x")), method="nearest")
    own = geobox_of(fine).boundingbox
    return np.where((x >= own.left) & (x < own.right) & (y > own.bottom) & (y <= own.top), found.values, np.nan)


@pytest.mark.parametrize(
    ("layout", "size"), [(UTM, 230.0), (Layout(crs="EPSG:4326"), None), (Layout("netcdf", "EPSG:4326", 0.002), 0.002)]
)
def test_no_cell_is_shifted_on_another_grid(
    tmp_path: Path, result: dict[int, xr.Dataset], layout: Layout, size: float | None
) -> None:
    coarse = level(1000, 64, 48)["lst"]
    made = write_product(result, tmp_path, "x", origin=ABOUT, coarse=coarse, layout=layout)
    assert inspect_product(tmp_path)[1] == []
    for metres, factor in ((250, 1), (500, 2)):
        (stored,) = stored_levels([tmp_path], metres)
        assert stored.geobox.crs == layout.crs
        if size is not None:
            assert stored.geobox.affine.a == pytest.approx(size * factor)
        np.testing.assert_array_equal(
            stored.read()["lst"].values, _nearest(result[metres], str(layout.crs), stored.geobox)
        )
    closure = made.record.levels["250"].closure
    assert closure is not None
    assert closure.rmse < 1e-3, "it is that of the grid on which it was made"
    item = json.loads((tmp_path / "x_stac.json").read_text())
    name = "lst_250m" if layout.file_format == "cog" else "data_250m"
    assert item["assets"][name]["proj:code"] == layout.crs
    assert item["assets"][name]["proj:transform"] == list(stored_levels([tmp_path], 250)[0].geobox.affine)[:6]


@pytest.mark.parametrize(("file_format", "ending"), [("netcdf", "nc"), ("zarr", "zarr")])
def test_one_file_holds_a_level(tmp_path: Path, result: dict[int, xr.Dataset], file_format: str, ending: str) -> None:
    made = write_product(result, tmp_path, "x", origin=ABOUT, layout=Layout(file_format))
    names = {f"x_{m}m.{end}" for m in (250, 500) for end in (ending, "png")}
    assert {path.name for path in tmp_path.iterdir()} == names | {"x_stac.json", "x_provenance.json"}
    assert {path.name for path in made.files} == {path.name for path in tmp_path.iterdir()}
    assert inspect_product(tmp_path)[1] == []
    (stored,) = stored_levels([tmp_path])
    assert stored.geobox == geobox_of(result[250])
    part = stored.read(slice(10, 20), slice(5, 12))
    np.testing.assert_array_equal(part["lst"].values, result[250]["lst"].values[10:20, 5:12])
    np.testing.assert_array_equal(part["quality"].values, result[250]["quality"].values[10:20, 5:12])
    # Made again as GeoTIFFs, nothing of the other format is left.
    write_product(result, tmp_path, "x", origin=ABOUT, overwrite=True)
    assert not list(tmp_path.glob(f"*.{ending}"))


def test_what_a_result_lacks_is_not_in_the_file(tmp_path: Path, result: dict[int, xr.Dataset]) -> None:
    bare = result[250].drop_vars("lst_uncertainty")
    write_product(bare, tmp_path, "x", origin=ABOUT, layout=Layout("netcdf"))
    assert inspect_product(tmp_path)[1] == []
    with xr.open_dataset(tmp_path / "x_250m.nc", engine="h5netcdf") as file:
        assert "lst_uncertainty" not in file
        assert file["lst"].attrs["ancillary_variables"] == "quality"


def test_the_netcdf_says_what_cf_asks_for(tmp_path: Path, result: dict[int, xr.Dataset]) -> None:
    write_product(result, tmp_path, "x", origin=ABOUT, layout=Layout("netcdf"))
    with xr.open_dataset(tmp_path / "x_250m.nc", engine="h5netcdf", decode_cf=False) as file:
        assert file.attrs["Conventions"] == "CF-1.11"
        lst = file["lst"]
        assert lst.dims == ("time", "y", "x")
        about = lst.attrs
        assert (about["standard_name"], about["units"]) == ("surface_temperature", "K")
        assert about["cell_methods"] == "time: point area: mean"
        assert set(about["ancillary_variables"].split()) == {"lst_uncertainty", "quality"}
        assert about["ancillary_variables"].split()[0] in file
        assert file[about["grid_mapping"]].attrs["grid_mapping_name"] == "sinusoidal"
        flags = file["quality"].attrs
        assert flags["flag_meanings"].split() == [flag.name for flag in FLAGS]
        assert list(flags["flag_masks"]) == [flag.mask for flag in FLAGS]
        assert flags["flag_masks"].dtype == file["quality"].dtype
        assert file["time"].attrs["units"].startswith("seconds since 1970-01-01")
        assert int(file["time"][0]) == 1594809120  # 2020-07-15 10:32:00 UTC, the overpass
        for axis in ("x", "y"):
            assert file[axis].attrs["standard_name"] == f"projection_{axis}_coordinate"
            assert file[axis].attrs["units"] == "m"


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The checker of the CF conventions, where it is not on the path in an environment of its own: it needs much."""
    found = shutil.which("compliance-checker")
    if found is None:
        home = tmp_path_factory.mktemp("checker")
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([str(home / "bin" / "pip"), "install", "-q", "compliance-checker==6.1.0"], check=True)
        found = str(home / "bin" / "compliance-checker")
    return found


@pytest.mark.trial
@pytest.mark.parametrize("crs", ["EPSG:32631", "EPSG:4326"])
def test_the_checker_of_the_conventions_finds_nothing(
    tmp_path: Path, result: dict[int, xr.Dataset], crs: str, checker: str
) -> None:
    """Not for the sinusoidal grid: version 6.1.0 looks for the letters of an attribute's name there."""
    write_product(result[250], tmp_path, "x", origin=ABOUT, layout=Layout("netcdf", crs))
    words = [checker, "-t", "cf:1.11", "-c", "strict", str(tmp_path / "x_250m.nc")]
    done = subprocess.run(words, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert done.returncode == 0, done.stdout


def test_larger_cells_have_no_input_only_where_they_have_no_lst(tmp_path: Path, result: dict[int, xr.Dataset]) -> None:
    write_product(result[250], tmp_path, "x", origin=ABOUT, layout=Layout(crs="EPSG:32631", res=1000))
    assert inspect_product(tmp_path)[1] == []
    (stored,) = stored_levels([tmp_path])
    data = stored.read()
    np.testing.assert_array_equal((data["quality"].values & NO_INPUT.mask) > 0, np.isnan(data["lst"].values))
    assert np.isfinite(data["lst"].values).any()
    with rasterio.open(tmp_path / "x_250m.tif") as file:
        assert file.crs.to_epsg() == 32631


def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path: Path, result: dict[int, xr.Dataset]) -> None:
    for layout, words in (
        (Layout("netcdf"), "without a time"), (Layout("tiff"), "not a format"), (Layout(crs="EPSG:0"), "is no CRS"),
    ):  # fmt: skip
        origin = Origin() if layout.file_format == "netcdf" else ABOUT
        with pytest.raises(ArgumentError, match=words):
            write_product(result, tmp_path, "x", origin=origin, layout=layout)
    with pytest.raises(ArgumentError, match="without a CRS"):
        Layout(res=250)
    assert list(tmp_path.iterdir()) == []


def test_series_are_the_same_whatever_the_format(tmp_path: Path, result: dict[int, xr.Dataset]) -> None:
    from odc.geo.geom import point

    from srdanet.grid import lonlat
    from srdanet.readers.places import Place

    lon, lat = (float(v[40, 30]) for v in lonlat(geobox_of(result[250])))
    here = Place("here", point(lon, lat, "EPSG:4326"))
    found = []
    for number, file_format in enumerate(("cog", "netcdf")):
        folder = tmp_path / str(number)
        write_product(result, folder, "x", origin=ABOUT, layout=Layout(file_format))
        (row,) = extract(stored_levels([folder]), [here])
        found.append((row.lst, row.uncertainty))
    assert found[0] == found[1]


def test_a_run_of_an_earlier_version_goes_on() -> None:
    """The key of a unit does not change where nothing is said of the layout."""
    unit = Unit(name="x", tile=None, date=None, day=True, platform=None, inputs=())
    keys = {
        key_of(unit, [], Options(model="m", identity="i", **said), lambda _: (0, 0))
        for said in ({}, {"file_format": "netcdf"}, {"crs": "EPSG:4326"}, {"crs": "EPSG:4326", "res": 0.002})
    }
    assert len(keys) == 4
    about = {"unit": unit.model_dump(mode="json", exclude={"inputs"}), "inputs": [], "rasters": []}
    about["options"] = {"identity": "i", "to": 250, "conserve": False}
    import hashlib

    before = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    assert before in keys
