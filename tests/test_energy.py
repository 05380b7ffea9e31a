"""Degrading in exitance and closing without blocks, on small images worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from srdanet import energy
from srdanet.energy import CONSERVE_REACH, aggregate, conserve, degrade
from srdanet.errors import ArgumentError, GridError
from srdanet.grid import windows


def landscape(height: int, width: int, seed: int = 0, contrast: float = 6.0) -> np.ndarray:
    """A smooth, asymmetric image in K."""
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal((height, width)), 1.5)
    ramp = np.linspace(0, 4, height)[:, None] + np.linspace(0, 9, width)[None, :]
    return 290 + contrast * noise / noise.std() + ramp


def holes(image: np.ndarray, share: float, seed: int = 1) -> np.ndarray:
    out = image.copy()
    out[np.random.default_rng(seed).random(image.shape) < share] = np.nan
    return out


def test_exitance_not_kelvin_is_averaged() -> None:
    fine = np.array([[280.0, 320.0], [280.0, 320.0]])
    expected = ((280.0**4 + 320.0**4) / 2) ** 0.25
    assert degrade(fine, 2)[0, 0] == pytest.approx(expected, abs=1e-9)
    assert expected > 301.9


def test_emissivity_weighs() -> None:
    fine = np.array([[280.0, 320.0], [300.0, np.nan]])
    emissivity = np.array([[0.6, 1.0], [0.9, 0.9]])
    expected = ((0.6 * 280.0**4 + 320.0**4 + 0.9 * 300.0**4) / 2.5) ** 0.25
    assert degrade(fine, 2, emissivity=emissivity)[0, 0] == pytest.approx(expected, abs=1e-9)
    no_emissivity = np.array([[0.6, 1.0], [np.nan, 0.9]])
    expected = ((0.6 * 280.0**4 + 320.0**4) / 1.6) ** 0.25
    assert degrade(fine, 2, emissivity=no_emissivity)[0, 0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("missing", "min_valid", "kept"), [(2, 0.5, True), (3, 0.5, False), (3, 0.25, True)])
def test_a_coarse_cell_needs_enough_fine_cells(missing: int, min_valid: float, kept: bool) -> None:
    fine = np.full(4, 300.0)
    fine[:missing] = np.nan
    for function in (degrade, aggregate):
        assert np.isfinite(function(fine.reshape(2, 2), 2, min_valid=min_valid))[0, 0] == kept


def test_none_valid_is_missing_even_when_none_is_asked_for() -> None:
    fine = np.full((2, 4), np.nan)
    fine[0, 2] = 300
    for function in (degrade, aggregate):
        assert np.isnan(function(fine, 2, min_valid=0.0)).tolist() == [[True, False]]


def test_float32_keeps_its_digits() -> None:
    fine = landscape(64, 96).astype(np.float32)
    out = degrade(fine, 4)
    assert out.dtype == np.float32
    assert np.abs(out - degrade(fine.astype(np.float64), 4)).max() < 2e-5
    counts = np.full((4, 4), 300, np.uint16)
    assert degrade(counts, 4).dtype == np.float32
    assert aggregate(counts, 2).tolist() == [[300, 300], [300, 300]]


def test_rows_and_columns_stay_apart() -> None:
    fine = np.zeros((4, 6)) + 280 + 10 * np.arange(3).repeat(2)[None, :] + np.arange(2).repeat(2)[:, None]
    assert degrade(fine, 2) == pytest.approx(np.array([[280, 290, 300], [281, 291, 301]]))
    assert aggregate(np.stack([fine, -fine]), 2)[1].tolist() == [[-280, -290, -300], [-281, -291, -301]]


def test_strips_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    fine, emissivity = holes(landscape(160, 24), 0.1), 0.9 + 0.001 * landscape(160, 24, 2)
    coarse = degrade(landscape(160, 24, 3), 2)

    def everything() -> list[np.ndarray]:
        return [
            degrade(fine, 2),
            degrade(fine, 2, point_spread=0.35, emissivity=emissivity),
            aggregate(fine, 4),
            conserve(fine, coarse, emissivity=emissivity),
        ]

    whole = everything()
    monkeypatch.setattr(energy, "_STRIP", 24 * 8)
    for a, b in zip(whole, everything(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_the_spread_is_a_gaussian_before_the_box() -> None:
    factor, spread = 8, 0.35
    fine = np.full((7 * factor, 9 * factor), 300.0)
    fine[3 * factor + 3 : 3 * factor + 5, 4 * factor + 3 : 4 * factor + 5] = 340.0
    seen = degrade(fine, factor, point_spread=spread) ** 4 - 300.0**4
    assert seen.sum() == pytest.approx((degrade(fine, factor) ** 4 - 300.0**4).sum(), rel=1e-6)
    assert np.unravel_index(seen.argmax(), seen.shape) == (3, 4)
    # A point in a cell's centre: the share that stays is that of a Gaussian within half a cell, squared.
    inside = 0.8469  # erf(0.5 / (0.35 sqrt 2))
    assert seen[3, 4] / seen.sum() == pytest.approx(inside**2, rel=0.03)
    assert seen[3, 3] == pytest.approx(seen[2, 4], rel=1e-6)


def test_the_spread_does_not_leak_over_gaps() -> None:
    fine = np.full((8, 16), 300.0)
    fine[:, 8:] = np.nan
    fine[0, 0] = np.nan
    out = degrade(fine, 4, point_spread=0.5)
    assert out[:, :2] == pytest.approx(300.0)
    assert np.isnan(out[:, 2:]).all()


@pytest.mark.parametrize("factor", [0, -2, 3])
def test_impossible_factors(factor: int) -> None:
    for function in (degrade, aggregate):
        with pytest.raises((ArgumentError, GridError)):
            function(np.full((4, 8), 300.0), factor)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match="kelvin"):
        degrade(np.full((4, 4), -3.0), 2)
    with pytest.raises(ArgumentError, match="spread"):
        degrade(np.full((4, 4), 300.0), 2, point_spread=-1)
    for coarse in (np.zeros((2, 3)), np.zeros((8, 8)), np.zeros((2, 4))):
        with pytest.raises(GridError):
            conserve(np.full((4, 4), 300.0), coarse)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("with_emissivity", [False, True])
def test_closure_with_gaps(factor: int, with_emissivity: bool) -> None:
    fine = holes(landscape(12 * factor, 17 * factor), 0.25)
    rng = np.random.default_rng(5)
    coarse = holes(degrade(landscape(12 * factor, 17 * factor), factor), 0.15) + rng.normal(0, 2, (12, 17))
    emissivity = rng.uniform(0.85, 1, fine.shape) if with_emissivity else None
    closed = conserve(fine, coarse, emissivity=emissivity)
    seen = degrade(closed, factor, emissivity=emissivity)
    checked = np.isfinite(coarse) & np.isfinite(seen)
    assert checked.sum() > 100
    assert np.abs(seen - coarse)[checked].max() < 1e-6
    assert (np.isnan(closed) == np.isnan(fine)).all()
    untouched = np.isnan(coarse).repeat(factor, 0).repeat(factor, 1)
    np.testing.assert_array_equal(closed[untouched], fine[untouched])


def test_closure_in_single_precision() -> None:
    fine = landscape(48, 64).astype(np.float32)
    coarse = (degrade(landscape(48, 64, 4), 4)).astype(np.float32)
    closed = conserve(fine, coarse)
    assert closed.dtype == np.float32
    assert np.abs(degrade(closed, 4) - coarse).max() < 1e-3


def test_what_is_closed_already_stays() -> None:
    fine = holes(landscape(40, 60), 0.2)
    np.testing.assert_allclose(conserve(fine, degrade(fine, 4)), fine, atol=1e-9)
    once = conserve(fine, degrade(landscape(40, 60, 9), 4))
    np.testing.assert_allclose(conserve(once, degrade(landscape(40, 60, 9), 4)), once, atol=1e-7)


def test_thin_cells_take_their_neighbours_correction() -> None:
    fine = np.full((16, 24), 300.0)
    fine[4:8, 8:12] = np.nan
    fine[4, 8] = 300.0
    coarse = np.full((4, 6), 302.0)
    coarse[1, 2] = 330.0
    closed = conserve(fine, coarse)
    assert closed[np.isfinite(closed)] == pytest.approx(302.0, abs=5e-3)


def steps(correction: np.ndarray, factor: int, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Differences of neighbouring cells across coarse borders, and inside coarse cells."""
    jumps = np.abs(np.diff(correction, axis=axis))
    border = np.arange(jumps.shape[axis]) % factor == factor - 1
    return np.compress(border, jumps, axis), np.compress(~border, jumps, axis)


@pytest.mark.parametrize("factor", [2, 4, 5])
@pytest.mark.parametrize("axis", [0, 1])
def test_no_blocks_from_a_smooth_residual(factor: int, axis: int) -> None:
    y, x = np.mgrid[0:24, 0:30]
    residual = 2 * np.sin(x / 3.0) * np.cos(y / 4.0) + 0.1 * x
    correction = conserve(np.full((24 * factor, 30 * factor), 300.0), 300 + residual) - 300
    border, inside = steps(correction, factor, axis)
    assert np.sqrt((border**2).mean()) < 1.2 * np.sqrt((inside**2).mean())
    assert border.max() < 1.25 * inside.max()
    blocks = np.abs(np.diff(residual, axis=axis)).max()
    assert border.max() < 1.6 * blocks / factor


@pytest.mark.parametrize("factor", [4, 5, 8])
def test_no_block_from_a_single_cell(factor: int) -> None:
    coarse = np.full((21, 25), 300.0)
    coarse[9, 12] += 1.0
    correction = conserve(np.full((21 * factor, 25 * factor), 300.0), coarse) - 300
    border, inside = steps(correction, factor, 1)
    assert border.max() < 1.05 * inside.max()
    assert correction.max() < 2.0
    assert correction.min() > -0.4


def test_rough_residuals_do_not_blow_up() -> None:
    residual = np.where(np.indices((20, 26)).sum(0) % 2, 1.0, -1.0)
    correction = conserve(np.full((80, 104), 300.0), 300 + residual) - 300
    assert np.abs(correction).max() < 2.5
    for axis in (0, 1):
        border, inside = steps(correction, 4, axis)
        assert border.max() < 1.01 * inside.max()


@pytest.mark.parametrize("factor", [2, 4])
def test_windows_with_a_halo_give_the_same(factor: int) -> None:
    fine = holes(landscape(40 * factor, 44 * factor), 0.2)
    coarse = holes(degrade(landscape(40 * factor, 44 * factor, 7), factor), 0.1)
    whole = conserve(fine, coarse)
    for window in windows(coarse.shape, 11, CONSERVE_REACH):
        scaled = window.scaled(factor)
        part = conserve(fine[scaled.outer], coarse[window.outer])[scaled.crop]
        np.testing.assert_allclose(part, whole[scaled.inner], atol=1e-9)


def test_the_reach_is_what_is_stated() -> None:
    fine = landscape(80, 120)
    coarse = degrade(landscape(80, 120, 7), 4)
    other = coarse.copy()
    other[9, 14] += 5
    moved = np.abs(conserve(fine, other) - conserve(fine, coarse)) > 1e-9
    rows, cols = (np.nonzero(moved.any(axis))[0] // 4 for axis in (1, 0))
    assert 9 - rows.min() <= CONSERVE_REACH
    assert cols.max() - 14 <= CONSERVE_REACH
    assert rows.min() < 9 < rows.max()


def test_contradictions_stay_positive() -> None:
    coarse = np.full((9, 9), 350.0)
    coarse[4, 4] = 150.0
    closed = conserve(np.full((36, 36), 350.0), coarse)
    assert closed.min() > 0
    assert degrade(closed, 4) == pytest.approx(coarse, abs=1e-6)


@pytest.mark.parametrize("wrong", [np.nan, 0.0, -0.5, np.inf])
def test_a_cell_without_an_emissivity_counts_as_missing(wrong: float) -> None:
    lst = np.array([[280.0, 290.0], [300.0, 310.0]])
    emissivity = np.array([[wrong, 0.9], [0.98, 0.95]])
    expected = degrade(np.array([[np.nan, 290.0], [300.0, 310.0]]), 2, emissivity=np.nan_to_num(emissivity, posinf=0))
    assert degrade(lst, 2, emissivity=emissivity)[0, 0] == pytest.approx(expected[0, 0])


def test_an_image_without_columns_has_none_afterwards() -> None:
    assert degrade(np.zeros((4, 0)), 2).shape == (2, 0)
    assert aggregate(np.zeros((0, 6), np.float32), 3).shape == (0, 2)
