"""The whole processing chain: granules, a scene, a product, errors against the known truth.

The products are those stored, too: new code changes none of them.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from srdanet.cli import cli
from srdanet.errors import OutputError
from srdanet.network.bundle import load_model
from srdanet_simulator import Simulation, simulate
from srdanet_simulator.demo import run_demo

SEED, SIZE = 3, 64


STORED = json.loads(Path(__file__).with_name("golden").joinpath("demo.json").read_text(encoding="utf-8"))["demo"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    folder = tmp_path_factory.mktemp("demo") / "demo"
    words = ["demo", "-o", str(folder), "--json"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    return folder, json.loads(result.stdout)


@pytest.fixture(scope="module")
def land() -> Simulation:
    return simulate(SEED, SIZE)


def test_products_are_as_stored(demo: tuple[Path, dict[str, object]]) -> None:
    folder, told = demo
    assert told["rmse"] == pytest.approx(STORED["rmse"], abs=1e-4)
    for name, stored in STORED["rasters"].items():
        # Stored when names did not tell parts of a tile apart.
        (path,) = folder.glob(f"*_day{name.partition('_day')[2]}")
        with rasterio.open(path) as file:
            values = file.read(1)[5::16, 3::16].astype(float)
        np.testing.assert_allclose(values, np.array(stored, float), atol=1e-4, rtol=0)


def test_files_stand_where_it_says(demo: tuple[Path, dict[str, object]]) -> None:
    folder, told = demo
    named = [*told["rasters"].values(), told["picture"], told["provenance"]]  # type: ignore[attr-defined]
    assert len(named) == 4
    assert all(Path(str(path)).is_file() for path in named)
    assert not [p for p in folder.iterdir() if p.name.startswith(".")]


def test_errors_are_those_of_the_files(demo: tuple[Path, dict[str, object]], land: Simulation) -> None:
    _, told = demo
    rmse = told["rmse"]
    assert list(rmse) == ["1 km repeated", "bicubic", "SRDA-Net"]  # type: ignore[call-overload]
    with rasterio.open(told["rasters"]["250"]) as file:  # type: ignore[index]
        assert (file.transform.c, file.transform.f) == (land.geobox.affine.c, land.geobox.affine.f)
        fine = file.read(1)
    error = fine - land.truth
    assert np.isfinite(error).mean() > 0.3
    assert rmse["SRDA-Net"] == pytest.approx(float(np.sqrt(np.nanmean(error**2))), rel=1e-4)  # type: ignore[index]
    assert rmse["SRDA-Net"] < 0.8 * rmse["bicubic"]  # type: ignore[index]
    assert rmse["bicubic"] < rmse["1 km repeated"]  # type: ignore[index]


def test_the_record_names_the_granules(demo: tuple[Path, dict[str, object]]) -> None:
    folder, told = demo
    record = json.loads(Path(str(told["provenance"])).read_text())
    assert len(record["inputs"]) >= 6
    assert record["auxiliary"]["missing"] == []
    assert (folder / "granules").is_dir()


def test_the_stations_on_the_ground_see_the_errors_that_the_truth_shows(
    demo: tuple[Path, dict[str, object]], land: Simulation
) -> None:
    """A product of a simulated scene, held against the longwave radiation simulated there."""
    folder, told = demo
    words = ["evaluate", "stations", "--data", str(folder / "granules"), "--product", str(folder)]
    result = CliRunner().invoke(cli, [*words, "--json"])
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["title"], report["method"]) == ("stations", load_model().name)
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
