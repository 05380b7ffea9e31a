"""Measures of structure and overshoot against slow second forms of them, cell by cell."""

from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest

from srdanet.errors import ArgumentError
from srdanet.evaluation.metrics import EDGE_SHARE, Coverage, Overshoot, Structure, Tally, Totals, ssim_map


@pytest.fixture
def gapped() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    truth = 285 + np.cumsum(rng.normal(size=(13, 18)), axis=1)
    prediction = truth + rng.normal(0.2, 1.0, truth.shape)
    prediction[2:5, 3] = truth[9, 4:7] = np.nan
    return prediction, truth


def test_ssim_at_every_cell_by_its_definition(gapped: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, truth = (image - np.nanmin(gapped[1]) for image in gapped)
    span, known = 12.0, np.isfinite(prediction + truth)
    found = ssim_map(prediction, truth, span)
    assert np.array_equal(np.isfinite(found), known)
    offsets = np.arange(-5, 6)
    kernel = np.exp(-0.5 * (offsets / 1.5) ** 2)
    for row, col in np.argwhere(known):
        cells = [
            (kernel[i] * kernel[j], prediction[row + a, col + b], truth[row + a, col + b])
            for i, a in enumerate(offsets)
            for j, b in enumerate(offsets)
            if 0 <= row + a < 13 and 0 <= col + b < 18 and known[row + a, col + b]
        ]
        w, p, t = np.array(cells).T
        mp, mt = np.average(p, weights=w), np.average(t, weights=w)
        vp, vt = np.average((p - mp) ** 2, weights=w), np.average((t - mt) ** 2, weights=w)
        cov = np.average((p - mp) * (t - mt), weights=w)
        c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
        expected = (2 * mp * mt + c1) / (mp**2 + mt**2 + c1) * (2 * cov + c2) / (vp + vt + c2)
        assert found[row, col] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("with_truth", [False, True])
def test_overshoot_cell_by_cell(with_truth: bool) -> None:
    rng = np.random.default_rng(5)
    coarse = rng.normal(290, 3, (4, 5))
    prediction, truth = rng.normal(290, 5, (2, 12, 15))
    coarse[1, 2] = np.nan
    prediction[0, 4] = truth[7, 7:9] = np.nan
    distances = []
    for row, col in np.ndindex(12, 15):
        i, j = row // 3, col // 3
        near = [coarse[a, b] for a in range(i - 1, i + 2) for b in range(j - 1, j + 2) if 0 <= a < 4 and 0 <= b < 5]
        if with_truth:
            near += truth[max(0, 3 * i - 3) : 3 * i + 6, max(0, 3 * j - 3) : 3 * j + 6].ravel().tolist()
        counts = np.isfinite(truth[row, col]) if with_truth else np.isfinite(coarse[i, j])
        if counts and np.isfinite(prediction[row, col]):
            value = prediction[row, col]
            distances.append(max(0.0, value - np.nanmax(near), np.nanmin(near) - value))
    outside = [d for d in distances if d > 0]
    found = Overshoot.of(prediction, coarse, truth if with_truth else None)
    assert found.n == len(distances)
    assert found.beyond == len(outside) > 0
    assert found.excess == pytest.approx(sum(outside))
    assert found.rms == pytest.approx(math.sqrt(sum(d**2 for d in outside) / len(distances)))
    share, mean = found.metrics()["overshoot_share"], found.metrics()["overshoot"]
    assert (share, mean) == pytest.approx((len(outside) / len(distances), np.mean(outside)))


def test_within_the_range_there_is_no_overshoot() -> None:
    coarse = np.array([[290.0, 294.0]])
    assert Overshoot.of(np.full((2, 4), 294.0), coarse).metrics() == {"overshoot_share": 0.0, "overshoot": 0.0}
    assert Overshoot().metrics() == {}
    assert math.isnan(Overshoot().rms)
    with pytest.raises(ArgumentError, match="coarse"):
        Overshoot.of(np.zeros((4, 4)), np.zeros((2, 3)))
    with pytest.raises(ArgumentError, match="coarse"):
        Overshoot.of(np.zeros((4, 4)), np.zeros((2, 2)), np.zeros((4, 5)))


@pytest.mark.parametrize(
    ("wavelength", "band"), [(2, 2), (32 / 11, 2), (4, 4), (32 / 5, 4), (8, 8), (16, 16), (32, None)]
)
@pytest.mark.parametrize("axis", [0, 1])
def test_a_wave_counts_in_its_octave_alone(wavelength: float, band: int | None, axis: int) -> None:
    waves = np.cos(2 * np.pi * (np.arange(40) - 0.3) / wavelength)
    other = np.cos(2 * np.pi * np.arange(37) / 32) * 1e-3
    truth = waves[:, None] + other if axis == 0 else waves + other[:, None]
    found = Structure.of(290 + 3 * truth, 290 + truth, 2)
    powers = {n: getattr(found, f"truth_{n}") for n in (2, 4, 8, 16)}
    assert [getattr(found, f"power_{n}") for n in powers] == pytest.approx([9 * p for p in powers.values()])
    if band is None:
        assert found.power_truth < 1e-3 * powers[16]
    else:
        # The taper spreads a wave over the frequencies beside its own.
        assert max(powers, key=lambda n: powers[n]) in ((band,) if wavelength not in (4, 8, 16) else (band, band // 2))


def test_each_tile_of_a_spectrum_counts_unless_it_has_a_gap() -> None:
    rng = np.random.default_rng(8)
    truth, prediction = rng.normal(290, 2, (2, 70, 100))
    whole = Structure.of(prediction, truth, 2)
    parts = [
        Structure.of(prediction[r : r + 32, c : c + 32], truth[r : r + 32, c : c + 32], 2)
        for r in (0, 32)
        for c in (0, 32, 64)
    ]
    for name in ("power", "power_truth", "power_2", "truth_4", "power_8", "truth_16"):
        assert getattr(whole, name) == pytest.approx(sum(getattr(part, name) for part in parts))
    truth[40, 70] = np.nan
    assert Structure.of(prediction, truth, 2).power == pytest.approx(sum(part.power for part in parts[:5]))
    beyond = (
        Structure.of(prediction[:32, :32], truth[:32, :32], 1),
        Structure.of(prediction[:32, :32], truth[:32, :32], 4),
    )
    assert beyond[0].power < parts[0].power < beyond[1].power


def test_a_small_image_has_one_tile() -> None:
    rng = np.random.default_rng(8)
    prediction, truth = rng.normal(290, 2, (2, 9, 14))
    spectra = []
    taper = np.sin(np.pi * np.arange(1, 10) / 10) ** 2
    for image in (prediction, truth):
        tile = image[:, :9] - image[:, :9].mean()
        spectra.append(np.abs(np.fft.fft2(tile * taper[:, None] * taper)) ** 2)
    beyond = np.hypot(*np.meshgrid(np.fft.fftfreq(9), np.fft.fftfreq(9))) > 0.25
    found = Structure.of(prediction, truth, 2)
    assert (found.power, found.power_truth) == pytest.approx([spectrum[beyond].sum() for spectrum in spectra])


def test_edges_are_the_steepest_tenth() -> None:
    rng = np.random.default_rng(2)
    prediction, truth = rng.normal(290, 2, (2, 20, 30))
    (py, px), (ty, tx) = np.gradient(prediction), np.gradient(truth)
    order = np.argsort(np.hypot(ty, tx).ravel())[::-1][: round(EDGE_SHARE * 600)]
    steep, along = np.hypot(ty, tx).ravel(), (py * ty + px * tx).ravel()
    found = Structure.of(prediction, truth, 2)
    assert found.edge_truth == pytest.approx(steep[order].sum())
    assert found.edge == pytest.approx((along[order] / steep[order]).sum())
    flat = np.full((1, 12), 290.0)
    flat[0, 3:] = 291
    assert Structure.of(flat, flat, 1).edge_truth == 0


def test_an_error_of_just_the_uncertainty_is_within_it() -> None:
    truth, sigma = np.zeros((1, 4)), np.array([[1.0, 1.0, 2.0, np.nan]])
    found = Coverage.of(np.array([[1.0, -1.96, 3.93, 0.0]]), truth, sigma)
    assert astuple(found) == (3, 1, 2, 6)
    assert found.metrics()["uncertainty_rms"] == pytest.approx(math.sqrt(2))


def test_a_tally_names_what_was_counted() -> None:
    rng = np.random.default_rng(4)
    prediction, truth = rng.normal(290, 2, (2, 8, 12))
    coarse = truth.reshape(4, 2, 6, 2).mean(axis=(1, 3))
    bare = Tally.of(prediction, truth, 2)
    assert not {"closure_rmse", "overshoot", "within_1_sigma"} & set(bare.metrics())
    closure = Totals.of(coarse + 0.5, coarse)
    full = Tally.of(prediction, truth, 2, np.ones_like(truth), closure, coarse)
    named = full.metrics()
    assert named["closure_rmse"] == pytest.approx(0.5)
    assert named["overshoot_share"] == Overshoot.of(prediction, coarse, truth).metrics()["overshoot_share"]
    assert named["centred_within_1_sigma"] == (np.abs(prediction - truth - bare.error.bias) <= 1).mean()
    assert named["uncertainty_rms"] == 1
    assert "centred_uncertainty_rms" not in named
    nothing = Tally.of(prediction * np.nan, truth, 2, np.ones_like(truth))
    assert nothing.coverage == Coverage()


def test_a_flat_prediction_has_no_correlation() -> None:
    truth = np.arange(12.0).reshape(3, 4) + 280
    assert math.isnan(Totals.of(np.full((3, 4), 290.0), truth).correlation)
    assert math.isnan(Totals.of(truth, np.full((3, 4), 290.0)).correlation)
    assert Totals.of(580 - truth, truth).correlation == pytest.approx(-1)
    assert Totals.of(truth + 2, truth).std == pytest.approx(0, abs=1e-6)
    assert Totals.of(truth[:1, :1], truth[:1, :1]).std == 0
