"""Seasons, relief, cover and angle: each cell in its class, and the classes make up the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from srdanet.baselines import BICUBIC
from srdanet.datasets import aster
from srdanet.datasets.aster import COVER
from srdanet.errors import ArgumentError
from srdanet.evaluation import run_simulation, run_target, strata
from srdanet.evaluation.report import Measure, Subset, When
from srdanet.evaluation.scoring import score


@pytest.mark.parametrize(
    ("date", "north", "south"),
    [
        ("2020-12-01", "winter", "summer"),
        ("2021-02-28", "winter", "summer"),
        ("2020-03-01", "spring", "autumn"),
        ("2020-08-31", "summer", "winter"),
        ("1969-11-30", "autumn", "spring"),
    ],
)
def test_seasons_turn_over_in_the_south(date: str, north: str, south: str) -> None:
    assert strata.season(np.datetime64(date), 45.0) == north
    assert strata.season(np.datetime64(date), -35.0) == south


def test_relief_is_the_spread_of_height_around_a_cell() -> None:
    rng = np.random.default_rng(2)
    spread = np.repeat([5.0, 50.0, 300.0], 40)
    height = 1500 + rng.normal(0, 1, (60, 120)) * spread
    height[20:25, 60:70] = np.nan
    found = strata.relief(height, 250.0)
    assert list(found) == ["plain", "hills", "mountains"]
    inside = slice(10, 30), slice(50, 70), slice(90, 110)
    for name, columns in zip(found, inside, strict=True):
        known = np.isfinite(height[:, columns])
        assert found[name][:, columns][known].all()
        assert not found[name][:, columns][~known].any()
    assert not any(mask.any() for mask in strata.relief(np.full((9, 9), np.nan), 250.0).values())


def test_cover_takes_the_name_of_most_of_the_cell() -> None:
    shares = np.zeros((7, 2, 3), np.float32)
    shares[2, 0], shares[4, 0] = [0.5, 0.4, 0.0], [0.3, 0.4, 0.8]
    shares[:, 1, 2] = np.nan
    found = strata.cover(dict(zip(COVER, shares, strict=True)))
    assert found["farmland"].tolist() == [[True, False, False], [False, False, False]]
    assert found["urban"].tolist() == [[False, False, True], [False, False, False]]
    assert found["mixed"].tolist() == [[False, True, False], [True, True, False]]


def test_classes_of_land_cover_and_of_angle() -> None:
    found = strata.igbp(np.array([[12, 14, 10], [255, 17, 0]], np.uint8))
    assert found["farmland"].tolist() == [[True, True, False], [False, False, False]]
    assert sum(mask.sum() for mask in found.values()) == 4
    angles = strata.angle(np.array([[-45.0, 19.9, 20.0, np.nan]]))
    assert [mask.tolist()[0] for mask in angles.values()] == [
        [False, True, False, False],
        [False, False, True, False],
        [True, False, False, False],
    ]


def test_the_seasons_make_up_the_year(small: Path) -> None:
    report = run_simulation(small, "bilinear", "all", "season")
    whole, *parts = [row for row in report.rows if row.subset.when == When.DAY]
    assert [row.subset.stratum for row in parts] == ["spring", "summer", "winter"]
    cells = [row.model_metrics["cells"] for row in parts]
    assert sum(cells) == whole.model_metrics["cells"]
    squares = sum(n * row.model**2 for n, row in zip(cells, parts, strict=True))
    assert squares / sum(cells) == pytest.approx(whole.model**2)


def test_the_pairs_are_sorted_where_they_are_known(small: Path) -> None:
    *_, farm, forest = run_target(small, BICUBIC, "all", by="cover").rows
    assert (farm.label, forest.label) == ("day, 250 m, farmland", "day, 250 m, forest")
    assert (farm.count, forest.count) == ("630 cells, 1 pairs", "384 cells, 1 pairs")
    assert farm.measure == Measure.CENTRED_RMSE
    second = score(BICUBIC, list(aster.read(small))[1])[Subset(When.DAY, 250)]
    assert (630 * farm.model**2 + 384 * forest.model**2) / 1014 == pytest.approx(second.model.error.std**2)
    labels = [row.label for row in run_target(small, BICUBIC, "all", by="relief").rows]
    assert labels[2:] == ["day, 250 m, mountains"]


def test_what_is_not_known_cannot_sort(small: Path) -> None:
    with pytest.raises(ArgumentError, match="cover"):
        run_simulation(small, BICUBIC, "all", by="cover")
    for by in ("season", "angle"):
        with pytest.raises(ArgumentError, match=f"cannot be sorted by {by}"):
            run_target(small, BICUBIC, "all", by=by)  # type: ignore[arg-type]
