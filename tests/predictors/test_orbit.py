"""Terra and Aqua over a place: golden values of their orbits, and what an overpass makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from srdanet.grid import Level, Tile
from srdanet.predictors.overpass import Overpass, is_terra, lean

ORLEANS = Tile(18, 4).geobox(Level.KM1)[240:260, 130:150]


def test_tracks_lean_more_towards_the_poles() -> None:
    """At the equator by what the inclination differs from 90 degrees; poleward of its turning point it lies flat."""
    assert np.degrees(lean(0.0, ascending=True)) == pytest.approx(-8.2)
    assert np.degrees(lean(45.0, ascending=True)) == pytest.approx(-11.64, abs=0.01)
    assert np.degrees(lean([81.8, 89.0], ascending=True)) == pytest.approx(-90, abs=0.5)


def test_the_way_back_and_the_other_hemisphere_mirror_the_lean() -> None:
    latitudes = np.linspace(-80, 80, 9)
    np.testing.assert_allclose(lean(latitudes, ascending=True), -lean(latitudes, ascending=False))
    np.testing.assert_allclose(lean(latitudes, ascending=True), lean(-latitudes, ascending=True))


@pytest.mark.parametrize(
    ("time", "day", "ascending"),
    [
        ("2020-07-15T10:40", None, False),
        ("2020-07-15T21:50", None, True),
        ("2020-07-15T13:20", None, True),
        ("2020-07-15T01:40", None, False),
        ("2020-07-15", True, False),
        ("2020-07-15", False, True),
        (None, True, False),
        (None, None, None),
    ],
)
def test_an_overpass_knows_which_way_the_satellite_flies(
    time: str | None, day: bool | None, ascending: bool | None
) -> None:
    """Terra southward in the morning, Aqua northward in the afternoon; without an hour, as Terra."""
    assert Overpass.of(time, day).at(ORLEANS).ascending is ascending


def test_the_hour_is_the_places_own() -> None:
    """18:40 UTC is morning in Colorado and night in Europe."""
    time = np.datetime64("2020-07-15T18:10:00")
    assert is_terra(time, -105.0)
    assert not is_terra(time, -75.0)
