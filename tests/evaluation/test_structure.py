"""Likeness, power and sharpness against an oracle and against what is known beforehand."""

from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from srdanet.errors import ArgumentError
from srdanet.evaluation.structure import Structure, ssim_map


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
    assert [found[name] for name in ("ssim", "spectral ratio", "edge sharpness")] == pytest.approx([1, 1, 1])


def test_fine_waves_of_half_the_height_have_a_quarter_of_the_power() -> None:
    y, x = np.mgrid[:64, :32]
    long, short = 3 * np.sin(2 * np.pi * y / 32), np.sin(2 * np.pi * (x / 4 + y / 16))
    found = Structure.of(290 + long + short / 2, 290 + long + short, 4).metrics()
    assert found["spectral ratio"] == pytest.approx(0.25, abs=0.01)
    # What the coarse image holds itself is not counted.
    found = Structure.of(290 + 5 * long + short, 290 + long + short, 4).metrics()
    assert found["spectral ratio"] == pytest.approx(1, abs=0.02)


def test_blur_lowers_sharpness_and_noise_does_not_raise_it() -> None:
    truth = np.where(np.arange(60) < 27, 290.0, 296.0) * np.ones((50, 1))
    blurred = Structure.of(gaussian_filter(truth, 3), truth, 2).metrics()["edge sharpness"]
    assert 0.1 < blurred < 0.5
    noise = np.random.default_rng(0).normal(0, 1, truth.shape)
    assert Structure.of(truth + noise, truth, 2).metrics()["edge sharpness"] == pytest.approx(1, abs=0.06)


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
