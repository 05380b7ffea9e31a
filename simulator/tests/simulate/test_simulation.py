"""Whole simulations: the same twice, physical, and alike to what real scenes show."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from srdanet.energy import aggregate, degrade
from srdanet.errors import ArgumentError
from srdanet.grid import tile_of
from srdanet.predictors.solar import illumination, sun_at
from srdanet.predictors.terrain import gradient
from srdanet.variables import BASE, BY_NAME
from srdanet_simulator import Simulation, character, companion, simulate

HILLS = replace(character(9, 45.0), relief=420.0, base=700.0, aridity=0.25, forest=0.35, crop=0.5)


@pytest.fixture(scope="module")
def day() -> Simulation:
    return simulate(9, 32, clouds=0.0, character=HILLS)


@pytest.fixture(scope="module")
def night(day: Simulation) -> Simulation:
    return companion(day)


def _detail(values: np.ndarray) -> np.ndarray:
    coarse = aggregate(values, 4)
    return (values - np.kron(coarse, np.ones((4, 4)))).ravel()


def _ndvi(scene: Simulation) -> np.ndarray:
    red, nir = scene.predictors["red"], scene.predictors["nir"]
    return (nir - red) / (nir + red)


def _same(a: Simulation, b: Simulation) -> bool:
    arrays = [f.name for f in fields(a) if isinstance(getattr(a, f.name), np.ndarray)]
    equal = all(np.array_equal(getattr(a, n), getattr(b, n), equal_nan=getattr(a, n).dtype.kind == "f") for n in arrays)
    pairs = ((a.predictors[n], b.predictors[n]) for n in a.predictors)
    return equal and all(np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for x, y in pairs)


def test_the_same_seed_gives_the_same_scene() -> None:
    a, b, c = (simulate(seed, 12, "h11v05", "2021-05-02") for seed in (3, 3, 4))
    assert _same(a, b)
    assert a.time == b.time
    assert a.offset == b.offset
    assert not _same(a, c)


def test_dates_share_their_land() -> None:
    a, b = (simulate(3, 12, "h11v05", d, clouds=0.0) for d in ("2021-05-02", "2021-08-20"))
    for name in ("elevation", "land_cover"):
        np.testing.assert_array_equal(a.predictors[name], b.predictors[name])
    assert not np.array_equal(a.predictors["red"], b.predictors["red"])
    assert abs(float(a.truth.mean() - b.truth.mean())) > 0.5


def test_all_predictors_are_there_at_their_native_levels(day: Simulation) -> None:
    assert set(day.predictors) == {p.name for p in BASE}
    factor = {"red": 4, "nir": 4, "elevation": 4, "t2m": 1, "d2m": 1, "wind": 1, "ssrd": 1, "swvl1": 1}
    for name, values in day.predictors.items():
        assert values.shape == (32 * factor.get(name, 2),) * 2
        assert values.dtype == (np.uint8 if name == "land_cover" else np.float32)
        assert np.all(values >= BY_NAME[name].low)
        assert np.all(values <= BY_NAME[name].high)
    assert tile_of(day.geobox) == day.tile


@pytest.mark.parametrize(
    ("tile", "date"),
    [("h26v05", "2020-07-15"), ("h18v04", "2020-01-20"), ("h30v12", "2020-01-10"), ("h20v02", "2020-03-01")],
)
def test_balance_closes_and_temperatures_are_of_this_earth(tile: str, date: str) -> None:
    for by_day in (True, False):
        scene = simulate(2, 12, tile, date, by_day)
        assert scene.residual < 1
        assert scene.truth.min() > 210
        assert scene.truth.max() < 345
        assert np.isfinite(scene.truth).all()
        assert 0.9 < scene.emissivity.min() <= scene.emissivity.max() < 1


def test_truth_keeps_its_exitance_from_level_to_level(day: Simulation) -> None:
    stepwise = degrade(day.truth_at(500), 2, emissivity=aggregate(day.emissivity, 2))
    np.testing.assert_allclose(stepwise, day.truth_at(1000), atol=2e-3)


def test_the_observation_is_the_truth_blurred_and_a_little_wrong(day: Simulation) -> None:
    error = day.lst - day.truth_at(1000)
    assert abs(error.mean()) < 0.6
    assert 0.1 < error.std() < 1.2
    # blurred: less detail at the scale of the cell than the truth has
    assert np.diff(day.lst).std() < np.diff(day.truth_at(1000)).std()


def test_day_is_warmer_than_night(day: Simulation, night: Simulation) -> None:
    assert not night.day
    np.testing.assert_array_equal(day.predictors["elevation"], night.predictors["elevation"])
    difference = float(day.truth.mean() - night.truth.mean())
    assert 8 < difference < 25
    assert day.truth.std() > night.truth.std()
    assert night.predictors["ssrd"].max() == 0


def test_slopes_that_face_the_sun_are_warmer(day: Simulation) -> None:
    box = day.geobox_at(250)
    east, north = gradient(day.predictors["elevation"], box)
    low = aggregate(day.raw.state.astype(float), 1) >= 0  # all cells
    assert low.all()
    sun = sun_at(day.time, 8.0, 45.0)
    light = illumination(east, north, *sun)
    assert np.corrcoef(_detail(day.truth), _detail(light))[0, 1] > 0.15
    steep = np.hypot(east, north) > 0.15
    south = steep & (north > 2 * np.abs(east))
    toward = steep & (-north > 2 * np.abs(east))
    assert min(south.sum(), toward.sum()) > 50
    # north > 0: the ground rises northward, so the slope faces south
    level = day.truth + 0.0065 * day.predictors["elevation"]
    assert level[south].mean() > level[toward].mean() + 0.3


def test_green_is_cool_by_day_but_does_not_tell_all(day: Simulation) -> None:
    detail, green = _detail(day.truth), _detail(_ndvi(day))
    correlation = np.corrcoef(detail, green)[0, 1]
    assert -0.9 < correlation < -0.3
    share = np.stack([green, _detail(day.predictors["elevation"])], 1)
    left = detail - share @ np.linalg.lstsq(share, detail, rcond=None)[0]
    assert 0.45 < left.std() / detail.std() < 0.95
    assert 0.6 < detail.std() < 2.5


def test_classes_are_what_the_bands_show(day: Simulation) -> None:
    cover = day.predictors["land_cover"]
    green = aggregate(_ndvi(day), 2)
    forest = np.isin(cover, (1, 4, 5))
    assert green[forest].mean() > green[cover == 12].mean()
    lake = simulate(4, 32, clouds=0.0, character=replace(HILLS, lakes=0.05))
    water = lake.predictors["land_cover"] == 17
    assert water.sum() > 20
    assert lake.predictors["nir2"][water].mean() < 0.4 * lake.predictors["nir2"][~water].mean()


def test_clouds_hide_the_same_places_from_all(day: Simulation) -> None:
    scene = simulate(9, 32, clouds=0.35, character=HILLS)
    hidden = np.isnan(scene.lst)
    assert hidden.mean() == pytest.approx(0.35, abs=0.15)
    assert set(np.unique(scene.qc[~hidden])) <= {0, 17, 65, 81}
    for name, factor in (("red", 4), ("swir1", 2)):
        lost = np.isnan(scene.predictors[name])
        cover = np.kron((scene.raw.state & 3) == 1, np.ones((factor, factor), bool))
        assert lost[cover].all()
    np.testing.assert_array_equal(scene.truth, day.truth)


@pytest.mark.parametrize(
    "bad",
    [{"size": 2}, {"size": 2000}, {"offset": (1190, 0)}, {"tile": "h00v08", "offset": (0, 0)}, {"tile": "h17v00"}],
)
def test_places_that_do_not_exist_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ArgumentError):
        simulate(1, **{"size": 12, **bad})  # type: ignore[arg-type]


def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srdanet_simulator.day._STRIP", 1 << 15)
    monkeypatch.setattr("srdanet_simulator.parallel.STRIP", 1 << 14)
    made = []
    for count in (1, 3):
        for module in ("parallel", "noise"):
            monkeypatch.setattr(f"srdanet_simulator.{module}.threads", lambda count=count: count)
        made.append(simulate(5, 24))
    assert _same(*made)


def test_strips_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = simulate(6, 32, clouds=0.0)
    monkeypatch.setattr("srdanet_simulator.day._STRIP", 1 << 14)
    cut = simulate(6, 32, clouds=0.0)
    np.testing.assert_allclose(cut.truth, whole.truth, atol=0.15)
    np.testing.assert_allclose(cut.raw.reflectance, whole.raw.reflectance, atol=2e-4)
    assert np.abs(cut.truth - whole.truth).mean() < 0.01


def test_large_scenes_have_a_fine_grid_of_250_m(monkeypatch: pytest.MonkeyPatch) -> None:
    small = simulate(7, 40, clouds=0.0)
    monkeypatch.setattr("srdanet_simulator.place._LARGE", 20)
    large = simulate(7, 40, clouds=0.0, character=small.character)
    assert small.raw.elevation.shape[0] == 2 * large.raw.elevation.shape[0]
    assert large.residual < 1
    for name, values in small.predictors.items():
        assert large.predictors[name].shape == values.shape
    assert large.raw.sites.ground.elevation.shape[1:] == (1, 1)
    assert float(large.truth.mean()) == pytest.approx(float(small.truth.mean()), abs=2.5)
    assert 0.5 < _detail(large.truth).std() / _detail(small.truth).std() < 2
