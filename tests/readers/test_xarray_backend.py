"""Granules opened by xarray: the same values as `open_granule`, in CF terms."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from granules import write_granule
from srdanet.errors import ArgumentError, ProductError
from srdanet.grid import geobox_of
from srdanet.readers.granule import open_granule
from srdanet.readers.xarray_backend import GranuleBackend

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data" / "hdf4-granules"
ENGINE = GranuleBackend


@pytest.fixture(scope="module")
def lst(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_granule(tmp_path_factory.mktemp("granule"), "MOD11B1")


def test_the_engine_has_its_name() -> None:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["xarray.backends"]
    module, name = points["srdanet"].split(":")
    assert getattr(import_module(module), name) is GranuleBackend


def test_listing_the_engines_loads_nothing_of_ours_but_the_entry() -> None:
    code = (
        "import sys, srdanet.readers.xarray_backend as b; "
        "assert b.GranuleBackend().guess_can_open('x.nc') is False; "
        "heavy = [m for m in ('pyhdf', 'h5py', 'rasterio', 'pyproj', 'scipy', 'matplotlib') if m in sys.modules]; "
        "ours = sorted(m for m in sys.modules if m.startswith('srdanet')); print(heavy, ours)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] ['srdanet', 'srdanet.readers', 'srdanet.readers.xarray_backend']"


def test_temperature_is_in_kelvin_on_its_grid(lst: Path) -> None:
    found = xr.open_dataset(lst, engine=ENGINE)
    plain = open_granule(lst)
    np.testing.assert_array_equal(found["lst_day"].values, plain.layers["lst_day"].values)
    about = found["lst_day"].attrs
    assert (about["units"], about["standard_name"], about["ancillary_variables"]) == (
        "K", "surface_temperature", "qc_day",
    )  # fmt: skip
    assert geobox_of(found["lst_day"]) == geobox_of(plain.layers["lst_day"])
    assert found["time"].values == np.datetime64("2020-07-15")
    assert found.attrs["tile"] == "h26v05"


def test_quality_is_decoded_with_the_meaning_of_each_value(lst: Path) -> None:
    found = xr.open_dataset(lst, engine=ENGINE)
    words = found["qc_day"].values
    field = found["qc_day_lst_error"]
    np.testing.assert_array_equal(field.values, words >> 6)
    assert field.attrs["flag_meanings"].split()[0] == "1_K_or_less"
    np.testing.assert_array_equal(field.attrs["flag_values"], [0, 1, 2, 3])
    np.testing.assert_array_equal(found["qc_day_mandatory"].values, words & 3)


def test_it_survives_a_netcdf(lst: Path, tmp_path: Path) -> None:
    found = xr.open_dataset(lst, engine=ENGINE)
    found.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf", decode_coords="all") as again:
        np.testing.assert_array_equal(again["lst_day"].values, found["lst_day"].values)
        assert geobox_of(again["lst_day"]) == geobox_of(found["lst_day"])


def test_one_layer_and_what_is_dropped(lst: Path) -> None:
    assert list(xr.open_dataset(lst, engine=ENGINE, layers=["lst_day"])) == ["lst_day"]
    assert "qc_day" not in xr.open_dataset(lst, engine=ENGINE, drop_variables="qc_day")
    with pytest.raises(ProductError, match="no layer"):
        xr.open_dataset(lst, engine=ENGINE, layers=["temperature"])


def test_products_of_two_grids_are_opened_by_cell_size_or_as_a_tree(tmp_path: Path) -> None:
    corner = {"MODIS_Grid_1km_2D": np.s_[40:52, 30:44], "MODIS_Grid_500m_2D": np.s_[80:104, 60:88]}
    path = write_granule(tmp_path, "MOD09GA", cells=corner)
    fine, coarse = (xr.open_dataset(path, engine=ENGINE, level=size) for size in (500, 1000))
    assert dict(fine.sizes) == {"y": 24, "x": 28}
    assert dict(coarse.sizes) == {"y": 12, "x": 14}
    assert "red" in fine
    assert "red" not in coarse
    xr.testing.assert_identical(fine, xr.open_dataset(path, engine=ENGINE))
    with pytest.raises(ArgumentError, match=r"no grid of 250 m[\s\S]*500, 1000"):
        xr.open_dataset(path, engine=ENGINE, level=250)
    tree = xr.open_datatree(path, engine=ENGINE)
    np.testing.assert_array_equal(tree["500m"]["red"].values, fine["red"].values)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("MOD11A1.A2020197.h18v04.061.2021.hdf", True),
        ("/data/VNP21A1D.A2020197.h18v04.002.2021.h5", True),
        ("era5.nc", False),
        ("MOD11_L2.A2020197.1030.061.hdf", False),
    ],
)
def test_granules_are_known_by_name(name: str, ours: bool) -> None:
    assert GranuleBackend().guess_can_open(name) is ours


@pytest.mark.real
@pytest.mark.skipif(not REAL.is_dir(), reason="no real granules beside the clone")
@pytest.mark.parametrize(("product", "variable"), [("MOD11A1.A2021227", "lst_day"), ("MCD43A3", "albedo_wsa")])
def test_real_granules_open(product: str, variable: str) -> None:
    (path,) = REAL.glob(f"{product}*.hdf")
    found = xr.open_dataset(path, engine=ENGINE, layers=[variable])
    low, high = {"lst_day": (200, 350), "albedo_wsa": (0, 1)}[variable]
    assert low <= float(found[variable].min()) < float(found[variable].max()) <= high + 1e-6
