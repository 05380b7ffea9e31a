"""The stack: everything on the target grid, window by window, nothing shifted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from srdanet.arrays import repeat
from srdanet.errors import ArgumentError, GridError
from srdanet.grid import Tile, coordinates, refine
from srdanet.predictors.overpass import Overpass
from srdanet.predictors.stack import CHANNELS, CONTEXT, Stack, orientation_signs
from srdanet.predictors.terrain import gradient

ROOT = Tile(18, 4).geobox(1000)[300:312, 500:509]
ALL = slice(0, 12), slice(0, 9)
SUMMER = Overpass(np.datetime64("2020-07-15T10:40:00"), True)


def dataset(factor: int, variables: Mapping[str, np.ndarray], root: GeoBox = ROOT) -> xr.Dataset:
    data = {name: (("y", "x"), values) for name, values in variables.items()}
    return xr.Dataset(data, coords=coordinates(refine(root, factor)))


def ramp(factor: int, low: float = 0.0, high: float = 0.5) -> np.ndarray:
    """An asymmetric image that is linear in place: its area means are exact on every grid."""
    rows, cols = ((np.arange(n * factor) + 0.5) / factor for n in ROOT.shape)
    image = 3 * rows[:, None] + cols[None, :]
    return (low + (high - low) * image / 45).astype(np.float32)


def channel(stack: Stack, name: str, factor: int) -> np.ndarray:
    return stack.read(*ALL, factor).channels[CHANNELS.index(name)]


@pytest.mark.parametrize("have", [1, 2, 4, 5, 8])
@pytest.mark.parametrize("want", [2, 4])
def test_any_nesting_grid_serves_any_step(have: int, want: int) -> None:
    """The mean over each coarse cell is kept, and the image stays in place."""
    found = channel(Stack(ROOT, [dataset(have, {"red": ramp(have)})], SUMMER), "red", want)
    assert found.shape == (12 * want, 9 * want)
    np.testing.assert_allclose(found.reshape(12, want, 9, want).mean((1, 3)), ramp(1), atol=1e-6)
    if have >= want and have % want == 0:
        np.testing.assert_allclose(found, ramp(want), atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 8), st.integers(1, 4), st.integers(0, 6), st.integers(1, 3), st.sampled_from([2, 4]))
def test_a_window_is_a_cut_of_the_whole(row: int, height: int, col: int, width: int, factor: int) -> None:
    rng = np.random.default_rng(5)
    given_data = [
        dataset(4, {"red": ramp(4), "nir": ramp(4, 0.1, 0.9)}),
        dataset(2, {"blue": ramp(2), "land_cover": rng.integers(1, 18, (24, 18)).astype(np.uint8)}),
        dataset(1, {"t2m": ramp(1, 280, 300)}),
    ]
    stack = Stack(ROOT, given_data, SUMMER)
    whole, part = stack.read(*ALL, factor), stack.read(slice(row, row + height), slice(col, col + width), factor)
    cut = slice(row * factor, (row + height) * factor), slice(col * factor, (col + width) * factor)
    np.testing.assert_array_equal(part.channels, whole.channels[(slice(None), *cut)])
    half = factor // 2
    cut = slice(row * half, (row + height) * half), slice(col * half, (col + width) * half)
    np.testing.assert_allclose(part.context, whole.context[(slice(None), *cut)], atol=1e-5)


def test_the_finest_of_several_serves_and_a_coarse_one_is_repeated() -> None:
    both = [dataset(2, {"red": ramp(2) * 0 + 0.1}), dataset(4, {"red": ramp(4) * 0 + 0.2})]
    for order in (both, both[::-1]):
        stack = Stack(ROOT, order, SUMMER)
        np.testing.assert_allclose(channel(stack, "red", 4), 0.2)
    coarse = Stack(ROOT, [dataset(2, {"red": ramp(2)})], SUMMER)
    np.testing.assert_array_equal(channel(coarse, "red", 4), repeat(channel(coarse, "red", 2), 2))


def test_part_coverage_is_missing_outside_and_right_inside() -> None:
    part = dataset(4, {"red": ramp(4)}).isel(y=slice(8, 40), x=slice(12, 36))
    found = channel(Stack(ROOT, [part], SUMMER), "red", 4)
    np.testing.assert_allclose(found[8:40, 12:36], ramp(4)[8:40, 12:36])
    assert np.isnan(np.delete(found, np.s_[8:40], axis=0)).all()


def test_indices_are_derived_unless_given() -> None:
    bands = {
        "red": ramp(4, 0.05, 0.1),
        "nir": ramp(4, 0.3, 0.5),
        "nir2": ramp(4, 0.2, 0.3),
        "blue": ramp(4, 0.02, 0.05),
    }
    stack = Stack(ROOT, [dataset(4, bands)], SUMMER)
    nir, red = bands["nir"], bands["red"]
    np.testing.assert_allclose(channel(stack, "ndvi", 4), (nir - red) / (nir + red), atol=1e-6)
    assert np.isfinite(channel(stack, "evi", 4)).all()
    assert np.isfinite(channel(stack, "ndwi", 4)).all()
    own = Stack(ROOT, [dataset(4, {**bands, "ndvi": ramp(4, 0.7, 0.8)})], SUMMER)
    np.testing.assert_allclose(channel(own, "ndvi", 4), ramp(4, 0.7, 0.8))


def test_what_is_outside_its_range_is_missing() -> None:
    red = ramp(4)
    red[5, 7] = 5.0
    stack = Stack(ROOT, [dataset(4, {"red": red})], SUMMER)
    assert np.isnan(channel(stack, "red", 4)[5, 7])
    others = ramp(4)[4:6, 6:8].ravel()[:3]
    assert channel(stack, "red", 2)[2, 3] == pytest.approx(others.mean()), "nor does it enter a mean"


def test_terrain_is_lit_by_the_sun_of_the_overpass() -> None:
    """A slope towards the sun (morning, south-east) is brighter than level ground, one away is darker."""
    x, y = np.meshgrid(np.arange(36), np.arange(48))
    box = refine(ROOT, 4)
    towards = (500 + 20 * (-x - y)).astype(np.float32)  # falls to the east; rows run south, so it falls to the south
    stack = Stack(ROOT, [dataset(4, {"elevation": towards + 2000})], SUMMER)
    away = Stack(ROOT, [dataset(4, {"elevation": 2000 - towards})], SUMMER)
    level = Stack(ROOT, [dataset(4, {"elevation": 0 * towards})], SUMMER)
    lit, dark, flat = (float(channel(s, "illumination", 4).mean()) for s in (stack, away, level))
    assert dark < flat - 0.03 < lit - 0.06
    slope = channel(stack, "slope", 4)
    np.testing.assert_allclose(slope, np.degrees(np.arctan(np.hypot(*gradient(towards, box)))), atol=1e-3)
    night = Stack(ROOT, [dataset(4, {"elevation": towards + 2000})], Overpass(None, False))
    assert np.isnan(channel(night, "illumination", 4)).all()


def test_slope_and_aspect_given_light_the_ground_as_elevation_does() -> None:
    x, y = np.meshgrid(np.arange(36), np.arange(48))
    box = refine(ROOT, 4)
    elevation = (900 + 15 * np.sin(x / 5) * y / 4).astype(np.float32)
    east, north = gradient(elevation, box)
    slope = np.degrees(np.arctan(np.hypot(east, north))).astype(np.float32)
    aspect = (np.degrees(np.arctan2(-east, -north)) % 360).astype(np.float32)
    by_hand = Stack(ROOT, [dataset(4, {"slope": slope, "aspect": aspect})], SUMMER)
    derived = Stack(ROOT, [dataset(4, {"elevation": elevation})], SUMMER)
    for name in ("slope", "illumination"):
        np.testing.assert_allclose(channel(by_hand, name, 4), channel(derived, name, 4), atol=1e-4)


def test_an_illumination_given_goes_before_the_computed_one() -> None:
    elevation = ramp(4, 100, 900)
    stack = Stack(ROOT, [dataset(4, {"elevation": elevation, "illumination": ramp(4, 0.1, 0.2)})], SUMMER)
    np.testing.assert_allclose(channel(stack, "illumination", 4), ramp(4, 0.1, 0.2))
    np.testing.assert_allclose(channel(stack, "elevation", 4), elevation)


def test_codes_for_missing_in_a_coarse_slope_light_nothing() -> None:
    slope, aspect = ramp(2, 5, 20), ramp(2, 90, 180)
    slope[3, 4] = aspect[5, 6] = -9999
    stack = Stack(ROOT, [dataset(2, {"slope": slope, "aspect": aspect})], SUMMER)
    fields = stack.read(*ALL, 4)
    lit = fields.channels[CHANNELS.index("illumination")]
    assert np.isnan(lit[6:8, 8:10]).all()
    assert np.isnan(lit[10:12, 12:14]).all()
    assert np.isnan(lit).sum() == 8
    assert np.isnan(fields.channels[CHANNELS.index("slope")]).sum() == 4


def test_all_windows_agree_whether_it_is_day() -> None:
    """Sunrise runs across the image: each window has its own sun, all have the same day."""
    wide = Tile(18, 4).geobox(1000)[300:302, 0:1200]
    for minute, day in (("03:50", False), ("04:10", True)):
        stack = Stack(
            wide,
            [dataset(1, {"elevation": np.full((2, 1200), 300.0)}, wide)],
            Overpass.of(f"2020-07-15T{minute}", None),
        )
        ends = [stack.read(slice(0, 2), cols, 2) for cols in (slice(0, 20), slice(1180, 1200))]
        assert {float(f.context[CONTEXT.index("day")].mean()) for f in ends} == {float(day)}
        assert {bool(np.isnan(f.channels[CHANNELS.index("illumination")]).all()) for f in ends} == {not day}


def test_coarse_elevation_gives_no_staircase() -> None:
    stack = Stack(ROOT, [dataset(1, {"elevation": ramp(1, 0, 900)})], SUMMER)
    slope = channel(stack, "slope", 4)
    assert float(slope.max() - slope.min()) < 0.1 * float(slope.mean())


def test_land_cover_becomes_shares() -> None:
    classes = np.full((24, 18), 12, np.uint8)
    classes[0, 0], classes[5, 5] = 17, 255
    stack = Stack(ROOT, [dataset(2, {"land_cover": classes})], SUMMER)
    crop, water = (channel(stack, f"land_cover_{name}", 2) for name in ("crop", "water"))
    assert (crop[0, 0], water[0, 0]) == (0, 1)
    assert np.isnan(crop[5, 5])
    assert crop[7, 7] == 1


def test_context_knows_scale_season_and_day() -> None:
    context = dict(zip(CONTEXT, Stack(ROOT, [], SUMMER).read(*ALL, 2).context, strict=True))
    assert context["cell"].mean() == pytest.approx(np.log2(0.9266254), abs=1e-5)
    assert context["season_cos"].mean() < -0.9
    assert 55 < context["sun_elevation"].mean() < 68
    assert (context["day"] == 1).all()
    assert np.isnan(context["t2m"]).all()
    unknown = dict(zip(CONTEXT, Stack(ROOT, [], Overpass()).read(*ALL, 4).context, strict=True))
    assert np.isnan(unknown["day"]).all()
    assert unknown["cell"].mean() == pytest.approx(np.log2(0.9266254 / 2), abs=1e-5)
    winter = Stack(ROOT, [], Overpass.of("2020-01-15T10:40", None)).read(*ALL, 2).context
    assert (winter[CONTEXT.index("day")] == 1).all()


def test_context_knows_the_track_and_how_the_grid_lies() -> None:
    context = dict(zip(CONTEXT, Stack(ROOT, [], SUMMER).read(*ALL, 2).context, strict=True))
    assert context["lean"].mean() == pytest.approx(0.212, abs=0.001)
    assert (context["east"] == 1).all()
    assert (context["south"] == 1).all()
    unknown = Stack(ROOT, [], Overpass()).read(*ALL, 2).context
    assert np.isnan(unknown[CONTEXT.index("lean")]).all()


def test_turns_of_the_context_undo_themselves() -> None:
    """Half round twice, mirrored twice, and the two in either order."""
    half, mirror, both = (
        orientation_signs(half=h, mirror=m).ravel() for h, m in ((True, False), (False, True), (True, True))
    )
    track, east, south = (CONTEXT.index(name) for name in ("lean", "east", "south"))
    assert (half * half == 1).all()
    assert (both == half * mirror).all()
    assert (half[[track, east, south]] == [1, -1, -1]).all()
    assert (mirror[[track, east, south]] == [-1, -1, 1]).all()


def test_errors_say_what_to_do() -> None:
    with pytest.raises(ArgumentError, match=r"'NDVI' is unknown[\s\S]*Rename it to one of .*ndvi"):
        Stack(ROOT, [dataset(4, {"NDVI": ramp(4)})], SUMMER)
    shifted = dataset(4, {"red": ramp(4)})
    shifted = shifted.assign_coords(x=shifted.x + 90.0)
    with pytest.raises(GridError, match="miss each other"):
        Stack(ROOT, [shifted], SUMMER)
    for bad in ("soon", "NaT"):
        with pytest.raises(ArgumentError, match="time"):
            Overpass.of(bad, None)
    with pytest.raises(ArgumentError, match="day=True"):
        Overpass.of(None, 197)
