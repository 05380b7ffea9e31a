"""Labelled scenes become samples as production reads scenes; what the network learns of a pair is what it should."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import srdanet
from srdanet.datasets.aster import COVER
from srdanet.downscaling.rollout import advance, rollout
from srdanet.energy import degrade
from srdanet.grid import Level, Tile, refine
from srdanet.network.srdanet import Architecture, SRDANet, Statistics
from srdanet.predictors.stack import CHANNELS, CONTEXT
from srdanet.scene import LabelledScene, Scene
from srdanet.scene.checks import on_grid
from srdanet.training.config import TrainConfig
from srdanet.training.loop import Trainer
from srdanet.training.sources import as_sample, degrade_as_modis, gather, on_modis_level, one_level_up, without

SIDE = 16
BOX = Tile(18, 4).geobox(Level.KM1)[600 : 600 + SIDE, 300 : 300 + SIDE]
NETWORK = {"channels": 8, "groups": 1, "guides": 2}


def labelled(seed: int = 0, *, day: bool = True, bias: float = 0.0) -> LabelledScene:
    """1 km with two gaps, NDVI and land cover at 250 m; truth, colder by `bias`, at 500 and 250 m."""
    rng = np.random.default_rng(seed)
    green = np.round(256 * np.cumsum(rng.normal(0, 0.05, (4 * SIDE, 4 * SIDE)), 1).clip(-0.5, 0.5)) / 256
    fine = (295 - 12 * green + np.linspace(0, 3, 4 * SIDE)[:, None] - bias).astype(np.float32)
    lst = np.asarray(degrade(fine, 4), np.float32) + np.float32(bias)
    lst[3:6, 5:8] = lst[9, 12:] = np.nan
    share = rng.random(fine.shape).astype(np.float32)
    cover = {name: share if name == "crop" else np.zeros_like(share) for name in COVER}
    truth = {2: np.asarray(degrade(fine, 2), np.float32), 4: fine}
    scene = Scene(
        on_grid({"lst": lst}, BOX),
        (on_grid({"ndvi": green.astype(np.float32)}, refine(BOX, 4)),),
        np.datetime64("2020-07-15T10:30"),
        day,
    )
    return LabelledScene(
        scene,
        {factor: on_grid({"lst": values}, refine(BOX, factor))["lst"] for factor, values in truth.items()},
        source="toy",
        group=str(seed),
        same_sensor=not bias,
        surface=on_grid(cover, refine(BOX, 4)),
    )


@dataclass(frozen=True)
class Model:
    """A network as production runs it, window by window."""

    net: SRDANet
    halo: int = SIDE

    def step(self, *given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lst, channels, context = (torch.from_numpy(np.ascontiguousarray(a, np.float32))[None] for a in given)
        with torch.no_grad():
            fine, sigma = self.net(lst[None], channels, context)
        return fine[0, 0].numpy(), sigma[0, 0].numpy()


@pytest.fixture(scope="module")
def net() -> SRDANet:
    """A network that nobody trained, but whose last layer says something."""
    torch.manual_seed(4)
    n, m = len(CHANNELS), len(CONTEXT)
    made = SRDANet(Statistics([0.0] * n, [1.0] * n, [0.0] * m, [1.0] * m, []), Architecture(**NETWORK))
    torch.nn.init.normal_(made.tail.weight, std=0.05)
    return made.eval()


def test_validation_and_production_agree_where_there_are_gaps(net: SRDANet, tmp_path: Path) -> None:
    """Two steps: cells missing in the input are missing again before the second."""
    one = replace(labelled(), surface=None)
    sample = as_sample(one, "toy")
    config = TrainConfig.model_validate(
        {"data": "unused", "output": tmp_path, "sources": {"toy": {"weight": 1}}, "network": NETWORK}
    )
    trainer = Trainer(config, {"toy": [sample]}, {"toy": [sample]})
    trainer.net, trainer.shadow = net, net.state_dict()
    scene = one.scene
    given = {"time": scene.time, "day": scene.day}
    result = srdanet.downscale(scene.lst["lst"], scene.auxiliary, factor=4, model=Model(net), **given)
    error = result["lst"].values - one.truth[4].values
    expected = math.sqrt(np.nanmean(error**2)) / sample.bicubic_error()[-1]
    assert trainer.validate()["toy"] == pytest.approx(expected, rel=1e-5)
    *_, last = rollout(partial(advance, Model(net)), sample.lst, sample.steps)
    np.testing.assert_allclose(last.lst, result["lst"].values, atol=1e-3)
    assert np.isnan(last.lst).sum() == 16 * np.isnan(sample.lst).sum() > 0


def test_a_sample_holds_what_the_scene_holds() -> None:
    one = labelled(bias=2.0)
    sample = as_sample(one, "toy")
    np.testing.assert_array_equal(sample.lst, one.scene.lst["lst"])
    assert not sample.same_sensor
    assert [step.truth.shape for step in sample.steps] == [(2 * SIDE,) * 2, (4 * SIDE,) * 2]
    first, second = sample.steps
    assert first.names[0] == "ndvi"
    assert set(first.names) == {"ndvi", *(name for name in CHANNELS if name.startswith("land_cover_"))}
    crop = second.names.index("land_cover_crop")
    np.testing.assert_allclose(second.values[crop], one.surface["crop"], atol=1e-3)  # type: ignore[index]
    mean = second.values.astype(np.float32).reshape(-1, 2 * SIDE, 2, 2 * SIDE, 2).mean((2, 4))
    np.testing.assert_allclose(first.values, mean, atol=2e-3)
    assert np.isnan(first.channels[CHANNELS.index("red")]).all()
    assert (first.context[CONTEXT.index("day")] == 1).all()
    assert first.context[CONTEXT.index("cell")].mean() == pytest.approx(np.log2(0.92663), abs=1e-3)


def test_predictors_can_be_taken_away() -> None:
    sample = as_sample(labelled(), "toy")
    less = without(sample, channels=["ndvi"], context=["day"])
    for before, after in zip(sample.steps, less.steps, strict=True):
        assert after.names == before.names[1:]
        np.testing.assert_array_equal(after.values, before.values[1:])
        known = np.isfinite(after.context).all((1, 2)) | np.isnan(before.context).all((1, 2))
        assert list(np.flatnonzero(~known)) == [CONTEXT.index("day")]


def test_a_pair_is_brought_to_the_level_of_modis() -> None:
    """Detail stays, the bias goes; only the truth changes."""
    pair = labelled(bias=2.0)
    changed = on_modis_level(pair)
    shift = changed.truth[4].values - pair.truth[4].values
    np.testing.assert_allclose(shift, 2.0, atol=0.02)
    assert changed.scene is pair.scene
    np.testing.assert_allclose(changed.truth[2], degrade(changed.truth[4].values, 2), atol=1e-4)


def test_a_pair_as_modis_would_see_its_truth() -> None:
    """One sensor: smoother than the plain mean, on the same level."""
    pair = labelled(bias=2.0)
    seen = degrade_as_modis(pair)
    lst, plain = seen.scene.lst["lst"].values, degrade(pair.truth[4].values, 4)
    assert seen.same_sensor
    assert np.isfinite(lst).all()
    assert lst.mean() == pytest.approx(plain.mean(), abs=0.05)
    assert lst.std() < 0.97 * plain.std()
    np.testing.assert_array_equal(seen.truth[4], pair.truth[4])


def test_one_level_up_the_scene_is_its_own_truth() -> None:
    one = labelled()
    upper = one_level_up(one)
    assert upper.scene.geobox.shape == (SIDE // 2, SIDE // 2)
    assert list(upper.truth) == [2]
    np.testing.assert_array_equal(upper.truth[2], one.scene.lst["lst"])
    np.testing.assert_allclose(upper.scene.lst["lst"], degrade(one.scene.lst["lst"].values, 2), atol=1e-4)
    (step,) = as_sample(upper, "toy").steps
    assert step.context[CONTEXT.index("cell")].mean() == pytest.approx(np.log2(2 * 0.92663), abs=1e-3)


def test_simulated_scenes_come_from_the_function_that_the_configuration_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, object]] = []

    def scenes(count: int, **how: object) -> Iterator[LabelledScene]:
        asked.append({"count": count, **how})
        return (labelled(seed, day=seed % 2 == 0) for seed in range(count))

    module = ModuleType("other_simulator")
    module.scenes = scenes  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "other_simulator", module)
    names = ("simulated-day", "simulated-night", "simulated2-night")
    config = TrainConfig.model_validate(
        {
            "data": tmp_path / "not needed",
            "output": tmp_path,
            "simulated": "other_simulator:scenes",
            "simulated_scenes": 21,
            "sources": {name: {"weight": 1} for name in names},
        }
    )
    training, validation = gather(config)
    assert {name: len(group) for name, group in training.items()} == dict(zip(names, (11, 10, 10), strict=True))
    assert {name: len(group) for name, group in validation.items()} == dict(zip(names, (1, 1, 1), strict=True))
    assert [(call["count"], call["first_seed"], call["purpose"]) for call in asked] == [
        (21, 1000, "training"),
        (2, 500, "training"),
    ]
    assert {sample.source for sample in training["simulated2-night"]} == {"simulated2-night"}
    assert len(training["simulated2-night"][0].steps) == 1
