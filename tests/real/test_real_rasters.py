"""Real exports with their real flaws: Orleans, Heihe, Yanco, Sevilleta, MODIS subsets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from srdanet.errors import ArgumentError, GranuleError
from srdanet.grid import SINUSOIDAL, Level, geobox_of, same_crs
from srdanet.readers.rasters import open_raster, suggest_grid
from srdanet.readers.resampling import to_grid

ORLEANS = {"2017_01_19": 1.05, "2017_04_09": -1.36, "2018_02_23": 0.92, "2019_09_06": -1.32}
"""MODIS minus Landsat (K), measured independently when the data were collected."""


@pytest.mark.parametrize(("date", "bias"), ORLEANS.items())
def test_orleans_images_overlap_and_agree(shared_data: Path, date: str, bias: float) -> None:
    modis = open_raster(shared_data / f"wgast-orleans/MODIS_{date}.tif", name="lst")
    path = shared_data / f"wgast-orleans/LC08_199027_{date.replace('_', '')}.tif"
    landsat = open_raster(path, name="lst", band=1)
    assert any("MODIS sphere" in note for note in modis.attrs["assumed"])
    assert any("degC" in note for note in modis.attrs["assumed"])
    assert same_crs(geobox_of(modis, degrees=True).crs, SINUSOIDAL)
    fine = to_grid(landsat, geobox_of(modis, degrees=True)).values
    full = to_grid(landsat.notnull().astype(float), geobox_of(modis, degrees=True)).values > 0.999
    difference = (modis.values - fine)[full & np.isfinite(modis.values)]
    assert difference.size > 50
    assert np.isfinite(fine).sum() > 130
    assert difference.mean() == pytest.approx(bias, abs=0.25)


def test_orleans_taken_by_its_word_does_not_overlap(shared_data: Path) -> None:
    path = shared_data / "wgast-orleans/MODIS_2017_04_09.tif"
    landsat = open_raster(shared_data / "wgast-orleans/LC08_199027_20170409.tif", name="lst", band=1)
    wrong = open_raster(path, name="lst", crs="+proj=sinu +datum=WGS84")
    right = to_grid(landsat, geobox_of(open_raster(path, name="lst"), degrees=True))
    assert np.isfinite(right.values).sum() > np.isfinite(_or_empty(landsat, wrong)).sum() + 100


def _or_empty(landsat, wrong) -> np.ndarray:
    from srdanet.errors import GridError

    try:
        return to_grid(landsat, geobox_of(wrong, degrees=True)).values
    except GridError:
        return np.full(wrong.shape, np.nan)


def test_orleans_bands_have_no_names(shared_data: Path) -> None:
    path = shared_data / "wgast-orleans/LC08_199027_20170409.tif"
    with pytest.raises(ArgumentError, match="4: no description"):
        open_raster(path, name="lst")
    ndvi = open_raster(path, name="ndvi", band=2)
    assert 0.4 < float(ndvi.mean()) < 0.6


def test_heihe_counts_without_any_tag(shared_data: Path) -> None:
    folder = shared_data / "heihe-2013001"
    lst = folder / "MOD11A1_2013001.LST_Day_1km.tif"
    with pytest.raises(ArgumentError, match="scale="):
        open_raster(lst, name="lst_day")
    got = open_raster(lst, name="lst_day", scale=0.02)
    assert float(got.notnull().mean()) == pytest.approx(0.824, abs=0.001)
    ndvi = open_raster(folder / "MOD13A2_2013001.1_km_16_days_NDVI.tif", name="ndvi", scale=1e-4)
    assert float(ndvi.notnull().mean()) == pytest.approx(0.999, abs=0.001)
    with pytest.raises(GranuleError, match="scale="):
        open_raster(folder / "MOD13A2_2013001.1_km_16_days_NDVI.tif", name="ndvi")
    quality = open_raster(folder / "MOD11A1_2013001.QC_Day.tif", name="qc_day")
    assert float((quality == 0).mean()) == pytest.approx(0.53, abs=0.005)


def test_heihe_in_degrees_becomes_a_modis_grid(shared_data: Path) -> None:
    got = open_raster(shared_data / "heihe-2013001/MOD11A1_2013001.LST_Day_1km.tif", name="lst", scale=0.02)
    grid = suggest_grid(got)
    assert grid.affine.a == pytest.approx(Level.KM1.metres)
    moved = to_grid(got, grid, "nearest")
    assert np.isin(moved.values[np.isfinite(moved.values)], got.values).all()
    assert float(moved.mean()) == pytest.approx(float(got.mean()), abs=0.1)


def test_yanco_is_replicated(shared_data: Path) -> None:
    folder = shared_data / "ubestarfm-yanco"
    modis = open_raster(folder / "MOD11A1_LST_cloudrm_20160205.tif", name="lst")
    landsat = open_raster(folder / "Landsat_LST_cloudrm_20160205.tif", name="lst")
    assert int(landsat.isnull().sum()) == 1
    assert suggest_grid(modis).affine.a == pytest.approx(1100)
    assert suggest_grid(landsat).affine.a == pytest.approx(110)
    grid = suggest_grid(modis)
    difference = to_grid(modis, grid).values - to_grid(landsat, grid).values
    assert np.nanmean(difference) == pytest.approx(-0.1, abs=0.15)
    assert np.nanstd(difference) == pytest.approx(1.3, abs=0.15)


def test_appeears_counts_say_all_themselves(shared_data: Path) -> None:
    name = "ECO2LSTE.001_SDS_LST_doy2020270224300_aid0001.tif"
    got = open_raster(shared_data / "ecostress-sevilleta" / name, name="lst")
    assert float(got.mean()) == pytest.approx(310.6, abs=0.1)
    assert float(got.notnull().mean()) == 1.0


def test_celsius_said_in_the_band_description(shared_data: Path) -> None:
    got = open_raster(shared_data / "modis-subsets/ecostress_lst_70m_sample.tif", name="lst")
    assert "unit C as the file says" in got.attrs["assumed"]
    assert 294 < float(got.min()) < float(got.max()) < 312


def test_netcdf_subsets(shared_data: Path) -> None:
    folder = shared_data / "modis-subsets"
    red = open_raster(
        folder / "MODIS_MYD09GQ_15TWF79_20171019.nc", name="red", variable="sur_refl_b01_1_MYD09GQ", scale=1e-4
    )
    assert red.shape == (98, 102)
    assert geobox_of(red, degrees=True).crs.epsg == 32615
    assert 0.03 < float(red.min()) < float(red.max()) < 0.16
    with pytest.raises(ArgumentError, match="variable="):
        open_raster(folder / "MODIS_MYD09GQ_15TWF79_20171019.nc", name="red", scale=1e-4)
    sinusoidal = open_raster(folder / "rioxarray_MODIS_231m.nc", name="red", scale=1e-4)
    assert same_crs(geobox_of(sinusoidal, degrees=True).crs, SINUSOIDAL)
    assert float(sinusoidal.notnull().mean()) == pytest.approx(0.9997, abs=1e-4)
