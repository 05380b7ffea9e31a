"""The verb `srdanet simulate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from srdanet.cli import cli


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


def _json(runner: CliRunner, *words: str) -> dict[str, object]:
    result = runner.invoke(cli, [*words, "--json"])
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_simulate_writes_files_that_prepare_reads(runner: CliRunner, tmp_path: Path) -> None:
    out = tmp_path / "land"
    words = ("simulate", "--seed", "5", "--size", "12", "--tile", "h17v05", "--date", "2020060", "-o", str(out))
    found = _json(runner, *words)
    assert all(Path(name).is_file() for name in found["files"])  # type: ignore[attr-defined]
    plan = _json(runner, "prepare", str(out), "--dry-run")
    assert (plan["tile"], plan["date"], plan["missing"]) == ("h17v05", "2020-02-29", {})
    again = runner.invoke(cli, words)
    assert (again.exit_code, "exists already" in again.stderr) == (1, True)


def test_simulate_makes_a_tile_unless_told_otherwise(runner: CliRunner, tmp_path: Path) -> None:
    out = tmp_path / "land"
    words = ("simulate", "--tile", "h26v05", "--date", "2020-07-15", "--seed", "7", "-o", str(out), "--dry-run")
    planned = _json(runner, *words)
    assert (planned["size"], planned["dates"]) == (1200, ["2020-07-15"])
    assert not out.exists()
    names = [str(Path(name).relative_to(out)) for name in planned["writes"]]  # type: ignore[attr-defined]
    granules = {name.partition(".")[0] for name in names if name.endswith(".hdf")}
    assert granules == {"MOD11A1", "MOD09GA", "MOD09GQ", "MCD43A3", "MCD12Q1"}
    assert "MOD11A1.A2020197.h26v05.061." in names[0]
    assert "N39E115.hgt" in names
    assert sum(name.startswith("truth/") for name in names) == 12
    assert sum(name.endswith(".dat") for name in names) == 4
    told = runner.invoke(cli, words).stdout.splitlines()
    assert told[0] == f"would write {out / names[0]}"
    assert told[-1].endswith(" MB")


def test_simulate_takes_several_days(runner: CliRunner, tmp_path: Path) -> None:
    words = ("simulate", "--size", "8", "-o", str(tmp_path), "--dry-run")
    several = _json(runner, *words, "--date", "2020-03-01", "--date", "2020-02-28..2020-03-01")
    assert several["dates"] == ["2020-02-28", "2020-02-29", "2020-03-01"]
    names = [Path(name).name for name in several["writes"]]  # type: ignore[attr-defined]
    assert len(names) == len(set(names))
    assert sum(name.startswith("MOD11A1") for name in names) == 3
    assert sum(name.startswith("MCD12Q1") for name in names) == 1


def test_simulated_files_are_not_overwritten(runner: CliRunner, tmp_path: Path) -> None:
    words = ("simulate", "--size", "8", "-o", str(tmp_path), "--dry-run")
    first = Path(_json(runner, *words)["writes"][-1])  # type: ignore[index]
    first.parent.mkdir()
    first.touch()
    result = runner.invoke(cli, words)
    assert (result.exit_code, "exists already" in result.stderr) == (1, True)
    assert runner.invoke(cli, [*words, "--overwrite"]).exit_code == 0
