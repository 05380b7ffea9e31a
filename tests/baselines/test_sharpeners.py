"""Each sharpener on a case whose answer is known, and what all of them promise."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from srdanet.arrays import repeat
from srdanet.baselines import (
    BASELINES,
    BICUBIC,
    Atprk,
    Blend,
    DataMining,
    DisTrad,
    Interpolation,
    MovingWindow,
    RandomForest,
    TsHarp,
    kriging,
    sharpening,
)
from srdanet.energy import aggregate, degrade
from srdanet.errors import ArgumentError, MissingExtraError
from srdanet.grid import SINUSOIDAL, geobox_of, refine
from srdanet.predictors.stack import CHANNELS, Stack
from srdanet.scene import Scene
from srdanet.scene.checks import on_grid

FACTOR = 4
SHARPENERS = [name for name, make in BASELINES.items() if not isinstance(make(), Interpolation)]


def scene(lst: np.ndarray, **predictors: np.ndarray) -> Scene:
    """Coarse LST, and predictors FACTOR times finer."""
    box = GeoBox(lst.shape, Affine(1000, 0, 3000, 0, -1000, 5_000_000), SINUSOIDAL)
    fine = refine(box, FACTOR)
    layers = {name: values.astype(np.float32) for name, values in predictors.items()}
    return Scene(on_grid({"lst": lst.astype(np.float32)}, box), (on_grid(layers, fine),) if layers else ())


def vegetation(shape: tuple[int, int] = (14, 19), seed: int = 0) -> np.ndarray:
    """NDVI on the fine grid: fields of different sizes, and texture inside them; nowhere symmetric."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.1, 0.8, shape)
    fine = repeat(coarse, FACTOR) + rng.normal(0, 0.06, (shape[0] * FACTOR, shape[1] * FACTOR))
    return fine.clip(0.02, 0.95)


def known_answer(lst: np.ndarray, ndvi: np.ndarray) -> Scene:
    return scene(aggregate(lst, FACTOR), ndvi=ndvi)


def rmse(difference: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean(difference**2)))


# Known answers.


@pytest.mark.parametrize(
    "method",
    [
        *[TsHarp(residual=how) for how in ("nearest", "bilinear", "bicubic", "spline")],
        DisTrad(),
        MovingWindow(),
        Atprk(),
        Atprk(chosen="ndvi"),
    ],
)
def test_a_field_linear_in_ndvi_is_recovered(method: TsHarp | DisTrad | MovingWindow | Atprk) -> None:
    ndvi = vegetation()
    truth = 318 - 24 * ndvi
    result = method(known_answer(truth, ndvi), FACTOR)
    np.testing.assert_allclose(result["lst"].values, truth, atol=2e-3)
    assert result.attrs["predictors"] == "ndvi"
    assert result.attrs["interpolated_cells"] == 0


def test_blend_is_its_shares_of_both() -> None:
    ndvi = vegetation()
    truth = 318 - 24 * ndvi
    given = known_answer(truth, ndvi)
    expected = 0.57 * truth + 0.43 * BICUBIC(given, FACTOR)["lst"].values
    np.testing.assert_allclose(Blend()(given, FACTOR)["lst"].values, expected, atol=2e-3)
    only_sharp = Blend(TsHarp("cover"), share=1)(given, FACTOR)
    np.testing.assert_allclose(only_sharp["lst"], TsHarp("cover")(given, FACTOR)["lst"], atol=1e-4)


def test_tsharp_by_fractional_cover() -> None:
    """LST a line in the cover of the coarse NDVI: then the fine LST is that line in the cover of the fine one."""
    ndvi = vegetation()
    low, high = ndvi.min(), ndvi.max()

    def cover(values: np.ndarray) -> np.ndarray:
        return 1 - ((high - values) / (high - low)) ** 0.625

    given = scene(320 - 15 * cover(aggregate(ndvi, FACTOR)), ndvi=ndvi)
    fine = TsHarp("cover", "nearest")(given, FACTOR)["lst"].values
    np.testing.assert_allclose(fine, 320 - 15 * cover(ndvi), atol=5e-3)
    assert rmse(TsHarp("ndvi", "nearest")(given, FACTOR)["lst"].values - fine) > 0.1


def test_tsharp_repeats_the_residual_of_its_line() -> None:
    """By hand: four cells on a line through NDVI, none of which a residual of 3 K in a cell at the mean NDVI tilts."""
    coarse = np.tile([0.2, 0.4, 0.5, 0.6, 0.8], (4, 1))
    lst = 310 - 20 * coarse
    lst[:, 2] += 3
    wave = np.tile([-0.05, 0.05], (16, 10))
    fine = TsHarp(residual="nearest")(scene(lst, ndvi=repeat(coarse, FACTOR) + wave), FACTOR)["lst"].values
    np.testing.assert_allclose(fine, repeat(lst, FACTOR) - 20 * wave, atol=1e-3)


def test_distrad_finds_a_parabola_in_the_uniform_cells_alone() -> None:
    ndvi = repeat(aggregate(vegetation((16, 20)), FACTOR), FACTOR)
    coarse = aggregate(ndvi, FACTOR)
    lst = 315 - 4 * coarse - 18 * coarse**2
    # Two of three columns are mixed, and what they measure has nothing to do with the relation.
    rng = np.random.default_rng(5)
    mixed = np.arange(20) % 3 != 0
    ndvi[:, mixed.repeat(FACTOR)] += np.tile([0.08, -0.08], (64, mixed.sum() * 2))
    lst[:, mixed] += rng.normal(4, 6, (16, mixed.sum()))
    fine = DisTrad()(scene(lst, ndvi=ndvi), FACTOR)["lst"].values
    within = fine - repeat(fine[::FACTOR, ::FACTOR], FACTOR)
    curve = -4 * ndvi - 18 * ndvi**2
    np.testing.assert_allclose(within, curve - repeat(curve[::FACTOR, ::FACTOR], FACTOR), atol=5e-3)


def test_distrad_takes_a_quarter_of_each_class() -> None:
    """Eight cells of each class, the less uniform the farther east; and water, which is in no class."""
    coarse = np.array([0.1, 0.35, 0.7, -0.1])[:, None].repeat(8, 1).astype(np.float32)
    amplitude = coarse * np.linspace(0.01, 0.08, 8, dtype=np.float32)
    fine = repeat(coarse, FACTOR) + repeat(amplitude, FACTOR) * np.tile(np.float32([-1, 1]), (16, 16))
    chosen = DisTrad()._uniform(fine, coarse, np.ones(coarse.shape, bool))
    assert np.argwhere(chosen).tolist() == [[row, col] for row in range(3) for col in range(2)]


def test_moving_window_follows_a_relation_that_changes_from_place_to_place() -> None:
    ndvi = vegetation((14, 30))
    west = np.arange(30 * FACTOR) < 15 * FACTOR
    truth = np.where(west, 318 - 24 * ndvi, 296 + 9 * ndvi)
    given = known_answer(truth, ndvi)
    fine = MovingWindow(window=5)(given, FACTOR)["lst"].values
    pure = np.abs(np.arange(30 * FACTOR) - 15 * FACTOR + 0.5) > 2.5 * FACTOR
    np.testing.assert_allclose(fine[:, pure], truth[:, pure], atol=3e-3)
    assert rmse(TsHarp()(given, FACTOR)["lst"].values - truth) > 0.5


def test_moving_window_without_enough_cells_takes_the_line_of_the_scene() -> None:
    """Three cells with a relation of their own, alone in a gap."""
    ndvi = vegetation()
    lst = aggregate(318 - 24 * ndvi, FACTOR)
    lst[:7, :9] = np.nan
    alone = ([1, 1, 2], [2, 3, 2])
    lst[alone] = 285 + 30 * aggregate(ndvi, FACTOR)[alone]
    fine = MovingWindow(window=3)(scene(lst, ndvi=ndvi), FACTOR)["lst"].values
    for row, col in zip(*alone, strict=True):
        cell = np.s_[row * FACTOR : (row + 1) * FACTOR, col * FACTOR : (col + 1) * FACTOR]
        slope, _ = np.polyfit(ndvi[cell].ravel(), fine[cell].ravel(), 1)
        assert -25 < slope < -20
    assert np.array_equal(np.isnan(fine), repeat(np.isnan(lst), FACTOR))


def step_field() -> tuple[np.ndarray, np.ndarray]:
    """NDVI of bare and grown fields, and LST that knows only these two."""
    rng = np.random.default_rng(3)
    grown = repeat(rng.uniform(size=(40, 56)) < 0.5, 2)
    grown[:32] = repeat(rng.uniform(size=(4, 14)) < 0.5, 8)
    ndvi = np.where(grown, 0.7, 0.2) + rng.normal(0, 0.03, grown.shape)
    return ndvi, np.where(grown, 300.0, 310.0)


@pytest.mark.parametrize("method", [RandomForest(trees=40, leaf=1), DataMining(trees=10, leaf=5)])
def test_trees_find_a_step(method: RandomForest | DataMining) -> None:
    ndvi, truth = step_field()
    result = method(known_answer(truth, ndvi), FACTOR)
    bicubic = rmse(BICUBIC(known_answer(truth, ndvi), FACTOR)["lst"].values - truth)
    assert rmse(result["lst"].values - truth) < bicubic / 3
    assert result.attrs["predictors"] == "ndvi"


@pytest.mark.parametrize("method", [RandomForest(trees=10), DataMining(trees=5)])
def test_trees_give_the_same_result_again(method: RandomForest | DataMining) -> None:
    ndvi, truth = step_field()
    first, again = (method(known_answer(truth, ndvi), FACTOR)["lst"].values for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = replace(method, seed=1)(known_answer(truth, ndvi), FACTOR)["lst"].values
    assert not np.array_equal(first, other)


def test_data_mining_has_a_line_in_each_leaf_and_windows_of_its_own() -> None:
    ndvi = vegetation((16, 32))
    west = np.arange(32 * FACTOR) < 16 * FACTOR
    truth = np.where(west, 318 - 24 * ndvi, 296 + 9 * ndvi)
    given = known_answer(truth, ndvi)
    # Windows near the border learn from both sides of it.
    pure = np.abs(np.arange(32 * FACTOR) - 16 * FACTOR + 0.5) > 10 * FACTOR
    method = DataMining(window=8, trees=10)
    windows, whole, bicubic = (
        rmse((m(given, FACTOR)["lst"].values - truth)[:, pure]) for m in (method, replace(method, window=64), BICUBIC)
    )
    assert windows < 0.3 * whole
    assert windows < 0.3 * bicubic


def test_a_leaf_says_nothing_beyond_what_it_has_seen() -> None:
    samples = np.linspace(0, 1, 40, dtype=np.float32)[:, None]
    target = 300 + 10 * samples[:, 0].astype(np.float64)
    model = DataMining(trees=5, leaf=10)._model(
        target.reshape(4, 10), samples.reshape(1, 4, 10), np.ones((4, 10), bool)
    )
    assert model(np.array([[-5.0], [7.0]], np.float32)) == pytest.approx([300, 310], abs=1)
    inside = np.array([[0.31], [0.72]], np.float32)
    np.testing.assert_allclose(model(inside), 300 + 10 * inside[:, 0], atol=0.3)


# Kriging.


def test_atprk_keeps_the_coarse_means_whatever_they_are() -> None:
    ndvi = vegetation()
    rng = np.random.default_rng(1)
    lst = rng.normal(300, 8, (14, 19))
    lst[3:6, 7] = lst[0, 0] = np.nan
    fine = Atprk()(scene(lst, ndvi=ndvi), FACTOR)["lst"].values
    np.testing.assert_allclose(aggregate(fine, FACTOR), lst, atol=1e-3)
    # It is no mere repetition: the residual is smooth.
    assert rmse(np.diff(fine - TsHarp(residual="nearest")(scene(lst, ndvi=ndvi), FACTOR)["lst"].values)) > 0.1


@pytest.mark.parametrize(("factor", "reach", "window"), [(2, 0.7, 3), (4, 3.0, 5), (3, 30.0, 5)])
def test_kriging_weights_are_coherent(factor: int, reach: float, window: int) -> None:
    weights = kriging.kriging_weights(factor, reach, window)
    np.testing.assert_allclose(weights.sum((2, 3)), 1, atol=1e-9)
    own = np.zeros((window, window))
    own[window // 2, window // 2] = 1
    np.testing.assert_allclose(weights.mean((0, 1)), own, atol=1e-9)
    # A fine cell in the north-west draws more from the north-west.
    corner = weights[0, 0]
    half = window // 2
    assert corner[half - 1, half - 1] > corner[half + 1, half + 1]


def test_kriging_beside_a_gap_invents_nothing() -> None:
    residual = np.full((6, 9), 3.0)
    residual[2, 3:5] = residual[5, 8] = np.nan
    fine = kriging.krige(residual, kriging.kriging_weights(FACTOR, 3.0, 5))
    np.testing.assert_allclose(fine, repeat(residual, FACTOR), atol=1e-5)


def test_covariance_of_points_and_cells_by_hand() -> None:
    factor, reach, most = 3, 2.0, 2
    table = kriging._covariance(factor, reach, most)
    for a, b, i, j in ((0, 0, 0, 0), (2, 1, 4, 1), (1, 2, 2, 3)):
        rows = (i - most) * factor + np.arange(factor) - a
        cols = (j - most) * factor + np.arange(factor) - b
        distance = np.hypot(rows[:, None], cols[None]) / factor
        assert table[a, b, i, j] == pytest.approx(np.exp(-3 * distance / reach).mean())


@pytest.mark.parametrize("reach", [2.0, 6.0])
def test_the_range_of_a_known_field_is_found(reach: float) -> None:
    """A field drawn with an exponential covariance, then averaged over cells."""
    rng = np.random.default_rng(2)
    found = []
    size = 48 * 4
    steps = np.minimum(np.arange(size), size - np.arange(size)) / 4
    spectrum = np.fft.fft2(np.exp(-3 * np.hypot(steps[:, None], steps[None]) / reach)).real.clip(0)
    for _ in range(6):
        field = np.fft.ifft2(np.sqrt(spectrum) * np.fft.fft2(rng.normal(size=(size, size)))).real
        found.append(kriging.fit_range(aggregate(field, 4), 4, 8))
    assert np.median(found) == pytest.approx(reach, rel=0.35)


def test_the_range_of_nothing_is_harmless() -> None:
    assert kriging.fit_range(np.zeros((5, 6)), 4, 8) > 0
    assert kriging.fit_range(np.full((5, 6), np.nan), 4, 8) > 0


@pytest.mark.parametrize("how", ["nearest", "bilinear", "bicubic", "spline"])
def test_an_even_residual_stays_even_beside_gaps(how: sharpening.Residual) -> None:
    residual = np.full((6, 9), 3.0, np.float32)
    residual[2, 3:5] = residual[5, 8] = np.nan
    np.testing.assert_allclose(sharpening.downscale_residual(residual, 4, how), repeat(residual, 4), atol=1e-4)


# What all promise.


@pytest.mark.parametrize("name", list(BASELINES))
def test_result_carries_place_units_and_name(name: str) -> None:
    ndvi = vegetation()
    given = known_answer(318 - 24 * ndvi, ndvi)
    result = BASELINES[name]()(given, FACTOR)
    assert geobox_of(result["lst"]) == refine(given.geobox, FACTOR)
    assert result["lst"].dtype == np.float32
    assert result["lst"].attrs["units"] == "K"
    assert result.attrs["method"] == name
    assert BASELINES[name]().name == name


@pytest.mark.parametrize("name", list(BASELINES))
def test_gaps_stay_and_spoil_nothing(name: str) -> None:
    ndvi = vegetation()
    lst = aggregate(318 - 24 * ndvi, FACTOR)
    lst[2:4, 5:8] = lst[13, 0] = np.nan
    fine = BASELINES[name]()(scene(lst, ndvi=ndvi), FACTOR)["lst"].values
    assert np.array_equal(np.isnan(fine), repeat(np.isnan(lst), FACTOR))
    assert np.nanmin(fine) > 280
    assert np.nanmax(fine) < 330


@pytest.mark.parametrize("name", SHARPENERS)
def test_where_predictors_are_missing_it_interpolates(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Strips of three coarse rows, which must not show.
    monkeypatch.setattr(sharpening, "_STRIP", 3 * 19 * FACTOR**2)
    ndvi = vegetation()
    lst = aggregate(318 - 24 * ndvi, FACTOR)
    lst[9, 9] = np.nan
    ndvi[8:16, 20:36] = np.nan
    ndvi[41, 3] = np.nan
    given = scene(lst, ndvi=ndvi)
    result = BASELINES[name]()(given, FACTOR)
    bicubic = BICUBIC(given, FACTOR)["lst"].values
    lost = np.isnan(ndvi)
    np.testing.assert_allclose(result["lst"].values[lost], bicubic[lost], atol=1e-4)
    assert rmse((result["lst"].values - bicubic)[~lost]) > 0.1
    assert result.attrs["interpolated_cells"] == lost.sum()


@pytest.mark.parametrize("name", SHARPENERS)
@pytest.mark.parametrize("what", ["nothing", "constant", "missing", "few"])
def test_where_no_regression_is_possible_it_interpolates_and_says_so(name: str, what: str) -> None:
    ndvi = vegetation()
    lst = aggregate(318 - 24 * ndvi, FACTOR)
    if what == "few":
        lst[:, 1:] = lst[6:] = np.nan
    given = {
        "nothing": lambda: scene(lst),
        "constant": lambda: scene(lst, ndvi=np.full(ndvi.shape, 0.4)),
        "missing": lambda: scene(lst, ndvi=np.full(ndvi.shape, np.nan)),
        "few": lambda: scene(lst, ndvi=ndvi),
    }[what]()
    result = BASELINES[name]()(given, FACTOR)
    np.testing.assert_allclose(result["lst"].values, BICUBIC(given, FACTOR)["lst"].values, atol=1e-4)
    assert result.attrs["predictors"] == "none"
    assert result.attrs["interpolated_cells"] == np.isfinite(lst).sum() * FACTOR**2


@pytest.mark.parametrize("name", SHARPENERS)
def test_nothing_known_gives_nothing(name: str) -> None:
    fine = BASELINES[name]()(scene(np.full((5, 6), np.nan), ndvi=vegetation((5, 6))), FACTOR)["lst"].values
    assert fine.shape == (20, 24)
    assert np.isnan(fine).all()


@pytest.mark.parametrize("name", sorted({*BASELINES} - {"random-forest", "data-mining"}))
def test_turning_the_scene_turns_the_result(name: str) -> None:
    ndvi = vegetation()
    rng = np.random.default_rng(4)
    lst = aggregate(318 - 24 * ndvi, FACTOR) + rng.normal(0, 2, (14, 19))
    lst[4, 6] = np.nan
    straight = BASELINES[name]()(scene(lst, ndvi=ndvi), FACTOR)["lst"].values
    turned = BASELINES[name]()(scene(lst[::-1, ::-1], ndvi=ndvi[::-1, ::-1]), FACTOR)["lst"].values
    # Where a gap has several nearest neighbours, the spline takes either.
    far = np.abs(np.indices(lst.shape) - np.array([4, 6])[:, None, None]).max(0) > 5
    np.testing.assert_allclose(turned[::-1, ::-1][repeat(far, FACTOR)], straight[repeat(far, FACTOR)], atol=6e-3)


@pytest.mark.parametrize("name", SHARPENERS)
def test_nothing_given_is_changed(name: str) -> None:
    ndvi = vegetation()
    lst = aggregate(318 - 24 * ndvi, FACTOR)
    lst[2, 5] = ndvi[30, 31] = np.nan
    given = scene(lst, ndvi=ndvi)
    before = [array.copy(deep=True) for array in (given.lst, *given.auxiliary)]
    BASELINES[name]()(given, FACTOR)
    assert all(a.identical(b) for a, b in zip(before, (given.lst, *given.auxiliary), strict=True))


def test_conserving_interpolation_keeps_the_coarse_exitance() -> None:
    lst = np.random.default_rng(6).normal(300, 8, (9, 12))
    lst[3, 4] = np.nan
    method = Interpolation("bicubic", conserve=True)
    fine = method(scene(lst), FACTOR)["lst"].values
    np.testing.assert_allclose(degrade(fine, FACTOR), lst, atol=1e-3)
    assert np.nanmax(np.abs(degrade(BICUBIC(scene(lst), FACTOR)["lst"].values, FACTOR) - lst)) > 0.1
    step, sigma = method.step(lst.astype(np.float32), np.empty(0, np.float32), np.empty(0, np.float32))
    assert sigma is None
    np.testing.assert_allclose(degrade(step, 2), lst, atol=1e-3)


def test_the_halo_of_conserving_interpolation_is_enough() -> None:
    lst = np.random.default_rng(6).normal(300, 8, (40, 45)).astype(np.float32)
    none = np.empty(0, np.float32)
    method = Interpolation("bicubic", conserve=True)
    whole, _ = method.step(lst, none, none)
    halo = method.halo
    part, _ = method.step(lst[20 - halo :, 22 - halo :], none, none)
    np.testing.assert_allclose(part[2 * halo :, 2 * halo :], whole[40:, 44:], atol=1e-3)


# Predictors.


def test_ndvi_comes_from_bands_where_it_is_not_given() -> None:
    ndvi = vegetation()
    red = np.full(ndvi.shape, 0.02)
    nir = red * (1 + ndvi) / (1 - ndvi)
    truth = 318 - 24 * ndvi
    result = TsHarp()(scene(aggregate(truth, FACTOR), red=red, nir=nir, blue=red), FACTOR)
    np.testing.assert_allclose(result["lst"].values, truth, atol=5e-3)
    assert result.attrs["predictors"] == "ndvi"


def test_all_predictors_are_those_that_the_network_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    ndvi = vegetation()
    height = 500 + 300 * rng.uniform(size=ndvi.shape) + np.arange(ndvi.shape[1]) * 4
    albedo = np.where(np.arange(ndvi.shape[1]) < 50, np.nan, 0.2) + rng.normal(0, 0.01, ndvi.shape)
    given = scene(rng.normal(300, 5, (14, 19)), ndvi=ndvi, elevation=height, albedo=albedo)
    monkeypatch.setattr(sharpening, "_STRIP", 4 * 19 * FACTOR**2)
    found = sharpening.read_predictors(given, FACTOR)
    assert found.names == ("ndvi", "elevation", "slope", "illumination")
    fields = Stack(given.geobox, given.auxiliary, given.overpass).read(slice(0, 14), slice(0, 19), FACTOR)
    for name, fine, coarse in zip(found.names, found.fine, found.coarse, strict=True):
        np.testing.assert_array_equal(fine, fields.channels[CHANNELS.index(name)])
        np.testing.assert_array_equal(coarse, aggregate(fine, FACTOR))
    assert sharpening.read_predictors(given, FACTOR, "ndvi").names == ("ndvi",)


def test_kriging_with_several_predictors_uses_each() -> None:
    ndvi = vegetation()
    albedo = vegetation(seed=7) * 0.4
    truth = 318 - 24 * ndvi + 30 * albedo
    result = Atprk()(scene(aggregate(truth, FACTOR), ndvi=ndvi, albedo=albedo), FACTOR)
    np.testing.assert_allclose(result["lst"].values, truth, atol=5e-3)
    assert result.attrs["predictors"] == "ndvi albedo"


def test_shares_that_add_up_to_one_have_moderate_slopes() -> None:
    """As shares of land cover do, but for the rounding of float32: noise must not become slopes of a million kelvin."""
    rng = np.random.default_rng(9)
    shares = rng.dirichlet([1, 1, 1], 200).astype(np.float32)
    constant, *slopes = sharpening.least_squares(shares, 300 - 6 * shares[:, 0] + rng.normal(0, 0.1, 200))
    assert np.abs(slopes).max() < 10
    np.testing.assert_allclose(constant + shares @ slopes, 300 - 6 * shares[:, 0], atol=0.1)


@pytest.mark.parametrize("factor", [0, 1, 2.5])
def test_factor_is_checked(factor: float) -> None:
    with pytest.raises(ArgumentError, match=f"factor is {factor}"):
        TsHarp()(scene(np.full((9, 9), 300.0), ndvi=vegetation((9, 9))), factor)  # type: ignore[arg-type]


def test_odd_factors_are_served() -> None:
    ndvi = vegetation()
    truth = 318 - 24 * ndvi
    box = GeoBox((14, 19), Affine(1000, 0, 3000, 0, -1000, 5_000_000), SINUSOIDAL)
    fine = refine(box, 3)
    part = ndvi[: 14 * 3, : 19 * 3]
    given = Scene(
        on_grid({"lst": aggregate(318 - 24 * part, 3).astype(np.float32)}, box),
        (on_grid({"ndvi": part.astype(np.float32)}, fine),),
    )
    for method in (TsHarp(), Atprk()):
        np.testing.assert_allclose(method(given, 3)["lst"].values, 318 - 24 * part, atol=2e-3)
    assert truth.shape == ndvi.shape


def test_without_scikit_learn_trees_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sklearn", "sklearn.ensemble", "sklearn.tree"):
        monkeypatch.setitem(sys.modules, name, None)
    ndvi = vegetation()
    given = known_answer(318 - 24 * ndvi, ndvi)
    for method in (RandomForest(), DataMining()):
        with pytest.raises(MissingExtraError, match=r"srdanet\[compare\]"):
            method(given, FACTOR)
