"""Fusion with other dates: cases whose answer is known, and plain loops that say the same as the vectorised code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy.interpolate import RBFInterpolator
from scipy.stats import f as fisher

from srdanet.baselines.spatiotemporal import (
    Algorithm,
    Estarfm,
    Fsdaf,
    Fusion,
    Pair,
    Starfm,
    class_changes,
    classify,
    thin_plate,
)
from srdanet.energy import aggregate
from srdanet.errors import ArgumentError, GridError
from srdanet.grid import SINUSOIDAL, coordinates, geobox_of, refine
from srdanet.scene import Scene
from srdanet.scene.checks import on_grid

FACTOR = 4
ALL: tuple[Algorithm, ...] = (Starfm(), Estarfm(), Fsdaf())
PAIRS = {"starfm": 1, "estarfm": 2, "fsdaf": 1}
# Which of the 4 x 4 fine cells of each coarse cell are of the first class; no flip maps it to itself.
PATTERN = np.array([[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0]], bool)


def texture(shape: tuple[int, int] = (7, 9), seed: int = 0) -> np.ndarray:
    """A fine image (K) that no flip maps to itself: a slope and noise."""
    height, width = (n * FACTOR for n in shape)
    slope = np.arange(height)[:, None] * 0.15 + np.arange(width) * 0.05
    return 290 + slope + np.random.default_rng(seed).normal(0, 3, (height, width))


def pair(fine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return aggregate(fine, FACTOR), fine


def mosaic(shape: tuple[int, int] = (6, 11), seed: int = 3) -> np.ndarray:
    """Classes 0, 1, 2 in fine cells, in other shares in each coarse cell."""
    rng = np.random.default_rng(seed)
    shares = np.cumsum(rng.dirichlet((0.5, 0.5, 0.5), shape), axis=-1).repeat(FACTOR, 0).repeat(FACTOR, 1)
    return (rng.random(shares.shape[:2])[..., None] > shares[..., :2]).sum(-1)


@pytest.mark.parametrize("algorithm", ALL, ids=lambda a: a.name)
def test_without_change_the_fine_image_comes_back(algorithm: Algorithm) -> None:
    known = [pair(texture()), pair(texture(seed=1) + 7)][: PAIRS[algorithm.name]]
    kept = [image.copy() for images in known for image in images]
    np.testing.assert_allclose(algorithm.predict(known, known[0][0]), known[0][1], atol=1e-4)
    for image, copy in zip([image for images in known for image in images], kept, strict=True):
        np.testing.assert_array_equal(image, copy)


@pytest.mark.parametrize("algorithm", ALL[1:], ids=lambda a: a.name)
def test_a_constant_change_is_met_exactly(algorithm: Algorithm) -> None:
    fine = texture()
    known = [pair(fine), pair(fine + 1.5)][: PAIRS[algorithm.name]]
    np.testing.assert_allclose(algorithm.predict(known, known[0][0] + 4.25), fine + 4.25, atol=1e-3)


def test_starfm_meets_a_constant_change_where_classes_are_uniform() -> None:
    fine = np.array([285.0, 296.0, 311.0])[mosaic()]
    np.testing.assert_allclose(Starfm().predict([pair(fine)], pair(fine)[0] - 6.5), fine - 6.5, atol=1e-3)


def test_starfm_takes_the_coarse_value_where_fine_and_coarse_agree() -> None:
    """Gao et al. 2006, their first special case: the change is then the coarse sensor's alone."""
    coarse, fine = pair(texture())
    fine[8:12, 20:24] = coarse[2, 5] = np.float32(301.25)
    now = coarse + texture((7, 9), 5)[::4, ::4] - 288
    out = Starfm().predict([(coarse, fine)], now)
    np.testing.assert_allclose(out[8:12, 20:24], now[2, 5], atol=1e-4)


def test_starfm_is_what_a_plain_loop_says() -> None:
    a = Starfm(window=1.5, classes=3, fine_uncertainty=0.4, coarse_uncertainty=0.3)
    dates = [pair(texture(seed=s)) for s in (0, 1)]
    now = aggregate(texture(seed=2), FACTOR) + 3
    out = a.predict(dates, now)
    m0 = now.repeat(FACTOR, 0).repeat(FACTOR, 1)
    for y, x in [(0, 0), (13, 20), (27, 2), (5, 35)]:
        total = weights = 0.0
        for coarse, fine in dates:
            m = coarse.repeat(FACTOR, 0).repeat(FACTOR, 1)
            for j in range(max(0, y - 3), min(28, y + 4)):
                for i in range(max(0, x - 3), min(36, x + 4)):
                    s, t = abs(fine[j, i] - m[j, i]), abs(m0[j, i] - m[j, i])
                    similar = abs(fine[j, i] - fine[y, x]) <= 2 * fine.std() / 3
                    better = s <= abs(fine[y, x] - m[y, x]) + 0.5 and t <= abs(m0[y, x] - m[y, x]) + 0.3 * 2**0.5
                    if similar and better:
                        weight = 1 / ((s + 0.02) * (t + 0.02) * (1 + np.hypot(j - y, i - x) / 3))
                        total += weight * (m0[j, i] + fine[j, i] - m[j, i])
                        weights += weight
        assert out[y, x] == pytest.approx(total / weights, abs=2e-3)


def test_starfm_fills_the_gap_of_one_date_from_the_other() -> None:
    first, second = pair(texture()), pair(texture(seed=1))
    first[1][4:9, 6:11] = np.nan
    now = second[0] + 2
    both, one = (Starfm().predict(dates, now) for dates in ([first, second], [first]))
    assert np.isfinite(both).all()
    assert np.isnan(one[4:9, 6:11]).all()
    assert np.isfinite(one).sum() == one.size - 25


def linear(change: float, rates: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Two classes that warm at different rates on the same slope of land: fine is linear in coarse in each class."""
    cell = np.arange(7)[:, None] * 0.11 + np.arange(9) * 0.04
    ground = cell.repeat(FACTOR, 0).repeat(FACTOR, 1) + change
    return pair(np.where(np.tile(PATTERN, (7, 9)), 300 + rates[0] * ground, 285 + rates[1] * ground))


@pytest.mark.parametrize("change", [2.0, 7.5, -3.0])
def test_estarfm_finds_the_conversion_coefficient(change: float) -> None:
    rates = (1.5, 0.5)
    before, after, (now, truth) = (linear(c, rates) for c in (0.0, 5.0, change))
    out = Estarfm().predict([before, after], now)
    np.testing.assert_allclose(out, truth, atol=1e-3)
    share = PATTERN.mean()
    expected = np.where(np.tile(PATTERN, (7, 9)), rates[0], rates[1]) / (share * rates[0] + (1 - share) * rates[1])
    coarse_change = (now - before[0]).repeat(FACTOR, 0).repeat(FACTOR, 1)
    np.testing.assert_allclose((out - before[1]) / coarse_change, expected, atol=1e-3)


@pytest.mark.parametrize(("rates", "change"), [((1.5, 0.5), 1.5), ((4.0, -0.7), 5.0)])
def test_estarfm_trusts_no_coefficient_of_a_small_change_nor_beyond_its_limits(
    rates: tuple[float, float], change: float
) -> None:
    """A change of 1.2 K in the coarse image; then, coefficients of 5.2 and below 0. All become 1."""
    (c1, f1), (c2, f2) = linear(0, rates), linear(change, rates)
    away = abs(c1[0, 0] + 1 - c2[0, 0])
    own = f1 + 1, f2 + (c1 + 1 - c2)[0, 0]
    out = Estarfm().predict([(c1, f1), (c2, f2)], c1 + 1)
    np.testing.assert_allclose(out, (own[0] * away + own[1]) / (1 + away), atol=1e-3)


def test_estarfm_replaces_absurd_temperatures() -> None:
    known = [linear(0, (3, 0.5)), linear(5, (3, 0.5))]
    out = Estarfm().predict(known, known[0][0] + 80)
    hot = out[np.tile(PATTERN, (7, 9))]
    assert known[0][1].min() < hot.min() < hot.max() < known[1][1].max()


def test_estarfm_is_what_a_plain_loop_says() -> None:
    a = Estarfm(window=2, classes=2, similar=9)
    (c1, f1), (c2, f2) = pair(texture()), pair(texture(seed=1) * 1.1 - 22)
    f1[5, 35] += 40  # a cell like no other
    now = aggregate(texture(seed=2), FACTOR) + 3
    out = a.predict([(c1, f1), (c2, f2)], now)
    m1, m2, m0 = (c.repeat(FACTOR, 0).repeat(FACTOR, 1) for c in (c1, c2, now))
    limits = f1.std(), f2.std()
    for y, x in [(0, 0), (14, 20), (27, 2), (5, 35)]:
        window = [(j, i) for j in range(max(0, y - 4), min(28, y + 5)) for i in range(max(0, x - 4), min(36, x + 5))]
        apart = {p: (abs(f1[p] - f1[y, x]) / limits[0], abs(f2[p] - f2[y, x]) / limits[1]) for p in window}
        near = sorted((p for p in window if max(apart[p]) <= 1), key=lambda p: sum(apart[p]))[:9]
        away = [abs(np.mean([m0[p] - m[p] for p in window])) for m in (m1, m2)]
        if (y, x) == (5, 35):
            assert len(near) <= 5
            own = [f[y, x] + np.mean([m0[p] - m[p] for p in window]) for f, m in ((f1, m1), (f2, m2))]
            assert out[y, x] == pytest.approx((own[0] * away[1] + own[1] * away[0]) / sum(away), abs=2e-3)
            continue
        assert len(near) > 5
        unlike = [(abs(f1[p] - m1[p]) / (f1[p] + m1[p]) + abs(f2[p] - m2[p]) / (f2[p] + m2[p])) / 2 for p in near]
        w = np.array([1 / (u * (1 + np.hypot(p[0] - y, p[1] - x) / 4)) for u, p in zip(unlike, near, strict=True)])
        w /= w.sum()
        coarse = [m[p] for m in (m1, m2) for p in near]
        fine = [f[p] for f in (f1, f2) for p in near]
        fit = np.polyfit(coarse, fine, 1)
        r2 = np.corrcoef(coarse, fine)[0, 1] ** 2
        freedom = 2 * len(near) - 2
        sure = fisher.sf(r2 / (1 - r2) * freedom, 1, freedom) <= 0.05 and 0 < fit[0] <= 5
        changed = abs(np.mean([m1[p] - m2[p] for p in near])) >= 2
        v = fit[0] if sure and changed else 1.0
        own = [f[y, x] + v * sum(w * [m0[p] - m[p] for p in near]) for f, m in ((f1, m1), (f2, m2))]
        assert out[y, x] == pytest.approx((own[0] * away[1] + own[1] * away[0]) / sum(away), abs=5e-3)


def test_fsdaf_recovers_the_change_of_each_class() -> None:
    labels = mosaic()
    fine = np.array([285.0, 296.0, 311.0])[labels]
    change = np.array([4.0, -2.5, 9.0])
    coarse_change = aggregate(change[labels], FACTOR)
    assert class_changes(labels.astype(np.int8), coarse_change, 100) == pytest.approx(change, abs=1e-6)
    holed = labels.astype(np.int8)
    holed[8:16:4, ::4] = -1
    wrong = coarse_change.copy()
    wrong[2:4] += 30
    assert class_changes(holed, wrong, 100) == pytest.approx(change, abs=1e-6)
    out = Fsdaf(classes=3).predict([pair(fine)], aggregate(fine, FACTOR) + coarse_change)
    np.testing.assert_allclose(out, fine + change[labels], atol=2e-3)


def test_fsdaf_gives_the_residual_to_its_cell() -> None:
    """The coldest coarse cell warms by 8 K against its classes: its fine cells follow, and the others do not."""
    fine = np.array([285.0, 296.0, 311.0])[mosaic((9, 11))]
    coarse = aggregate(fine, FACTOR)
    rise = np.ones(coarse.shape)
    rise[np.unravel_index(coarse.argmin(), coarse.shape)] = 9
    out = Fsdaf(classes=3, similar=1).predict([(coarse, fine)], coarse + rise)
    np.testing.assert_allclose(aggregate(out - fine, FACTOR), rise, atol=1e-3)


@pytest.mark.parametrize("classes", [1, 2])
def test_fsdaf_is_what_a_plain_loop_says(classes: int) -> None:
    """Every step after the classes, their changes and the spline, which have tests of their own."""
    rng = np.random.default_rng(8)
    fine = 290 + 0.1 * (texture(seed=4) - 290) + 6 * (rng.random((28, 36)) < 0.3)
    fine[12:16, 16:20] = 297
    fine[13, 18] -= 25
    coarse = aggregate(fine, FACTOR)
    now = coarse + rng.normal(2, 3, coarse.shape)
    now[3, 4] = coarse[3, 4] + 3
    out = Fsdaf(classes=classes, similar=7).predict([(coarse, fine)], now)

    labels = classify(fine, classes)
    temporal = fine + class_changes(labels, now - coarse, 100)[labels]
    spline = thin_plate(now, FACTOR)
    low, high = min(now.min(), temporal.min()), max(now.max(), temporal.max())
    change, capped, clipped = np.empty(fine.shape), 0, 0
    for row, col in np.ndindex(*now.shape):
        cells = [(row * 4 + a, col * 4 + b) for a, b in np.ndindex(4, 4)]
        residual = now[row, col] - coarse[row, col] - np.mean([temporal[p] - fine[p] for p in cells])
        weights = []
        for y, x in cells:
            window = labels[max(0, y - 5) : y + 6, max(0, x - 5) : x + 6]
            purity = np.mean(window == labels[y, x])
            bias = spline[y, x] - temporal[y, x]
            bias = 0 if bias * residual < 0 else abs(bias)
            weights.append(bias * purity + abs(residual) * (1 - purity) + 1e-6)
        w = np.array(weights) / np.mean(weights)
        capped += (w > 10).sum()
        w[w > 10] = 1
        for p, share in zip(cells, w / w.mean(), strict=True):
            value = temporal[p] + share * residual
            clipped += not low <= value <= high
            change[p] = min(max(value, low), high) - fine[p]
    assert capped or classes == 2
    assert clipped
    limit = fine.std() * 2 / classes
    for y, x in [(0, 0), (13, 18), (14, 17), (27, 2), (5, 35)]:
        window = [(j, i) for j in range(max(0, y - 5), min(28, y + 6)) for i in range(max(0, x - 5), min(36, x + 6))]
        apart = {p: abs(fine[p] - fine[y, x]) for p in window}
        near = sorted((p for p in window if apart[p] <= limit), key=lambda p: apart[p])[:7]
        w = [1 / ((1 + np.hypot(p[0] - y, p[1] - x) / 5) * (1 + apart[p] / fine[y, x])) for p in near]
        expected = fine[y, x] + np.average([change[p] for p in near], weights=w)
        assert out[y, x] == pytest.approx(expected, abs=5e-3)


def test_classes_are_those_of_separate_values() -> None:
    labels = mosaic()
    values = np.array([285.0, 296.0, 311.0])[labels] + np.random.default_rng(0).normal(0, 0.5, labels.shape)
    values[2, 3] = np.nan
    found = classify(values, 3)
    assert found[2, 3] == -1
    assert np.array_equal(found[found >= 0], labels[found >= 0])
    assert set(classify(np.full((3, 4), 290.0), 5).ravel()) == {0}


def test_a_thin_plate_spline_meets_planes_and_the_global_spline() -> None:
    plane = 280 + np.arange(6)[:, None] * 0.7 - np.arange(8) * 0.3
    y, x = ((np.arange(n * 3) + 0.5) / 3 - 0.5 for n in plane.shape)
    np.testing.assert_allclose(thin_plate(plane, 3), 280 + y[:, None] * 0.7 - x * 0.3, atol=1e-9)
    image = np.random.default_rng(0).normal(290, 5, (17, 19))
    cells = np.stack(np.meshgrid(*(np.arange(float(n)) for n in image.shape), indexing="ij"), -1).reshape(-1, 2)
    fine = np.stack(np.meshgrid(*((np.arange(n * 2) + 0.5) / 2 - 0.5 for n in image.shape), indexing="ij"), -1)
    whole = RBFInterpolator(cells, image.ravel(), kernel="thin_plate_spline")(fine.reshape(-1, 2))
    inner = slice(10, -10)
    np.testing.assert_allclose(
        thin_plate(image, 2)[inner, inner], whole.reshape(fine.shape[:2])[inner, inner], atol=0.02
    )


@pytest.mark.parametrize("algorithm", ALL, ids=lambda a: a.name)
def test_gaps_stay_gaps_and_spoil_nothing(algorithm: Algorithm) -> None:
    known = [pair(texture()), pair(texture(seed=1) + 1)][: PAIRS[algorithm.name]]
    now = known[0][0] + 2
    whole = algorithm.predict(known, now)
    now[2, 5] = np.nan
    known[0][1][20:23, 3:5] = np.nan
    known[0][0][5, 7] = np.nan
    missing = np.zeros(whole.shape, bool)
    missing[8:12, 20:24] = missing[20:23, 3:5] = missing[20:24, 28:32] = True
    out = algorithm.predict(known, now)
    assert np.array_equal(np.isnan(out), missing)
    assert np.abs(out - whole)[~missing].max() < 3
    assert np.median(np.abs(out - whole)[~missing]) < 0.1
    nothing = np.full(now.shape, np.nan)
    assert np.isnan(algorithm.predict(known, nothing)).all()


@pytest.mark.parametrize("algorithm", ALL, ids=lambda a: a.name)
def test_turning_the_images_turns_the_result(algorithm: Algorithm) -> None:
    known = [pair(texture()), pair(texture(seed=1) + 4)][: PAIRS[algorithm.name]]
    now = aggregate(texture(seed=2), FACTOR) + 2
    turned = algorithm.predict([(np.rot90(c), np.rot90(f)) for c, f in known], np.rot90(now))
    apart = np.abs(turned - np.rot90(algorithm.predict(known, now)))
    # Where cells are equally similar, either may be chosen.
    assert np.quantile(apart, 0.95) < 1e-3


@pytest.mark.parametrize("algorithm", ALL, ids=lambda a: a.name)
def test_the_detail_of_another_date_helps(algorithm: Algorithm) -> None:
    """Better than the coarse image repeated, where a class warms more than another and the weather differs."""
    labels = mosaic((9, 12), seed=6)
    fine = np.array([285.0, 296.0, 311.0])[labels] + texture((9, 12)) - 290
    truth = fine + np.array([1.0, 4.0, 6.0])[labels] + np.linspace(0, 3, labels.shape[1])
    known = [pair(fine), pair(fine + np.array([0.5, 2.0, 3.0])[labels] + 1)][: PAIRS[algorithm.name]]
    now = aggregate(truth, FACTOR)
    error = np.sqrt(np.mean((algorithm.predict(known, now) - truth) ** 2))
    assert error < 0.35 * np.sqrt(np.mean((now.repeat(FACTOR, 0).repeat(FACTOR, 1) - truth) ** 2))


@pytest.mark.parametrize("algorithm", ALL, ids=lambda a: a.name)
def test_images_that_do_not_fit_are_refused(algorithm: Algorithm) -> None:
    coarse, fine = pair(texture())
    number = PAIRS[algorithm.name]
    with pytest.raises(ArgumentError, match="pair"):
        algorithm.predict([], coarse)
    if algorithm.name != "starfm":
        with pytest.raises(ArgumentError, match=f"not {number + 1}"):
            algorithm.predict([(coarse, fine)] * (number + 1), coarse)
    with pytest.raises(GridError, match="do not fit"):
        algorithm.predict([(coarse[:-1], fine)] * number, coarse)
    with pytest.raises(GridError, match="do not fit"):
        algorithm.predict([(coarse, fine[:-1])] * number, coarse)


BOX = GeoBox((7, 9), Affine(1000, 0, 3000, 0, -1000, 5_000_000), SINUSOIDAL)


def on(box: GeoBox, values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, coordinates(box), ("y", "x"))


def scene(values: Any) -> Scene:
    return Scene(on_grid({"lst": np.asarray(values, np.float32)}, BOX))


def test_as_a_method_it_carries_place_and_units() -> None:
    coarse, fine = pair(texture())
    images = Pair(on(BOX, coarse), on(refine(BOX, FACTOR), fine).transpose("x", "y"))
    result = Fusion(Fsdaf(), (images,))(scene(coarse + 3), FACTOR)
    assert geobox_of(result["lst"]) == refine(BOX, FACTOR)
    assert result["lst"].attrs["units"] == "K"
    np.testing.assert_allclose(result["lst"].values, fine + 3, atol=1e-3)


def test_images_of_another_place_are_refused() -> None:
    coarse, fine = pair(texture())
    aside = GeoBox((7, 9), Affine(1000, 0, 4000, 0, -1000, 5_000_000), SINUSOIDAL)
    for images in (
        (on(aside, coarse), on(refine(BOX, FACTOR), fine)),
        (on(BOX, coarse), on(refine(aside, FACTOR), fine)),
        (on(BOX, coarse), on(refine(BOX, 2), fine[::2, ::2])),
    ):
        with pytest.raises(GridError, match="another date"):
            Fusion(Starfm(), (images,))(scene(coarse), FACTOR)
