"""Invented scenes: the method is given all there is, and held against the truth."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from srdanet.baselines import Interpolation
from srdanet.evaluation import simulated
from srdanet.grid import coordinates, geobox_of, nesting, refine
from srdanet_simulator import Simulation


@pytest.fixture(scope="module")
def lands() -> list[Simulation]:
    return list(simulated.scenes(4, size=12))


class Knowing:
    """Gives the truth and one more kelvin; keeps what it was given."""

    def __init__(self, lands: list[Simulation]) -> None:
        self.lands, self.asked = iter(lands), []

    def __call__(self, lst: xr.DataArray, auxiliary: list[xr.Dataset], **given: object) -> xr.Dataset:
        self.asked.append((lst, auxiliary, given))
        gap = np.isnan(lst.values).repeat(4, 0).repeat(4, 1)
        answer = np.where(gap, np.nan, next(self.lands).truth + 1)
        return xr.Dataset({"lst": (("y", "x"), answer)}, coordinates(refine(geobox_of(lst), 4)))


def test_scenes_follow_from_their_seeds_and_differ(lands: list[Simulation]) -> None:
    assert [land.seed for land in lands] == [9000, 9001, 9002, 9003]
    assert [land.day for land in lands] == [True, False, True, False]
    assert {land.date.year for land in lands} == {2021}
    assert len({(str(land.tile), land.date, land.offset) for land in lands}) == 4
    np.testing.assert_array_equal(next(simulated.scenes(1, 12, 9002)).truth, lands[2].truth)


def test_a_method_is_given_everything_and_held_against_the_truth(lands: list[Simulation]) -> None:
    knowing = Knowing(lands)
    rows = simulated.known(knowing, lands)
    labels = [f"{when}, {size} m" for when in ("day", "night", "day and night") for size in (500, 250)]
    assert [row.label for row in rows] == labels
    for row in rows:
        assert (row.model, row.model_metrics["bias"]) == pytest.approx((1, 1), abs=1e-4)
        assert row.model_metrics["detail r2"] == pytest.approx(1, abs=1e-4)
        assert row.bicubic > 0.1
    for land, (lst, auxiliary, given) in zip(lands, knowing.asked, strict=True):
        np.testing.assert_array_equal(lst, land.lst)
        assert {name for data in auxiliary for name in data} == set(land.predictors)
        factors = sorted(nesting(geobox_of(lst), geobox_of(data)).factor for data in auxiliary)
        assert factors == [1, 2, 4]
        assert given == {"factor": 4, "time": land.time, "day": land.day}


@pytest.mark.parametrize("by", ["season", "relief", "cover", "angle"])
def test_classes_make_up_the_whole(lands: list[Simulation], by: str) -> None:
    rows = simulated.known(Interpolation("bilinear"), lands, by)  # type: ignore[arg-type]
    for when in ("day", "night", "day and night"):
        whole = next(row for row in rows if row.label == f"{when}, 250 m")
        parts = [row for row in rows if row.label.startswith(f"{when}, 250 m, ")]
        if when == "day and night":
            parts = [row for row in rows if row.label in ("day, 250 m", "night, 250 m")]
        assert parts
        cells = [row.model_metrics["cells"] for row in parts]
        assert sum(cells) == whole.model_metrics["cells"]
        squares = sum(n * row.model**2 for n, row in zip(cells, parts, strict=True))
        assert squares / sum(cells) == pytest.approx(whole.model**2)


def test_a_scene_wholly_under_cloud_counts_for_nothing(lands: list[Simulation]) -> None:
    from dataclasses import replace

    hidden = replace(lands[0], lst=np.full_like(lands[0].lst, np.nan))
    assert simulated.known(Interpolation(), [hidden]) == ()
