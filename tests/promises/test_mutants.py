"""Damage is named: cut and changed copies of any kind of file are read or refused; nothing crashes, hangs or leaks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from mutants import Change, survivors
from test_damaged_scenes import scene

from granules import write_granule
from srdanet.errors import GranuleError
from srdanet.grid import Level, Tile, lonlat
from srdanet.readers.checksum import digest
from srdanet.readers.elevation import open_elevation
from srdanet.readers.granule import open_granule

sys.path.insert(0, str(Path(__file__).parents[1] / "readers"))
from weather_files import write_new, write_old, write_zip

SIDE = 6
CUT = {"MODIS_Grid_Daily_1km_LST": (slice(300, 300 + SIDE), slice(400, 405))}


def _image(path: Path) -> Path:
    values = (np.arange(12 * 10).reshape(12, 10) * 7 + 1000).astype("u2")
    about = {"driver": "GTiff", "count": 1, "height": 12, "width": 10, "dtype": "uint16", "nodata": 0}
    about |= {"crs": "EPSG:32631", "transform": Affine(30, 0, 500_000, 0, -30, 4_900_000), "compress": "deflate"}
    with rasterio.open(path, "w", **about) as file:
        file.write(values, 1)
        file.scales = (0.0001,)
    return path


def _netcdf(path: Path) -> Path:
    y, x = 4_900_000 - 30.0 * np.arange(12), 500_000 + 30.0 * np.arange(10)
    ndvi = xr.DataArray(np.linspace(0, 0.9, 120, dtype="f4").reshape(12, 10), {"y": y, "x": x}, ("y", "x"))
    mapping = xr.DataArray(0, attrs={"grid_mapping_name": "transverse_mercator", "crs_wkt": _utm()})
    held = xr.Dataset({"ndvi": ndvi.assign_attrs(grid_mapping="crs"), "crs": mapping})
    held.to_netcdf(path, engine="scipy", format="NETCDF3_64BIT")
    return path


def _utm() -> str:
    from pyproj import CRS

    return str(CRS.from_epsg(32631).to_wkt())


def _heights(path: Path) -> Path:
    values = (200 + np.arange(1201 * 1201).reshape(1201, 1201) % 613).astype(">i2")
    path.write_bytes(values.tobytes())
    return path


def _granule(folder: Path) -> Path:
    layers = ("lst_day", "qc_day", "view_time_day")
    return write_granule(folder, "MOD11A1", layers=layers, cells=CUT)


MAKE: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "HDF4": ("granule", lambda folder: _granule(folder)),
    "GeoTIFF": ("raster", lambda folder: _image(folder / "ndvi.tif")),
    "NetCDF": ("raster", lambda folder: _netcdf(folder / "ndvi.nc")),
    "hgt": ("elevation", lambda folder: _heights(folder / "N45E003.hgt")),
    "ERA5": ("weather", lambda folder: write_old(folder / "era5.nc", [9, 10, 11])),
    "ERA5 NetCDF-4": ("weather", lambda folder: write_new(folder / "era5.nc", [9, 10, 11])),
    "ERA5 zip": ("weather", lambda folder: write_zip(folder / "era5.zip", [9, 10, 11])),
    "scene": ("scene", lambda folder: scene().save(folder / "scene.nc")),
}
TINY = ("HDF4", "GeoTIFF", "NetCDF")
SLOW = ("ERA5 NetCDF-4", "ERA5 zip", "scene", "hgt")
"""Each read starts a process, or reads 3 MB."""


@pytest.fixture
def made(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[str, Path]:
    kind, make = MAKE[request.param]
    return kind, make(tmp_path)


def check(kind: str, source: Path, changes: list[Change], refused: int = 0) -> None:
    counts, faults = survivors(kind, source, changes, source.parent / "copies")
    assert not faults, (dict(counts), faults[:12])
    assert counts.total() == len(changes)
    assert counts["refused"] >= refused, counts


def ends(size: int, every: int) -> list[Change]:
    shares = [size // 5, size // 2, size * 999 // 1000]
    return [("cut", end, 0) for end in (0, 1, 100, *range(every, size, every), *shares)]


@pytest.mark.parametrize("made", TINY[1:], indirect=True, ids=TINY[1:])
def test_a_cut_file_is_refused_and_some_changed_bytes_do_no_harm(made: tuple[str, Path]) -> None:
    """A short form of what follows; of HDF4 `test_damaged_granules.py` holds one."""
    kind, source = made
    size = source.stat().st_size
    rng = np.random.default_rng(3)
    cuts = ends(size, 512)
    changes = [("byte", int(at), int(rng.integers(1, 256))) for at in rng.integers(0, size, 40)]
    check(kind, source, [*cuts, *changes], refused=len(cuts) - 1)


@pytest.mark.trial
@pytest.mark.parametrize("made", MAKE, indirect=True, ids=list(MAKE))
def test_cut_at_every_512_bytes(made: tuple[str, Path], request: pytest.FixtureRequest) -> None:
    kind, source = made
    size = source.stat().st_size
    check(kind, source, ends(size, 512 if size < 60_000 else size // 60), refused=4)


@pytest.mark.trial
@pytest.mark.parametrize("made", TINY, indirect=True, ids=TINY)
def test_every_byte_changed(made: tuple[str, Path]) -> None:
    """All bits, the lowest and the highest bit of each byte in turn."""
    kind, source = made
    size = source.stat().st_size
    check(kind, source, [("byte", at, bits) for at in range(size) for bits in ((0xFF, 1, 0x80)[at % 3],)])


@pytest.mark.trial
@pytest.mark.parametrize("made", ["ERA5", *SLOW], indirect=True, ids=("ERA5", *SLOW))
def test_seeded_mutations_of_what_is_slow_to_read(made: tuple[str, Path]) -> None:
    kind, source = made
    check(kind, source, [("seed", seed, 0) for seed in range(150)])


REAL = {
    "lst": ("granule", "hdf4-granules/MOD11A1.A2019305.h14v09.006.2019306084028.hdf", 500),
    "land cover": ("granule", "hdf4-granules/MCD12Q1.A2001001.h00v08.006.2018142182903.hdf", 200),
    "albedo": ("granule", "hdf4-granules/MCD43A3.A2017199.h15v07.006.2017208032853.hdf", 200),
    "raster": ("raster", "wgast-orleans/MODIS_2017_01_19.tif", 700),
    "weather": ("weather", "era5/era5-single-level-scalar-time.grib", 400),
}


@pytest.mark.trial
@pytest.mark.real
@pytest.mark.parametrize("what", REAL)
def test_seeded_mutations_of_real_files(tmp_path: Path, shared_data: Path, what: str) -> None:
    kind, name, count = REAL[what]
    source = tmp_path / Path(name).name
    source.write_bytes((shared_data / name).read_bytes())
    check(kind, source, [("seed", 1000 + seed, 0) for seed in range(count)])


def test_with_a_checksum_every_change_is_found(tmp_path: Path) -> None:
    source = _granule(tmp_path)
    raw, known = source.read_bytes(), f"md5:{digest(source, 'md5')}"
    assert open_granule(source, checksum=known).checksum == "provider"
    rng = np.random.default_rng(5)
    for at in rng.integers(0, len(raw), 60):
        data = bytearray(raw)
        data[at] ^= int(rng.integers(1, 256))
        source.write_bytes(data)
        with pytest.raises(GranuleError, match="checksum"):
            open_granule(source, checksum=known)


@pytest.mark.trial
def test_every_byte_of_heights_that_is_read_changes_what_lies_there_alone(tmp_path: Path) -> None:
    """A `.hgt` is values and nothing else: a changed byte is refused, or changes the cells that its post touches."""
    path = _heights(tmp_path / "N45E003.hgt")
    box = Tile(18, 4).geobox(Level.KM1)[590:591, 270:271]
    intact = open_elevation(path, box).values
    lon, lat = lonlat(box.pad(1))
    rows = range(int((46 - lat.max()) * 1200) + 6, int((46 - lat.min()) * 1200) - 6)
    cols = range(int((lon.min() - 3) * 1200) + 6, int((lon.max() - 3) * 1200) - 6)
    touched = refused = 0
    with path.open("r+b") as file:
        for row in rows:
            for col in cols:
                at = 2 * (1201 * row + col) + (row + col) % 2
                file.seek(at)
                (old,) = file.read(1)
                file.seek(at)
                file.write(bytes([old ^ (0xFF, 1, 0x80)[col % 3]]))
                file.flush()
                try:
                    found = open_elevation(path, box).values
                except GranuleError as error:
                    refused += path.name in str(error)
                else:
                    different = np.argwhere(~(found == intact))
                    touched += bool(len(different))
                    for cell in different:
                        east, north = lonlat(box[cell[0] : cell[0] + 1, cell[1] : cell[1] + 1])
                        assert abs(north[0, 0] - (46 - row / 1200)) < 1 / 120, (row, col)
                        assert abs(east[0, 0] - (3 + col / 1200)) < 1 / 60, (row, col)
                file.seek(at)
                file.write(bytes([old]))
    assert touched + refused > 100
