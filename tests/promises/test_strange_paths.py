"""A path may be a pipe, a device, a broken link, locked or oddly named: it is read or refused, and not waited for."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_strange_files import image

from granules import write_granule
from srdanet import load_model
from srdanet.errors import SrdanetError
from srdanet.prepare import survey
from srdanet.product import read_record
from srdanet.readers.elevation import inspect_elevation
from srdanet.readers.era5 import open_era5
from srdanet.readers.granule import open_granule
from srdanet.readers.meteorology import open_stations
from srdanet.readers.places import read_points, read_regions
from srdanet.readers.rasters import open_raster
from srdanet.readers.stations_longwave import open_listed, open_longwave
from srdanet.scene import open_scene

GRANULE = "MOD11A1.A2020197.h26v05.061.2021012345678.hdf"
READ: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "GeoTIFF": ("ndvi.tif", lambda path: open_raster(path, name="ndvi")),
    "NetCDF": ("ndvi.nc", lambda path: open_raster(path, name="ndvi")),
    "heights": ("N45E003.hgt", inspect_elevation),
    "archive of heights": ("dem.zip", inspect_elevation),
    "weather": ("era5.nc", open_era5),
    "archive of weather": ("era5.zip", open_era5),
    "GRIB": ("era5.grib", open_era5),
    "granule": (GRANULE, open_granule),
    "points": ("points.csv", read_points),
    "regions": ("fields.geojson", read_regions),
    "weather stations": ("stations.csv", open_stations),
    "radiation": ("station.cdf", open_longwave),
    "list of stations": ("stations.csv", open_listed),
    "scene": ("scene.nc", open_scene),
    "record": ("x_provenance.json", read_record),
    "model": ("model", load_model),
}


def _pipe(path: Path) -> None:
    os.mkfifo(path)


KINDS: dict[str, Callable[[Path], Any]] = {
    "pipe": _pipe,
    "broken link": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "folder": lambda path: path.mkdir(),
    "empty": lambda path: path.touch(),
}


@contextmanager
def at_once(seconds: int = 10) -> Iterator[None]:
    def late(*_: object) -> None:
        pytest.fail(f"nothing came of it within {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", READ)
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, what: str, kind: str) -> None:
    name, read = READ[what]
    path = tmp_path / name
    if what == "model":
        path.mkdir()
        KINDS[kind](path / "bundle.json")
    else:
        KINDS[kind](path)
    with at_once(), pytest.raises(SrdanetError) as caught:
        read(path)
    assert name in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_in_a_folder_of_inputs_costs_nothing_else(tmp_path: Path, kind: str) -> None:
    image(tmp_path / "N45E003.tif")
    KINDS[kind](tmp_path / "odd.tif")
    KINDS[kind](tmp_path / GRANULE)
    with at_once():
        found = {Path(file.path).name: file.kind for file in survey([tmp_path])}
    assert found.pop("N45E003.tif") == "elevation"
    assert set(found.values()) <= {"other", "granule"}  # a granule is told by its name


@pytest.mark.parametrize("kind", ["pipe", "endless device", "broken link", "folder"])
@pytest.mark.parametrize("end", [".met", ".xml"])
def test_what_stands_beside_a_granule_is_no_trap(tmp_path: Path, kind: str, end: str) -> None:
    path = write_granule(tmp_path, layers=("lst_day", "qc_day"))
    KINDS[kind](path.with_name(path.name + end))
    with at_once(30):
        assert np.isfinite(open_granule(path, ["lst_day"]).layers["lst_day"].values).any()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("what", READ)
def test_what_may_not_be_read_is_named(what: str) -> None:
    """As another user: what root may not read does not exist."""
    name, read = READ[what]
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    path = folder / name
    locked = path / "bundle.json" if what == "model" else path
    locked.parent.mkdir(exist_ok=True)
    locked.write_bytes(b"CDF\x01")
    locked.chmod(0)
    os.seteuid(65534)
    try:
        with pytest.raises(SrdanetError) as caught:
            read(path)
    finally:
        os.seteuid(0)
        shutil.rmtree(folder)
    assert name in str(caught.value)


NAMES = [
    *("with space {}", "line\nbreak {}", " leading {}", "tab\t{}"),
    *("umlaut ä日本 {}", "quote's \"{}", "%2e%2e {}", "$(x);& {}"),
]


@pytest.mark.parametrize("form", NAMES)
def test_odd_names_are_read_like_any_other(tmp_path: Path, form: str) -> None:
    """Of a file and of its folder, in each library that opens files."""
    folder = tmp_path / form.format("folder")
    folder.mkdir()
    ndvi = image(folder / form.format("ndvi.tif"))
    assert float(open_raster(ndvi, name="ndvi").mean()) == pytest.approx(0.4)
    heights = image(folder / form.format("dem.tif"), (20, 20), 30)
    (tile,) = inspect_elevation(heights)
    assert tile.shape == (20, 20)
    granule = write_granule(folder, layers=("lst_day",))

    assert np.isfinite(open_granule(granule, ["lst_day"]).layers["lst_day"].values).any()
    found = survey([tmp_path])
    assert sorted(file.kind for file in found) == ["elevation", "granule", "other"]
    assert {file.reason for file in found if file.kind == "other"} <= {
        "a plain raster; say what it holds, as NAME=FILE[:BAND]"
    }
