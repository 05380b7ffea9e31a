"""Totals add up in any order and give what numpy gives."""

from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from srdanet.errors import ArgumentError
from srdanet.evaluation.statistics import Totals, bootstrap, total

kelvin = st.floats(230, 340) | st.just(np.nan)
image = arrays(np.float64, (4, 6), elements=kelvin)


def close(a: Totals, b: Totals) -> bool:
    return np.allclose(astuple(a), astuple(b), rtol=1e-9, atol=1e-6)


@given(st.lists(st.tuples(image, image), min_size=3, max_size=3))
@settings(max_examples=60, deadline=None)
def test_addition_is_associative_commutative_and_has_a_zero(images: list[tuple[np.ndarray, np.ndarray]]) -> None:
    a, b, c = (Totals.of(p, t, 2) for p, t in images)
    assert close((a + b) + c, a + (b + c))
    assert close(a + b, b + a)
    assert a + Totals() == a
    assert total([]) == Totals()


@given(st.lists(st.tuples(image, image), min_size=1, max_size=4), st.randoms())
@settings(max_examples=60, deadline=None)
def test_parts_in_any_order_give_the_whole(images: list[tuple[np.ndarray, np.ndarray]], random: object) -> None:
    whole = Totals.of(np.stack([p for p, _ in images]), np.stack([t for _, t in images]), 2)
    random.shuffle(images)  # type: ignore[attr-defined]
    assert close(total(Totals.of(p, t, 2) for p, t in images), whole)


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    truth = 290 + 8 * np.sin(np.arange(40)[:, None] / 9) + rng.normal(0, 1.5, (40, 60))
    prediction = truth + rng.normal(0.4, 0.8, truth.shape)
    truth[5:9, 3:8] = np.nan
    prediction[30, 40:] = np.nan
    return prediction, truth


def test_metrics_are_those_of_numpy(scene: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, truth = scene
    valid = np.isfinite(prediction + truth)
    p, t = prediction[valid], truth[valid]
    found = Totals.of(prediction, truth)
    assert found.n == valid.sum()
    assert found.bias == pytest.approx((p - t).mean())
    assert found.mae == pytest.approx(np.abs(p - t).mean())
    assert found.rmse == pytest.approx(np.sqrt(((p - t) ** 2).mean()))
    assert found.std == pytest.approx((p - t).std())
    assert found.r2 == pytest.approx(1 - ((p - t) ** 2).sum() / ((t - t.mean()) ** 2).sum())
    assert found.correlation == pytest.approx(np.corrcoef(p, t)[0, 1])
    assert math.isnan(found.detail_r2)


def test_detail_is_what_the_coarse_cell_does_not_hold(scene: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, truth = (np.where(np.isfinite(sum(scene)), image, np.nan) for image in scene)

    def detail(image: np.ndarray) -> np.ndarray:
        cells = image.reshape(10, 4, 15, 4)
        enough = np.isfinite(cells).sum(axis=(1, 3), keepdims=True) >= 8
        sums = np.nansum(cells, axis=(1, 3), keepdims=True)
        means = sums / np.maximum(np.isfinite(cells).sum(axis=(1, 3), keepdims=True), 1)
        return np.where(enough, cells - means, np.nan).ravel()

    dp, dt = detail(prediction), detail(truth)
    found = Totals.of(prediction, truth, 4)
    assert found.detail_rmse == pytest.approx(np.sqrt(np.nanmean((dp - dt) ** 2)))
    assert found.detail_r2 == pytest.approx(1 - np.nansum((dp - dt) ** 2) / np.nansum(dt**2))


def test_a_flat_coarse_cell_explains_no_detail() -> None:
    truth = np.random.default_rng(2).normal(290, 3, (8, 12))
    flat = truth.reshape(4, 2, 6, 2).mean(axis=(1, 3)).repeat(2, 0).repeat(2, 1)
    found = Totals.of(flat, truth, 2)
    assert found.detail_r2 == pytest.approx(0, abs=1e-12)
    assert found.r2 > 0


def test_nothing_counted_is_not_a_number() -> None:
    assert all(math.isnan(v) for k, v in Totals().metrics().items() if k != "cells")
    assert Totals().metrics()["cells"] == 0


def test_shapes_must_agree() -> None:
    with pytest.raises(ArgumentError, match="truth"):
        Totals.of(np.zeros((2, 3)), np.zeros((3, 2)))


def test_the_interval_shrinks_as_days_are_added_and_is_repeatable() -> None:
    values = np.random.default_rng(3).normal(5, 1, 400).tolist()
    mean = lambda v: float(np.mean(v))  # noqa: E731
    few, many = bootstrap(values[:16], mean), bootstrap(values, mean)
    assert many == bootstrap(values, mean)
    assert many != bootstrap(values, mean, seed=1)
    assert few.low < np.mean(values[:16]) < few.high
    assert many.high - many.low == pytest.approx(2 * 1.96 / np.sqrt(400), rel=0.15)
    assert many.high - many.low < (few.high - few.low) / 2


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(200):
        low, high = bootstrap(rng.normal(0, 1, 30).tolist(), lambda v: sum(v) / len(v), replicates=200, level=0.8)
        hits += low < 0 < high
    assert 140 <= hits <= 178


def test_no_groups_have_no_interval() -> None:
    assert all(math.isnan(v) for v in bootstrap([], len))
