"""The real sets, the split as shipped, and what bicubic reaches on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from srdanet.datasets import aster, imt, orleans
from srdanet.datasets.splits import aster_fold, aster_roles, imt_role, load_splits
from srdanet.energy import degrade
from srdanet.evaluation import run_orleans, run_simulation, run_target
from srdanet.grid import Level, refine
from srdanet.interpolation import interpolate
from srdanet.scene import LabelledScene
from srdanet.variables import BY_NAME

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def every_patch(shared_data: Path) -> list[LabelledScene]:
    return list(imt.read(shared_data))


@pytest.fixture(scope="module")
def patches(every_patch: list[LabelledScene]) -> dict[str, list[LabelledScene]]:
    """By day and by night."""
    return {"day": every_patch[::2], "night": every_patch[1::2]}


@pytest.fixture
def read_once(every_patch: list[LabelledScene], monkeypatch: pytest.MonkeyPatch) -> None:
    """Experiments get the patches that are read already."""
    monkeypatch.setattr(imt, "read", lambda root: iter(every_patch))


@pytest.fixture(scope="module")
def pairs(shared_data: Path) -> list[LabelledScene]:
    return list(aster.read(shared_data))


def _layers(scenes: list[LabelledScene], name: str) -> np.ndarray:
    return np.stack([labelled.scene.variable(name).values for labelled in scenes])


def _truth(scenes: list[LabelledScene]) -> np.ndarray:
    return np.stack([labelled.truth[labelled.finest].values for labelled in scenes])


def _column(labelled: LabelledScene) -> int:
    affine = labelled.scene.geobox.affine
    return round((affine.c - imt.TILE.corner[0]) / Level.KM1.metres)


def test_patches_are_as_described(patches: dict[str, list[LabelledScene]]) -> None:
    assert [len(some) for some in patches.values()] == [1168, 1168]
    assert len({patch.group for patch in patches["day"]}) == 118
    day, night = (_truth(patches[when]) for when in ("day", "night"))
    assert np.isfinite(day).all()
    assert np.isfinite(night).all()
    assert 240 < night.min() < day.max() < 335
    bands = np.stack([_layers(patches["day"], name) for name in imt.BANDS])
    assert 0 < np.isnan(bands).mean() < 1e-4
    assert np.nanmin(bands) >= BY_NAME["red"].low
    assert np.nanmax(bands) <= BY_NAME["red"].high
    assert all(_column(patch) < 832 for patch in patches["day"])


def test_the_elevation_lies_where_the_patches_are(patches: dict[str, list[LabelledScene]]) -> None:
    """Where it is high it is cold by night, and less so if elevation is moved by one cell or turned."""
    heights, night = _layers(patches["night"], "elevation"), _truth(patches["night"])
    alpine = np.flatnonzero(np.ptp(heights, axis=(1, 2)) > 2000)
    assert len(alpine) == 44

    def cold(move: Callable[[np.ndarray], np.ndarray]) -> float:
        both = [(move(heights[i]).ravel(), night[i].ravel()) for i in alpine]
        return float(np.median([np.corrcoef(a, b)[0, 1] for a, b in both]))

    right = cold(lambda a: a)
    assert right < -0.8
    for axis in (0, 1):
        assert cold(lambda a, axis=axis: np.flip(a, axis)) > -0.2
        for step in (-1, 1):
            assert cold(lambda a, axis=axis, step=step: np.roll(a, step, axis)) > right + 0.02


def test_the_split_keeps_region_and_date_apart(patches: dict[str, list[LabelledScene]]) -> None:
    roles = [imt_role(patch) for patch in patches["day"]]
    assert roles == [imt_role(patch) for patch in patches["night"]]
    assert [roles.count(role) for role in ("train", "validation", "test")] == [923, 70, 175]
    train, validation, test = (
        [(_column(p), p.group) for p, own in zip(patches["day"], roles, strict=True) if own == role]
        for role in ("train", "validation", "test")
    )
    assert max(train)[0] < 640
    assert max(validation)[0] < 704
    dates = {date for _, date in train}
    for others in (test, validation):
        assert not dates & {date for column, date in others if column < 640}


def test_folds_do_not_touch(pairs: list[LabelledScene]) -> None:
    assert np.bincount([aster_fold(pair) for pair in pairs]).tolist() == [21, 11, 16, 18]
    corners = np.array([(p.scene.geobox.affine.c, p.scene.geobox.affine.f) for p in pairs])
    side = pairs[0].scene.geobox.shape[1] * 926.625433
    for held in range(load_splits().aster.folds):
        roles = np.array(aster_roles(pairs, held), object)
        train, test = (corners[roles == role] for role in ("train", "test"))
        assert len(train) >= 36
        gap = np.abs(train[:, None] - test[None]) - side
        assert gap.max(axis=-1).min() > 3 * 926


def test_pairs_are_as_described(pairs: list[LabelledScene]) -> None:
    assert len(pairs) == 66
    lst = np.stack([pair.scene.lst["lst"].values for pair in pairs])
    truth = _truth(pairs)
    assert np.isfinite(lst).all()
    assert np.argwhere(lst > 345).tolist() == [[5, 46, 17]]  # one hot spot, 402 K, in the source itself
    assert np.nanmin(_layers(pairs, "ndvi")) >= -1
    assert sum("elevation" in pair.scene.present for pair in pairs) == 19
    bias = np.nanmean(degrade(truth, 4) - lst, axis=(1, 2))
    assert np.median(bias) == pytest.approx(0.5, abs=0.15)
    numbers = [int(pair.attributes["id"]) for pair in pairs]
    assert sorted(n for n, b in zip(numbers, bias, strict=True) if abs(b) > 2.2) == [40, 88, 95, 197]


@pytest.mark.usefixtures("read_once")
def test_bicubic_in_the_simulation(patches: dict[str, list[LabelledScene]], shared_data: Path) -> None:
    rows = run_simulation(shared_data, "bicubic").rows
    for row, everywhere, apart in zip(rows, (0.402, 0.262), (0.462, 0.290), strict=True):
        some = patches[row.subset.when]
        truth = _truth(some)
        error = interpolate(degrade(truth, 2), 2).astype(np.float64) - truth
        assert np.sqrt((error**2).mean()) == pytest.approx(everywhere, abs=0.001)
        test = np.array([imt_role(patch) == "test" for patch in some])
        assert row.count == "175 patches, 41 days"
        assert row.bicubic == pytest.approx(apart, abs=0.001)
        assert row.bicubic == pytest.approx(np.sqrt((error[test] ** 2).mean()), abs=1e-5)


@pytest.mark.usefixtures("read_once")
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
    assert half.count == "18 pairs"


def test_orleans_overlaps_landsat(shared_data: Path) -> None:
    dates = list(orleans.read(shared_data))
    assert [date.group for date in dates] == ["2017-01-19", "2017-04-09", "2018-02-23", "2019-09-06"]
    modis = [date.scene.lst["lst"].values for date in dates]
    assert [int(np.isnan(lst).sum()) for lst in modis] == [0, 0, 0, 3]
    found = []
    for lst, date in zip(modis, dates, strict=True):
        landsat = degrade(date.truth[4].values, 4)
        error = lst - landsat
        found.append((np.nanmean(error), np.nanstd(error)))
        known = np.isfinite(error)
        assert known.sum() >= 150
        assert np.corrcoef(lst[known], landsat[known])[0, 1] > 0.5
        assert refine(date.scene.geobox, 4).shape == date.truth[4].shape
    np.testing.assert_allclose([b for b, _ in found[:3]], [1.05, -1.36, 0.92], atol=0.05)
    np.testing.assert_allclose([s for _, s in found[:3]], [0.36, 1.9, 0.72], atol=0.08)


def test_orleans_water_index_is_not_gaos(shared_data: Path) -> None:
    """It mirrors NDVI, as (green - nir) / (green + nir) must; Gao's rises with it."""
    date = next(orleans.read(shared_data))
    assert date.surface is not None
    ndvi, ndwi = date.scene.variable("ndvi").values, date.surface["ndwi_mcfeeters"].values
    known = np.isfinite(ndvi)
    assert np.corrcoef(ndvi[known], ndwi[known])[0, 1] < -0.9


def test_bicubic_at_orleans(shared_data: Path) -> None:
    rows = run_orleans(shared_data, "bicubic").rows
    assert [r.label for r in rows[:2]] == ["2017-01-19, 500 m", "2017-01-19, 250 m"]
    assert len(rows) == 8
    np.testing.assert_allclose([r.bicubic for r in rows[1:6:2]], [0.534, 2.945, 0.989], atol=0.01)
