"""Texts and tables of any content are read or refused in one error: of metadata, names, points, regions, settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srdanet.datasets.splits import load_splits
from srdanet.download.place import place_of_region
from srdanet.errors import SrdanetError
from srdanet.product import read_record
from srdanet.readers import dates, elevation_names, odl
from srdanet.readers.filenames import identify
from srdanet.readers.meteorology import open_stations
from srdanet.readers.places import read_points, read_regions
from srdanet.readers.stations_longwave import open_listed

FILES: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "points": ("points.csv", read_points),
    "regions": ("fields.geojson", read_regions),
    "place": ("place.geojson", place_of_region),
    "weather stations": ("stations.csv", open_stations),
    "list of stations": ("list.csv", open_listed),
    "record": ("x_provenance.json", read_record),
    "splits": ("splits.toml", load_splits),
}
KEYS = ("type", "features", "geometry", "coordinates", "properties", "crs", "name", "levels", "files")
LONG = [
    b"[" * 50_000,
    b'{"a":' * 30_000,
    b"a=" + b"[" * 5000,
    b"\xff\xfe",
    b'"' * 200_000,
    b"lon,lat\n" + b"9" * 200_000,
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["Polygon", "Feature", "x", "4326", ""]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(KEYS),
        inner, max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip
rows = st.lists(st.text(alphabet='lonat,;\t"\n\r0123456789.-eT:Z\0ä', max_size=40), max_size=8).map("\n".join)
contents = st.one_of(
    st.binary(max_size=200),
    values.map(lambda value: json.dumps(value).encode()),
    rows.map(lambda text: f"name,lon,lat\n{text}".encode()),
    rows.map(lambda text: f"time,lon,lat,t2m\n2020-07-15T10:00,1,2,3\n{text}".encode()),
    st.sampled_from(LONG),
)  # fmt: skip


def check(path: Path, read: Callable[[Path], Any], content: bytes) -> None:
    path.write_bytes(content)
    try:
        read(path)
    except SrdanetError as error:
        told = str(error)
    else:
        return
    assert path.name in told


@pytest.mark.parametrize("what", FILES)
def test_any_content_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, what: str) -> None:
    name, read = FILES[what]
    path = tmp_path_factory.mktemp("texts") / name

    @settings(max_examples=25, deadline=None, database=None)
    @given(contents)
    def any_content(content: bytes) -> None:
        check(path, read, content)

    any_content()


@pytest.mark.trial
@pytest.mark.parametrize("what", FILES)
def test_much_content_is_read_or_refused(tmp_path: Path, what: str) -> None:
    name, read = FILES[what]

    @settings(max_examples=1500, deadline=None, database=None)
    @given(contents)
    def any_content(content: bytes) -> None:
        check(tmp_path / name, read, content)

    any_content()


WORDS = ("GROUP", "END_GROUP", "OBJECT", "END_OBJECT", "END", "A", "VALUE", "=", "(", ")", ",", '"x"', '"', "1", "-2.5")
metadata = st.one_of(
    st.text(max_size=300),
    st.text(alphabet='GROUPEND_OBJECT=()",\n /*\0 12.x', max_size=300),
    st.lists(st.sampled_from([*WORDS, "\n", "/*", "*/", "\0"]), max_size=60).map(" ".join),
)


@pytest.mark.trial
def test_any_metadata_text_is_parsed_or_refused() -> None:
    @settings(max_examples=8_000, deadline=None, database=None)
    @given(metadata)
    def any_text(text: str) -> None:
        try:
            told = odl.parse(text, "some.hdf").name
        except SrdanetError as error:
            told = str(error).partition(": ")[0]
        assert told in ("", "some.hdf")

    any_text()


names = st.from_regex(
    r"(MOD|MYD|MCD|VNP)[0-9A-Z]{0,6}\.A\d{7}\.h\d\dv\d\d\.\d{3}\.\d{13}[ ._\-()A-Za-z0-9]{0,12}(\.hdf|\.h5|)",
    fullmatch=True,
) | st.text(max_size=60)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(names)
def test_any_name_is_understood_or_refused(name: str) -> None:
    try:
        known = identify(name)
    except SrdanetError:
        pass
    else:
        assert identify(str(known)) == known
    for time in dates.name_times(name):
        assert 1949 < int(str(time)[:4]) < 2100
    elevation_names.recognise(name)


FUZZ = """
import sys
import atheris
with atheris.instrument_imports(include=["srdanet.readers.odl", "srdanet.readers.filenames", "srdanet.readers.dates"]):
    from srdanet.readers import dates, filenames, odl
from srdanet.errors import SrdanetError

def one(data):
    text = data.decode("latin-1")
    for work in (odl.parse, filenames.identify, dates.name_times):
        try:
            work(text)
        except SrdanetError:
            pass

atheris.Setup([sys.argv[0], "-max_total_time=60", "-timeout=10", "-max_len=4096", "-seed=1", *sys.argv[1:]], one)
atheris.Fuzz()
"""


@pytest.mark.trial
def test_a_fuzzer_that_sees_the_code_finds_nothing(tmp_path: Path) -> None:
    """One minute of atheris (libFuzzer), from a text and a name that are right."""
    pytest.importorskip("atheris", reason="pip install atheris")
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    (seeds / "odl").write_text('GROUP=A\n OBJECT = B\n VALUE = ("x", 2, 3.5)\n END_OBJECT = B\nEND_GROUP=A\nEND\n')
    (seeds / "name").write_text("MOD11A1.A2020197.h26v05.061.2021012345678_a.b (1).hdf")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", FUZZ, str(seeds)], capture_output=True, text=True, timeout=300, cwd=tmp_path, env=env
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "DONE" in done.stderr or "Done" in done.stderr
