"""One bad file costs itself only: it is named with its cause, and the rest goes on."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from granules import write_granule
from srdanet.grid import Tile
from srdanet.prepare import plan, prepare
from srdanet.prepare.survey import survey

TILE = Tile(18, 4)
CELLS = {"MODIS_Grid_Daily_1km_LST": (slice(300, 306), slice(400, 405)), "MCD12Q1": (slice(600, 612), slice(800, 810))}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    time = np.full((6, 5), 105, "u1")
    arrays = {"lst_day": np.full((6, 5), 14500, "u2"), "qc_day": np.zeros((6, 5), "u1"), "view_time_day": time}
    layers = ("lst_day", "qc_day", "view_time_day", "view_angle_day")
    write_granule(tmp_path, "MOD11A1", tile=TILE, cells=CELLS, arrays=arrays, layers=layers)
    write_granule(tmp_path, "MCD12Q1", tile=TILE, cells=CELLS)
    return tmp_path


def locked(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.nc", b"CDF\x01" + bytes(100))
    data = bytearray(path.read_bytes())
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(sign) + at] |= 1  # the bit that says "encrypted"
    path.write_bytes(data)


def damaged(path: Path, member: str = "x.nc") -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, b"CDF\x01" + bytes(range(256)) * 400)
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(data)


def strange(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photo.jpg", b"\xff\xd8\xff")


BAD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "password": ("w.zip", locked, "password"),
    "damaged member": ("w.zip", damaged, "damaged"),
    "damaged heights": ("d.zip", lambda path: damaged(path, "N45E003.hgt"), "bytes; no SRTM tile"),
    "cut zip": ("w.zip", lambda path: path.write_bytes(b"PK\x03\x04 cut off"), "cut off"),
    "empty zip": ("w.zip", lambda path: zipfile.ZipFile(path, "w").close(), "nothing"),
    "photos": ("w.zip", strange, "photo.jpg"),
    "text as NetCDF": ("w.nc", lambda path: path.write_text("<html>"), "neither NetCDF"),
    "half a NetCDF": ("w.nc", lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(40)), "cannot be read"),
    "text as heights": ("dem.tif", lambda path: path.write_text("x"), "cannot be opened"),
    "unknown product": ("MOD99XX.A2020197.h18v04.061.2021012345678.hdf", lambda path: path.touch(), "MOD99XX"),
    "no station table": ("notes.csv", lambda path: path.write_text("a,b\n1,2\n"), "columns are a, b"),
    "binary table": ("t.csv", lambda path: path.write_bytes(bytes(range(256))), "not a table"),
    "foreign hdf": ("x.hdf", lambda path: path.write_bytes(b"x"), "not the name of a MODIS"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_named_and_left_out(folder: Path, kind: str) -> None:
    name, make, cause = BAD[kind]
    make(folder / name)
    for given in ([folder], sorted(folder.iterdir())):
        made = plan(given)
        (why,) = [reason for path, reason in made.ignored if Path(path).name == name]
        assert cause in why
        assert {source.role for source in made.sources} == {"lst", "land_cover"}
    assert [name in text for text, _ in prepare([folder]).provenance["left_out"]] == [True]


@pytest.mark.parametrize("name", [b"caf\xe9.tif", b"d\xfc/N45E003.hgt", b"\xff\xfe.nc", b"MOD11A1.\xe9.hdf"])
def test_a_name_that_is_not_utf8_is_left_out(folder: Path, name: bytes) -> None:
    path = os.path.join(os.fsencode(folder), name)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"x")
    except OSError:
        pytest.skip("this file system holds UTF-8 names only")
    for given in ([folder], [folder / "MOD11A1.A2020197.h18v04.061.2021012345678.hdf", os.fsdecode(path)]):
        made = plan(given)
        (bad,) = [(path, why) for path, why in made.ignored if "UTF-8" in why]
        assert "\\x" in bad[0]
        "\n".join(made.lines()).encode("utf-8")
        made.model_dump_json()


@pytest.mark.parametrize("product", ["MCD12Q1", "MOD09GA", "MCD43A3"])
def test_a_damaged_granule_beside_the_lst_is_left_out(folder: Path, product: str) -> None:
    name = f"{product}.A2020197.h18v04.061.2022012345678.hdf"
    (folder / name).write_bytes(b"\x0e\x03\x13\x01" + bytes(3000))
    scene = prepare([folder])
    assert name in dict(scene.provenance["left_out"])
    assert np.isfinite(scene.lst["lst"].values).all()
    assert any(text.startswith(("land_cover", "red", "blue", "albedo")) or text for text in scene.missing)


def test_without_lst_the_causes_are_told(tmp_path: Path) -> None:
    (tmp_path / "MOD99XX.A2020197.h18v04.061.2021012345678.hdf").touch()
    with pytest.raises(ValueError, match=r"no land surface temperature.*MOD99XX is not known"):
        plan([tmp_path])
    assert survey([tmp_path])[0].kind == "other"
