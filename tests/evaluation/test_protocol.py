"""The experiments give a method what they promise, and count what it returns."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pytest
import xarray as xr
from odc.geo.geobox import GeoBox

from srdanet.baselines import Interpolation
from srdanet.energy import degrade
from srdanet.evaluation import Report
from srdanet.evaluation.datasets import AsterSet, ImtSet
from srdanet.evaluation.experiments import method
from srdanet.evaluation.protocol import closed_loop, target
from srdanet.grid import coordinates, geobox_of, nesting, refine, same_crs


@dataclass
class Answers:
    """A downscaler that gives prepared answers and keeps what it was asked."""

    answers: list[np.ndarray]
    asked: list[dict] = field(default_factory=list)

    def __call__(self, lst: xr.DataArray, auxiliary: xr.Dataset | None = None, **given: object) -> xr.Dataset:
        answer = self.answers[len(self.asked)]
        self.asked.append({"lst": lst, "auxiliary": auxiliary, **given})
        return xr.Dataset({"lst": (("y", "x"), answer)}, coordinates(refine(geobox_of(lst), given["factor"])))


def same(a: GeoBox, b: GeoBox) -> bool:
    return a.shape == b.shape and a.affine.almost_equals(b.affine, 1e-3) and same_crs(a.crs, b.crs)


def test_the_closed_loop_gives_what_it_promises(patches: ImtSet) -> None:
    oracle = Answers([patches.lst_night[i] for i in (4, 5, 10)])
    row = closed_loop(oracle, patches, "validation", "night")
    assert (row.model, row.share, row.count) == (0, 0, "3 patches, 2 days")
    assert row.interval == (0, 0)
    asked = oracle.asked[2]
    np.testing.assert_allclose(asked["lst"], degrade(patches.lst_night[10], 2))
    assert sorted(asked["auxiliary"]) == ["elevation", "nir", "red", "swir2"]
    np.testing.assert_array_equal(asked["auxiliary"]["swir2"], patches.reflectance[10, 2])
    np.testing.assert_array_equal(asked["auxiliary"]["elevation"], patches.elevation[10])
    assert nesting(geobox_of(asked["lst"]), geobox_of(asked["auxiliary"])).factor == 2
    assert same(geobox_of(asked["auxiliary"]), patches.geobox(10))
    assert asked["time"] == patches[10].time("night")
    assert (asked["factor"], asked["day"]) == (2, False)


def test_errors_are_pooled_over_cells(patches: ImtSet) -> None:
    off = np.array([1.0, 2.0, 4.0])
    biased = Answers([patches.lst_day[i] + d for i, d in zip((4, 5, 10), off, strict=True)])
    row = closed_loop(biased, patches, "validation", "day")
    assert row.model == pytest.approx(np.sqrt((off**2).mean()), rel=1e-5)
    assert row.model_metrics["bias"] == pytest.approx(off.mean(), rel=1e-5)
    assert row.model_metrics["closure rmse"] == pytest.approx(row.model, rel=1e-3)
    assert row.model_metrics["detail r2"] == pytest.approx(1, abs=1e-6)


def test_bicubic_stands_beside_itself(patches: ImtSet, pairs: AsterSet) -> None:
    rows = [closed_loop(Interpolation(), patches, "test"), *target(Interpolation(), pairs, "all")]
    for row in rows:
        assert row.model == row.bicubic > 0
        assert row.interval == (1, 1)
        assert row.model_metrics == row.bicubic_metrics


def test_the_target_removes_each_pairs_bias(pairs: AsterSet) -> None:
    rng = np.random.default_rng(8)
    noise = rng.normal(0, 1, pairs.aster.shape) * np.array([1, 1, 2, 3, 9])[:, None, None]
    bias = np.array([0, 0, 5, -7, 0.5])[:, None, None]
    answers = np.where(np.isnan(pairs.aster), 300, pairs.aster) + noise + bias
    asked = Answers(list(answers[2:].astype(np.float32)))
    half, quarter = target(asked, pairs, "test")
    error = np.where(np.isnan(pairs.aster), np.nan, noise)[2:]
    assert quarter.model == pytest.approx(np.median(np.nanstd(error, axis=(1, 2))), rel=1e-4)
    means = error.reshape(3, 16, 2, 16, 2)
    count = np.isfinite(means).sum(axis=(2, 4))
    means = np.where(count >= 2, np.nansum(means, axis=(2, 4)) / np.maximum(count, 1), np.nan)
    assert half.model == pytest.approx(np.median(np.nanstd(means, axis=(1, 2))), rel=1e-4)
    assert quarter.model_metrics["median rmse"] > quarter.model
    assert quarter.model_metrics["median |bias|"] == pytest.approx(5, abs=0.2)


def test_the_target_gives_what_it_promises(pairs: AsterSet) -> None:
    asked = Answers(list(pairs.aster[2:]))
    target(asked, pairs, "test")
    assert [sorted(a["auxiliary"]) for a in asked.asked] == [["ndvi"], ["elevation", "ndvi"], ["ndvi"]]
    for i, given in enumerate(asked.asked, 2):
        np.testing.assert_array_equal(given["lst"], pairs.lst[i])
        np.testing.assert_array_equal(given["auxiliary"]["ndvi"], pairs.ndvi[i])
        assert same(geobox_of(given["lst"]), pairs.geobox(i))
        assert nesting(geobox_of(given["lst"]), geobox_of(given["auxiliary"])).factor == 4
        assert (given["factor"], given["time"], given["day"]) == (4, None, True)


def test_a_method_that_loses_cells_loses_them_everywhere(pairs: AsterSet) -> None:
    """Cells without a prediction count for nobody at 500 m, so that the two methods are held against the same cells."""
    answers = pairs.aster[2:].copy()
    answers[:, 8:, :] = np.nan
    half, quarter = target(Answers(list(answers)), pairs, "test")
    assert half.model == pytest.approx(0, abs=1e-6)
    assert quarter.model == 0


def test_a_report_reads_and_keeps(patches: ImtSet) -> None:
    rows = (closed_loop(Interpolation("bilinear"), patches, "test"),)
    report = Report("simulation", "bilinear", "made up", rows, ("bias", "none such"))
    text = "\n".join(report.lines())
    assert f"{rows[0].model:.3f}" in text
    assert f"{rows[0].bicubic:.3f}" in text
    assert "5 patches, 5 days" in text
    plain = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert plain["rows"][0]["share"] == pytest.approx(rows[0].share)
    assert plain["rows"][0]["model_metrics"]["bias"] == pytest.approx(rows[0].model_metrics["bias"])


def test_methods_by_name() -> None:
    assert method("bilinear") == ("bilinear", Interpolation("bilinear"))
    own = Answers([])
    assert method(own) == ("method", own)
