"""The real sets, the split as shipped, and what bicubic reaches on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from srdanet.baselines import Interpolation
from srdanet.energy import degrade
from srdanet.evaluation import run_orleans, run_simulation, run_target
from srdanet.evaluation.datasets import AsterSet, ImtSet, aster, imt
from srdanet.evaluation.orleans import orleans
from srdanet.evaluation.protocol import closed_loop
from srdanet.evaluation.splits import load_splits
from srdanet.interpolation import interpolate
from srdanet.variables import BY_NAME

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def patches(shared_data: Path) -> ImtSet:
    return imt(shared_data)


@pytest.fixture(scope="module")
def pairs(shared_data: Path) -> AsterSet:
    return aster(shared_data)


def test_patches_are_as_described(patches: ImtSet) -> None:
    assert len(patches) == 1168
    assert len(np.unique(patches.date)) == 118
    assert np.isfinite(patches.lst_day).all()
    assert np.isfinite(patches.lst_night).all()
    assert 240 < patches.lst_night.min() < patches.lst_day.max() < 335
    assert 0 < np.isnan(patches.reflectance).mean() < 1e-4
    low, high = BY_NAME["red"].low, BY_NAME["red"].high
    assert np.nanmin(patches.reflectance) >= low
    assert np.nanmax(patches.reflectance) <= high
    assert (patches.col < 832).all()


def test_the_elevation_lies_where_the_patches_are(patches: ImtSet) -> None:
    """Where it is high it is cold by night, and less so if elevation is moved by one cell or turned."""
    alpine = np.flatnonzero(np.ptp(patches.elevation, axis=(1, 2)) > 2000)
    assert len(alpine) == 44

    def cold(move: Callable[[np.ndarray], np.ndarray]) -> float:
        both = [(move(patches.elevation[i]).ravel(), patches.lst_night[i].ravel()) for i in alpine]
        return float(np.median([np.corrcoef(a, b)[0, 1] for a, b in both]))

    right = cold(lambda a: a)
    assert right < -0.8
    for axis in (0, 1):
        assert cold(lambda a, axis=axis: np.flip(a, axis)) > -0.2
        for step in (-1, 1):
            assert cold(lambda a, axis=axis, step=step: np.roll(a, step, axis)) > right + 0.02


def test_the_split_keeps_region_and_date_apart(patches: ImtSet) -> None:
    split = load_splits().imt
    train, validation, test = (split.mask(patches, role) for role in ("train", "validation", "test"))
    assert [m.sum() for m in (train, validation, test)] == [923, 70, 175]
    assert patches.col[train].max() < 640
    assert patches.col[validation].max() < 704
    assert not set(patches.date[train]) & set(patches.date[test & (patches.col < 640)])
    assert not set(patches.date[train]) & set(patches.date[validation & (patches.col < 640)])


def test_folds_do_not_touch(pairs: AsterSet) -> None:
    split = load_splits().aster
    assert np.bincount(split.fold(pairs)).tolist() == [21, 11, 16, 18]
    side = pairs.lst.shape[-1] * 926.625433
    for held in range(split.folds):
        test, train = (pairs.take(split.mask(pairs, role, held)) for role in ("test", "train"))
        assert len(train) >= 36
        gap = [np.abs(a[:, None] - b[None]) - side for a, b in ((train.x0, test.x0), (train.y0, test.y0))]
        assert np.maximum(*gap).min() > 3 * 926


def test_pairs_are_as_described(pairs: AsterSet) -> None:
    assert len(pairs) == 66
    assert np.isfinite(pairs.lst).all()
    assert np.argwhere(pairs.lst > 345).tolist() == [[5, 46, 17]]  # one hot spot, 402 K, in the source itself
    assert np.nanmin(pairs.ndvi) >= -1
    known = np.isfinite(pairs.elevation).any(axis=(1, 2))
    assert known.sum() == 19
    bias = np.nanmean(degrade(pairs.aster, 4) - pairs.lst, axis=(1, 2))
    assert np.median(bias) == pytest.approx(0.5, abs=0.15)
    assert sorted(pairs.id[np.abs(bias) > 2.2].tolist()) == [40, 88, 95, 197]


@pytest.mark.parametrize(("when", "everywhere", "apart"), [("day", 0.402, 0.462), ("night", 0.262, 0.290)])
def test_bicubic_in_the_simulation(patches: ImtSet, when: str, everywhere: float, apart: float) -> None:
    truth = patches.lst_day if when == "day" else patches.lst_night
    error = interpolate(degrade(truth, 2), 2).astype(np.float64) - truth
    assert np.sqrt((error**2).mean()) == pytest.approx(everywhere, abs=0.001)
    row = closed_loop(Interpolation(), patches, "test", when)  # type: ignore[arg-type]
    assert row.count == "175 patches, 41 days"
    assert row.bicubic == pytest.approx(apart, abs=0.001)
    assert row.bicubic == pytest.approx(np.sqrt((error[load_splits().imt.mask(patches, "test")] ** 2).mean()), abs=1e-5)


def test_bilinear_is_worse_and_the_interval_says_so(shared_data: Path) -> None:
    for row in run_simulation(shared_data, "bilinear", "validation").rows:
        assert 1.1 < row.interval.low < row.share < row.interval.high < 1.3


def test_bicubic_at_the_target_scale(shared_data: Path) -> None:
    half, quarter = run_target(shared_data, "bicubic", "all").rows
    assert half.bicubic == pytest.approx(1.33, abs=0.005)
    assert quarter.bicubic == pytest.approx(1.494, abs=0.005)
    half, quarter = run_target(shared_data, "bicubic").rows
    assert half.bicubic == pytest.approx(1.282, abs=0.005)
    assert quarter.bicubic == pytest.approx(1.415, abs=0.005)


def test_orleans_overlaps_landsat(shared_data: Path) -> None:
    dates = list(orleans(shared_data))
    assert [str(d.date) for d in dates] == ["2017-01-19", "2017-04-09", "2018-02-23", "2019-09-06"]
    assert [int(np.isnan(d.lst).sum()) for d in dates] == [0, 0, 0, 3]
    found = []
    for day in dates:
        error = day.lst - degrade(day.landsat, 4)
        found.append((np.nanmean(error), np.nanstd(error)))
        known = np.isfinite(error)
        assert known.sum() >= 150
        assert np.corrcoef(day.lst[known], degrade(day.landsat, 4)[known])[0, 1] > 0.5
    np.testing.assert_allclose([b for b, _ in found[:3]], [1.05, -1.36, 0.92], atol=0.05)
    np.testing.assert_allclose([s for _, s in found[:3]], [0.36, 1.9, 0.72], atol=0.08)


def test_orleans_water_index_is_not_gaos(shared_data: Path) -> None:
    """It mirrors NDVI, as (green - nir) / (green + nir) must; Gao's rises with it."""
    day = next(orleans(shared_data)).indices
    known = np.isfinite(day["ndvi"].values)
    assert np.corrcoef(day["ndvi"].values[known], day["ndwi_mcfeeters"].values[known])[0, 1] < -0.9


def test_bicubic_at_orleans(shared_data: Path) -> None:
    rows = run_orleans(shared_data, "bicubic").rows
    assert [r.label for r in rows[:2]] == ["2017-01-19, 500 m", "2017-01-19, 250 m"]
    assert len(rows) == 8
    np.testing.assert_allclose([r.bicubic for r in rows[1:6:2]], [0.534, 2.945, 0.989], atol=0.01)
