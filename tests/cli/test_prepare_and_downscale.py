from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from click.testing import CliRunner
from stand_ins import Bicubic, small_scene

from srdanet.cli import cli
from srdanet.scene import open_scene

STEM = "lst_h18v04-r300c500-18x12_2020197_day"
LAYERS = [f"{kind}.{suffix}" for kind in ("", "_uncertainty", "_quality") for suffix in ("tif", "qml")]
RASTERS = [f"{STEM}_{m}m{end}" for m in (500, 250) for end in (*LAYERS, ".png")]
NOTES = [f"{STEM}_stac.json", f"{STEM}_provenance.json"]


@pytest.mark.usefixtures("bicubic")
def test_downscale_writes_a_product_and_says_where(runner: CliRunner, scene_file: Path) -> None:
    out = scene_file.parent / "out"
    result = runner.invoke(cli, ["downscale", str(scene_file), "-o", str(out)])
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    assert sorted(p.name for p in out.iterdir()) == sorted([*RASTERS, *NOTES])
    told = result.stdout.splitlines()
    assert told[0].startswith(f"{out}/{STEM}_500m.tif  (")
    assert "mean uncertainty 0.60 K" in told[0]
    assert "closure on the input" in told[0]
    assert told[-1].startswith("without red nir")
    with rasterio.open(out / f"{STEM}_250m.tif") as file:
        lst = file.read(1)
        assert file.tags()["time"] == "2020-07-15T10:32:00"
    expected_gap = np.zeros((72, 48), bool)
    expected_gap[8:20, 28:] = True
    np.testing.assert_array_equal(np.isnan(lst), expected_gap)


@pytest.mark.usefixtures("bicubic")
def test_a_result_without_predictors_says_what_it_is_worth(
    runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from srdanet.product import quicklook

    notes: list[str] = []
    write_texts = quicklook._write_texts

    def listen(axes: Any, *about: Any) -> None:
        write_texts(axes, *about)
        notes[:] = [text.get_text() for text in axes.texts]

    monkeypatch.setattr(quicklook, "_write_texts", listen)
    words = "no predictors: little more than interpolation"
    for name, auxiliary in {"with": small_scene().auxiliary, "without": ()}.items():
        path = replace(small_scene(), auxiliary=auxiliary).save(tmp_path / f"{name}.nc")
        result = runner.invoke(cli, ["downscale", str(path), "--to", "500", "-o", str(tmp_path / name)])
        assert (words in result.stdout.splitlines()) == (name == "without")
        assert (words in notes) == (name == "without")


@pytest.mark.usefixtures("bicubic")
def test_json_is_the_record_and_nothing_else(
    runner: CliRunner, scene_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = scene_file.parent / "out"
    words = ["downscale", str(scene_file), "-o", str(out), "--to", "500", "--conserve", "--json"]
    monkeypatch.setattr(sys, "argv", ["srdanet", *words])
    result = runner.invoke(cli, words)
    record = json.loads(result.stdout)
    assert [Path(p).name for p in record["files"]] == [*RASTERS[:7], *NOTES]
    assert all(Path(p).exists() for p in record["files"])
    assert record["command"] == ["srdanet", *words]
    assert record["options"] == {"to": 500, "conserve": True, "block": 400}
    assert record["model"] == {"name": "bicubic", "version": "1", "sha256": "ab" * 32, "bundle_sha256": None}
    assert record["inputs"] == [{"file": "MOD11A1.A2020197.h18v04.061.hdf", "sha256": "cd" * 32}]
    assert record["auxiliary"]["present"] == ["elevation"]
    assert "red" in record["auxiliary"]["missing"]
    assert record["levels"]["500"]["closure"]["max"] < 1e-3
    assert record["levels"]["500"]["flags"]["conserved"] > 0.5
    assert json.loads((out / f"{STEM}_provenance.json").read_text()) == {
        key: value for key, value in record.items() if key != "files"
    }


def test_dry_run_writes_nothing(runner: CliRunner, scene_file: Path) -> None:
    out = scene_file.parent / "out"
    result = runner.invoke(cli, ["downscale", str(scene_file), "-o", str(out), "--dry-run"])
    assert result.exit_code == 0
    assert not out.exists()
    assert [line.rsplit("/")[-1] for line in result.stdout.splitlines() if line.startswith("would write")] == [
        *RASTERS,
        *NOTES,
    ]
    plain = runner.invoke(cli, ["downscale", str(scene_file), "-o", str(out), "--dry-run", "--json"])
    assert len(json.loads(plain.stdout)["writes"]) == 16


@pytest.mark.usefixtures("bicubic")
def test_existing_files_are_kept_unless_asked(runner: CliRunner, scene_file: Path) -> None:
    out = scene_file.parent / "out"
    out.mkdir()
    (out / f"{STEM}_250m.png").write_text("mine")
    words = ["downscale", str(scene_file), "-o", str(out)]
    for more in ([], ["--dry-run"]):
        result = runner.invoke(cli, [*words, *more])
        assert result.exit_code == 1
        assert "exists already" in result.stderr
        assert [p.read_text() for p in out.iterdir()] == ["mine"]
    assert runner.invoke(cli, [*words, "--overwrite"]).exit_code == 0
    assert len(list(out.iterdir())) == 16


@pytest.mark.parametrize("more", [["--tile", "h18v04"], ["--date", "2020-07-15"], ["--night"]])
def test_a_scene_has_its_place_and_date(runner: CliRunner, scene_file: Path, more: list[str]) -> None:
    result = runner.invoke(cli, ["downscale", str(scene_file), "-o", "x", *more])
    assert result.exit_code == 2
    assert "a scene has its tile and date" in result.stderr


def test_a_block_of_nothing_and_a_coarser_result(runner: CliRunner, scene_file: Path) -> None:
    out = scene_file.parent / "out"
    result = runner.invoke(cli, ["downscale", str(scene_file), "-o", str(out), "--block", "0"])
    assert (result.exit_code, "block is 0" in result.stderr) == (2, True)
    assert not out.exists()


def test_a_missing_model_is_named(runner: CliRunner, scene_file: Path) -> None:
    out = scene_file.parent / "out"
    result = runner.invoke(cli, ["downscale", str(scene_file), "-o", str(out), "--model", "nonsense"])
    assert result.exit_code == 1
    assert "'nonsense' is not a model" in result.stderr
    assert not out.exists()


def test_damaged_scenes(runner: CliRunner, scene_file: Path) -> None:
    scene_file.write_bytes(scene_file.read_bytes()[:2000])
    result = runner.invoke(cli, ["downscale", str(scene_file), "-o", "x"])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"srdanet: {scene_file}")
    assert len(result.stderr.splitlines()) <= 2


def test_too_little_room(
    runner: CliRunner, scene_file: Path, monkeypatch: pytest.MonkeyPatch, bicubic: Bicubic
) -> None:
    from collections import namedtuple

    from srdanet.product import produce

    usage = namedtuple("usage", "free")
    monkeypatch.setattr(produce.shutil, "disk_usage", lambda path: usage(50_000))
    out = scene_file.parent / "out"
    result = runner.invoke(cli, ["downscale", str(scene_file), "-o", str(out)])
    assert result.exit_code == 1
    assert "MB are needed" in result.stderr
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM")])
def test_interrupted_in_the_middle(scene_file: Path, number: int, name: str) -> None:
    out = scene_file.parent / "out"
    code = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
import stand_ins
from srdanet.network import bundle

class Slow(stand_ins.Bicubic):
    def step(self, lst, channels, context):
        print("ready", flush=True)
        time.sleep(600)

bundle.load_model = lambda model, device: Slow()
sys.argv = ["srdanet", "downscale", {str(scene_file)!r}, "-o", {str(out)!r}]
from srdanet.cli import main
main()
"""
    job = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert job.stdout is not None
    assert job.stdout.readline() == "ready\n"
    time.sleep(0.2)
    assert [p.name.startswith(".") for p in out.iterdir()] == [True]
    job.send_signal(number)
    _, told = job.communicate(timeout=60)
    assert job.returncode == 130
    assert told == "srdanet: interrupted; no unfinished file was left behind\n"
    assert list(out.iterdir()) == []


@pytest.mark.real
def test_prepare_a_real_granule(runner: CliRunner, shared_data: Path, tmp_path: Path) -> None:
    (granule,) = (shared_data / "hdf4-granules").glob("MOD11A1.A2021227*")
    out = tmp_path / "scene.nc"
    plan = runner.invoke(cli, ["prepare", str(granule), "--tile", "h11v05", "--date", "2021227", "--dry-run"])
    assert plan.exit_code == 0
    assert plan.stdout.splitlines()[0] == "h11v05 2021-08-15 day terra"
    assert not out.exists()
    result = runner.invoke(cli, ["prepare", str(granule), "--tile", "h11v05", "-o", str(out), "--json"])
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    assert (facts["tile"], facts["day"], facts["cells"]) == ("h11v05", True, [1200, 1200])
    (row,) = facts["report"]
    assert (row["variable"], row["file"], row["date"], row["unit"]) == ("lst", [granule.name], "2021-08-15", "K")
    assert 280 < row["range"][0] < row["range"][1] < 330
    assert row["valid"] == pytest.approx(facts["valid_share"], abs=1e-6)
    with open_scene(out) as scene:
        assert scene.provenance["inputs"][0]["sha256"]
    again = runner.invoke(cli, ["prepare", str(granule), "-o", str(out)])
    assert (again.exit_code, "exists already" in again.stderr) == (1, True)
    nowhere = runner.invoke(cli, ["prepare", str(granule)])
    assert (nowhere.exit_code, "'-o'" in nowhere.stderr) == (2, True)


@pytest.mark.real
@pytest.mark.usefixtures("bicubic")
def test_downscale_straight_from_a_real_granule(runner: CliRunner, shared_data: Path, tmp_path: Path) -> None:
    (granule,) = (shared_data / "hdf4-granules").glob("MOD11A1.A2021227*")
    words = ["downscale", str(granule), "--tile", "h11v05", "--to", "500", "--night", "-o", str(tmp_path), "--json"]
    plan = json.loads(runner.invoke(cli, [*words, "--dry-run"]).stdout)
    result = runner.invoke(cli, words)
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert record["files"] == plan["writes"]
    assert record["auxiliary"]["present"] == []
    level = record["levels"]["500"]
    assert level["cells"] == [2400, 2400]
    assert 0.03 < level["valid_share"] < 0.05
    assert level["flags"]["no_auxiliary"] >= level["valid_share"]
    assert record["day"] is False


def test_a_folder_is_no_scene_and_stays_as_it_is(runner: CliRunner, scene_file: Path) -> None:
    result = runner.invoke(cli, ["prepare", "absent.hdf", "-o", str(scene_file.parent), "--overwrite"])
    assert (result.exit_code, "is a folder" in result.stderr) == (1, True)
    assert scene_file.is_file()


def test_a_netcdf_raster_is_no_scene(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(cli, ["downscale", f"lst={tmp_path}/absent.nc", "-o", str(tmp_path)])
    assert (result.exit_code, "given as lst=" in result.stderr) == (2, True)


@pytest.mark.real
@pytest.mark.usefixtures("bicubic")
def test_a_dry_run_on_plain_rasters_names_what_is_written(runner: CliRunner, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "wgast-orleans"
    landsat = folder / "LC08_199027_20170409.tif"
    rasters = [f"lst={folder}/MODIS_2017_04_09.tif", f"ndvi={landsat}:2,nodata=0", f"ndwi={landsat}:3,nodata=0"]
    words = ["downscale", *rasters, "-o", str(tmp_path)]
    plan = json.loads(runner.invoke(cli, [*words, "--dry-run", "--json"]).stdout)
    result = runner.invoke(cli, words)
    assert result.exit_code == 0, result.stderr
    assert sorted(plan["writes"]) == sorted(str(path) for path in tmp_path.iterdir())
    assert "left out ndwi: correlates -0.9" in result.stdout


def test_a_login_page_is_no_granule(runner: CliRunner, tmp_path: Path) -> None:
    page = tmp_path / "MOD11A1.A2021227.h11v05.061.2021228105320.hdf"
    page.write_text("<html>please log in</html>")
    result = runner.invoke(cli, ["prepare", str(page), "-o", str(tmp_path / "s.nc")])
    assert result.exit_code == 1
    assert page.name in result.stderr
    assert len(result.stderr.splitlines()) <= 2
    assert [p.name for p in tmp_path.iterdir()] == [page.name]


@pytest.mark.usefixtures("bicubic")
def test_what_was_assumed_is_said_once(runner: CliRunner, tmp_path: Path) -> None:
    kelvin = np.linspace(290, 310, 192, dtype="f4").reshape(12, 16)
    place = {"crs": "EPSG:32631", "transform": rasterio.Affine(1000, 0, 4e5, 0, -1000, 5e6)}
    path = tmp_path / "lst.tif"
    with rasterio.open(path, "w", driver="GTiff", dtype="float32", count=1, height=12, width=16, **place) as file:
        file.write(kelvin, 1)
    prepared = runner.invoke(cli, ["prepare", f"lst={path}", "-o", str(tmp_path / "scene.nc")])
    assert prepared.exit_code == 0, prepared.stderr
    (note,) = json.loads(runner.invoke(cli, ["info", str(tmp_path / "scene.nc"), "--json"]).stdout)["report"][0][
        "assumed"
    ]
    undated = "the date of the LST is not known"
    done = runner.invoke(cli, ["downscale", str(tmp_path / "scene.nc"), "-o", str(tmp_path / "product")])
    assert done.exit_code == 0, done.stderr
    (record,) = (tmp_path / "product").glob("*.json")
    told = runner.invoke(cli, ["info", str(record)])
    for text in (prepared.stdout, done.stdout, told.stdout):
        assert (text.count(note), text.count(undated)) == (1, 1)


@pytest.mark.usefixtures("bicubic")
def test_downscale_writes_another_grid_and_format(runner: CliRunner, scene_file: Path) -> None:
    out = scene_file.parent / "out"
    words = ["downscale", str(scene_file), "--to", "500", "-o", str(out)]
    refused = runner.invoke(cli, [*words, "--crs", "EPSG:none"])
    assert refused.exit_code == 2
    assert not list(out.glob("*"))
    assert "is no CRS" in refused.stderr
    assert runner.invoke(cli, [*words, "--res", "250"]).exit_code == 2
    done = runner.invoke(cli, [*words, "--crs", "EPSG:4326", "--format", "netcdf"])
    assert done.exit_code == 0, done.stderr
    assert sorted(p.name for p in out.iterdir()) == sorted([f"{STEM}_500m.nc", f"{STEM}_500m.png", *NOTES])
    with xr.open_dataset(out / f"{STEM}_500m.nc", engine="h5netcdf") as file:
        assert file["x"].attrs["standard_name"] == "longitude"
        assert file["time"].values[0] == np.datetime64("2020-07-15T10:32:00")
    record = json.loads((out / NOTES[1]).read_text())
    assert record["options"] == {"to": 500, "conserve": False, "block": 400, "format": "netcdf", "crs": "EPSG:4326"}
