"""Fusion with other dates, as an experiment: which dates are given, which cells count, and a case that is solved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from srdanet.energy import aggregate
from srdanet.evaluation import run_fusion, run_simulated_fusion
from srdanet.evaluation.revisits import Revisit, revisits
from srdanet.grid import SINUSOIDAL, refine
from srdanet.scene import LabelledScene, Scene
from srdanet.scene.checks import on_grid

BOX = GeoBox((6, 9), Affine(1000, 0, 0, 0, -1000, 5e6), SINUSOIDAL)
rng = np.random.default_rng(2)
FINE = (295 + np.arange(24)[:, None] * 0.2 + rng.normal(0, 3, (24, 36))).astype(np.float32)


def seen(date: str, change: float = 0.0, *, day: bool = True, box: GeoBox = BOX, gap: bool = False) -> LabelledScene:
    """The same ground on a date, warmer by `change`; `gap`: without two coarse cells."""
    fine = FINE + np.float32(change)
    coarse = aggregate(fine, 4).astype(np.float32)
    if gap:
        coarse[1, 2:4] = np.nan
    scene = Scene(on_grid({"lst": coarse}, box), time=np.datetime64(f"{date}T10:30:00"), day=day)
    truth = {n: on_grid({"lst": aggregate(fine, 4 // n).astype(np.float32)}, refine(box, n))["lst"] for n in (2, 4)}
    return LabelledScene(scene, truth, source="toy", group="toy", same_sensor=True)


def dates(revisit: Revisit) -> list[str]:
    return [str(other.scene.time)[:10] for other in revisit.others]


def test_the_nearest_date_on_each_side_is_chosen() -> None:
    days = ("2020-03-01", "2020-03-08", "2020-03-10", "2020-03-11", "2020-03-25")
    every = [seen(date) for date in days]
    assert [dates(v) for v in revisits(every, every)] == [
        ["2020-03-08", "2020-03-10"],  # none before: the two nearest
        ["2020-03-10", "2020-03-01"],
        ["2020-03-11", "2020-03-08"],
        ["2020-03-10", "2020-03-25"],
        ["2020-03-11", "2020-03-10"],
    ]


def test_other_ground_other_times_of_day_and_the_same_date_do_not_count() -> None:
    wanted = seen("2020-03-08")
    elsewhere = GeoBox(BOX.shape, BOX.affine * Affine.translation(9, 0), BOX.crs)
    others = [seen("2020-03-01"), seen("2020-03-08", 2), seen("2020-03-09", day=False)]
    others.append(seen("2020-03-07", box=elsewhere))
    assert list(revisits([wanted], [wanted, *others])) == []
    assert len(list(revisits([wanted], [wanted, *others, seen("2020-03-20")]))) == 1


def test_cells_count_where_all_dates_are_known() -> None:
    every = [seen("2020-03-01", gap=True), seen("2020-03-08"), seen("2020-03-20")]
    revisit = next(v for v in revisits(every[1:2], every))
    for factor, truth in revisit.labelled.truth.items():
        lost = np.isnan(truth.values)
        assert lost[factor : 2 * factor, 2 * factor : 4 * factor].all()
        assert lost.sum() == 2 * factor**2


@pytest.mark.parametrize("name", ["estarfm", "fsdaf"])
def test_what_changed_by_a_constant_is_predicted_exactly(name: str) -> None:
    # Changes of less than 2 K, from which ESTARFM takes no conversion coefficient.
    every = [seen("2020-03-01"), seen("2020-03-08", 1.5), seen("2020-03-20", -0.4, gap=True)]
    half, quarter = run_simulated_fusion(model=name, scenes=every).rows
    assert (half.label, quarter.label) == ("day, 500 m", "day, 250 m")
    assert quarter.count == "3 scenes, 1 places"
    assert quarter.model < 0.01 < 1 < quarter.bicubic


def test_other_methods_are_run_on_the_same_cells() -> None:
    every = [seen("2020-03-01"), seen("2020-03-08", 4.5), seen("2020-03-20", -3, gap=True)]
    counts = [
        [row.bicubic_metrics["cells"] for row in run_simulated_fusion(model=model, scenes=every).rows]
        for model in ("starfm", "bilinear")
    ]
    assert counts[0] == counts[1]


def test_patches_that_were_seen_once_are_left_out(small: Path) -> None:
    assert run_fusion(small, split="all").rows == ()


def test_the_simulator_shows_the_same_land_on_three_dates() -> None:
    simulator = pytest.importorskip("srdanet_simulator", reason="the simulator is not installed")
    early, middle, late = simulator.revisits(1, size=8)
    again = next(simulator.scenes(1, size=8))
    assert middle.scene.identical(again.scene)
    assert late.scene.time - early.scene.time > np.timedelta64(15, "D")
    assert early.scene.geobox == late.scene.geobox
    heights = [next(d["elevation"].values for d in s.scene.auxiliary if "elevation" in d) for s in (early, late)]
    np.testing.assert_array_equal(*heights)
    assert len(list(revisits([middle], [early, middle, late]))) == 1
