"""Rows of `evaluate world`: shares, overshoot and lattice mean what they say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from small_sets import write_places
from srdanet.cli import cli
from srdanet.datasets import world
from srdanet.energy import aggregate
from srdanet.evaluation.metrics import Overshoot
from srdanet.evaluation.world import EACH, MODEL, TRUTH, USUAL, Lattice, WorldReport, choose, run_world
from srdanet.predictors import indices


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    write_places(folder)
    return folder


@pytest.fixture(scope="module")
def report(root: Path) -> WorldReport:
    return run_world(root, "tsharp", places=["talca", "zhangye"])


def test_overshoot_is_counted_beyond_the_neighbouring_coarse_cells() -> None:
    coarse = np.array([[300.0, 301.0, 302.0], [300.0, np.nan, 300.0], [300.0, 300.0, 300.0]])
    image = np.kron(coarse, np.ones((2, 2)))
    assert Overshoot.of(image, coarse).rms == 0
    image[0, 0] = 304.0  # three above the greatest, 301
    image[5, 0] = 296.0  # four below the least
    found = Overshoot.of(image, coarse)
    assert (found.n, found.beyond, found.squared) == (32, 2, 9 + 16)
    assert found.rms == pytest.approx((25 / 32) ** 0.5)
    assert np.isnan(Overshoot().rms)


@pytest.mark.parametrize("period", [4, 2])
def test_a_lattice_shows_at_its_own_period_with_its_own_strength(period: int) -> None:
    rng = np.random.default_rng(4)
    noise = rng.normal(300, 0.5, (96, 128))
    clean = Lattice.of(noise)
    assert clean.ratio(4) == pytest.approx(1, abs=0.15)
    assert clean.ratio(2) == pytest.approx(1, abs=0.2)
    wave = np.array({4: [1, 0, -1, 0], 2: [1, -1]}[period], float)
    striped = noise + 0.5 * np.tile(wave, 128 // period)[None]
    found = Lattice.of(striped)
    assert found.ratio(period) > 3
    assert found.ratio(6 - period) == pytest.approx(clean.ratio(6 - period), abs=0.05)
    # it varies along rows alone, which are half of all lines but for the number of pieces in them
    rows = 96 * 7 / (96 * 7 + 128 * 5)
    assert found.excess == pytest.approx(0.5 * (wave**2).mean() ** 0.5 * rows**0.5, rel=0.1)
    striped[:, 60] = np.nan
    assert Lattice.of(striped).ratio(period) > 3


def test_rows_come_by_place_and_set_of_predictors(report: WorldReport) -> None:
    assert [(row.place, row.guides) for row in report.rows] == [
        ("talca", "ndvi"), ("talca", "all"), ("talca", "none"), ("zhangye", "ndvi"), ("zhangye", "none"),
    ]  # fmt: skip
    for row in report.rows:
        assert row.images == 1
        assert (row.present == ()) == (row.guides == "none")
        if row.guides == "none":
            assert "tsharp" not in row.methods
            assert row.rmse(MODEL) == row.rmse("bicubic")
        else:
            assert row.share(MODEL, "tsharp") == 1
        assert row.methods["bicubic-conserving"].closure.rmse < 1e-3 < row.methods["bicubic"].closure.rmse
        assert row.methods[TRUTH].error.rmse == 0
    assert len({len(line.split("  ")[0]) for line in report.lines()[3:]}) >= 1
    assert json.dumps(report.as_dict(), allow_nan=False)


def test_all_images_of_a_place_count(root: Path) -> None:
    row = run_world(root, "bicubic", places=["imperial"], subsets=["none"]).rows[0]
    labelled = next(world.scenes("imperial", root))
    truth = labelled.truth[4].values
    assert row.methods[MODEL].error.n == np.isfinite(truth).sum()
    assert row.share(MODEL) == 1


def test_indices_come_from_bands_that_are_then_hidden(root: Path) -> None:
    labelled = world.with_guides(next(world.scenes("talca", root)), ("red", "nir", "blue"))
    chosen = choose(labelled, ("ndvi", "evi", "ndwi"))
    assert chosen.scene.present == ("ndvi", "evi")
    red, nir = (aggregate(labelled.scene.variable(name).values[:80, :120], 10) for name in ("red", "nir"))
    expected = indices.ndvi(red, nir)
    known = np.isfinite(expected)
    np.testing.assert_allclose(chosen.scene.variable("ndvi").values[known], expected[known], atol=0.02)
    assert choose(labelled, ("red",)).scene.present == ("red",)
    assert choose(labelled, None) is labelled


def test_the_command_prints_each_subset_or_plain_data(root: Path) -> None:
    words = ["evaluate", "world", "--data", str(root), "--model", "bicubic", "--place", "talca", "--undated"]
    runner = CliRunner()
    found = json.loads(runner.invoke(cli, [*words, "--guides", "--json"]).stdout)
    assert [row["guides"] for row in found["rows"]] == list(EACH)
    assert found["rows"][0]["methods"]["model"]["share_of_bicubic"] == 1
    blurred = runner.invoke(cli, [*words, "--blur", "0.35", "--noise", "0.5"]).stdout
    assert "blurred by 0.35 cells with noise of 0.5 K" in blurred
    assert blurred.count("talca") == len(USUAL)
    wrong = runner.invoke(cli, [*words, "--place", "atlantis"])
    assert wrong.exit_code == 2
    assert "Choose from zhangye" in wrong.stderr
