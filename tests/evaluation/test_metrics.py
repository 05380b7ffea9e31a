"""Sums add up in any order, and metrics are those of numpy, of their definition, and of a reference."""

from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter

from srdanet.errors import ArgumentError
from srdanet.evaluation.bootstrap import bootstrap
from srdanet.evaluation.metrics import Coverage, Structure, Tally, Totals, ssim_map

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
    assert a.__add__(Coverage()) is NotImplemented


@given(st.lists(st.tuples(image, image), min_size=1, max_size=4), st.randoms())
@settings(max_examples=60, deadline=None)
def test_parts_in_any_order_give_the_whole(images: list[tuple[np.ndarray, np.ndarray]], random: object) -> None:
    whole = Totals.of(np.stack([p for p, _ in images]), np.stack([t for _, t in images]), 2)
    random.shuffle(images)  # type: ignore[attr-defined]
    assert close(sum((Totals.of(p, t, 2) for p, t in images), Totals()), whole)


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

    def mean(drawn: np.ndarray) -> np.ndarray:
        return drawn.mean(axis=1)

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
        low, high = bootstrap(rng.normal(0, 1, 30), lambda v: v.mean(axis=1), replicates=200, level=0.8)
        hits += low < 0 < high
    assert 140 <= hits <= 178


def test_no_groups_have_no_interval() -> None:
    assert all(math.isnan(v) for v in bootstrap([], lambda v: v.mean(axis=1)))


def _stated(size: int, factor: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(size)
    sigma = rng.uniform(0.2, 3, (size, size + 2))
    truth = rng.normal(290, 8, sigma.shape)
    return truth + rng.normal(0, sigma), truth, sigma * factor


def test_a_right_uncertainty_covers_what_it_says() -> None:
    found = Coverage.of(*_stated(300)).metrics()
    assert found["within_1_sigma"] == pytest.approx(0.6827, abs=0.004)
    assert found["within_1_96_sigma"] == pytest.approx(0.95, abs=0.002)
    bold, shy = (Coverage.of(*_stated(300, factor)).metrics() for factor in (0.5, 2))
    assert bold["within_1_sigma"] == pytest.approx(0.3829, abs=0.004)
    assert shy["within_1_sigma"] == pytest.approx(0.9545, abs=0.002)
    assert shy["uncertainty_rms"] == pytest.approx(2 * found["uncertainty_rms"])


def test_missing_cells_do_not_count_and_parts_add_up() -> None:
    prediction, truth, sigma = _stated(20)
    prediction[1, 2], truth[3, :4], sigma[:2, 7] = np.nan, np.nan, np.nan
    whole = Coverage.of(prediction, truth, sigma)
    assert whole.n == 20 * 22 - 1 - 4 - 2
    parts = [Coverage.of(prediction[s], truth[s], sigma[s]) for s in (slice(0, 7), slice(7, 20))]
    assert sum(parts, Coverage()) == parts[1] + parts[0]
    assert (parts[0] + parts[1]).within_1 == whole.within_1
    assert (parts[0] + parts[1]).variance == pytest.approx(whole.variance)
    assert Coverage().metrics() == {}
    with pytest.raises(ArgumentError, match="uncertainty"):
        Coverage.of(prediction, truth, sigma[1:])


def test_a_bias_spoils_the_coverage_until_it_is_taken_away() -> None:
    prediction, truth, sigma = _stated(200)
    found = Tally.of(prediction + 4, truth, 2, sigma).metrics()
    assert found["within_1_sigma"] < 0.2
    assert found["centred_within_1_sigma"] == pytest.approx(0.683, abs=0.01)
    silent = Tally.of(prediction, truth, 2).metrics()
    assert not [name for name in silent if "within" in name]


def test_tallies_add_up_in_any_order() -> None:
    a, b, c = (Tally.of(*_stated(size)[:2], 2, _stated(size)[2]) for size in (8, 12, 16))
    for name, value in sum([a, b, c], Tally()).metrics().items():
        assert value == pytest.approx(sum([c, a, b], Tally()).metrics()[name], nan_ok=True)
    assert True


@pytest.fixture
def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    truth = 300 + 4 * gaussian_filter(rng.normal(size=(70, 96)), 1.2) + np.arange(96) * 0.05
    return truth + rng.normal(0.3, 0.5, truth.shape), truth


def test_ssim_is_that_of_the_reference(images: tuple[np.ndarray, np.ndarray]) -> None:
    torch = pytest.importorskip("torch", reason="the oracle of SSIM runs on torch")
    from pytorch_msssim import ssim

    prediction, truth = (image - images[1].min() for image in images)
    span = float(np.ptp(truth))
    p, t = (torch.from_numpy(image)[None, None] for image in (prediction, truth))
    expected = float(ssim(p, t, data_range=span, win_size=11, win_sigma=1.5))
    found = ssim_map(prediction, truth, span)
    assert 0.2 < expected < 0.95
    assert found[5:-5, 5:-5].mean() == pytest.approx(expected, abs=1e-6)


def test_psnr_is_its_definition(images: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, truth = images
    expected = 20 * math.log10(np.ptp(truth) / np.sqrt(((prediction - truth) ** 2).mean()))
    assert Structure.of(prediction, truth, 2).metrics()["psnr"] == pytest.approx(expected)


def test_the_truth_itself_is_perfect(images: tuple[np.ndarray, np.ndarray]) -> None:
    truth = images[1].copy()
    truth[4:9, 50:] = np.nan
    found = Structure.of(truth, truth, 4).metrics()
    assert found["psnr"] == math.inf
    assert [found[name] for name in ("ssim", "spectral_ratio", "edge_sharpness")] == pytest.approx([1, 1, 1])


def test_fine_waves_of_half_the_height_have_a_quarter_of_the_power() -> None:
    y, x = np.mgrid[:64, :32]
    long, short = 3 * np.sin(2 * np.pi * y / 32), np.sin(2 * np.pi * (x / 4 + y / 16))
    found = Structure.of(290 + long + short / 2, 290 + long + short, 4).metrics()
    assert found["spectral_ratio"] == pytest.approx(0.25, abs=0.01)
    # What the coarse image holds itself is not counted.
    found = Structure.of(290 + 5 * long + short, 290 + long + short, 4).metrics()
    assert found["spectral_ratio"] == pytest.approx(1, abs=0.02)


def test_blur_lowers_sharpness_and_noise_does_not_raise_it() -> None:
    truth = np.where(np.arange(60) < 27, 290.0, 296.0) * np.ones((50, 1))
    blurred = Structure.of(gaussian_filter(truth, 3), truth, 2).metrics()["edge_sharpness"]
    assert 0.1 < blurred < 0.5
    noise = np.random.default_rng(0).normal(0, 1, truth.shape)
    assert Structure.of(truth + noise, truth, 2).metrics()["edge_sharpness"] == pytest.approx(1, abs=0.06)


def test_missing_cells_leave_no_trace(images: tuple[np.ndarray, np.ndarray]) -> None:
    """Whatever stands under a gap of either image, the other cells count alike."""
    prediction, truth = images
    for wrong in (0.0, 1e4):
        spoilt, held = prediction.copy(), truth.copy()
        spoilt[10:20, 12:30], held[10:20, 12:30] = wrong, np.nan
        found = Structure.of(spoilt, held, 2)
        gap = np.where(np.isnan(held), np.nan, prediction)
        assert astuple(found) == astuple(Structure.of(gap, held, 2))
        assert found.windows == truth.size - 180


def test_sums_add_up_and_nothing_is_nothing(images: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = Structure.of(*images, 2), Structure.of(images[0][:40], images[1][:40], 2)
    assert astuple(a + b) == astuple(b + a)
    assert (a + b).metrics()["psnr"] == pytest.approx((a.metrics()["psnr"] + b.metrics()["psnr"]) / 2)
    assert a + Structure() == a
    assert Structure.of(np.full((8, 8), np.nan), images[1][:8, :8], 2) == Structure()
    assert Structure.of(images[0][:8, :8], np.full((8, 8), 290.0), 2).metrics() == {}
    with pytest.raises(ArgumentError, match="truth"):
        Structure.of(images[0], images[1][1:], 2)
