"""What is chosen of the archive's answers, where it goes, and that `prepare` finds it there."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import shlex
import sys
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from click.testing import CliRunner

from download.conftest import CONTENT, LOOPBACK, MD5, SECRET, SIZE, Server, granule_name, ummg
from srdanet.cli import cli
from srdanet.download import FetchPlan, Place, carry_out, execution, place_of_bounds, place_of_region, plan_fetch
from srdanet.download import plan as planning
from srdanet.download.place import degree_cells
from srdanet.download.tables import ERA5_VARIABLES
from srdanet.download.transfer import Patience
from srdanet.download.weather import weather_requests
from srdanet.errors import AccessError, ArgumentError, DownloadError, GranuleError, OutputError
from srdanet.grid import Tile
from srdanet.prepare import survey

HOST = "https://data.lpdaac.earthdatacloud.nasa.gov/lp-prod-protected"
TILE = Tile(18, 4)
DAYS = [dt.date(2020, 7, 15), dt.date(2020, 7, 16)]


class Archive:
    """Answers like the catalogue: by product and tile; what time was asked for is noted."""

    def __init__(self, names: Sequence[str], url: str = HOST) -> None:
        self.names, self.url = names, url
        self.asked: list[dict[str, Any]] = []

    def __call__(self, **asked: Any) -> list[dict[str, Any]]:
        self.asked.append(asked)
        tile = asked["granule_name"].split(".")[2] if "granule_name" in asked else ""
        product = asked["short_name"]
        mine = [name for name in self.names if (name.startswith(f"{product}.") and tile in name) or product in name]
        return [ummg(self.url, name) for name in mine]


def test_tiles_of_an_extent() -> None:
    assert place_of_bounds(2.0, 48.0, 2.1, 48.1).tiles == (TILE,)
    assert place_of_bounds(-0.5, 49.9, 0.5, 50.1).tiles == (Tile(17, 3), Tile(17, 4), Tile(18, 3), Tile(18, 4))
    assert place_of_bounds(179.9, 0.1, -179.9, 0.2).tiles == (Tile(0, 8), Tile(35, 8))
    for wrong in ((2, 49, 3, 48), (2, 48, 3, 91), (float("nan"), 1, 2, 3), (181, 0, 182, 1)):
        with pytest.raises(ArgumentError, match="not an extent"):
            place_of_bounds(*wrong)


def test_extent_of_a_region(tmp_path: Path) -> None:
    field = {"type": "Polygon", "coordinates": [[[2.0, 48.0], [2.1, 48.0], [2.1, 48.2], [2.0, 48.0]]]}
    path = tmp_path / "field.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": field}]}))
    place = place_of_region(path)
    assert place.tiles == (TILE,)
    assert place.bounds == pytest.approx((2.0, 48.0, 2.1, 48.2), abs=1e-5)
    # 3 E on the equator's metres north of it that are 48 N: UTM as QGIS may export it.
    square = [[500_000, 5_316_000], [507_000, 5_316_000], [507_000, 5_338_000], [500_000, 5_316_000]]
    utm = {"crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}, "type": "Polygon", "coordinates": [square]}
    path.write_text(json.dumps(utm))
    assert place_of_region(path).bounds == pytest.approx((3.0, 48.0, 3.094, 48.195), abs=2e-2)
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [[[2, 98], [3, 98], [3, 99], [2, 98]]]}))
    with pytest.raises(ArgumentError, match="not an extent"):
        place_of_region(path)
    path.write_text("not json")
    with pytest.raises(GranuleError, match="GeoJSON"):
        place_of_region(path)


def test_degree_cells_of_a_tile_and_of_a_field() -> None:
    cells = degree_cells(Place((TILE,)))
    # Tile h18v04 runs from 0 E to 10 degrees of longitude at the equator, which are 15.6 at 50 N.
    assert {(40, 0), (49, 15), (40, 13)} <= cells
    assert not cells & {(39, 0), (50, 0), (40, -1), (40, 14)}
    assert degree_cells(place_of_bounds(2.5, 48.4, 2.6, 48.5)) == {(48, 2)}
    assert degree_cells(place_of_bounds(2.9, 48.4, 2.95, 48.5)) == {(48, 2), (48, 3)}


def test_the_newest_of_each_day_and_the_nearest_otherwise() -> None:
    names = [
        granule_name("MOD11A1", "2020-07-15", made=2020198000000),
        granule_name("MOD11A1", "2020-07-15", made=2021001000000),
        granule_name("MOD11A1", "2020-07-14"),
        granule_name("MOD09GQ", "2020-07-16"),
        granule_name("MCD43A3", "2020-07-10"),
        granule_name("MCD43A3", "2020-07-18"),
        granule_name("MCD12Q1", "2019-01-01"),
        granule_name("MCD12Q1", "2016-01-01"),
    ]
    archive = Archive(names)
    plan = plan_fetch(Place((TILE,)), DAYS, without=("elevation", "weather"), ask=archive)
    assert [file.name for file in plan.files] == [names[1], names[3], names[5], names[6]]
    assert plan.missing == (
        "no MOD11A1 of h18v04 for 2020-07-16",
        "no MOD09GQ of h18v04 for 2020-07-15",
        "no MOD09GA of h18v04 for 2020-07-15, 2020-07-16",
    )
    assert plan.files[0].size == SIZE
    assert plan.files[0].checksum == MD5
    assert plan.bytes == 4 * SIZE
    times = {asked["short_name"]: asked.get("temporal") for asked in archive.asked}
    assert times["MOD11A1"] == ("2020-07-15T00:00:00Z", "2020-07-16T23:59:59Z")
    assert times["MCD43A3"] == ("2020-06-29T00:00:00Z", "2020-08-01T23:59:59Z")
    assert times["MCD12Q1"] is None
    assert archive.asked[0]["granule_name"] == "MOD11A1.A*.h18v04.061.*"


def test_albedo_beyond_its_window_is_missing() -> None:
    archive = Archive([granule_name("MOD11A1", "2020-07-15"), granule_name("MCD43A3", "2020-06-28")])
    leave = ("reflectance_250m", "reflectance_500m", "land_cover", "elevation", "weather")
    plan = plan_fetch(Place((TILE,)), DAYS[:1], without=leave, ask=archive)
    assert plan.missing == ("no MCD43A3 of h18v04 for 2020-07-15",)


@pytest.mark.parametrize(
    ("lst", "platforms", "products"),
    [
        ("mod11", ("terra", "aqua"), ["MOD11A1", "MYD11A1"]),
        ("mod21", ("aqua",), ["MYD21A1D", "MYD21A1N"]),
        ("vnp21", (), ["VNP21A1D", "VNP21A1N"]),
    ],
)
def test_families_of_lst(lst: Any, platforms: tuple[str, ...], products: list[str]) -> None:
    archive = Archive([])
    leave = ("reflectance_250m", "reflectance_500m", "albedo", "land_cover", "elevation", "weather")
    plan_fetch(Place((TILE,)), DAYS, lst=lst, platforms=platforms, without=leave, ask=archive)
    assert [asked["short_name"] for asked in archive.asked] == products
    assert {asked["version"] for asked in archive.asked} == {"002" if lst == "vnp21" else "061"}
    with pytest.raises(ArgumentError, match="no products of"):
        plan_fetch(Place((TILE,)), DAYS, lst=lst, platforms=("noaa",), ask=archive)


@pytest.mark.parametrize("product", ["SRTMGL1", "NASADEM_HGT"])
def test_heights_of_the_cells_that_touch(product: Any) -> None:
    names = {
        "SRTMGL1": ["N48E002.SRTMGL1.hgt.zip", "N47E002.SRTMGL1.hgt.zip"],
        "NASADEM_HGT": ["NASADEM_HGT_n48e002.zip", "NASADEM_HGT_n47e002.zip"],
    }[product]
    archive = Archive(names)
    leave = ("reflectance_250m", "reflectance_500m", "albedo", "land_cover", "weather")
    which: Any = "srtm" if product == "SRTMGL1" else "nasadem"
    plan = plan_fetch(place_of_bounds(2.5, 48.4, 2.6, 48.5), DAYS, elevation=which, without=leave, ask=archive)
    assert [file.path for file in plan.files] == [f"{product}/{names[0]}"]
    assert archive.asked[-1]["bounding_box"] == pytest.approx((2.3, 48.2, 2.8, 48.7))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org", granule_name("MOD11A1", "2020-07-15")),
        ("http://data.lpdaac.earthdatacloud.nasa.gov", granule_name("MOD11A1", "2020-07-15")),
        (HOST, "..%2F..%2Fetc%2Fpasswd"),
        (HOST, "MOD11A1.A2020197.h18v04.061.2020200000000.hdf%2F..%2Fx"),
        (HOST, granule_name("MOD11A1", "2020-07-15", tile="h19v04")),
    ],
)
def test_answers_that_cannot_be_trusted(url: str, name: str) -> None:
    with pytest.raises(DownloadError):
        plan_fetch(Place((TILE,)), DAYS[:1], without=planning.CHOICES, ask=lambda **_: [ummg(url, name)])


def test_unknown_checksums_and_rounded_sizes() -> None:
    name = granule_name("MOD11A1", "2020-07-15")
    granule = ummg(HOST, name, size=None, algorithm="Fletcher-32")
    plan = plan_fetch(Place((TILE,)), DAYS[:1], without=planning.CHOICES, ask=lambda **_: [granule])
    assert (plan.files[0].size, plan.files[0].checksum, plan.bytes) == (None, "", 2_621_440)


def test_weather_requests_have_the_documented_form() -> None:
    one, two = weather_requests(Tile(29, 12), [dt.date(2020, 7, 31), dt.date(2020, 8, 1)], ["aqua"])
    # Aqua sees 150 E at 1:30 local time, which is the afternoon before in UTC.
    assert one.request["day"] == ["30", "31"]
    assert two.request["month"] == ["08"]
    assert one.dataset == "reanalysis-era5-single-levels"
    assert {key: one.request[key] for key in ("product_type", "year", "month", "data_format", "download_format")} == {
        "product_type": ["reanalysis"], "year": ["2020"], "month": ["07"],
        "data_format": "netcdf", "download_format": "zip",
    }  # fmt: skip
    assert one.request["variable"] == list(ERA5_VARIABLES)
    assert one.request["time"] == [f"{hour:02d}:00" for hour in range(24)]
    north, west, south, east = one.request["area"]
    assert (north, south) == (-29.0, -41.0)
    assert west < 127 < 157 < east
    assert all(value % 0.25 == 0 for value in one.request["area"])
    json.dumps(one.request)


class Store:
    """The Climate Data Store as cdsapi shows it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def Client(self, **_: Any) -> Store:  # noqa: N802
        return self

    def retrieve(self, name: str, request: dict[str, Any]) -> Any:
        self.asked.append((name, request))
        return SimpleNamespace(location=f"{self.url}/result.nc?sign={SECRET}", content_length=SIZE)


def use_store(monkeypatch: pytest.MonkeyPatch, store: Any, key: str | None = SECRET) -> None:
    def get_url_key_verify(*_: Any) -> tuple[str, str]:
        if key is None:
            raise Exception("Missing/incomplete configuration file")
        return "https://cds", key

    inner: Any = ModuleType("cdsapi.api")
    inner.get_url_key_verify = get_url_key_verify
    outer: Any = ModuleType("cdsapi")
    outer.Client, outer.api = store.Client, inner
    monkeypatch.setitem(sys.modules, "cdsapi", outer)
    monkeypatch.setitem(sys.modules, "cdsapi.api", inner)


def small_plan(url: str, weather: bool = False) -> FetchPlan:
    archive = Archive([granule_name("MOD11A1", "2020-07-15"), granule_name("MCD12Q1", "2019-01-01")], url)
    leave = ("reflectance_250m", "reflectance_500m", "albedo", "elevation", *(() if weather else ("weather",)))
    return plan_fetch(Place((TILE,)), DAYS[:1], without=leave, ask=archive, service=LOOPBACK)


def serve(server: Server, plan: FetchPlan) -> None:
    for file in plan.files:
        server.answers[f"/{file.name}"] = lambda handler, _: handler.serve()


def test_the_folder_is_what_prepare_expects(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    plan = small_plan(server.url, weather=True)
    serve(server, plan)
    fields = b"\x89HDF" + CONTENT[4:]
    server.answers["/result.nc"] = lambda handler, _: handler.serve(fields)
    store = Store(server.url)
    use_store(monkeypatch, store)
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {SECRET}"
        outcome = carry_out(plan, tmp_path, session=session, archive=LOOPBACK, store=LOOPBACK)
        again = carry_out(plan, tmp_path, session=session, archive=LOOPBACK, store=LOOPBACK)
    assert [path.rpartition("/")[0] for path in outcome.done] == ["MOD11A1", "MCD12Q1", "ERA5"]
    assert (outcome.failed, again.done, again.kept) == ((), (), outcome.done)
    assert store.asked == [(plan.requests[0].dataset, plan.requests[0].request)]
    with zipfile.ZipFile(tmp_path / plan.requests[0].path) as archive:  # a single file is packed, as readers expect it
        assert [archive.read(name) for name in archive.namelist()] == [fields]
    found = {Path(file.path).name: file for file in survey([tmp_path])}
    lst = found[plan.files[0].name]
    assert (lst.kind, lst.product, lst.tile, lst.date) == ("granule", "MOD11A1", TILE, DAYS[0])
    assert set(found) == {Path(path).name for path in outcome.done}
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET.encode() not in kept
    assert "srdanet" not in {record.name.partition(".")[0] for record in caplog.records if SECRET in record.message}


def test_one_failure_costs_one_file_and_damage_is_mended(server: Server, tmp_path: Path) -> None:
    plan = small_plan(server.url)
    serve(server, plan)
    server.answers[f"/{plan.files[0].name}"] = lambda handler, _: handler.head(404, Content_Length=0)
    with requests.Session() as session:
        outcome = carry_out(plan, tmp_path, session=session, archive=LOOPBACK, patience=Patience(tries=1))
        assert [path for path, _ in outcome.failed] == [plan.files[0].path]
        assert outcome.done == (plan.files[1].path,)
        (tmp_path / plan.files[1].path).write_bytes(CONTENT[:-1] + b"?")  # the right size, and damaged
        serve(server, plan)
        assert carry_out(plan, tmp_path, session=session, archive=LOOPBACK).kept == ()
    assert all((tmp_path / file.path).read_bytes() == CONTENT for file in plan.files)


def test_two_downloads_into_one_folder(server: Server, tmp_path: Path) -> None:
    with execution._alone_in(tmp_path), pytest.raises(OutputError, match="another download"):
        carry_out(small_plan(server.url), tmp_path, session=requests.Session(), archive=LOOPBACK)


def test_a_full_disk_is_noticed_before(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(OutputError, match="are needed"):
        carry_out(small_plan(server.url), tmp_path, session=requests.Session(), archive=LOOPBACK)
    assert server.seen == []


def test_weather_without_key_or_licence(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = small_plan(server.url, weather=True)
    use_store(monkeypatch, Store(server.url), key=None)
    with pytest.raises(AccessError, match="no key for the Climate Data Store"):
        carry_out(plan, tmp_path, session=requests.Session(), archive=LOOPBACK)
    assert server.seen == []  # before anything is downloaded

    class Refusing(Store):
        def retrieve(self, name: str, request: dict[str, Any]) -> Any:
            answer = requests.Response()
            answer.status_code = 403
            raise requests.HTTPError(f"403 for https://cds/?key={SECRET}", response=answer)

    use_store(monkeypatch, Refusing(server.url))
    serve(server, plan)
    with pytest.raises(AccessError, match="HTTP 403") as caught:
        carry_out(plan, tmp_path, session=requests.Session(), archive=LOOPBACK)
    assert "licence" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_login_errors_tell_no_secrets(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class UnavailableError(Exception):
        pass

    def login(strategy: str, persist: bool) -> Any:
        assert not persist
        if strategy == "environment":
            raise UnavailableError
        raise RuntimeError(f"refused {SECRET}")

    fake: Any = ModuleType("earthaccess")
    fake.login = login
    inner: Any = ModuleType("earthaccess.exceptions")
    inner.LoginStrategyUnavailable = UnavailableError
    monkeypatch.setitem(sys.modules, "earthaccess", fake)
    monkeypatch.setitem(sys.modules, "earthaccess.exceptions", inner)
    with pytest.raises(AccessError, match="RuntimeError; credentials from: netrc") as caught:
        carry_out(small_plan(server.url), tmp_path)
    assert SECRET not in str(caught.value)


def test_the_library_asks_the_catalogue_in_its_documented_form() -> None:
    earthaccess = pytest.importorskip("earthaccess")
    asked = Archive([])
    plan_fetch(Place((TILE,)), DAYS, without=planning.CHOICES, ask=asked)
    url = unquote(earthaccess.DataGranules().parameters(**asked.asked[0])._build_url())
    assert re.search(r"[?&]readable_granule_name(\[\])?=MOD11A1\.A\*\.h18v04\.061\.\*(&|$)", url)
    assert "options[readable_granule_name][pattern]=true" in url.lower()
    assert "short_name=MOD11A1" in url
    assert "version=061" in url
    assert "2020-07-15T00:00:00Z,2020-07-16T23:59:59Z" in url


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = granule_name("MOD11A1", "2020-07-15")
    monkeypatch.setattr(planning, "_earthaccess", Archive([name]))
    base = ["fetch", "--tile", "h18v04", "--dates", "2020-07-15/2020-07-16"]
    base += [word for part in planning.CHOICES for word in ("--without", part)]
    runner = CliRunner()
    shown = runner.invoke(cli, [*base, "--dry-run"])
    assert "lst: MOD11A1" in shown.output
    assert "missing: no MOD11A1 of h18v04 for 2020-07-16" in shown.output
    listed = runner.invoke(cli, [*base, "--list"])
    assert listed.stdout == f"{HOST}/{name}\n"
    assert json.loads(runner.invoke(cli, [*base, "--list", "--json"]).stdout)["files"][0]["name"] == name
    unasked = runner.invoke(cli, [*base, "-o", str(tmp_path / "data")])
    assert unasked.exit_code == 2
    assert "--yes" in unasked.output
    assert not (tmp_path / "data").exists()
    both = runner.invoke(cli, [*base, "--bounds", "1,2,3,4", "--dry-run"])
    assert both.exit_code == 2


DOCS = Path(__file__).resolve().parents[2] / "docs"
LINES = sorted({
    line.rstrip("`")
    for page in (DOCS / "downloading.md", *DOCS.glob("tutorials/*.md"))
    for line in re.findall(r"srdanet (fetch --(?:bounds|tile|region) [^`\n]*`?)", page.read_text(encoding="utf-8"))
})  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_the_lines_of_the_pages(line: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an account that the server on loopback does not ask for; the answers are the catalogue's in their form."""
    products = ("MOD11A1", "MOD09GA", "MOD09GQ", "MCD43A3")
    days = [dt.date(2020, 7, 1) + dt.timedelta(number) for number in range(31)]
    names = [granule_name(product, str(day)) for product in products for day in days]
    archive = Archive([*names, granule_name("MCD12Q1", "2019-01-01")], server.url)
    for name in archive.names:
        server.answers[f"/{name}"] = lambda handler, _: handler.serve()
    server.answers["/result.nc"] = lambda handler, _: handler.serve(b"\x89HDF" + CONTENT[4:])
    use_store(monkeypatch, Store(server.url))
    session = requests.Session()
    monkeypatch.setattr("srdanet.download.plan_fetch", partial(plan_fetch, ask=archive, service=LOOPBACK))
    known = partial(carry_out, session=session, archive=LOOPBACK, store=LOOPBACK)
    monkeypatch.setattr("srdanet.download.carry_out", known)
    monkeypatch.chdir(tmp_path)
    ring = [[2.0, 48.0], [2.2, 48.0], [2.2, 48.2], [2.0, 48.2], [2.0, 48.0]]
    Path("farm.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    dry, words = "--dry-run" in line or "-o" not in line, shlex.split(line)
    done = CliRunner().invoke(cli, [*words, *(["--dry-run"] if "-o" not in line else [] if dry else ["--yes"])])
    assert done.exit_code == 0, done.output
    got = {path.name for path in tmp_path.rglob("*.hdf")}
    assert got <= set(archive.names)
    if dry:
        assert not got
        assert "lst: MOD11A1" in done.output
    else:
        assert {name.partition(".")[0] for name in got} == {*products, "MCD12Q1"}
        again = CliRunner().invoke(cli, [*words, "--yes"])
        assert " 0 files downloaded" in again.output, "what is there is kept"
    session.close()
