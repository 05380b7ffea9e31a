"""Many methods on the same cells: sums that add up in any order, tables by kind of sensor, paired tests."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from itertools import pairwise
from operator import add
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from srdanet.baselines import BASELINES
from srdanet.datasets import aster, imt
from srdanet.errors import ArgumentError, RunError
from srdanet.evaluation import tables as text
from srdanet.evaluation.bootstrap import holm, paired
from srdanet.evaluation.comparison import Scores, compare, tables
from srdanet.evaluation.methods import ABOUT, FUSIONS, Fusing, find_chooser, known_methods
from srdanet.evaluation.metrics import Overshoot, Structure
from srdanet.evaluation.scoring import score_methods
from srdanet.interpolation import interpolate
from srdanet.production.execute import Limits, Processes, Serial
from srdanet.scene import LabelledScene, Scene

NAMES = ("nearest", "bilinear", "tsharp")


@pytest.fixture(scope="module")
def patches(small: Path) -> list[LabelledScene]:
    return list(imt.read(small, when=("day",)))[:6]


@pytest.fixture(scope="module")
def parts(patches: list[LabelledScene]) -> list[Scores]:
    """The scores of each of six patches alone."""
    return list(compare(dict(find_chooser(name) for name in NAMES), patches))


@pytest.fixture(scope="module")
def whole(parts: list[Scores]) -> Scores:
    return reduce(add, parts, Scores())


def numbers(scores: Scores) -> dict[str, object]:
    return text.as_dict(tables(scores, "patches", "made up"), scores.methods)


@given(st.permutations(range(6)), st.lists(st.integers(0, 6), max_size=4))
@settings(max_examples=20, deadline=None)
def test_any_order_and_any_grouping_give_the_same_scores(
    parts: list[Scores], whole: Scores, order: list[int], cuts: list[int]
) -> None:
    edges = [0, *sorted(cuts), 6]
    groups = [reduce(add, [parts[i] for i in order[a:b]], Scores()) for a, b in pairwise(edges)]
    total = reduce(add, groups, Scores())
    assert total == whole
    assert total + Scores() == Scores() + total == total


def test_processes_give_the_same_scores_in_the_same_order(patches: list[LabelledScene], parts: list[Scores]) -> None:
    executor = Processes(2, Limits(threads=1))
    try:
        found = list(compare(dict(find_chooser(name) for name in NAMES), patches, executor=executor))
    finally:
        executor.close()
    assert found == parts
    written = (json.dumps(reduce(add, all_of, Scores()).as_dict()) for all_of in (found, parts))
    assert next(written) == next(written), "byte for byte, as sums.json holds it"


def test_a_scene_that_cannot_be_scored_elsewhere_is_named(patches: list[LabelledScene]) -> None:
    def refusing(scene: Scene, factor: int) -> xr.Dataset:
        raise ArgumentError("holds no such band", where="my_method")

    with pytest.raises(RunError, match=rf"{patches[0].group}[\s\S]*my_method: holds no such band"):
        list(compare({"mine": lambda labelled, others: refusing}, patches[:2], executor=Serial()))


def test_methods_cross_to_other_processes_by_name(tmp_path: Path, patches: list[LabelledScene]) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        "def twice(scene, factor):\n    return scene.lst['lst'].values.repeat(factor, 0).repeat(factor, 1)\n"
    )
    for name in ("default", "default-conserving", f"{own}:twice"):
        choose = find_chooser(name)[1]
        method = pickle.loads(pickle.dumps(choose(patches[0], [])))
        assert callable(method)
    assert method(patches[0].scene, 2).shape == tuple(2 * n for n in patches[0].scene.geobox.shape)


def test_tables_do_not_depend_on_the_order(parts: list[Scores], whole: Scores) -> None:
    backwards = numbers(reduce(add, parts[::-1], Scores()))
    assert json.dumps(backwards) == json.dumps(numbers(whole))


def test_sums_survive_a_file(whole: Scores) -> None:
    assert Scores.from_dict(json.loads(json.dumps(whole.as_dict()))) == whole
    with pytest.raises(ArgumentError, match="not the sums"):
        Scores.from_dict({"scenes": [{"key": [1]}]})


def test_a_scene_is_not_counted_twice_with_other_results(parts: list[Scores], patches: list[LabelledScene]) -> None:
    assert parts[0] + parts[0] == parts[0]
    other = Scores.of(dict([find_chooser("nearest")]), patches[0])
    with pytest.raises(ArgumentError, match="counted twice"):
        parts[0] + other


def test_the_pooled_error_is_that_of_all_cells(whole: Scores, patches: list[LabelledScene]) -> None:
    (table,) = tables(whole, "patches", "")
    row = next(s.row for s in table.standings if s.method == "nearest" and not s.row.subset.stratum)
    errors = [interpolate(p.scene.lst["lst"].values, 2, "nearest") - p.truth[2].values for p in patches]
    assert row.model == pytest.approx(float(np.sqrt(np.mean(np.square(errors)))), rel=1e-5)
    assert row.model_metrics["mae"] == pytest.approx(float(np.mean(np.abs(errors))), rel=1e-5)
    assert row.counts == {"cells": 6 * 64, "scenes": 6}


def test_kinds_of_sensor_share_no_table(whole: Scores, small: Path) -> None:
    choosers = dict(find_chooser(name) for name in NAMES)
    mixed = reduce(add, compare(choosers, aster.read(small)), whole)
    made = tables(mixed, "mixed", "")
    assert [table.same_sensor for table in made] == [True, False]
    measures = [{s.row.measure.centred for s in table.standings} for table in made]
    assert measures == [{False}, {True}]
    for line in text.as_csv(made).splitlines()[1:]:
        assert ("cross-sensor" in line) == ("pooled_rmse" not in line.replace("centred_pooled_rmse", ""))


def test_all_methods_are_compared_on_the_cells_that_all_know(patches: list[LabelledScene]) -> None:
    def holes(scene: Scene, factor: int) -> np.ndarray:
        fine = np.array(interpolate(scene.lst["lst"].values, factor, "nearest"))
        fine[:3] = np.nan
        return fine

    (scores, *_) = score_methods({"holes": holes, "nearest": BASELINES["nearest"]()}, patches[0]).values()  # type: ignore[dict-item]
    assert {name: score.tally.error.n for name, score in scores.items()} == dict.fromkeys(scores, 40)
    assert scores["holes"].tally.error == scores["nearest"].tally.error


def test_a_result_of_the_wrong_size_is_refused(patches: list[LabelledScene]) -> None:
    with pytest.raises(ArgumentError, match=r"returned \(4, 4\) cells, not \(8, 8\)"):
        score_methods({"own": lambda scene, factor: scene.lst}, patches[0])


def _of_another_date(labelled: LabelledScene, days: int, warmer: float) -> LabelledScene:
    scene = labelled.scene
    assert scene.time is not None
    moved = replace(scene, lst=scene.lst + warmer, time=scene.time + np.timedelta64(days, "D"), boxes=None)
    return replace(labelled, scene=moved, truth={f: t + warmer for f, t in labelled.truth.items()})


def test_fusion_is_given_the_nearest_dates_before_and_after(patches: list[LabelledScene]) -> None:
    today = patches[0]
    others = [today, *(_of_another_date(today, days, days / 10) for days in (-40, 3, 9, 16)), patches[1]]
    asked: list[xr.DataArray] = []

    class Algorithm:
        name = "kept"

        def predict(self, pairs: list[tuple[np.ndarray, np.ndarray]], coarse: np.ndarray) -> np.ndarray:
            asked.extend(coarse - before for before, _ in pairs)
            return pairs[0][1]

    method = Fusing(Algorithm(), 2, 2)(today, others)  # type: ignore[arg-type]
    assert method is not None
    method(today.scene, 2)
    assert [round(float(difference.mean()), 3) for difference in asked] == [-0.3, 4.0]
    assert Fusing(Algorithm(), 2, 2)(today, others[:2]) is None  # type: ignore[arg-type]


def test_a_method_that_cannot_serve_a_scene_is_left_out_of_it(patches: list[LabelledScene]) -> None:
    choosers = dict(find_chooser(name) for name in ("nearest", "fsdaf"))
    alone = reduce(add, compare(choosers, patches[:2]), Scores())
    assert "fsdaf" not in alone.methods
    twice = [patches[0], _of_another_date(patches[0], 5, 1.0), patches[1]]
    (table,) = tables(reduce(add, compare(choosers, twice, series=True), Scores()), "x", "")
    counted = {s.method: s.row.counts["scenes"] for s in table.standings if not s.row.subset.stratum}
    assert counted == {"nearest": 3, "bicubic": 3, "fsdaf": 2}


def test_every_method_is_listed_with_a_reference() -> None:
    assert [*BASELINES, *FUSIONS] == list(ABOUT)[: len(BASELINES) + len(FUSIONS)]
    assert all(about.reference and about.needs for about in known_methods())


def test_the_paired_test_is_wilcoxons() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(1, 0.1, 20), rng.normal(1.05, 0.1, 20)
    assert paired(a, b) == wilcoxon(a, b).pvalue
    assert paired(a, a) == 1
    assert np.isnan(paired([1], [2]))
    assert paired(a, a + 0.01) == pytest.approx(0, abs=1e-4)


def test_holm_raises_probabilities_for_their_number() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([np.nan, 0.02])[1] == 0.02


def test_overshoot_is_what_leaves_the_range_around() -> None:
    coarse = np.full((4, 5), 300.0)
    truth = np.full((8, 10), 300.0)
    truth[0, 0] = 305
    result = truth.copy()
    result[1, 3] = 304
    result[7, 9] = 303
    result[6, 9] = 299
    found = Overshoot.of(result, coarse, truth)
    assert found.metrics() == {"overshoot_share": 2 / 80, "overshoot": 2.0}


@pytest.mark.parametrize(("wavelength", "band"), [(3, 2), (6, 4), (12, 8)])
def test_power_is_counted_at_its_wavelength(wavelength: float, band: int) -> None:
    x = np.arange(32)
    truth = 300 + np.random.default_rng(0).normal(0, 0.01, (32, 32)) + np.sin(2 * np.pi * x / wavelength)
    half = 300 + (truth - 300) / 2
    found: Callable[[np.ndarray], dict[str, float]] = lambda image: Structure.of(image, truth, 4).metrics()  # noqa: E731
    assert found(half)[f"spectral_ratio_{band}"] == pytest.approx(0.25)
    noisy = half + 0.5 * np.sin(2 * np.pi * x / wavelength)
    assert found(noisy)[f"spectral_ratio_{band}"] == pytest.approx(1, abs=0.02)


def test_markdown_holds_the_numbers_of_the_json(whole: Scores) -> None:
    data = json.loads(json.dumps(numbers(whole)))
    page = text.as_markdown(data, "patches")
    row = data["tables"][0]["rows"][0]
    assert f"| {row['method']} | {row['model']:.3f} |" in page
    assert "same sensor" in page
    share = next(r["share"] for r in data["tables"][0]["rows"] if r["method"] == "tsharp" and not r["stratum"])
    assert f"| tsharp | {share:.3f} |" in text.summary(data, ["patches"], same_sensor=True)
