"""Large scenes: provinces, ranges and coasts, and weather that changes over them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from srdanet.energy import aggregate
from srdanet.grid import Tile, lonlat
from srdanet.predictors.solar import solar_to_utc
from srdanet_simulator import Simulation, companion, simulate, simulation
from srdanet_simulator.balance import weather as sky
from srdanet_simulator.balance.reanalysis import reanalysis
from srdanet_simulator.land import erosion, landscape
from srdanet_simulator.land.drainage import drain, spill
from srdanet_simulator.land.landform import outlets
from srdanet_simulator.land.lattice import Lattice
from srdanet_simulator.land.parcels import parcels, patchwork
from srdanet_simulator.land.provinces import Provinces, draw_provinces, shadow
from srdanet_simulator.land.ranges import Ranges, draw_ranges
from srdanet_simulator.land.relief import Relief, at_sea, terrain
from srdanet_simulator.place import Place, locate

COASTAL = 8


@pytest.fixture(scope="module")
def place() -> Place:
    return locate(5, 1200, Tile(18, 4), None)


@pytest.fixture(scope="module")
def provinces(place: Place) -> Provinces:
    return draw_provinces(5, place)


@pytest.fixture(scope="module", autouse=True)
def _small_is_large() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("srdanet_simulator.place._LARGE", 20)
        yield


@pytest.fixture(scope="module")
def coast() -> Simulation:
    return _coast("2020-05-15")


def _coast(date: str) -> Simulation:
    return simulate(COASTAL, 40, "h26v04", date, clouds=0.1)


def test_a_field_is_enlarged_alike_in_strips_lines_and_places() -> None:
    lattice = Lattice.over((100, 130), 250.0, 3000.0)
    down, right = lattice.places()
    plane = lattice.spread(3 * down[:, None] - 2 * right[None, :] + 5)
    rows, cols = np.arange(100) + 0.5, np.arange(130) + 0.5
    wanted = 3 * rows[:, None] - 2 * cols[None, :] + 5
    np.testing.assert_allclose(plane.rows(slice(0, 100)), wanted, atol=1e-2)
    np.testing.assert_array_equal(plane.rows(slice(40, 60)), plane.rows(slice(0, 100))[40:60])
    np.testing.assert_allclose(plane.line(slice(40, 60)), wanted[49:51].mean(0), atol=1e-2)
    np.testing.assert_allclose(plane.at(rows[7], cols[[3, 99]]), wanted[7, [3, 99]], atol=1e-2)


def test_small_scenes_are_one_province() -> None:
    scene = simulate(8, 16)
    assert scene.character == landscape.character(8, locate(8, 16, Tile(18, 4), None).latitude)
    assert not scene.raw.weather.varying


def test_provinces_are_some_hundreds_of_kilometres_wide(provinces: Provinces) -> None:
    shares = np.bincount(provinces.owner.ravel(), minlength=len(provinces.kinds)) / provinces.owner.size
    wide = np.sqrt(shares[shares > 0.01]) * 1112
    assert len(wide) >= 10
    assert 150 < np.median(wide) < 400
    np.testing.assert_allclose(provinces.weights.sum(0), 1, atol=1e-5)
    # what a place is most of is, but near the borders, what owns it
    nodes = [(at / provinces.side).astype(int) for at in provinces.lattice.places()]
    inside = [(n >= 0) & (n < side) for n, side in zip(nodes, provinces.owner.shape, strict=True)]
    owner = provinces.owner[np.ix_(*(n[i] for n, i in zip(nodes, inside, strict=True)))]
    heaviest = provinces.weights[:, inside[0]][:, :, inside[1]].argmax(0)
    assert (owner == heaviest).mean() > 0.85


def test_borders_wind(provinces: Provinces) -> None:
    def border(owner: np.ndarray) -> int:
        return int((owner[:, 1:] != owner[:, :-1]).sum() + (owner[1:] != owner[:-1]).sum())

    # a border that is straight from 16 km to 16 km would have as many steps on both grids, for its length
    assert border(provinces.owner) > 1.3 * 16 * border(provinces.owner[8::16, 8::16])


def test_blended_fields_have_no_steps(provinces: Provinces) -> None:
    for name, field in provinces.varying().items():
        values = field.rows(slice(2400, 2440))
        spread = float(np.ptp(field.values))
        assert spread > 0.2, name
        # between neighbouring kilometres less than a fiftieth of the difference between provinces
        assert np.abs(np.diff(values[::4, ::4], axis=1)).max() < 0.02 * spread, name


@pytest.fixture(scope="module")
def country() -> tuple[Provinces, Relief, np.ndarray]:
    there = draw_provinces(COASTAL, locate(COASTAL, 324, Tile(26, 4), None))
    lakes = there.blend([kind.lakes for kind in there.kinds])
    relief, _, lake = terrain(
        there.lattice.shape, COASTAL, cell=there.lattice.cell, factor=4, base=0.0, relief=0.0, lakes=lakes,
        ranges=there.ranges,
    )  # fmt: skip
    return there, relief, lake


def test_heights_go_on_over_the_borders_of_provinces(country: tuple[Provinces, Relief, np.ndarray]) -> None:
    there, relief, _ = country
    km = relief.elevation[2::4, 2::4]
    step, border = np.abs(np.diff(km, axis=1)), np.diff(there.owner.astype(int), axis=1) != 0
    land = (km > 0)[:, 1:]
    assert border.sum() > 200
    assert np.median(step[border & land]) < 2 * np.median(step[land])
    assert np.percentile(step[border & land], 99) < 2 * np.percentile(step[land], 99)


def test_a_large_land_has_more_to_it_than_one_country(country: tuple[Provinces, Relief, np.ndarray]) -> None:
    there, relief, _ = country
    cell = there.lattice.cell
    one, _, _ = terrain((656, 656), COASTAL, cell=cell, factor=4, base=500.0, relief=200.0, lakes=0.01)

    def rough(height: np.ndarray) -> np.ndarray:
        """Logarithm of the standard deviation of height in squares of 38 km."""
        n = len(height) // 164
        return np.log(height[: n * 164, : n * 164].reshape(n, 164, n, 164).std((1, 3)) + 1)

    assert np.std(rough(relief.elevation)) > 1.5 * np.std(rough(one.elevation))


def test_the_sea_is_level_and_reaches_the_rim(country: tuple[Provinces, Relief, np.ndarray]) -> None:
    _, relief, _ = country
    sea = at_sea(relief.elevation) > 0
    assert 0.02 < sea.mean() < 0.7
    assert relief.elevation[~sea].min() >= 1
    bodies, _ = ndimage.label(sea)
    rim = np.concatenate([bodies[0], bodies[-1], bodies[:, 0], bodies[:, -1]])
    assert np.isin(bodies[sea], rim).mean() > 0.99


def test_water_runs_off_a_large_land(country: tuple[Provinces, Relief, np.ndarray]) -> None:
    _, relief, _ = country
    km = relief.elevation.reshape(328, 4, 328, 4).mean((1, 3))
    stands = spill(km, drain(km)) - km
    assert np.mean(stands > 10) < 0.02


def test_lakes_are_level(country: tuple[Provinces, Relief, np.ndarray]) -> None:
    _, relief, lake = country
    bodies, count = ndimage.label((lake > 0) & (relief.elevation > 0))
    assert count > 5
    assert all(np.ptp(relief.elevation[bodies == n]) == 0 for n in range(1, 6))


def test_shores_are_no_cliffs(country: tuple[Provinces, Relief, np.ndarray]) -> None:
    _, relief, lake = country
    height = relief.elevation
    sea = height == 0

    def step(part: np.ndarray) -> float:
        """Median difference between cells on either side of its border."""
        steps = [np.abs(np.diff(height, axis=axis))[np.diff(part, axis=axis)] for axis in (0, 1)]
        return float(np.median(np.concatenate(steps)))

    land = np.abs(np.diff(height))[~sea[:, 1:]]
    assert step(sea) < np.median(land)
    assert step((lake > 0) & ~sea) < np.median(land)


@pytest.mark.parametrize("grid", [1 << 19, 0], ids=["at once", "coarsely first"])
def test_an_island_is_a_land_too(grid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erosion, "_LARGE", grid)
    lattice = Lattice.over((400, 400), 250.0)
    away = np.hypot(*np.meshgrid(*(np.linspace(-1, 1, n) for n in lattice.nodes)))
    one = lattice.spread(np.full(lattice.nodes, 60.0))
    ranges = Ranges(relief=one, root=one, inland=lattice.spread(0.25 - away), strike=0.0)
    relief, _, _ = terrain(lattice.shape, 3, cell=250.0, factor=4, base=0, relief=0, lakes=0.0, ranges=ranges)
    sea = at_sea(relief.elevation) > 0
    rim = np.concatenate([sea[0], sea[-1], sea[:, 0], sea[:, -1]])
    assert rim.all()
    assert 0.05 < np.mean(~sea) < 0.6


@pytest.mark.parametrize("at", range(3, 13))
def test_water_leaves_where_the_rim_is_low_but_not_everywhere(at: int) -> None:
    height = np.zeros((132, 132), np.float32)
    height[40:90, 40:90] = 100
    height[0, at] = 5  # all that an island has of the rim
    down = outlets(height)
    # on a grid of half the rows and columns, too, there is a place that water does not leave
    half = np.linspace(0, 131, 66).round().astype(int)
    for rim in (down[0], down[0, half]):
        assert (rim < 0).any()
    assert (down == 1).sum() > 500
    assert (down[1:-1, 1:-1] == 0).all()


@pytest.mark.parametrize(("tile", "dry"), [("h18v04", "right"), ("h18v12", "right"), ("h18v07", "left")])
def test_behind_ranges_the_country_is_dry(tile: str, dry: str) -> None:
    place = locate(5, 600, Tile.parse(tile), None)
    lattice = Lattice.over((2416, 2416), place.cell)
    east = np.broadcast_to(np.linspace(-1, 1, lattice.nodes[1]), lattice.nodes)
    ridge = lattice.spread(np.exp(-((east / 0.1) ** 2)) * 900)
    ranges = Ranges(relief=ridge, root=ridge, inland=lattice.spread(np.full(lattice.nodes, 0.5)), strike=0.0)
    added = shadow(ranges, place)
    left, right = added[:, east[0] < -0.2].mean(), added[:, east[0] > 0.2].mean()
    assert (right - left if dry == "right" else left - right) > 0.03


def test_a_parcel_is_its_provinces() -> None:
    y, x = (part.astype(np.float32) * 250 for part in np.mgrid[:60, :80])
    kinds = [landscape.character(5, 45.0, n) for n in range(2)]
    owner = np.repeat(np.arange(2, dtype=np.uint8), 40)[None, :] * np.ones((60, 1), np.uint8)
    mixed = patchwork(x, y, kinds, owner, 5)
    for n, kind in enumerate(kinds):
        for whole, own in zip(mixed, parcels(x, y, kind, 5), strict=True):
            np.testing.assert_array_equal(whole[owner == n], own[owner == n])


def test_ranges_stand_over_plains(provinces: Provinces) -> None:
    relief = provinces.ranges.relief.values
    assert np.percentile(relief, 95) > 5 * np.percentile(relief, 25)
    coasts = [draw_ranges(seed, Lattice.over((2400, 2400), 250.0)).inland.values.min() < 0 for seed in range(40)]
    assert 0.3 < np.mean(coasts) < 0.8


def test_weather_follows_latitude_country_and_sea(place: Place, provinces: Provinces) -> None:
    lattice = provinces.lattice
    middle = sky.weather(5, place.latitude, place.longitude, dt.date(2020, 7, 1), 0.3)
    lon, lat = place.lonlat_at(*lattice.places())
    sea = np.zeros(lattice.nodes, np.float32)
    sea[:, :70] = 1
    now = sky.regional(5, middle, provinces.aridity, lon, lat, sea)
    warm, swing = (now.varying[name].values for name in ("mean", "swing"))
    assert np.corrcoef(lat.ravel(), warm.ravel())[0, 1] < -0.4
    assert swing[:, :70].mean() < 0.6 * swing[:, 70:].mean()
    dry = provinces.aridity.values
    assert np.corrcoef(dry.ravel(), now.varying["wetness"].values.ravel())[0, 1] < -0.9
    later = now.varying["later"].values
    np.testing.assert_allclose(later, (lon - place.longitude) / 15, atol=1e-5)
    # a line of cells, and single ones, have the weather of their place
    line = now.along(slice(2000, 2006))
    assert not line.varying
    some = now.at(np.array([2003.0]), np.array([10.5]))
    np.testing.assert_allclose(some.mean, line.mean[10], atol=1e-3)  # type: ignore[index]


def test_the_sea_is_as_products_have_it(coast: Simulation) -> None:
    day = coast
    sea = aggregate(at_sea(day.predictors["elevation"]), 4) == 1
    assert 0.05 < sea.mean() < 0.9
    night = companion(day)
    for scene in (day, night):
        assert np.isnan(scene.lst[sea]).all()
        assert (scene.qc[sea] == 3).all()
        assert np.isfinite(scene.raw.view.lst[~sea]).mean() > 0.6
        assert np.isfinite(scene.truth).all()
    np.testing.assert_array_equal(day.predictors["elevation"], night.predictors["elevation"])
    twice = sea.repeat(2, 0).repeat(2, 1)
    assert (day.predictors["land_cover"][twice] == 17).all()
    assert np.isnan(day.predictors["albedo"][twice]).all()
    assert (day.raw.albedo_quality[twice] == 255).all()
    assert set(np.unique(day.raw.state[sea] >> 3 & 7)) == {6}
    # it hardly feels the day
    at_250 = sea.repeat(4, 0).repeat(4, 1)
    assert abs(float(np.mean(day.truth[at_250]) - np.mean(night.truth[at_250]))) < 2


def test_local_time_changes_over_a_large_scene(coast: Simulation) -> None:
    lon, _ = lonlat(coast.geobox)
    moment = solar_to_utc(np.datetime64("2020-05-15"), coast.view_time, lon)
    # all cells are seen at one moment, as far as a tenth of an hour tells
    assert np.abs((moment - coast.time) / np.timedelta64(1, "s")).max() < 240
    assert coast.raw.weather.varying


def test_local_time_is_within_a_day(coast: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    # far from the middle of a tile near the pole it is past midnight
    monkeypatch.setitem(simulation._TRACK_HOUR, ("Terra", False), 25.5)
    after = companion(coast)
    assert after.view_time.min() >= 0
    assert after.view_time.max() <= 24
    moment = solar_to_utc(np.datetime64("2020-05-15"), after.view_time, lonlat(coast.geobox)[0])
    assert np.abs((moment - after.time) / np.timedelta64(1, "s")).max() < 240


def test_wind_calms_down_by_local_time(coast: Simulation) -> None:
    now = replace(coast.raw.weather, speed=4.0, later=np.array([0.0, 3.0], np.float32))
    there, east = np.asarray(now.wind(17.0))
    assert east == pytest.approx(np.asarray(now.wind(20.0))[0])
    assert east < there - 0.2


def test_era5_holds_the_scenes_last_row_beyond_it(coast: Simulation) -> None:
    now, box = coast.raw.weather, coast.raw.elevation_box
    height = np.broadcast_to(np.arange(box.shape[0], dtype=np.float32)[:, None] * 10 + 10, tuple(box.shape))
    lon, lat = lonlat(box)
    south = float(lat.min()) - 3
    time = (coast.time,)
    found = reanalysis(8, now, box, height, time, (float(lon.min()), south, float(lon.max()), float(lat.max())))
    pressure = found.values["sp"][0]
    assert np.ptp(pressure[-8:]) == 0
    smooth = ndimage.gaussian_filter(height, 12e3 / box.affine.a, mode="nearest")
    np.testing.assert_allclose(pressure[-1], 101325 * np.exp(-smooth[-1, 0] / 8400), rtol=1e-6)


def test_dates_and_threads_share_a_large_land(coast: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("parallel", "noise"):
        monkeypatch.setattr(f"srdanet_simulator.{module}.threads", lambda: 3)
    again, later = _coast("2020-05-15"), _coast("2020-08-01")
    np.testing.assert_array_equal(coast.truth, again.truth)
    np.testing.assert_array_equal(coast.lst, again.lst)
    for name in ("elevation", "land_cover"):
        np.testing.assert_array_equal(coast.predictors[name], later.predictors[name])
    assert not np.array_equal(coast.predictors["red"], later.predictors["red"], equal_nan=True)
