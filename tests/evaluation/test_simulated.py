"""Synthetic scenes: the method is given all there is, and compared with the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from srdanet.arrays import repeat
from srdanet.baselines import BICUBIC
from srdanet.evaluation import run_simulated
from srdanet.evaluation.report import Row, When
from srdanet.evaluation.strata import By
from srdanet.grid import refine
from srdanet.scene import LabelledScene, Scene
from srdanet.scene.checks import on_grid

scenes = pytest.importorskip("srdanet_simulator", reason="the simulator is not installed").scenes


@pytest.fixture(scope="module")
def lands() -> list[LabelledScene]:
    return list(scenes(4, size=12))


class Knowing:
    """Gives the truth and one more kelvin; keeps what it was given."""

    def __init__(self, lands: list[LabelledScene]) -> None:
        self.lands, self.asked = iter(lands), []

    def __call__(self, scene: Scene, factor: int) -> xr.Dataset:
        self.asked.append((scene, factor))
        gap = repeat(np.isnan(scene.lst["lst"].values), 4)
        answer = np.where(gap, np.nan, next(self.lands).truth[4].values + 1)
        return on_grid({"lst": answer}, refine(scene.geobox, factor))


def whole(rows: tuple[Row, ...], when: When, level: int) -> Row:
    return next(row for row in rows if (row.subset.when, row.subset.level, row.subset.stratum) == (when, level, ""))


def test_a_method_is_given_everything_and_compared_with_the_truth(lands: list[LabelledScene]) -> None:
    knowing = Knowing(lands)
    rows = run_simulated(model=knowing, scenes=lands).rows
    labels = [f"{when}, {size} m" for when in ("day", "night", "day and night") for size in (500, 250)]
    assert [row.label for row in rows] == labels
    for row in rows:
        assert (row.model, row.model_metrics["bias"]) == pytest.approx((1, 1), abs=1e-4)
        assert row.model_metrics["detail_r2"] == pytest.approx(1, abs=1e-4)
        assert row.bicubic > 0.1
    assert [row.counts["scenes"] for row in rows] == [2, 2, 2, 2, 4, 4]
    for land, (scene, factor) in zip(lands, knowing.asked, strict=True):
        assert scene is land.scene
        assert factor == 4


@pytest.mark.parametrize("by", ["season", "relief", "cover", "angle"])
def test_classes_make_up_the_whole(lands: list[LabelledScene], by: By) -> None:
    rows = run_simulated(model="bilinear", by=by, scenes=lands).rows
    for when in When:
        parts = [row for row in rows if row.subset.when == when and row.subset.stratum]
        if when == When.BOTH:
            assert not parts
            parts = [whole(rows, one, 250) for one in (When.DAY, When.NIGHT)]
        assert parts
        cells = [row.model_metrics["cells"] for row in parts]
        assert sum(cells) == whole(rows, when, 250).model_metrics["cells"]
        squares = sum(n * row.model**2 for n, row in zip(cells, parts, strict=True))
        assert squares / sum(cells) == pytest.approx(whole(rows, when, 250).model ** 2)


def test_groups_of_both_overpasses_count_once(lands: list[LabelledScene]) -> None:
    """Scenes by day and by night of one group are drawn together by the bootstrap."""
    same = [replace(land, group="one") for land in lands]
    apart, together = (run_simulated(model=BICUBIC, scenes=some).rows for some in (lands, same))
    for a, b in zip(apart, together, strict=True):
        assert (a.model, b.counts["scenes"]) == (pytest.approx(b.model), 1)
        assert a.counts["cells"] == b.counts["cells"]


def test_a_scene_wholly_under_cloud_counts_for_nothing(lands: list[LabelledScene]) -> None:
    scene = lands[0].scene
    hidden = replace(lands[0], scene=replace(scene, lst=scene.lst.assign(lst=scene.lst["lst"] * np.nan)))
    assert run_simulated(model=BICUBIC, scenes=[hidden]).rows == ()


def test_scenes_are_made_where_none_are_given() -> None:
    (half, quarter) = run_simulated(1, "bicubic", scenes="srdanet_simulator:scenes").rows
    assert (half.subset.when, half.counts["scenes"], quarter.subset.level) == (When.DAY, 1, 250)
