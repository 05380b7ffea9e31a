"""One day, simulated strip by strip: plants, light, temperature, and what a sensor above them would see.

All that varies over the land but weather and sensor is known in each cell or a few kilometres
around it: strips are computed with some rows more on either side, and share the threads.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from srdanet.energy import aggregate, degrade
from srdanet.predictors.terrain import gradient
from srdanet_simulator.balance import energy, horizon, light
from srdanet_simulator.balance import weather as sky
from srdanet_simulator.balance.ground import SIGHT, Ground, Setting, ground
from srdanet_simulator.balance.sites import Chosen, Sites
from srdanet_simulator.land import optics, phenology
from srdanet_simulator.land.landscape import Land
from srdanet_simulator.noise import Field, fractal, stream
from srdanet_simulator.parallel import around, each, strips
from srdanet_simulator.place import Place
from srdanet_simulator.sensor import modis

STEPS = (3.0, 3.0, 3.0, 2.0, 2.0, 1.5, 1.5, 1.0, 1.0)
"""Hours of the time steps before the overpass."""
_STRIP, _BLOCK = 3 << 18, 1 << 16
"""Cells of a strip, and of its parts that are computed at a time, in the processor's cache."""
_HALO = 2200.0
"""How far (m) a strip looks beyond its rows; roughness is felt within four times the fetch of `energy`."""


@dataclass(frozen=True)
class Day:
    """A land, its weather, and what is drawn for the day."""

    place: Place
    land: Land
    now: sky.Weather
    rained: tuple[Field, Field]
    gusts: Field
    terrain: Field
    """Height (m) in cells of `SIGHT` fine ones, for horizons."""

    @classmethod
    def of(cls, place: Place, land: Land, now: sky.Weather, seed: int) -> Day:
        """Draw the day's fields."""
        shape = (land.kind.shape[0], land.kind.shape[1])
        rained = phenology.showers(shape, seed, now.date, place.cell)
        gusts = fractal(shape, stream(seed, "gusts"), slope=3.2, cell=place.cell, outer=20e3, inner=2e3)
        return cls(place, land, now, rained, gusts, aggregate(land.relief.elevation, SIGHT).astype(np.float32))


@dataclass(frozen=True)
class Overpass:
    """When and how the land is looked at."""

    time: np.datetime64
    """UTC."""
    hour: float
    """Local solar hour."""
    noon: np.datetime64
    """UTC of the daytime overpass, whose sun reflectances are lit by."""
    shifts: tuple[tuple[float, float], tuple[float, float]]
    """Errors of the geolocation at 250 and 500 m, see `modis.seen_bands`."""


@dataclass(frozen=True)
class Look:
    """How the land is at an overpass; (y, x), margin included."""

    truth: Field
    """Temperature (K), 250 m."""
    emissivity: Field
    """Broadband, 250 m."""
    bands_250: NDArray[np.float32]
    """Red and near infrared as 250 m cells see them without clouds, (2, y, x)."""
    bands_500: NDArray[np.float32]
    """Seven bands as 500 m cells see them, (7, y, x)."""
    albedo: Field
    """Broadband shortwave, 500 m."""
    snow: Field
    """Share of the ground, 1 km."""
    sites: Sites
    residual: float
    """Largest residual of the energy balance (W m-2)."""


def look(day: Day, over: Overpass, chosen: Chosen) -> Look:
    """Simulate the day up to an overpass.

    Args:
        day: The land on the day.
        over: The overpass.
        chosen: Sites whose ground is to be kept.
    """
    rows, cols = (int(n) for n in day.land.kind.shape)
    fine = day.place.fine
    at_250, at_500, at_km = ((rows * n // fine, cols * n // fine) for n in (4, 2, 1))
    shapes = {
        "truth": at_250, "emissivity": at_250, "bands_250": (2, *at_250),
        "bands_500": (7, *at_500), "albedo": at_500, "snow": at_km,
    }  # fmt: skip
    out = {name: np.empty(shape, np.float32) for name, shape in shapes.items()}

    def live(strip: slice) -> tuple[NDArray[np.intp], Ground, float]:
        below = _appear(day, over, strip, out)
        kelvin, emissivity, residual = temperature(below, day.now, over.time, over.hour, strip.start)
        share = fine // 4
        part = slice(strip.start // share, strip.stop // share)
        out["truth"][part] = degrade(kelvin, share, emissivity=emissivity) if share > 1 else kelvin
        out["emissivity"][part] = aggregate(emissivity, share) if share > 1 else emissivity
        which, index = chosen.within(strip)
        return which, below.take(index), residual

    found = each(live, strips((rows, cols), fine, _STRIP))
    sites = chosen.on([(which, kept) for which, kept, _ in found])
    return Look(**out, sites=sites, residual=max(residual for *_, residual in found))


def _appear(day: Day, over: Overpass, strip: slice, out: dict[str, NDArray[np.float32]]) -> Ground:
    """The ground of a strip; what is seen of it is written into `out`."""
    fine, elevation = day.place.fine, day.land.relief.elevation
    wide, own = around(strip, fine * int(np.ceil(_HALO / (fine * day.place.cell))), len(elevation))
    lon, lat = day.place.degrees(wide)
    state, level = _grown(day, wide, lat)
    out["snow"][slice(strip.start // fine, strip.stop // fine)] = aggregate(state.snow[own], fine)
    albedo = optics.albedo(level)
    half = fine // 2
    out["albedo"][slice(strip.start // half, strip.stop // half)] = aggregate(albedo[own], half)

    slopes = gradient(elevation[wide], day.place.box[wide.start : wide.stop, :])
    east, north = (np.asarray(part, np.float32) for part in slopes)
    sun = light.sun_over(over.noon, lon, lat)
    ratio, shown = sun.facing(east, north) / sun.up, level
    for rows in strips((len(lon), lon.shape[1]), 1, _BLOCK):
        shown[:, rows] = optics.observed_reflectances(level[:, rows], ratio[rows])
    for name, bands, factor, shift in (
        ("bands_250", shown[:2], fine // 4, over.shifts[0]),
        ("bands_500", shown, half, over.shifts[1]),
    ):
        part = slice(strip.start // factor, strip.stop // factor)
        first = own.start // factor
        seen = modis.seen_bands(bands, factor, shift)
        out[name][:, part] = seen[:, first : first + part.stop - part.start]
    del level, shown

    sighted = slice(wide.start // SIGHT, wide.stop // SIGHT)
    skyline = horizon.horizons(day.terrain, SIGHT * day.place.cell, day.place.shear(wide), sighted)
    setting = Setting(day.place.cell, lon, lat, day.gusts[wide], skyline)
    land = replace(day.land, varying={}).rows(wide)
    return ground(land, state, albedo, (east, north), setting).take(own)


def _grown(day: Day, wide: slice, latitude: Field) -> tuple[phenology.State, NDArray[np.float32]]:
    """The state of some rows of the land, and what they reflect on level ground."""
    shape = (len(latitude), latitude.shape[1])
    state = phenology.State(*(np.empty(shape, np.float32) for _ in fields(phenology.State)))
    level = np.empty((7, *shape), np.float32)
    for rows in strips(shape, 1, _BLOCK):
        there = slice(wide.start + rows.start, wide.start + rows.stop)
        land = day.land.rows(there)
        warmth = day.now.warmth(there) - sky.LAPSE * land.relief.elevation
        rained = day.rained[0][there], day.rained[1][there]
        place = latitude[rows, :1] if day.now.varying else day.place.latitude
        found = phenology.on_date(land, day.now.date, place, rained, warmth.astype(np.float32))
        for part in fields(found):
            getattr(state, part.name)[rows] = getattr(found, part.name)
        level[:, rows] = optics.reflectances(land, found)
    return state, level


def temperature(
    below: Ground, now: sky.Weather, time: np.datetime64, hour: float, first: int = 0
) -> tuple[Field, Field, float]:
    """Temperature (K) and emissivity of cells, and the balance's largest residual (W m-2).

    Args:
        below: The ground, (y, x).
        now: The day's weather.
        time: UTC of the overpass.
        hour: Local solar hour of the overpass.
        first: Row of the scene's fine grid that the first row of cells is.
    """
    hours = [hour - sum(STEPS[n:]) for n in range(len(STEPS) + 1)]
    kelvin, emissivity = np.empty_like(below.elevation), np.empty_like(below.elevation)
    largest = 0.0
    for rows in strips((len(kelvin), kelvin.size // len(kelvin)), 1, _BLOCK):
        part, here = below.take(rows), now.along(slice(first + rows.start, first + rows.stop))

        def forcing(when: float, part: Ground = part, here: sky.Weather = here) -> energy.Forcing:
            return part.forcing(here, when, time + np.timedelta64(round((when - hour) * 3600), "s"))

        bare, residual = energy.balance(part.surface, forcing, hours)
        kelvin[rows], emissivity[rows] = part.with_water(bare, here, hour)
        largest = max(largest, float(np.abs(residual).max()))
    return kelvin, emissivity, largest
