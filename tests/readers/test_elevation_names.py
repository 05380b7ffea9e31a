"""Which names are heights, which are layers that go with heights, and which say nothing."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from srdanet.errors import GranuleError
from srdanet.grid import Level, Tile
from srdanet.prepare.survey import survey
from srdanet.readers.elevation import inspect_elevation, open_elevation
from srdanet.readers.elevation_names import recognise

HEIGHTS = [
    "N45E003.hgt",
    "n45e003.hgt",
    "N45E003.SRTMGL1.hgt.zip",
    "N45E003.SRTMGL3.hgt.zip",
    "N45E003.hgt.gz",
    "N45E003.hgt.zip",
    "S17W180.tif",
    "n45_e003_1arc_v3.tif",
    "s12_w077_3arc_v2.tif",
    "n45_e003_1arc_v3.bil",
    "srtm_38_03.tif",
    "srtm_38_03.zip",
    "NASADEM_HGT_n45e003.zip",
    "NASADEM_HGT_n45e003.hgt",
    "ASTGTMV003_N46E010_dem.tif",
    "ASTGTMV003_N46E010.zip",
    "ASTGTM2_N46E010_dem.tif",
    "ASTGTM_N46E010_dem.tif",
    "Copernicus_DSM_COG_10_N46_00_E010_00_DEM.tif",
    "Copernicus_DSM_COG_30_S09_00_W072_00_DEM.tif",
    "Copernicus_DSM_10_N46_00_E010_00_DEM.tif",
    "DEM1_SAR_DGE_30_20110427T052525_20140518T052557_ADS_000000_ab12.DEM.tar",
    "TDM1_DEM__30_N45E003_DEM.tif",
    "TDM1_DEM__30_N45E003_V01_C.zip",
    "TDM1_DEM__04_S10W070_DEM.tif",
    "USGS_13_n46w110.tif",
    "USGS_13_n46w110_20210615.tif",
    "USGS_1_n46w110.tif",
    "USGS_NED_13_n46w110_IMG.zip",
    "imgn46w110_13.img",
    "USGS_1M_12_x50y510_MT_Ravalli_2019.tif",
    "floatn46w110_13.flt",
    "n46w110_13.tif",
    "ned19_n46x25_w110x00_mt_2011.img",
    "n45e000_dem.tif",
    "N45E000_dem.tif",
    "n45e000_elv.tif",
    "dem_tif_n30e000.tar",
    "ALPSMLC30_N046E010_DSM.tif",
    "N046E010_AVE_DSM.tif",
    "N046E010_MED_DSM.tif",
    "N046E010.zip",
    "N46E010_FABDEM_V1-2.tif",
    "eu_dem_v11_E40N20.TIF",
    "gt30e020n40.tif",
    "50N000E_20101117_gmted_mea075.tif",
    "SRTMGL1_NC.003_SRTMGL1_DEM_doy2000042_aid0001.tif",
    "NASADEM_NC.001_NASADEM_HGT_doy2000042_aid0001.tif",
    "ASTGTM_NC.003_ASTER_GDEM_DEM_doy2000061_aid0001.tif",
    "dem.tif",
    "DEM.TIF",
    "my_dem.tif",
    "dem30m.tif",
    "DEM_30m_clip.tif",
    "heihe-dem.tif",
    "srtm_oetztal.tif",
    "SRTM3_N46E008.tif",
    "dtm_2m.tif",
    "elevation.tif",
    "elevation_250m.tif",
    "DEM_Talca_cols0-329.tif",
    "dem_upper_river_basin.tif",
    "output_SRTMGL1.tif",
    "output_COP30.tif",
    "USGS_SRTMGL1_003.tif",
    "COPERNICUS_DEM_GLO30.tif",
    "15_52_10m_v3.0_reg_dem.tif",
    "demfilled.tif",
    "HeiheDEM.tif",
]
BESIDE = [
    "N45E003.SRTMGL1.num.zip",
    "N45E003.SRTMSWBD.raw.zip",
    "SRTMGL1_NUMNC.003_SRTMGL1_NUM_doy2000042_aid0001.tif",
    "NASADEM_SC_n45e003.zip",
    "NASADEM_SHHP_n45e003.zip",
    "NASADEM_NUMNC.001_NASADEM_NUM_doy2000042_aid0001.tif",
    "ASTGTMV003_N46E010_num.tif",
    "ASTGTM2_N46E010_num.tif",
    "ASTWBDV001_N46E010_dem.tif",
    "ASTWBDV001_N46E010_att.tif",
    "ASTGTM_NUMNC.003_ASTER_GDEM_NUM_doy2000061_aid0001.tif",
    "Copernicus_DSM_COG_10_N46_00_E010_00_HEM.tif",
    "Copernicus_DSM_COG_10_N46_00_E010_00_WBM.tif",
    "Copernicus_DSM_COG_10_N46_00_E010_00_EDM.tif",
    "Copernicus_DSM_COG_10_N46_00_E010_00_FLM.tif",
    "TDM1_DEM__30_N45E003_AMP.tif",
    "TDM1_DEM__30_N45E003_AM2.tif",
    "TDM1_DEM__30_N45E003_COV.tif",
    "TDM1_DEM__30_N45E003_COM.tif",
    "TDM1_DEM__30_N45E003_HEM.tif",
    "TDM1_DEM__30_N45E003_INT.tif",
    "TDM1_DEM__30_N45E003_LSM.tif",
    "TDM1_DEM__30_N45E003_WAM.tif",
    "n45e000_upa.tif",
    "n45e000_dir.tif",
    "N046E010_AVE_MSK.tif",
    "N046E010_AVE_STK.tif",
    "ALPSMLC30_N046E010_STK.tif",
    "50N000E_20101117_gmted_std075.tif",
    "aspect_dem.tif",
    "dem_aspect.tif",
    "dem_slope.tif",
    "slope_dem.tif",
    "DEM-slope-deg.tif",
    "SlopeDEM.tif",
    "srtm_hillshade.tif",
    "dem_curvature.tif",
    "dem_tpi.tif",
    "dem_twi.tif",
    "roughness_srtm.tif",
    "dem_flowacc.tif",
    "dem_std.tif",
    "dem_error.tif",
    "elevation_num.tif",
    "sun_elevation.tif",
    "solar_elevation_angle.tif",
    "dem_mask.tif",
    "dem_count.tif",
    "srtm_water.tif",
    "dem_difference.tif",
    "dem_slope1.tif",
    "dem_uncertainty.tif",
    "dem_coherence.tif",
    "dsm_canopy.tif",
    "ALOS_dem_layover.tif",
    "elevation_quality.tif",
]
NOTHING = [
    "demo_ndvi.tif",
    "demo.tif",
    "demand_2020.tif",
    "academy.tif",
    "modem.tif",
    "democracy_index.tif",
    "ndvi.tif",
    "elevator.tif",
    "srtmap.tif",
    "ESA_WorldCover_10m_2021_v200_N45E003_Map.tif",
    "Hansen_GFC2015_treecover2000_40N_000E.tif",
    "Landsat_N45E003_B4.tif",
    "N45E003_landcover.tif",
    "LC08_L2SP_191028_20200715_SR_B4.tif",
    "GHS_BUILT_N45E003.tif",
    "demeter.tif",
    "systeme.tif",
]


@pytest.mark.parametrize("name", HEIGHTS)
def test_heights_are_known_by_their_whole_name(name: str) -> None:
    named = recognise(name)
    assert named is not None
    assert named.other == ""
    assert recognise(f"C:\\data\\{name}") == named == recognise(f"aspect/{name}")


@pytest.mark.parametrize("name", BESIDE)
def test_what_goes_with_heights_or_is_derived_from_them_is_none(name: str) -> None:
    named = recognise(name)
    assert named is not None
    assert named.other


@pytest.mark.parametrize("name", NOTHING)
def test_a_scrap_of_a_name_says_nothing(name: str) -> None:
    assert recognise(name) is None


def hgt(value: int = 700) -> bytes:
    return np.full((1201, 1201), value, ">i2").tobytes()


def tif(path: Path, value: float = 700, dtype: str = "int16", count: int = 1, **more) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "height": 200, "width": 200, "dtype": dtype, "count": count, "crs": "EPSG:4326"}
    descriptions, units = more.pop("descriptions", None), more.pop("units", None)
    with rasterio.open(path, "w", transform=Affine(1 / 200, 0, 3, 0, -1 / 200, 46), **profile, **more) as file:
        for band in range(1, count + 1):
            file.write(np.full((200, 200), value if band == 1 else -1, dtype), band)
        if descriptions:
            file.descriptions = descriptions
        if units:
            file.units = units
    return path


def height(*paths: Path) -> float:
    x = np.radians(3.4) * 6371007.181 * np.cos(np.radians(45.5))
    whole = Tile(18, 4).geobox(Level.KM1)
    col, row = ~whole.affine * (x, np.radians(45.5) * 6371007.181)
    return float(open_elevation(list(paths), whole[int(row) : int(row) + 5, int(col) : int(col) + 4]).mean())


def packed(path: Path, members: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(path, "w") as archive:
            for name, data in members.items():
                about = tarfile.TarInfo(name)
                about.size = len(data)
                archive.addfile(about, io.BytesIO(data))
    return path


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("NASADEM_HGT_n45e003.zip", {"n45e003.hgt": hgt(), "n45e003.num": b"0", "n45e003.swb": b"0"}),
        ("N45E003.SRTMGL3.hgt.zip", {"N45E003.hgt": hgt()}),
        ("L31.zip", {"L31/N45E003.hgt": hgt(), "L31/N46E003.hgt": hgt(900)}),
        ("download.zip", {"N45E003.hgt": hgt(), "readme.txt": b"by hand", "dem_slope.tif": b"no"}),
        ("dem_and_slope.zip", {"N45E003.hgt": hgt(), "dem_slope.tif": b"no"}),
        ("dem_n30e000.tar", {"a/N45E003.hgt": hgt(), "a/readme.txt": b"x"}),
    ],
)
def test_archives_are_what_is_in_them(tmp_path: Path, name: str, members: dict[str, bytes]) -> None:
    path = packed(tmp_path / name, members)
    (found,) = survey([tmp_path])
    assert found.kind == "elevation"
    assert height(path) == pytest.approx(700)
    assert list(tmp_path.iterdir()) == [path]


def test_gzip_is_read_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "N45E003.hgt.gz"
    path.write_bytes(gzip.compress(hgt()))
    (found,) = survey([tmp_path])
    assert found.kind == "elevation"
    assert height(path) == pytest.approx(700)
    assert list(tmp_path.iterdir()) == [path]
    path.write_bytes(path.read_bytes()[:-200])
    assert "cut off" in survey([tmp_path])[0].reason


@pytest.mark.parametrize(
    ("unit", "stored", "metres"),
    [("", 700, 700), ("m", 700, 700), ("metre", 700, 700), ("ft", 1000, 304.8), ("US survey foot", 1000, 304.8006)],
)
def test_units_are_converted(tmp_path: Path, unit: str, stored: float, metres: float) -> None:
    path = tif(tmp_path / "dem.tif", stored, "float32", units=[unit] if unit else None)
    assert height(path) == pytest.approx(metres, abs=0.01)


@pytest.mark.parametrize("unit", ["degree", "percent", "furlong"])
def test_other_units_are_refused_by_their_word(tmp_path: Path, unit: str) -> None:
    with pytest.raises(GranuleError, match=unit):
        inspect_elevation(tif(tmp_path / "dem.tif", units=[unit]))


def test_the_band_of_heights_is_found_by_its_description(tmp_path: Path) -> None:
    path = tif(tmp_path / "NASADEM.tif", count=3, descriptions=["elevation", "num", "swb"])
    assert height(path) == pytest.approx(700)
    with pytest.raises(GranuleError, match="3 bands"):
        inspect_elevation(tif(tmp_path / "dem3.tif", count=3))
    with pytest.raises(GranuleError, match="'Slope'"):
        inspect_elevation(tif(tmp_path / "dem1.tif", descriptions=["Slope"]))


def test_the_door_of_python_is_as_strict(tmp_path: Path) -> None:
    for name in ("TDM1_DEM__30_N45E003_AMP.tif", "dem_slope.tif"):
        with pytest.raises(GranuleError, match="not heights"):
            open_elevation(tif(tmp_path / name), Tile(18, 4).geobox(Level.KM1)[:4, :5])


def test_a_delivery_keeps_its_heights_and_says_their_datum(tmp_path: Path) -> None:
    heights = tif(tmp_path / "tdx/DEM/TDM1_DEM__30_N45E003_DEM.tif", 700, "float32")
    tif(tmp_path / "tdx/AUXFILES/TDM1_DEM__30_N45E003_AMP.tif", 300)
    found = {Path(f.path).name[-7:]: f for f in survey([tmp_path])}
    assert (found["DEM.tif"].kind, found["AMP.tif"].kind) == ("elevation", "other")
    assert "radar amplitude" in found["AMP.tif"].reason
    whole = Tile(18, 4).geobox(Level.KM1)
    image = open_elevation(heights, whole[530:535, 260:266])
    assert "WGS 84 ellipsoid" in image.attrs["assumed"][0]


def test_a_text_named_like_heights_is_not_opened(tmp_path: Path) -> None:
    tif(tmp_path / "real/x.tif")
    vrt = '<VRTDataset rasterXSize="9" rasterYSize="9"><SRS>EPSG:4326</SRS></VRTDataset>'
    (tmp_path / "dem.tif").write_text(vrt)
    with pytest.raises(GranuleError, match="where others lie"):
        inspect_elevation(tmp_path / "dem.tif")
