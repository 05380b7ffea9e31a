"""Invented temperatures: any relation to the predictors, none by heart, exact or as MODIS would see them."""

from __future__ import annotations

import numpy as np
import pytest

from srdanet.energy import degrade
from srdanet.predictors.stack import CHANNELS, CONTEXT
from srdanet.training import batches
from srdanet.training.batches import draw, noise_of
from srdanet.training.config import Recipe
from srdanet.training.invented import CONTRAST, temperature
from srdanet.training.sources import Sample, Step

SIDE = 16
NOISE = CONTEXT.index("noise")


@pytest.fixture
def channels() -> np.ndarray:
    rng = np.random.default_rng(2)
    out = rng.normal(size=(3, 64, 64)).astype(np.float32).cumsum(1).cumsum(2) / 64
    out[1] = 0.4
    out[2, :5, 7:] = np.nan
    return out


def sample(channels: np.ndarray) -> Sample:
    """Two steps of a scene that knows only NDVI and elevation."""
    names = ("ndvi", "elevation", "slope")
    truth = 290 + channels[0]
    coarse, half = degrade(truth, 4), degrade(truth, 2)
    steps = []
    for factor, field in ((2, half), (4, truth)):
        values = channels[:, :: 4 // factor, :: 4 // factor].astype(np.float16)
        context = np.full((len(CONTEXT), SIDE * factor // 2, SIDE * factor // 2), np.nan, np.float32)
        steps.append(Step(names, values, context, field.astype(np.float32)))
    return Sample("toy", coarse.astype(np.float32), tuple(steps))


def test_fields_are_whole_and_have_the_contrast_of_real_ones(channels: np.ndarray) -> None:
    spreads, relations = [], []
    for seed in range(40):
        field = temperature(channels, 300.0, np.random.default_rng(seed))
        assert np.isfinite(field).all()
        spreads.append(field.std())
        relations.append(np.corrcoef(field.ravel(), channels[0].ravel())[0, 1])
    assert CONTRAST[0] * 0.8 < min(spreads) < 1.5 < 3 < max(spreads) < CONTRAST[1] * 1.2
    # Of both signs, and of all strengths.
    assert min(relations) < -0.6 < 0.6 < max(relations)
    assert np.mean(np.abs(relations) < 0.3) > 0.15


def test_without_predictors_there_is_a_field_all_the_same() -> None:
    field = temperature(np.full((2, 32, 32), np.nan, np.float32), 280.0, np.random.default_rng(1))
    assert np.isfinite(field).all()
    assert field.std() > 0.3


@pytest.mark.parametrize("blurred", [0, 1])
def test_a_batch_is_told_how_exact_its_image_is(
    channels: np.ndarray, blurred: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BLURRED", blurred)
    for name in ("CONTEXT_DROPS", "OUTLIERS", "SMALL"):
        monkeypatch.setattr(batches, name, () if name == "CONTEXT_DROPS" else 0)
    recipe = Recipe(1, 3, SIDE, invented=1.0)
    for seed in range(6):
        batch = draw([sample(channels)], recipe, np.random.default_rng(seed))
        for lst, truth, context in zip(batch.lst, batch.steps[-1].truth, batch.steps[-1].context, strict=True):
            stated, actual = float(context[NOISE, 0, 0]), noise_of(lst[0].numpy(), truth[0].numpy())
            if blurred:
                assert actual > 0.02
                assert 0.3 < stated / actual < 3.4
            else:
                assert stated == actual == 0


def test_only_an_invented_field_is_new(channels: np.ndarray) -> None:
    old, new = (
        draw([sample(channels)], Recipe(1, 1, SIDE, invented=share), np.random.default_rng(3), augment=False)
        for share in (0.0, 1.0)
    )
    assert np.allclose(old.steps[1].truth.numpy(), 290 + channels[0], atol=1e-3, equal_nan=True)
    assert not np.allclose(new.steps[1].truth.numpy(), old.steps[1].truth.numpy(), atol=0.3)
    np.testing.assert_array_equal(
        new.steps[1].channels[0, CHANNELS.index("ndvi")], old.steps[1].channels[0, CHANNELS.index("ndvi")]
    )
