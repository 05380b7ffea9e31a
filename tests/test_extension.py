"""What the architecture page says it costs to add a predictor, a data set and a baseline, done."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from odc.geo.geobox import GeoBox

from srdanet import baselines, datasets, variables
from srdanet.baselines import BICUBIC
from srdanet.evaluation import methods, scoring
from srdanet.grid import Tile, refine
from srdanet.predictors import stack
from srdanet.predictors.overpass import Overpass
from srdanet.predictors.stack import Stack
from srdanet.scene import LabelledScene, Scene
from srdanet.scene.checks import on_grid
from srdanet.variables import Predictor

ROOT = Tile(18, 4).geobox(1000)[300:312, 500:510]


def ramp(box: GeoBox, low: float, high: float) -> np.ndarray:
    return np.linspace(low, high, box.shape[0] * box.shape[1], dtype=np.float32).reshape(box.shape)


def test_a_predictor_is_a_row_and_a_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """`variables.py` and `predictors/stack.py`; `prepare/plan.py` and `training/batches.py` once files bring it."""
    row = Predictor("roughness", "m", 0.0, 10.0, "a lidar survey", "surface roughness length")
    monkeypatch.setitem(variables.BY_NAME, "roughness", row)
    monkeypatch.setattr(stack, "CHANNELS", (*stack.CHANNELS, "roughness"))
    fine = refine(ROOT, 4)
    given = ramp(fine, 0.0, 11.0)
    scene = Scene(on_grid({"lst": ramp(ROOT, 290, 300)}, ROOT), (on_grid({"roughness": given}, fine),))
    assert scene.present == ("roughness",)
    fields = Stack(scene.geobox, scene.auxiliary, Overpass()).read(slice(2, 9), slice(1, 7), 4)
    expected = np.where(given > 10, np.nan, given)[8:36, 4:28]
    np.testing.assert_array_equal(fields.channels[-1], expected)


NEW_SET = """
    import numpy as np
    from srdanet.grid import Tile, refine
    from srdanet.scene import LabelledScene, Scene
    from srdanet.scene.checks import on_grid


    def read(root):
        box = Tile(18, 4).geobox(1000)[300:312, 500:510]
        truth = np.load(root / "truth.npy")
        lst = truth.reshape(12, 4, 10, 4).mean((1, 3))
        scene = Scene(on_grid({"lst": lst}, box), (), np.datetime64("2020-07-15"), True)
        known = {4: on_grid({"lst": truth}, refine(box, 4))["lst"]}
        yield LabelledScene(scene, known, source="new", group="the only one", same_sensor=True)
"""


def test_a_data_set_is_a_file_and_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new_set.py").write_text(textwrap.dedent(NEW_SET), encoding="utf-8")
    np.save(tmp_path / "truth.npy", ramp(refine(ROOT, 4), 290, 300))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    new_set = import_module("new_set")

    monkeypatch.setattr(datasets, "DATASETS", {**datasets.DATASETS, "new": new_set.read})
    scored = scoring.score_all(BICUBIC, datasets.DATASETS["new"](tmp_path))
    assert sorted(subset.level for subset in scored) == [250, 500]
    for groups in scored.values():
        assert list(groups) == ["the only one"]


def test_a_baseline_is_a_file_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def mean(scene: Scene, factor: int) -> xr.Dataset:
        box = refine(scene.geobox, factor)
        return on_grid({"lst": np.full(box.shape, float(scene.lst["lst"].mean()), np.float32)}, box)

    monkeypatch.setitem(baselines.BASELINES, "mean", lambda: mean)  # type: ignore[arg-type]
    name, method = methods.find_method("mean")
    assert name == "mean"
    truth = ramp(refine(ROOT, 2), 290, 300)
    lst = truth.reshape(12, 2, 10, 2).mean((1, 3))

    def scenes() -> Iterator[LabelledScene]:
        known = {2: on_grid({"lst": truth}, refine(ROOT, 2))["lst"]}
        yield LabelledScene(Scene(on_grid({"lst": lst}, ROOT)), known, "made", "one", same_sensor=True)

    ((comparison,),) = next(iter(scoring.score_all(method, scenes()).values())).values()
    assert comparison.model.error.rmse == pytest.approx(truth.std(), rel=1e-3)
    assert comparison.bicubic.error.rmse < comparison.model.error.rmse
