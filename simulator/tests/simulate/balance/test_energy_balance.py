"""The surface energy balance closes, and answers as surfaces do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from srdanet_simulator.balance.energy import Forcing, Surface, balance
from srdanet_simulator.balance.weather import STEFAN_BOLTZMANN, cold_pool, daily_course, sunlight

SHAPE = (3, 4)


def _full(value: float) -> np.ndarray:
    return np.full(SHAPE, value, np.float32)


def _surface(**changes: float) -> Surface:
    plain = {
        "albedo": 0.2,
        "emissivity": 0.97,
        "sky_view": 1.0,
        "momentum": 0.006,
        "wind_share": 0.75,
        "canopy": 0.01,
        "soil_share": 0.4,
        "soil_resistance": 800.0,
        "capacity": 6e4,
        "sealed": 0.0,
        "snow": 0.0,
    }
    return Surface(**{name: _full(value) for name, value in (plain | changes).items()})


def _day(hour: float, wind: float = 3.0) -> Forcing:
    sun = max(0.0, float(np.sin(np.pi * ((hour % 24) - 6) / 12))) * 850
    air = 292 + 6 * daily_course(hour)
    return Forcing(_full(sun), _full(330.0), _full(air), _full(1200.0), _full(wind))


HOURS = [10.5 - 18 + 1.5 * n for n in range(13)]


def test_balance_closes_by_an_independent_count() -> None:
    """Without storage the balance has four terms; they are written out again here."""
    what = _surface(capacity=0.0, canopy=0.0, soil_share=0.0)
    kelvin, residual = balance(what, lambda _: _day(10.5), HOURS)
    now = _day(10.5)
    wind = 3.0 * np.log(60 / 0.03) / np.log(10 / 0.03) * 0.75
    excess = kelvin.astype(float) - now.air
    eta = 5 * 9.81 * 10 * excess / (now.air * wind**2)
    assert np.all(eta > 0)
    sensible = 1005 * 1.2 * 0.006 * wind * np.sqrt(1 + 1.6 * eta) * excess
    net = 0.8 * now.light + 0.97 * (330.0 - STEFAN_BOLTZMANN * kelvin.astype(float) ** 4)
    np.testing.assert_allclose(net - sensible, 0, atol=1.0)
    assert np.abs(residual).max() < 1


@pytest.mark.parametrize("hour", [10.5, 22.5])
@pytest.mark.parametrize("wind", [0.2, 3.0, 12.0])
@pytest.mark.parametrize("snow", [0.0, 1.0])
def test_balance_closes_everywhere(hour: float, wind: float, snow: float) -> None:
    rng = np.random.default_rng(3)
    what = _surface(snow=snow)
    spread = {
        "momentum": rng.uniform(0.001, 0.03, SHAPE),
        "canopy": rng.uniform(0, 0.05, SHAPE),
        "albedo": rng.uniform(0.05, 0.8, SHAPE),
        "capacity": rng.uniform(5e3, 1.5e5, SHAPE),
    }
    what = replace(what, **{name: values.astype(np.float32) for name, values in spread.items()})
    kelvin, residual = balance(what, lambda h: _day(h, wind), [hour + h - 10.5 for h in HOURS])
    assert np.abs(residual).max() < 1
    assert kelvin.min() > 200
    assert kelvin.max() < 360


@pytest.mark.parametrize(
    ("change", "warmer"),
    [
        ({"albedo": 0.4}, False),
        ({"canopy": 0.04}, False),
        ({"momentum": 0.02}, False),
        ({"soil_resistance": 80.0}, False),
        ({"wind_share": 0.4}, True),
    ],
)
def test_by_day(change: dict[str, float], warmer: bool) -> None:
    plain, changed = (balance(s, _day, HOURS)[0].mean() for s in (_surface(), _surface(**change)))
    assert (changed > plain) == warmer
    assert abs(changed - plain) > 0.2


def test_thermal_inertia_damps_the_day() -> None:
    night = [h + 12 for h in HOURS]
    light, heavy = (_surface(capacity=c) for c in (1.5e4, 1.4e5))
    assert balance(light, _day, HOURS)[0].mean() > balance(heavy, _day, HOURS)[0].mean() + 1
    assert balance(light, _day, night)[0].mean() < balance(heavy, _day, night)[0].mean() - 0.5


def test_melting_snow_stays_at_freezing() -> None:
    kelvin, _ = balance(_surface(snow=1.0, albedo=0.6, canopy=0.0), _day, HOURS)
    assert kelvin.max() < 276


def test_valleys_are_cold_on_calm_nights_only() -> None:
    depth = np.asarray([-100.0, 0.0, 100.0], np.float32)
    calm, windy, noon = cold_pool(23, 1.0, depth), cold_pool(23, 9.0, depth), cold_pool(12, 1.0, depth)
    assert calm[0] > 1 > -1 > calm[2]
    assert np.abs(windy).max() < 0.1
    assert not noon.any()


def test_sunlight_fades_towards_the_horizon() -> None:
    beams = [sunlight(z, 196, 0.72)[0] for z in (20, 60, 85, 95)]
    assert beams == sorted(beams, reverse=True)
    assert 850 < beams[0] < 1050
    assert beams[-1] == 0
