"""What belongs together, what a unit depends on, and that a run makes what single commands make."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner, Result
from odc.geo.geom import box
from small_archive import FIRST, TILES, write_archive, write_lst

from srdanet.cli import cli
from srdanet.errors import ArgumentError
from srdanet.grid import SINUSOIDAL
from srdanet.prepare import choose, survey
from srdanet.prepare.survey import InputFile
from srdanet.production.ledger import Ledger
from srdanet.production.run import Production
from srdanet.production.static import FOLDER
from srdanet.production.units import Options, Unit, units_of
from srdanet.readers.places import region_of_bounds


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("archive"), days=2)


@pytest.fixture(scope="module")
def surveyed(archive: Path) -> tuple[InputFile, ...]:
    return survey([archive])


def test_every_tile_day_and_overpass_is_a_unit(surveyed: tuple[InputFile, ...]) -> None:
    names = [unit.name for unit in units_of(surveyed)]
    assert names[:3] == ["lst_h18v04_2020197_day", "lst_h18v04_2020197_night", "lst_h19v04_2020197_day"]
    assert len(set(names)) == len(names) == 2 * len(TILES) * 2


def test_a_choice_leaves_the_rest_out(surveyed: tuple[InputFile, ...]) -> None:
    (unit,) = units_of(surveyed, tiles=[TILES[1]], dates=(FIRST, FIRST), days=[False])
    assert unit.name == "lst_h19v04_2020197_night"
    assert unit.folder == Path("h19v04/2020")
    with pytest.raises(ArgumentError, match="no land surface temperature of these tiles"):
        list(units_of(surveyed, platforms=["aqua"]))


def test_a_unit_has_the_files_that_a_scene_of_its_own_would_have(surveyed: tuple[InputFile, ...]) -> None:
    for unit in units_of(surveyed):
        plan = choose(surveyed, unit.tile, unit.date, unit.day, platform=unit.platform)
        assert set(unit.inputs) == {path for source in plan.sources for path in source.paths}
        assert len(unit.inputs) == 3


def test_albedo_and_weather_are_found_across_dates() -> None:
    def granule(product: str, day: int) -> InputFile:
        date = FIRST + dt.timedelta(days=day)
        return InputFile(path=f"{product}.{day}", kind="granule", product=product, date=date, tile=TILES[0])

    def weather(first: str, last: str) -> InputFile:
        span = (np.datetime64(first), np.datetime64(last))
        return InputFile(path=first, kind="meteorology", product="ERA5", bounds=(-180, -90, 180, 90), span=span)

    far = [granule("MCD43A3", 17), granule("MOD09GA", 1)]
    near = [granule("MOD11A1", 0), granule("MCD43A3", -16), granule("MCD12Q1", -900)]
    near += [weather("2020-07-01T00", "2020-07-31T23")]
    (day,) = units_of([*far, *near, weather("2020-08-01T00", "2020-08-31T23")], days=[True])
    assert set(day.inputs) == {file.path for file in near}


def test_a_region_of_plain_rasters_is_one_unit(tmp_path: Path) -> None:
    (tmp_path / "a_20200715.tif").touch()
    (unit,) = units_of(survey([f"lst={tmp_path}/a_20200715.tif:1,scale=0.02"]), time="2020-07-15T10:30")
    assert unit.name == "lst_2020197_day"
    assert unit.inputs == (f"lst={tmp_path}/a_20200715.tif:1,scale=0.02",)
    assert Unit.model_validate_json(unit.model_dump_json()) == unit


def keys(production: Production) -> dict[str, str]:
    return {unit.name: key for unit, key in production.keyed(production.units())}


def test_a_key_changes_with_inputs_model_and_options_alone(archive: Path, tmp_path: Path) -> None:
    def of(folder: Path, **options: object) -> dict[str, str]:
        said = {"model": "m", "identity": "m 1 abc", **options}
        files = {file.path: file for file in survey([folder])}
        return keys(Production(tmp_path, Options(**said), files))

    before = of(archive)
    moved = archive.with_name("moved")
    archive.rename(moved)
    assert of(moved) == before
    moved.rename(archive)
    assert of(archive, model="another/folder") == before
    assert not set(of(archive, identity="m 2 def").values()) & set(before.values())
    assert not set(of(archive, to=500).values()) & set(before.values())
    os.utime(next(archive.glob("MOD11A1.A2020198.h19v04*")), ns=(1, 1))
    after = of(archive)
    assert {name for name in before if after[name] != before[name]} == {
        "lst_h19v04_2020198_day", "lst_h19v04_2020198_night",
    }  # fmt: skip


def field(rows: slice, cols: slice, folder: Path) -> Path:
    """A field that covers some 1 km cells of the first tile of the archive."""
    bounds = TILES[0].geobox(1000)[rows, cols].boundingbox
    inside = box(bounds.left + 200, bounds.bottom + 200, bounds.right - 200, bounds.top - 200, SINUSOIDAL)
    path = folder / "field.geojson"
    shape = inside.to_crs("EPSG:4326", resolution=500)
    path.write_text(json.dumps({"type": "Feature", "properties": {}, "geometry": shape.json}))
    return path


def test_a_region_makes_units_of_its_own_where_it_lies(archive: Path, tmp_path: Path) -> None:
    ground = field(slice(303, 308), slice(404, 411), tmp_path)
    line = ["run", str(archive), "-o", f"{tmp_path}/out", "--to", "500", "--overpass", "day", "--workers", "0"]
    done = CliRunner().invoke(cli, [*line, "--region", str(ground), "--json"], catch_exceptions=False)
    *entries, total = map(json.loads, done.stdout.splitlines())
    assert total["done"] == 2, "the other tile is not touched"
    assert {entry["name"] for entry in entries} == {
        "lst_h18v04-r303c404-5x7_2020197_day", "lst_h18v04-r303c404-5x7_2020198_day",
    }  # fmt: skip
    record = tmp_path / "out" / entries[0]["record"]
    (raster,) = record.parent.glob("*r303c404-5x7_2020197_day_500m.tif")
    single = ["downscale", str(archive), "--tile", "h18v04", "--date", "2020-07-15", "--region", str(ground)]
    CliRunner().invoke(cli, [*single, "--to", "500", "-o", f"{tmp_path}/one"], catch_exceptions=False)
    with rasterio.open(raster) as ours, rasterio.open(tmp_path / "one" / raster.name) as one:
        assert ours.shape == (10, 14)
        assert ours.transform == one.transform
        np.testing.assert_array_equal(ours.read(1), one.read(1))
    table = tmp_path / "series.csv"
    series = ["extract", f"{tmp_path}/out", "--region", str(ground), "-o", str(table)]
    CliRunner().invoke(cli, series, catch_exceptions=False)
    assert len(table.read_text().splitlines()) == 3, "a header and both dates, from the folders of the run"
    elsewhere = CliRunner().invoke(cli, [*line, "--bounds", "20,0,21,1"])
    assert (elsewhere.exit_code, "touches none of the tiles" in elsewhere.output) == (2, True)


def test_a_region_is_part_of_what_a_product_depends_on(archive: Path, tmp_path: Path) -> None:
    files = {file.path: file for file in survey([archive])}
    shapes = [None, *(region_of_bounds((8, 46.0 + n, 30, 48)).shape for n in (0, 0.5))]
    said = [Options(model="m", identity="m", region=s and json.dumps(s.json)) for s in shapes]
    found = [set(keys(Production(tmp_path, options, files)).values()) for options in said]
    assert not found[0] & found[1]
    assert not found[1] & found[2]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of one tile and day in this process, with a cloudy night, a damaged file and a neighbour's folder."""
    write_archive(tmp_path / "in", tiles=TILES[:1])
    write_lst(tmp_path / "in", TILES[0], FIRST + dt.timedelta(days=1), cloudy=True)
    (tmp_path / "in" / f"MOD11A1.A2020199.{TILES[0]}.061.2021012345678.hdf").write_bytes(b"")
    return tmp_path


def srdanet(folder: Path, *more: str) -> Result:
    line = ["run", f"{folder}/in", "-o", f"{folder}/out", "--model", "bicubic", "--workers", "0", "--overpass", "day"]
    return CliRunner().invoke(cli, [*line, *more], catch_exceptions=False)


def test_a_run_makes_what_can_be_made_and_again_only_what_changed(run: Path) -> None:
    shown = srdanet(run, "--dry-run", "--json")
    assert json.loads(shown.stdout.splitlines()[-1])["units"] == 3
    assert not (run / "out").exists()
    first = srdanet(run, "--json")
    assert first.exit_code == 1
    *entries, total = map(json.loads, first.stdout.splitlines())
    assert {entry["name"]: entry["state"] for entry in entries} == {
        "lst_h18v04_2020197_day": "done", "lst_h18v04_2020198_day": "empty", "lst_h18v04_2020199_day": "failed",
    }  # fmt: skip
    assert total == {"run": f"{run}/out", "units": 3, "done": 1, "empty": 1, "failed": 1, "waiting": 0}
    assert "The file is empty" in entries[2]["cause"]
    record = run / "out" / entries[0]["record"]
    assert json.loads(record.read_text())["model"]["name"] == "bicubic"
    # Read once, kept, and read back: elevation and land cover.
    assert len(list((run / "out" / FOLDER).glob("*.npz"))) == 2
    assert "elevation" in json.loads(record.read_text())["auxiliary"]["present"]

    made = record.stat().st_mtime_ns
    again = srdanet(run)
    assert again.stdout.splitlines()[0] == "3 units: 1 done, 1 without LST, 1 failed, 0 to do"
    assert record.stat().st_mtime_ns == made
    write_lst(run / "in", TILES[0], FIRST + dt.timedelta(days=2))
    changed = srdanet(run)
    assert changed.exit_code == 0
    assert changed.stdout.splitlines()[-1] == "2 done, 1 without LST, 0 failed, 0 to do"
    assert record.stat().st_mtime_ns == made

    status = CliRunner().invoke(cli, ["status", f"{run}/out"], catch_exceptions=False)
    assert status.stdout.splitlines()[-1] == "3 units: 2 done, 1 without LST, 0 failed, 0 to do"
    lines = [json.loads(line) for line in (run / "out" / "units.jsonl").read_text().splitlines()]
    assert [line["state"] for line in lines] == ["done", "empty", "done"]
    with Ledger(run / "out", write=False) as ledger:
        assert ledger.means()["bytes"] > 0
