"""Nothing unasked: no code from files, no name that leads elsewhere, no address called, no text that costs hours."""

from __future__ import annotations

import ast
import contextlib
import json
import re
import shutil
import sys
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_strange_files import VRT, WMS, image

from srdanet import load_model
from srdanet.errors import GranuleError, SrdanetError
from srdanet.product import Origin, read_record, write_product
from srdanet.product.inspection import inspect_product
from srdanet.product.stored import stored_levels
from srdanet.readers import dates, elevation_names, odl
from srdanet.readers.checksum import sidecars
from srdanet.readers.elevation import heights_within, inspect_elevation
from srdanet.readers.era5 import open_era5
from srdanet.readers.filenames import identify
from srdanet.readers.granule import open_granule
from srdanet.readers.rasters import open_raster
from srdanet.scene import open_scene
from srdanet.viewing import Catalogue
from srdanet.viewing.tiles import CogTiles, Files

sys.path.insert(0, str(Path(__file__).parents[1] / "product"))
from small_results import level

SOURCES = [path for folder in ("src", "simulator/src") for path in (Path(__file__).parents[2] / folder).rglob("*.py")]
GRANULE = "MOD11A1.A2020197.h26v05.061.2021012345678"


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def test_no_loader_runs_code() -> None:
    """What the rules of ruff (S) do not see: arguments that undo a safe default, and loaders of any library."""
    found = 0
    suspect = re.compile(r"pickle|dill|joblib|shelve|marshal|yaml|eval|exec|system|torch\.load")
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if suspect.search(text) else ():
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                assert not names & {"pickle", "dill", "joblib", "shelve", "marshal", "yaml", "cloudpickle"}, path
            if not isinstance(node, ast.Call):
                continue
            how = {word.arg: word.value for word in node.keywords}
            given = how.get("allow_pickle")
            assert given is None or ast.unparse(given) == "False", path
            assert called(node) not in ("eval", "exec", "read_pickle", "os.system"), path
            if called(node) == "torch.load":
                assert ast.unparse(how["weights_only"]) == "True", path
                found += 1
    assert found >= 1


def test_a_warning_of_the_package_is_an_error() -> None:
    for module in ("srdanet.grid", "srdanet_simulator.land.erosion", "test_security"):
        with pytest.raises(RuntimeWarning):
            warnings.warn_explicit("invalid value", RuntimeWarning, "x.py", 1, module=module)


# Names that lead elsewhere.


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_product(level(250, 8, 8), folder, "x", origin=Origin())
    return folder


@pytest.fixture
def note(made: Path, tmp_path: Path) -> Path:
    """The record of a small product."""
    return Path(shutil.copytree(made, tmp_path / "product")) / "x_provenance.json"


@pytest.mark.parametrize("name", ["../x.tif", "/etc/x.tif", "a/b.tif", "..", ".", "", "a\0.tif"])
def test_a_record_names_files_beside_it_alone(note: Path, name: str) -> None:
    about = json.loads(note.read_text())
    files = about["levels"]["250"]["files"]
    files[name] = files.pop("x_250m.tif")
    note.write_text(json.dumps(about))
    for use in (read_record, lambda path: stored_levels([path]), lambda path: Catalogue.of(path.parent)):
        with pytest.raises(GranuleError, match="outside its folder"):
            use(note)
    assert any("outside its folder" in fault.what for fault in inspect_product(note)[1])


@pytest.mark.parametrize("level", ["", "wide", "-250", "²", "250/.."])
def test_a_record_counts_levels_in_metres(note: Path, level: str) -> None:
    about = json.loads(note.read_text())
    about["levels"][level] = about["levels"].pop("250")
    note.write_text(json.dumps(about))
    with pytest.raises(GranuleError, match="a level is called"):
        stored_levels([note])


@pytest.mark.parametrize("name", ["../N45E003.hgt", "/N45E003.hgt", "a/../../N45E003.hgt"])
def test_archives_write_nothing(tmp_path: Path, name: str) -> None:
    """Members are read where they are; their names lead nowhere."""
    path = tmp_path / "in" / "srtm.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, bytes(2 * 1201 * 1201))
    before = sorted(tmp_path.rglob("*"))
    there = Path("/N45E003.hgt").exists()
    for use in (heights_within, inspect_elevation):
        with contextlib.suppress(GranuleError):
            use(path)
    assert sorted(tmp_path.rglob("*")) == before
    assert Path("/N45E003.hgt").exists() == there


# Addresses.

OPEN: dict[str, Callable[[str], Any]] = {
    "scene": open_scene,
    "raster": lambda address: open_raster(address, name="ndvi"),
    "elevation": inspect_elevation,
    "weather": open_era5,
    "granule": open_granule,
    "model": load_model,
    "products": lambda address: stored_levels([Path(address)]),
}


@pytest.mark.parametrize("kind", OPEN)
@pytest.mark.parametrize("form", ["{}/x.tif", "{}/x.nc", "/vsicurl/{}/x.tif", "ZARR:{}/x.zarr", "NETCDF:{}/x.nc"])
def test_an_address_is_no_file(server: tuple[str, list[bytes]], kind: str, form: str) -> None:
    address, calls = server
    with pytest.raises(SrdanetError):
        OPEN[kind](form.format(address))
    assert calls == []


@pytest.mark.parametrize("kind", [VRT, WMS], ids=["VRT", "WMS"])
@pytest.mark.parametrize("beside", ["", ".msk", ".ovr"], ids=["image", "mask", "overviews"])
def test_a_product_of_strangers_calls_no_network(
    note: Path, server: tuple[str, list[bytes]], kind: str, beside: str
) -> None:
    """A text in place of an image of a product, or beside it."""
    address, calls = server
    path = note.with_name("x_250m.tif")
    text = kind.format(source=f"/vsicurl/{address}/x.tif" if kind is VRT else address)
    path.with_name(path.name + beside).write_text(text)
    uses: tuple[Callable[[], Any], ...] = (
        lambda: stored_levels([note])[0].read(),
        lambda: Catalogue.of(note.parent).entries[0].geobox,
        lambda: Catalogue.of(note.parent).entries[0].read(),
        lambda: CogTiles(Files(), path).sizes,
    )
    for use in uses:
        with pytest.raises(GranuleError, match="where others lie" if not beside else f"{path.name}{beside}"):
            use()
    assert inspect_product(note.parent)[1]
    assert calls == []


def test_a_product_that_points_to_local_files_is_refused(tmp_path: Path, note: Path) -> None:
    note.with_name("x_250m.tif").write_text(VRT.format(source=image(tmp_path / "secret.tif")))
    with pytest.raises(GranuleError, match="where others lie"):
        stored_levels([note])


# Texts that cost hours.


def check_quick(work: Callable[[], Any], seconds: float = 2.0) -> None:
    began = time.process_time()
    with contextlib.suppress(SrdanetError):
        work()
    assert time.process_time() - began < seconds


ENTITIES = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_not_unfolded(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / f"{GRANULE}.hdf"
    text = f"{ENTITIES}]><x><ChecksumType>MD5</ChecksumType><Checksum>&i;</Checksum></x>"
    (tmp_path / f"{GRANULE}.hdf.xml").write_bytes(text.encode(encoding))
    with pytest.raises(GranuleError, match="defines entities"):
        sidecars(path)


@pytest.mark.parametrize("end", [".xml", ".met"])
def test_an_endless_list_of_metadata_is_not_read(tmp_path: Path, end: str) -> None:
    path = tmp_path / f"{GRANULE}.hdf"
    with path.with_name(path.name + end).open("wb") as file:
        file.truncate(1 << 33)
    with pytest.raises(GranuleError, match="longer than"):
        sidecars(path)


@pytest.mark.parametrize("text", ["/*" * 100_000, '"' * 200_001, "A=(" * 30_000, "GROUP=A\n" * 9_000, "(" * 90_000])
def test_a_metadata_text_is_read_once(text: str) -> None:
    check_quick(lambda: odl.parse(text))


@given(st.text(alphabet="_.-a0 (1)", min_size=1, max_size=4), st.integers(1, 60), st.sampled_from([".hdf", ".txt", ""]))
def test_a_long_name_is_read_at_once(part: str, times: int, end: str) -> None:
    for start in (GRANULE, "dem", "N45E003", "lst_20200715", "doy2020197"):
        name = start + part * times + end
        for work in (identify, dates.name_times, elevation_names.recognise):
            check_quick(lambda work=work, name=name: work(name))  # type: ignore[misc]


@pytest.mark.parametrize("mark", [".CROPPED", " (1)", "(2)", "_a_b", "-c.d_e", "_x (1)_y.z"])
def test_marks_of_tools_are_allowed(mark: str) -> None:
    assert str(identify(f"{GRANULE}{mark}.hdf")) == f"{GRANULE}.hdf"
