"""The overpass as the predictors see it: when the scene is seen and lit, and which way Terra or Aqua flies over it.

Both orbits are sun-synchronous, inclined by 98.2 degrees. Terra crosses the equator southward at 10:30 and northward
at 22:30 mean local solar time, Aqua northward at 13:30 and southward at 1:30 (Wolfe et al. 2002, Remote Sensing of
Environment 83).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from affine import Affine
from numpy.typing import ArrayLike
from odc.geo.geobox import GeoBox

from srdanet.arrays import Float32, Float64, has_hour, parse_utc
from srdanet.errors import ArgumentError
from srdanet.grid import centre, lonlat
from srdanet.predictors import solar
from srdanet.variables import VIEW_HOURS

USUAL_DECLINATION = 10.0
"""Declination (degrees, towards the scene's hemisphere) of a usual clear day, where no date is known."""
_INCLINATION = np.radians(98.2)


def lean(latitude: ArrayLike, *, ascending: bool) -> Float64:
    """Direction of the track's line (radians clockwise from north, negative where it leans to the west).

    MODIS's pixels are longest along the scan, which lies across the track.

    Args:
        latitude: Degrees; poleward of 81.8, which no track reaches, the track lies east-west.
        ascending: Whether the satellite flies northward.
    """
    sine = np.cos(_INCLINATION) / np.cos(np.radians(np.asarray(latitude, float)))
    line = np.arcsin(np.clip(sine, -1, 1))
    return np.asarray(line if ascending else -line, np.float64)


def is_terra(time: np.datetime64, longitude: float) -> bool:
    """Whether Terra rather than Aqua views a place (degrees east) at a time (UTC): before noon or midnight there."""
    hours = float((time - time.astype("datetime64[D]")) / np.timedelta64(3600, "s")) + longitude / 15
    return hours % 12 >= 6


def part_of_day(day: bool | None) -> str:
    """`day` or `night`; empty where it is unknown."""
    return {True: "day", False: "night", None: ""}[day]


_KNOT = 16
"""Cells between places at which the sun is computed for a terrain: over 4 km its direction strays 1e-6 from a line."""


Corner = tuple[int, int]
"""Row and column of a window's first cell in the grid that it is cut from."""


def _knots(box: GeoBox, corner: Corner) -> GeoBox:
    """A grid whose centres are every `_KNOT`-th of the whole grid's, from before a window's first to beyond its last.

    Counted from the whole grid's corner, so that windows agree.
    """
    before = [first % _KNOT for first in corner]
    height, width = (-(-(n + b) // _KNOT) + 1 for n, b in zip(box.shape, before, strict=True))
    shift = Affine.translation(0.5 - before[1], 0.5 - before[0]) * Affine.scale(_KNOT) * Affine.translation(-0.5, -0.5)
    return GeoBox((height, width), box.affine * shift, box.crs)


def _between_knots(values: Float32, box: GeoBox, corner: Corner) -> Float32:
    """Values of all cells of a window from those of `_knots`, linear along rows and columns."""
    for axis, (size, first) in enumerate(zip(box.shape, corner, strict=True)):
        low, beyond = np.divmod(first % _KNOT + np.arange(size), _KNOT)
        share = np.expand_dims((beyond / _KNOT).astype(np.float32), 1 - axis)
        start = values.take(low, axis)
        values = start + share * (values.take(low + 1, axis) - start)
    return values


@dataclass(frozen=True)
class Overpass:
    """Time of view.

    Attributes:
        time: UTC, or midnight exactly for "this date, hour unknown", or None when unknown.
        day: Day view, night view, or None when unknown.
        ascending: Whether the satellite flies northward, or None when unknown; `at` tells it.
    """

    time: np.datetime64 | None = None
    day: bool | None = None
    ascending: bool | None = None

    @classmethod
    def of(cls, time: object, day: object) -> Overpass:
        """Read the `time` and `day` arguments of `srdanet.downscale`.

        Args:
            time: Anything `numpy.datetime64` reads (UTC), or None.
            day: True by day, False by night, or None for unknown.

        Raises:
            ArgumentError: when either cannot be read.
        """
        if day is not None and not isinstance(day, bool | np.bool_):
            raise ArgumentError(f"day {day!r} is not True, False or None", todo="Give day=True for a day view.")
        moment = None if time is None else parse_utc(time)
        return cls(moment, None if day is None else bool(day))

    def at(self, box: GeoBox) -> Self:
        """The overpass of a place: what follows from the hour at its centre.

        By day or night, as the sun stands there, where only the time is known; northward or southward, as Terra flies
        before noon and midnight and Aqua after, where the hour is known, and as Terra does where it is not. Decided
        once for a whole scene, so that its windows agree.
        """
        lon, lat = centre(box)
        clock = self.time if has_hour(self.time) else None
        day = self.day
        if day is None and clock is not None:
            day = bool(solar.sun_at(clock, lon, lat)[0] < 90)
        if day is None:
            return self
        terra = clock is None or is_terra(clock, lon)
        return replace(self, day=day, ascending=day != terra)

    def sun(self, box: GeoBox) -> tuple[Float64, Float64]:
        """Solar zenith and azimuth (degrees, (y, x)) at the overpass, by day also where only usual values are known."""
        lon, lat = lonlat(box)
        if self.time is not None and has_hour(self.time):
            return solar.sun_at(self.time, lon, lat)
        hour = VIEW_HOURS["terra", self.day is not False]
        if self.time is not None:
            return solar.sun_at_local_time(solar.declination(self.time), hour, lat)
        return solar.sun_at_local_time(np.copysign(USUAL_DECLINATION, lat), hour, lat)

    def illumination(self, east: Float32, north: Float32, box: GeoBox, corner: Corner = (0, 0)) -> Float32 | None:
        """Cosine of incidence (y, x) for a terrain gradient (dimensionless, (y, x)); None for a night view.

        Args:
            east: Rise towards the east.
            north: Rise towards the north.
            box: The window's grid.
            corner: Where the window lies in the whole grid; of no account but for rounding.
        """
        if self.day is False:
            return None
        # Between knots the direction is linear, which an angle that jumps from 360 to 0 degrees is not.
        knots = [np.asarray(part, np.float32) for part in solar.direction(*self.sun(_knots(box, corner)))]
        if not all(np.isfinite(part).all() for part in knots):  # where the globe ends
            return np.asarray(solar.illumination(east, north, *self.sun(box)), np.float32)
        return np.asarray(solar.facing(east, north, *(_between_knots(part, box, corner) for part in knots)), np.float32)

    def context(self, box: GeoBox) -> dict[str, Float64 | float]:
        """Day, track, season and sun for the network, as numbers or (y, x) maps; unknown ones are left out."""
        out: dict[str, Float64 | float] = {} if self.day is None else {"day": float(self.day)}
        if self.time is None and self.ascending is None:
            return out
        _, lat = lonlat(box)
        if self.ascending is not None:
            out["lean"] = lean(lat, ascending=self.ascending)
        if self.time is not None:
            year = self.time.astype("datetime64[Y]")
            phase = 2 * np.pi * float((self.time - year) / np.timedelta64(1, "D")) / 365.25
            # Seasons grow with latitude and are opposite in the two hemispheres.
            strength = np.clip(lat / 30, -1, 1)
            zenith, _ = self.sun(box)
            out |= {"season_sin": strength * np.sin(phase), "season_cos": strength * np.cos(phase)}
            out["sun_elevation"] = np.maximum(0.0, 90 - zenith)
        return out
