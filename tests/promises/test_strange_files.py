"""Files from anywhere call no network, read no other file unhashed, and ask for no absurd memory."""

from __future__ import annotations

import resource
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from srdanet.errors import GranuleError, SrdanetError
from srdanet.prepare import survey
from srdanet.readers.elevation import inspect_elevation, open_elevation
from srdanet.readers.era5 import open_era5
from srdanet.readers.guard import check_member, companions
from srdanet.readers.rasters import open_raster

VRT = """<VRTDataset rasterXSize="20" rasterYSize="20"><SRS>EPSG:32631</SRS>
<GeoTransform>500000, 30, 0, 4900000, 0, -30</GeoTransform><VRTRasterBand dataType="Float32" band="1"><SimpleSource>
<SourceFilename relativeToVRT="0">{source}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>
</VRTDataset>"""
WMS = """<GDAL_WMS><Service name="TMS"><ServerUrl>{source}/${{z}}/${{x}}/${{y}}</ServerUrl></Service><DataWindow>
<UpperLeftX>500000</UpperLeftX><UpperLeftY>4900000</UpperLeftY><LowerRightX>500600</LowerRightX>
<LowerRightY>4899400</LowerRightY><SizeX>20</SizeX><SizeY>20</SizeY></DataWindow><Projection>EPSG:32631</Projection>
<BandsCount>1</BandsCount></GDAL_WMS>"""


def image(path: Path, shape: tuple[int, int] = (20, 20), cell: float = 30, **profile: object) -> Path:
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "height": shape[0], "width": shape[1]} | profile
    profile |= {"crs": "EPSG:32631", "transform": Affine(cell, 0, 500_000, 0, -cell, 4_900_000)}
    with rasterio.open(path, "w", **profile) as file:
        if shape[0] * shape[1] < 1 << 24:
            file.write(np.full(shape, 0.4, "float32"), 1)
    return path


@pytest.mark.parametrize("name", ["dem.tif", "ndvi.tif"])
@pytest.mark.parametrize("kind", [VRT, WMS], ids=["VRT", "WMS"])
def test_no_raster_calls_the_network(tmp_path: Path, kind: str, name: str, server: tuple[str, list[bytes]]) -> None:
    address, calls = server
    path = tmp_path / name
    path.write_text(kind.format(source=f"/vsicurl/{address}/x.tif" if kind is VRT else address))
    survey([tmp_path])
    with pytest.raises(GranuleError, match="where others lie"):
        inspect_elevation(path) if name == "dem.tif" else open_raster(path, name="ndvi")
    assert calls == []


@pytest.mark.parametrize("kind", [VRT, WMS], ids=["VRT", "WMS"])
def test_a_mask_beside_calls_no_network(tmp_path: Path, kind: str, server: tuple[str, list[bytes]]) -> None:
    address, calls = server
    path = image(tmp_path / "ndvi.tif")
    (tmp_path / "ndvi.tif.msk").write_text(kind.format(source=f"/vsicurl/{address}/x.tif" if kind is VRT else address))
    with pytest.raises(GranuleError, match=r"ndvi\.tif\.msk"):
        open_raster(path, name="ndvi")
    assert calls == []


def test_a_vrt_of_local_files_is_refused(tmp_path: Path) -> None:
    """The hash of a VRT says nothing of what it shows."""
    path = tmp_path / "ndvi.vrt"
    path.write_text(VRT.format(source=image(tmp_path / "a.tif")))
    with pytest.raises(GranuleError, match="where others lie"):
        open_raster(path, name="ndvi")


def test_what_stands_beside_an_image_is_hashed_with_it(tmp_path: Path) -> None:
    path = image(tmp_path / "ndvi.tif")
    assert companions(path) == ()
    (tmp_path / "ndvi.tif.aux.xml").write_text("<PAMDataset></PAMDataset>")
    (tmp_path / "ndvi.tfw").write_text("30\n0\n0\n-30\n0\n0\n")
    (tmp_path / "other.tfw").write_text("")
    assert {one.name for one in companions(path)} == {"ndvi.tif.aux.xml", "ndvi.tfw"}


def test_an_absurd_image_is_refused_before_it_is_allocated(tmp_path: Path) -> None:
    options = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "sparse_ok": True, "bigtiff": "YES"}
    path = image(tmp_path / "ndvi.tif", (200_000, 200_000), **options)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(GranuleError, match="200000 x 200000"):
        open_raster(path, name="ndvi")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_a_fine_elevation_model_takes_little_memory(tmp_path: Path) -> None:
    """Only what overlaps is held: 3 x 3 km at 1 m under cells of 250 m."""
    path = image(tmp_path / "dem.tif", (3000, 3000), 1.0)
    place = GeoBox((240, 240), Affine(250, 0, 480_000, 0, -250, 4_920_000), "EPSG:32631")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    heights = open_elevation(path, place)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000
    assert np.isfinite(heights.values).sum() == 144
    assert np.nanmax(np.abs(heights.values - 0.4)) < 1e-4


def test_a_bomb_in_an_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "era5.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.nc", b"CDF\x01" + bytes(80 << 20))
    with zipfile.ZipFile(path) as archive, pytest.raises(GranuleError, match="unpacks"):
        check_member(path, archive.infolist()[0])
    with pytest.raises(SrdanetError, match="unpacks"):
        open_era5([path])
