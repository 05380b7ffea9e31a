from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from srdanet.cli import cli


def _json(runner: CliRunner, *words: str) -> dict[str, object]:
    result = runner.invoke(cli, [*words, "--json"])
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_info_says_which_versions_are_at_work(runner: CliRunner) -> None:
    from srdanet import __version__

    found = _json(runner, "info")
    assert found["srdanet"] == __version__
    assert {"python", "packages", "models"} <= found.keys()
    assert f"srdanet {__version__}" in runner.invoke(cli, ["info"]).stdout


def test_info_of_a_scene(runner: CliRunner, scene_file: Path) -> None:
    found = _json(runner, "info", str(scene_file))
    assert (found["kind"], found["tile"], found["cells"]) == ("scene", "h18v04", [18, 12])
    assert found["present"] == ["elevation"]
    assert found["valid_share"] == pytest.approx(1 - 15 / 216)
    assert found["provenance"]["made_by"] == "test"  # type: ignore[index]
    told = runner.invoke(cli, ["info", str(scene_file)]).stdout
    assert "h18v04 2020-07-15T10:32:00 day, 18 x 12 cells, 93.1% valid" in told


@pytest.mark.usefixtures("bicubic")
def test_info_of_a_product(runner: CliRunner, scene_file: Path) -> None:
    out = scene_file.parent / "out"
    runner.invoke(cli, ["downscale", str(scene_file), "--to", "500", "-o", str(out)])
    path = out / "lst_h18v04-r300c500-18x12_2020197_day_500m_quality.tif"
    found = _json(runner, "info", str(path))
    assert (found["kind"], found["cells"]) == ("raster", [36, 24])
    assert "no_input" in found["tags"]["flag_meanings"]  # type: ignore[index]
    assert "model_sha256: abab" in runner.invoke(cli, ["info", str(path)]).stdout
    record = _json(runner, "info", str(out / "lst_h18v04-r300c500-18x12_2020197_day_provenance.json"))
    assert (record["kind"], list(record["levels"])) == ("product", ["500"])  # type: ignore[call-overload]
    told = runner.invoke(cli, ["info", str(out / "lst_h18v04-r300c500-18x12_2020197_day_provenance.json")]).stdout
    assert "product h18v04 2020-07-15T10:32:00 day" in told
    folder = runner.invoke(cli, ["info", str(out)])
    assert (folder.exit_code, "is a folder but not a model" in folder.stderr) == (2, True)


@pytest.mark.real
def test_info_of_a_granule(runner: CliRunner, shared_data: Path) -> None:
    (path,) = (shared_data / "hdf4-granules").glob("MCD12Q1*")
    found = _json(runner, "info", str(path))
    assert (found["kind"], found["product"], found["tile"]) == ("granule", "MCD12Q1", "h00v08")
    assert found["layers"]["land_cover"]["cells"] == [2400, 2400]  # type: ignore[index]
    assert "land_cover" in runner.invoke(cli, ["info", str(path)]).stdout


@pytest.mark.parametrize("name", ["absent.tif", "absent.nc", "absent", "absent.hdf", "absent_provenance.json"])
def test_info_of_nothing(runner: CliRunner, name: str) -> None:
    result = runner.invoke(cli, ["info", name])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert name in result.stderr
    assert len(result.stderr.splitlines()) <= 2


def test_info_says_what_a_file_is_that_it_cannot_describe(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "look.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "page.txt").write_text("<!doctype html><title>Earthdata Login")
    os.mkfifo(tmp_path / "pipe")
    name = "MYD10A1.A2020193.h18v04.061.2020202012345.hdf"
    (tmp_path / name).write_bytes(b"\x0e\x03\x13\x01")
    expected = {
        "look.png": "is a picture (PNG)",
        "page.txt": "is a web page",
        "pipe": "is a named pipe",
        name: "MYD10A1 (daily snow cover, 500 m) is not a product",
    }
    for file in ("look.png", "page.txt", "pipe"):
        assert expected[file] in runner.invoke(cli, ["info", str(tmp_path / file)]).stderr, file
    for file in ("pipe", name):
        assert expected[file] in runner.invoke(cli, ["prepare", str(tmp_path / file), "--dry-run"]).stderr, file


@pytest.mark.usefixtures("bicubic")
def test_info_ends_with_the_input_report(runner: CliRunner, scene_file: Path) -> None:
    (row, height) = _json(runner, "info", str(scene_file))["report"]  # type: ignore[misc]
    assert (row["variable"], row["unit"], row["valid"]) == ("lst", "K", pytest.approx(1 - 15 / 216, abs=1e-6))
    assert (height["variable"], height["unit"]) == ("elevation", "m")
    assert height["range"] == [11, 107]
    told = runner.invoke(cli, ["info", str(scene_file)]).stdout
    assert "2 % to 98 %" in told
    assert told.splitlines()[-1].split()[:4] == ["elevation", "-", "-", "m"]


@pytest.mark.real
def test_evaluate_bicubic_over_orleans(runner: CliRunner, shared_data: Path) -> None:
    words = ("evaluate", "orleans", "--data", str(shared_data), "--model", "bicubic")
    found = _json(runner, *words)
    assert (found["title"], found["method"]) == ("orleans", "bicubic")
    assert all(row["share"] == pytest.approx(1.0) for row in found["rows"])  # type: ignore[attr-defined]
    assert runner.invoke(cli, words).stdout.startswith("orleans: MODIS against Landsat")


def test_evaluate_without_its_data(runner: CliRunner, tmp_path: Path) -> None:
    for name in ("simulation", "target", "orleans", "stations", "fusion", "world"):
        result = runner.invoke(cli, ["evaluate", name, "--data", str(tmp_path), "--model", "bicubic"])
        assert result.exit_code == 1
        assert result.stdout == ""
        assert str(tmp_path) in result.stderr


def test_evaluate_bicubic_on_invented_scenes(runner: CliRunner) -> None:
    found = _json(runner, "evaluate", "simulated", "--scenes", "1", "--model", "bicubic", "--by", "season")
    labels = [row["label"] for row in found["rows"]]  # type: ignore[attr-defined]
    assert labels[:2] == ["day, 500 m", "day, 250 m"]
    assert labels[2].startswith("day, 250 m, ")
    assert len(labels) == 3


def test_evaluate_with_conservation_closes_on_the_coarse_lst(runner: CliRunner) -> None:
    found = _json(runner, "evaluate", "simulated", "--scenes", "1", "--conserve")
    assert found["method"] == "srdanet, conserving"
    assert all(row["model_metrics"]["closure_rmse"] < 1e-3 for row in found["rows"])  # type: ignore[attr-defined]


def test_train_names_what_is_wrong_in_the_configuration(runner: CliRunner, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training is an extra")
    config = tmp_path / "c.toml"
    config.write_text("iterations = 0\n")
    result = runner.invoke(cli, ["train", str(config)])
    assert result.exit_code == 2
    assert str(config) in result.stderr


def test_stations_without_a_product_or_a_list(runner: CliRunner, tmp_path: Path) -> None:
    words = ("evaluate", "stations", "--data", str(tmp_path), "--product", str(tmp_path))
    result = runner.invoke(cli, words)
    assert (result.exit_code, "holds no list of stations" in result.stderr) == (1, True)
    (tmp_path / "stations_here.csv").write_text("file,emissivity\nhere.dat,0.97\n")
    assert "holds no product" in runner.invoke(cli, words).stderr
