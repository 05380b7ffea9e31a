"""When and from where the scene is lit: the overpass as the predictors see it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.arrays import parse_utc
from srdanet.errors import ArgumentError
from srdanet.grid import lonlat
from srdanet.predictors import orbit, solar
from srdanet.variables import VIEW_HOURS

USUAL_DECLINATION = 10.0
"""Declination (degrees, towards the scene's hemisphere) of a usual clear day, where no date is known."""


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
            raise ArgumentError(f"day is {day!r}", todo="say day=True for a day view, day=False for a night view")
        moment = None if time is None else parse_utc(time)
        return cls(moment, None if day is None else bool(day))

    def at(self, box: GeoBox) -> Self:
        """The overpass of a place: what follows from the hour at its centre.

        By day or night, as the sun stands there, where only the time is known; northward or southward, as Terra flies
        before noon and midnight and Aqua after, where the hour is known, and as Terra does where it is not. Told once
        for a whole scene, since its windows must not each tell it for themselves.
        """
        row, col = (n // 2 for n in box.shape)
        centre = box[row : row + 1, col : col + 1]
        clock = None if self.time is None or self.dated_only else self.time
        day = self.day
        if day is None and clock is not None:
            day = bool(self.sun(centre)[0][0, 0] < 90)
        if day is None:
            return self
        terra = clock is None or orbit.is_terra(clock, float(lonlat(centre)[0][0, 0]))
        return replace(self, day=day, ascending=day != terra)

    @property
    def dated_only(self) -> bool:
        """The date is known, the hour is not."""
        return self.time is not None and self.time == self.time.astype("datetime64[D]")

    def sun(self, box: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Solar zenith and azimuth (degrees, (y, x)) at the overpass, by day also where only usual values are known."""
        lon, lat = lonlat(box)
        if self.time is not None and not self.dated_only:
            return solar.sun_at(self.time, lon, lat)
        hour = VIEW_HOURS["terra", self.day is not False]
        if self.time is not None:
            return solar.sun_at_local_time(solar.declination(self.time), hour, lat)
        return solar.sun_at_local_time(np.copysign(USUAL_DECLINATION, lat), hour, lat)

    def illumination(
        self, east: NDArray[np.float32], north: NDArray[np.float32], box: GeoBox
    ) -> NDArray[np.float32] | None:
        """Cosine of incidence for a terrain gradient; None for a night view."""
        if self.day is False:
            return None
        zenith, azimuth = self.sun(box)
        return np.asarray(solar.illumination(east, north, zenith, azimuth), np.float32)

    def context(self, box: GeoBox) -> dict[str, NDArray[np.float64] | float]:
        """Day, track, season and sun for the network, as numbers or (y, x) maps; unknown ones are left out."""
        out: dict[str, NDArray[np.float64] | float] = {} if self.day is None else {"day": float(self.day)}
        if self.time is None and self.ascending is None:
            return out
        _, lat = lonlat(box)
        if self.ascending is not None:
            out["lean"] = orbit.lean(lat, ascending=self.ascending)
        if self.time is not None:
            year = self.time.astype("datetime64[Y]")
            phase = 2 * np.pi * float((self.time - year) / np.timedelta64(1, "D")) / 365.25
            # Seasons grow with latitude and are opposite in the two hemispheres.
            strength = np.clip(lat / 30, -1, 1)
            zenith, _ = self.sun(box)
            out |= {"season_sin": strength * np.sin(phase), "season_cos": strength * np.cos(phase)}
            out["sun_elevation"] = np.maximum(0.0, 90 - zenith)
        return out
