"""The whole processing chain: granules, a scene, a product, errors against the known truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from srdanet.cli import cli
from srdanet.downscaling import run
from srdanet.errors import OutputError
from srdanet.interpolation import interpolate
from srdanet_simulator import simulate
from srdanet_simulator.demo import run_demo

SEED, SIZE = 3, 24


class Bicubic:
    """Answers as the network does, at once."""

    name, version, sha256 = "bicubic", "1", "ab" * 32
    halo = 2

    def step(self, lst: np.ndarray, channels: np.ndarray, context: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        fine = interpolate(lst, 2, "bicubic")
        return np.nan_to_num(fine, nan=280.0), np.full(fine.shape, 0.6, np.float32)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    folder = tmp_path_factory.mktemp("demo") / "demo"
    words = ["demo", "-o", str(folder), "--seed", str(SEED), "--size", str(SIZE), "--json"]
    with pytest.MonkeyPatch.context() as patch:
        # What is tested here is the chain, not the model; bicubic answers in its place.
        patch.setattr(run, "load_model", lambda model: Bicubic())
        result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    return folder, json.loads(result.stdout)


def test_files_stand_where_it_says(demo: tuple[Path, dict[str, object]]) -> None:
    folder, told = demo
    named = [*told["rasters"].values(), told["picture"], told["provenance"]]  # type: ignore[attr-defined]
    assert len(named) == 4
    assert all(Path(str(path)).is_file() for path in named)
    assert not [p for p in folder.iterdir() if p.name.startswith(".")]


def test_errors_are_those_of_the_files(demo: tuple[Path, dict[str, object]]) -> None:
    _, told = demo
    rmse = told["rmse"]
    assert list(rmse) == ["1 km repeated", "bicubic", "SRDA-Net"]  # type: ignore[call-overload]
    land = simulate(SEED, SIZE)
    with rasterio.open(told["rasters"]["250"]) as file:  # type: ignore[index]
        assert (file.transform.c, file.transform.f) == (land.geobox.affine.c, land.geobox.affine.f)
        fine = file.read(1)
    error = fine - land.truth
    assert np.isfinite(error).mean() > 0.3
    assert rmse["SRDA-Net"] == pytest.approx(float(np.sqrt(np.nanmean(error**2))), rel=1e-4)  # type: ignore[index]
    assert rmse["bicubic"] == pytest.approx(rmse["SRDA-Net"], abs=0.05)  # type: ignore[index]
    assert rmse["bicubic"] < rmse["1 km repeated"]  # type: ignore[index]


def test_the_record_names_the_granules(demo: tuple[Path, dict[str, object]]) -> None:
    folder, told = demo
    record = json.loads(Path(str(told["provenance"])).read_text())
    assert len(record["inputs"]) >= 6
    assert record["auxiliary"]["missing"] == []
    assert (folder / "granules").is_dir()


def test_the_stations_on_the_ground_see_the_errors_that_the_truth_shows(demo: tuple[Path, dict[str, object]]) -> None:
    """A product of a simulated scene, held against the longwave radiation simulated there."""
    folder, told = demo
    words = ["evaluate", "stations", "--data", str(folder / "granules"), "--product", str(folder)]
    result = CliRunner().invoke(cli, [*words, "--json"])
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["title"], report["method"]) == ("stations", "bicubic")
    land = simulate(SEED, SIZE)
    sites = land.raw.sites
    with rasterio.open(told["rasters"]["250"]) as file:  # type: ignore[index]
        errors = (file.read(1) - land.truth)[sites.row, sites.col]
    rows = [row for row in report["rows"] if row["label"].endswith("250 m")]
    assert len(rows) == np.isfinite(errors).sum() > 0
    found = [row["model_metrics"]["error"] for row in rows]
    assert found == pytest.approx(errors[np.isfinite(errors)].tolist(), abs=0.05)
    assert all(row["bicubic"] is None and row["model_metrics"]["uncertainty"] > 0 for row in rows)
    assert any("500 m" in row["label"] for row in report["rows"])
    assert "nan" not in CliRunner().invoke(cli, words).stdout


def test_a_second_demo_is_refused(demo: tuple[Path, dict[str, object]]) -> None:
    with pytest.raises(OutputError, match="exists already"):
        run_demo(demo[0], seed=SEED, size=SIZE)
