"""The experiments give a method what they promise, and count what it returns."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from srdanet.baselines import BICUBIC, Interpolation
from srdanet.datasets import aster, imt
from srdanet.datasets.splits import aster_part, imt_part
from srdanet.energy import degrade
from srdanet.evaluation import Report, find_method, run_simulation, run_target
from srdanet.evaluation.report import Measure, Subset, When
from srdanet.evaluation.scoring import score
from srdanet.grid import refine
from srdanet.interpolation import interpolate
from srdanet.scene import LabelledScene, Scene
from srdanet.scene.checks import on_grid


@dataclass
class Answers:
    """A method that gives prepared answers and keeps what it was asked."""

    answers: list[np.ndarray]
    asked: list[tuple[Scene, int]] = field(default_factory=list)

    def __call__(self, scene: Scene, factor: int) -> xr.Dataset:
        answer = self.answers[len(self.asked)]
        self.asked.append((scene, factor))
        return on_grid({"lst": answer}, refine(scene.geobox, factor))


def stating(sigma: dict[int, float]) -> Callable[[Scene, int], xr.Dataset]:
    """Bicubic interpolation with an uncertainty of its own at each factor."""

    def method(scene: Scene, factor: int) -> xr.Dataset:
        fine = interpolate(scene.lst["lst"].values, factor)
        layers = {"lst": fine, "lst_uncertainty": np.full_like(fine, sigma[factor])}
        return on_grid(layers, refine(scene.geobox, factor))

    return method


@pytest.fixture(scope="module")
def validation(small: Path) -> list[LabelledScene]:
    """Three patches on two dates, each by day and by night."""
    return list(imt_part(imt.read(small), "validation"))


@pytest.fixture(scope="module")
def held(small: Path) -> list[LabelledScene]:
    return aster_part(aster.read(small), "test")


def test_the_simulation_gives_what_it_promises(small: Path, validation: list[LabelledScene]) -> None:
    oracle = Answers([patch.truth[2].values for patch in validation])
    rows = run_simulation(small, oracle, "validation").rows
    assert [row.label for row in rows] == ["day, 1000 m", "night, 1000 m"]
    for row in rows:
        assert (row.model, row.share, row.count) == (0, 0, "3 patches, 2 days")
        assert row.interval == (0, 0)
        assert row.bicubic > 0.1
    assert len(oracle.asked) == 6
    for (scene, factor), patch in zip(oracle.asked, validation, strict=True):
        assert (factor, scene.day, scene.time) == (2, patch.scene.day, patch.scene.time)
        assert scene.geobox == patch.scene.geobox
        np.testing.assert_array_equal(scene.lst["lst"], degrade(patch.truth[2].values, 2))
        assert set(scene.present) == {"red", "nir", "swir2", "elevation"}


def test_errors_are_pooled_over_cells(small: Path, validation: list[LabelledScene]) -> None:
    off = np.array([1.0, 7.0, 2.0, 8.0, 4.0, 9.0])
    biased = Answers([patch.truth[2].values + d for patch, d in zip(validation, off, strict=True)])
    for row, mine in zip(run_simulation(small, biased, "validation").rows, (off[::2], off[1::2]), strict=True):
        assert row.measure == Measure.POOLED_RMSE
        assert row.model == pytest.approx(np.sqrt((mine**2).mean()), rel=1e-5)
        assert row.model_metrics["bias"] == pytest.approx(mine.mean(), rel=1e-5)
        assert row.model_metrics["closure_rmse"] == pytest.approx(row.model, rel=1e-3)
        assert row.model_metrics["detail_r2"] == pytest.approx(1, abs=1e-5)


def test_bicubic_stands_beside_itself(small: Path) -> None:
    for row in (*run_simulation(small, "bicubic", "test").rows, *run_target(small, BICUBIC, "all").rows):
        assert row.model == row.bicubic > 0
        assert row.interval == (1, 1)
        assert row.model_metrics == row.bicubic_metrics


def test_the_target_removes_each_pairs_bias(small: Path, held: list[LabelledScene]) -> None:
    truth = np.stack([pair.truth[4].values for pair in held])
    rng = np.random.default_rng(8)
    noise = rng.normal(0, 1, truth.shape) * np.array([2, 3, 9])[:, None, None]
    bias = np.array([5, -7, 0.5])[:, None, None]
    answers = np.where(np.isnan(truth), 300, truth) + noise + bias
    half, quarter = run_target(small, Answers(list(answers.astype(np.float32)))).rows
    assert (half.subset, quarter.subset) == (Subset(When.DAY, 500), Subset(When.DAY, 250))
    assert half.measure == quarter.measure == Measure.MEDIAN_STD
    assert half.count == "3 pairs"
    error = np.where(np.isnan(truth), np.nan, noise)
    assert quarter.model == pytest.approx(np.median(np.nanstd(error, axis=(1, 2))), rel=1e-4)
    means = error.reshape(3, 16, 2, 16, 2)
    count = np.isfinite(means).sum(axis=(2, 4))
    means = np.where(count >= 2, np.nansum(means, axis=(2, 4)) / np.maximum(count, 1), np.nan)
    assert half.model == pytest.approx(np.median(np.nanstd(means, axis=(1, 2))), rel=1e-4)
    assert quarter.model_metrics["median_rmse"] > quarter.model
    assert quarter.model_metrics["median_abs_bias"] == pytest.approx(5, abs=0.2)


def test_the_target_gives_what_it_promises(small: Path, held: list[LabelledScene]) -> None:
    oracle = Answers([pair.truth[4].values for pair in held])
    run_target(small, oracle)
    assert [scene.present for scene, _ in oracle.asked] == [("ndvi",), ("elevation", "ndvi"), ("ndvi",)]
    for (scene, factor), pair in zip(oracle.asked, held, strict=True):
        assert scene.identical(pair.scene)
        assert (factor, scene.time, scene.day) == (4, None, True)


def test_a_method_that_loses_cells_loses_them_everywhere(small: Path, held: list[LabelledScene]) -> None:
    """Cells without a prediction count for nobody at 500 m, so that both methods are compared on the same cells."""
    answers = [pair.truth[4].values.copy() for pair in held]
    for answer in answers:
        answer[8:] = np.nan
        answer[4, 6::3] = np.nan  # single cells of the means' four
    half, quarter = run_target(small, Answers(answers)).rows
    assert half.model == pytest.approx(0, abs=1e-6)
    assert half.model_metrics["cells"] == half.bicubic_metrics["cells"] <= 3 * 4 * 16
    assert quarter.model == 0


def test_each_level_is_compared_with_its_own_uncertainty(small: Path) -> None:
    half, quarter = run_target(small, stating({2: 1e-9, 4: 1e9}), "all").rows
    assert half.model_metrics["within_1_96_sigma"] < 0.01
    assert quarter.model_metrics["within_1_sigma"] == quarter.model_metrics["centred_within_1_sigma"] == 1
    assert not [name for name in (*half.bicubic_metrics, *quarter.bicubic_metrics) if "sigma" in name]
    day, _ = run_simulation(small, stating({2: 2.0}), "all").rows
    assert 0.3 < day.model_metrics["within_1_sigma"] < day.model_metrics["within_1_96_sigma"] < 1
    assert day.model_metrics["uncertainty_rms"] == pytest.approx(2)


def test_a_scene_is_scored_at_the_levels_of_its_truth(
    validation: list[LabelledScene], held: list[LabelledScene]
) -> None:
    assert list(score(BICUBIC, validation[1])) == [Subset(When.NIGHT, 1000)]
    assert set(score(BICUBIC, held[0])) == {Subset(When.DAY, 500), Subset(When.DAY, 250)}
    blank = LabelledScene(
        validation[0].scene, {2: validation[0].truth[2] * np.nan}, source="imt", group="x", same_sensor=True
    )
    assert score(BICUBIC, blank) == {}


def test_a_report_reads_and_keeps(small: Path) -> None:
    rows = run_simulation(small, "bilinear", "test").rows
    report = Report("simulation", "bilinear", "made up", rows, ("bias", "closure_rmse", "none such"))
    text = "\n".join(report.lines())
    assert f"{rows[0].model:.3f}" in text
    assert f"{rows[0].bicubic:.3f}" in text
    assert "5 patches, 5 days" in text
    assert "closure rmse" in report.lines()[2]
    plain = json.loads(json.dumps(report.as_dict(), allow_nan=False))["rows"][0]
    assert plain["share"] == pytest.approx(rows[0].share)
    assert (plain["when"], plain["level"], plain["stratum"]) == ("day", 1000, None)
    assert (plain["measure"], plain["counts"]) == ("pooled_rmse", {"patches": 5, "days": 5})
    assert plain["model_metrics"]["bias"] == pytest.approx(rows[0].model_metrics["bias"])


def test_methods_by_name() -> None:
    assert find_method("bilinear") == ("bilinear", Interpolation("bilinear"))
    own = Answers([])
    assert find_method(own) == ("method", own)
    assert find_method(("mine", own)) == ("mine", own)
