"""One simulated overpass: landscape, plants, weather, true temperature, and what the sensor observed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from srdanet.arrays import repeat
from srdanet.energy import aggregate, degrade
from srdanet.grid import Level, Tile, coarsen, lonlat, refine
from srdanet.predictors.solar import solar_to_utc, sun_at
from srdanet.prepare.auxiliary import DIFFUSE
from srdanet.readers import quality
from srdanet.scene import LabelledScene, Scene
from srdanet.scene.checks import on_grid
from srdanet.variables import BY_NAME, LST_VARIABLES, MODIS_NOISE
from srdanet_simulator.balance import reanalysis as era
from srdanet_simulator.balance import weather as sky
from srdanet_simulator.balance.sites import Sites, choose
from srdanet_simulator.day import Day, Look, Overpass, look
from srdanet_simulator.land import classes, cover, landscape, optics
from srdanet_simulator.land.lattice import Lattice
from srdanet_simulator.land.provinces import draw_provinces
from srdanet_simulator.land.relief import at_sea
from srdanet_simulator.noise import Field, fractal, salt, stream
from srdanet_simulator.parallel import each
from srdanet_simulator.place import MARGIN, Place, fine_of, inner, locate
from srdanet_simulator.sensor import modis, swath
from srdanet_simulator.sensor.clouds import Clouds, draw_clouds, draw_share
from srdanet_simulator.sensor.words import sea_words, state_words

_TRACK_HOUR = {("Terra", True): 10.6, ("Terra", False): 22.4, ("Aqua", True): 13.4, ("Aqua", False): 1.6}
"""Mean local solar hour of the simulated track over a scene; each date's own differs by 0.3 h (standard deviation).

It is part of the simulation, not a guess about real views without a time (`srdanet.variables.VIEW_HOURS`), and a little
nearer to the hour at the equator than that.
"""

_MARITIME = 20e3
"""How far inland (m, standard deviation) the air is the sea's."""

Platform = Literal["Terra", "Aqua"]


@dataclass(frozen=True)
class Raw:
    """What only the files need: quality words and layers that are not predictors."""

    state: NDArray[np.uint16]
    """`state_1km_1` words, 1 km."""
    reflectance: NDArray[np.float32]
    """Seven bands at 500 m, clouds left in."""
    reflectance_250: NDArray[np.float32]
    """Red and near infrared at 250 m, clouds left in."""
    albedo_wsa: Field
    albedo_bsa: Field
    albedo_quality: NDArray[np.uint8]
    view: modis.View
    """The temperature as the product has it: cells of any error."""
    clouds: float
    """Share of cloud asked for or drawn."""
    asked: landscape.Character | None
    """Kind of country asked for; None where it was drawn."""
    sites: Sites
    """Cells that can be followed through the day."""
    weather: sky.Weather
    elevation: Field
    """Height (m) on the fine grid, margin included."""
    elevation_box: GeoBox


@dataclass(frozen=True)
class Simulation:
    """A scene with known truth. Arrays are (y, x), NaN = missing; n is the size in 1 km cells."""

    seed: int
    tile: Tile
    date: dt.date
    day: bool
    platform: Platform
    offset: tuple[int, int]
    """Row and column of the scene's first 1 km cell in the tile."""
    character: landscape.Character
    """Kind of country; of a large scene of provinces that in the middle, but for base and relief."""
    time: np.datetime64
    """UTC of the overpass at the scene's centre."""
    truth: Field
    """Land surface temperature at 250 m, (4n, 4n) K."""
    emissivity: Field
    """Broadband emissivity at 250 m."""
    lst: Field
    """Observed temperature at 1 km, K, NaN under cloud and where its quality words say an error above 2 K."""
    qc: NDArray[np.uint8]
    """Quality words of `lst`."""
    view_time: Field
    """Local solar hours, 1 km."""
    view_angle: Field
    """Degrees, 1 km."""
    predictors: dict[str, NDArray[np.generic]]
    """Base predictors by name at their native levels; float32, land_cover uint8."""
    raw: Raw = field(repr=False)
    residual: float = 0.0
    """Largest residual of the energy balance (W m-2)."""

    @property
    def size(self) -> int:
        """1 km cells on a side."""
        return int(self.lst.shape[0])

    @property
    def geobox(self) -> GeoBox:
        """The scene's 1 km grid."""
        row, col = self.offset
        return self.tile.geobox(Level.KM1)[row : row + self.size, col : col + self.size]

    def geobox_at(self, level: Level | int) -> GeoBox:
        """The scene's grid at 1000, 500 or 250 m."""
        return refine(self.geobox, 1000 // int(level))

    def truth_at(self, level: Level | int) -> Field:
        """True temperature (K) at 1000, 500 or 250 m, as the mean of what the 250 m cells emit."""
        factor = int(level) // 250
        if factor == 1:
            return self.truth
        return degrade(self.truth, factor, emissivity=self.emissivity).astype(np.float32)

    def labelled(self) -> LabelledScene:
        """The scene as a reader of real files would make it, with its truth at 500 m and 250 m.

        The coarse dataset has `lst`, `lst_error`, `view_angle`, `view_time` and `qc`, as `srdanet.prepare` gives
        them; each predictor lies on its own grid. The truth at 500 m is the mean of what the 250 m cells emit.
        Arrays are those of this value, not copies: leave them as they are.

        Returns:
            Its provenance holds, under `simulated`, what makes the same simulation again.
        """
        coarse: dict[str, NDArray[Any]] = {
            "lst": self.lst,
            "lst_error": quality.lst_error(self.qc),
            "view_angle": self.view_angle,
            "view_time": self.view_time,
            "qc": self.qc,
        }
        grids: dict[int, dict[str, NDArray[np.generic]]] = {}
        for name, values in self.predictors.items():
            grids.setdefault(values.shape[0] // self.size, {})[name] = values
        boxes = (self.geobox, *(refine(self.geobox, factor) for factor in grids))
        arguments: dict[str, Any] = {
            "seed": self.seed,
            "size": self.size,
            "tile": str(self.tile),
            "date": self.date.isoformat(),
            "day": self.day,
            "platform": self.platform,
            "offset": list(self.offset),
            "clouds": self.raw.clouds,
        }
        scene = Scene(
            lst=on_grid({name: _described(v, *LST_VARIABLES[name]) for name, v in coarse.items()}, self.geobox),
            auxiliary=tuple(
                on_grid({n: _described(v, BY_NAME[n].unit, BY_NAME[n].long_name) for n, v in held.items()}, box)
                for held, box in zip(grids.values(), boxes[1:], strict=True)
            ),
            time=self.time,
            day=self.day,
            tile=self.tile,
            provenance={"simulated": arguments, "platform": self.platform.lower()},
            noise=MODIS_NOISE,
            boxes=boxes,
        )
        truth = {
            factor: on_grid(
                {"lst": _described(self.truth_at(1000 // factor), "K", "true land surface temperature")},
                refine(self.geobox, factor),
            )["lst"]
            for factor in (2, 4)
        }
        return LabelledScene(
            scene,
            truth,
            source="simulated",
            group=f"simulated {self.seed}",
            same_sensor=True,
            attributes={"seed": str(self.seed)},
        )


def simulate(
    seed: int,
    size: int = 64,
    tile: Tile | str = "h18v04",
    date: dt.date | str = "2020-07-15",
    day: bool = True,
    *,
    platform: Platform = "Terra",
    offset: tuple[int, int] | None = None,
    clouds: float | None = None,
    character: landscape.Character | None = None,
    gridding: modis.Gridding = "area",
) -> Simulation:
    """Simulate an overpass over a synthetic landscape.

    Args:
        seed: Everything random depends on it; land depends on seed, tile and offset alone.
        size: 1 km cells on a side.
        tile: MODIS tile the scene lies in.
        date: UTC date of the overpass.
        day: Day or night overpass.
        platform: Terra (10:30 and 22:30 local) or Aqua (13:30 and 1:30).
        offset: Row and column of the scene's first 1 km cell in the tile; drawn when None.
        clouds: Share of cells under cloud, 0-1; drawn when None.
        character: Kind of country, the same throughout; drawn when None, for each province of a large scene.
        gridding: How the pixels of the swath come into the 1 km cells, see `sensor.modis`.

    Returns:
        Truth, predictors and observation; the same arguments give the same arrays.

    Raises:
        ArgumentError: when the size or offset does not fit the tile, or the scene lies beyond the map.
    """
    date = dt.date.fromisoformat(date) if isinstance(date, str) else date
    place = locate(seed, size, Tile.parse(tile) if isinstance(tile, str) else tile, offset)
    provinces = draw_provinces(seed, place) if place.large and character is None else None
    drawn = landscape.character(seed, place.latitude) if provinces is None else provinces.kinds[provinces.middle]
    kind = character or drawn
    land = cover.build(seed, *place.metres(), kind, provinces)
    now = _weather(seed, place, date, land)
    hours = {
        p: _TRACK_HOUR[platform, p] + stream(seed, "pass", date.isoformat(), platform, p).normal(0, 0.3)
        for p in (True, False)
    }
    times = {
        p: cast(np.datetime64, solar_to_utc(np.datetime64(date), hour, place.longitude)) for p, hour in hours.items()
    }

    rng = stream(seed, "optics", date.isoformat())
    shifts = [(float(down), float(right)) for down, right in rng.normal(0, modis.JITTER, (2, 2))]
    seen_at = Overpass(times[day], hours[day], times[True], (shifts[0], shifts[1]))
    found = look(Day.of(place, land, now, seed), seen_at, choose(seed, land.kind, place.fine))
    elevation, water = land.relief.elevation, aggregate(land.water, place.fine).astype(np.float32)
    sea = aggregate(at_sea(elevation), place.fine // 2)
    names = classes.igbp(land, place.fine // 2, salt(seed, "classes"))
    del land  # of a whole tile it is most of what is in memory

    share = draw_share(stream(seed, "cover", date.isoformat())) if clouds is None else clouds
    # reflectances are of the day's overpass, whichever temperature is asked for
    sun = sun_at(times[True], place.longitude, place.latitude)
    over = {p: _clouds(seed, date, platform, p, size, share, float(sun[1])) for p in (True, False)}
    rng = stream(seed, "view", date.isoformat(), platform, day)
    angle = swath.draw_angle(rng, place.latitude)
    way = swath.track(place.latitude, place.longitude, ascending=day == (platform == "Aqua"))
    lon, lat = lonlat(coarsen(place.box, place.fine))
    hour = ((hours[day] + (lon - place.longitude) / 15) % 24).astype(np.float32) if place.large else hours[day]
    whole = modis.view(
        found.truth, found.emissivity, 4, rng, over=over[day], hour=hour, angle=angle, way=way, gridding=gridding
    ).without(aggregate(sea, 2) > 0.5)
    seen = modis.View(*(inner(part, 1) for part in (whole.lst, whole.qc, whole.time, whole.angle)))
    optical, raw = _optical(found, over[True], water, sea, seed, date)
    optical |= {"land_cover": inner(names, 2), "elevation": inner(aggregate(elevation, place.fine // 4), 4)}

    lon, lat = inner(lon, 1), inner(lat, 1)
    area = float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())
    era5 = _reanalysis(seed, now, elevation, place.box, (times[day],), area)
    air = era.at_cells(era5, times[day], lon, lat)
    raw |= {"view": seen, "clouds": share, "weather": now, "sites": found.sites, "asked": character}
    return Simulation(
        seed=seed, tile=place.tile, date=date, day=day, platform=platform, offset=place.offset, character=kind,
        time=times[day], truth=inner(found.truth, 4), emissivity=inner(found.emissivity, 4),
        lst=np.where(quality.Screening().keep_lst(seen.qc), seen.lst, np.float32(np.nan)),
        qc=seen.qc, view_time=seen.time, view_angle=seen.angle,
        predictors={**optical, **air}, raw=Raw(**raw, elevation=elevation, elevation_box=place.box),
        residual=found.residual,
    )  # fmt: skip


def companion(simulation: Simulation) -> Simulation:
    """The other overpass of the day over the same land under the same weather."""
    return simulate(
        simulation.seed,
        simulation.size,
        simulation.tile,
        simulation.date,
        not simulation.day,
        platform=simulation.platform,
        offset=simulation.offset,
        clouds=simulation.raw.clouds,
        character=simulation.raw.asked,
    )


def era5_over_tile(simulation: Simulation, times: tuple[np.datetime64, ...]) -> era.Reanalysis:
    """ERA5's hours of the days of `times` over the whole tile; over the scene they are those behind its predictors."""
    lon, lat = lonlat(simulation.tile.geobox(Level.KM6))
    on = np.isfinite(lon) & (np.abs(lon) <= 180)
    area = float(lon[on].min()), float(lat[on].min()), float(lon[on].max()), float(lat[on].max())
    raw = simulation.raw
    return _reanalysis(simulation.seed, raw.weather, raw.elevation, raw.elevation_box, times, area)


def _weather(seed: int, place: Place, date: dt.date, land: landscape.Land) -> sky.Weather:
    """The day's weather, of a large scene as it changes over it."""
    aridity = cast(float, land.character.aridity)
    middle = sky.weather(seed, place.latitude, place.longitude, date, aridity)
    if not place.large:
        return middle
    lattice = Lattice.over(land.relief.elevation.shape, place.cell)
    rows, cols = lattice.places()
    thin = lattice.step // 4  # four looks from node to node are enough for what is as smooth
    sea = ndimage.gaussian_filter(at_sea(land.relief.elevation[::thin, ::thin]), _MARITIME / (thin * place.cell))
    looks = np.meshgrid((rows - 0.5) / thin, (cols - 0.5) / thin, indexing="ij")
    around = ndimage.map_coordinates(sea, looks, order=1, mode="nearest")
    varying = land.varying.get("aridity") or lattice.spread(np.full(lattice.nodes, aridity))
    return sky.regional(seed, middle, varying, *place.lonlat_at(rows, cols), around)


def _reanalysis(
    seed: int, now: sky.Weather, elevation: Field, box: GeoBox, times: tuple[np.datetime64, ...], area: era.Area
) -> era.Reanalysis:
    fine = fine_of(box)
    side = box.shape[0] // fine
    # ERA5 sees tens of kilometres: of a large scene every few are enough
    step = fine * next((n for n in (8, 4, 2) if side % n == 0 and side // n >= 128), 1)
    return era.reanalysis(seed, now, coarsen(box, step), aggregate(elevation, step), times, area)


def _clouds(seed: int, date: dt.date, platform: str, day: bool, size: int, share: float, azimuth: float) -> Clouds:
    rng = stream(seed, "clouds", date.isoformat(), platform, day)
    return draw_clouds((size + 2 * MARGIN,) * 2, rng, share, sun_azimuth=azimuth, day=day)


def _optical(
    found: Look, over: Clouds, water: Field, sea: Field, seed: int, date: dt.date
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Optical predictors as a reader would screen them, and the raw layers behind them."""
    rng = stream(seed, "haze", date.isoformat())
    tops = np.where(over.cover, np.float32(0.55), np.float32(np.nan))
    tops = (tops + 0.1 * fractal(tops.shape, rng, slope=2.8, cell=Level.KM1.metres)).astype(np.float32)
    # bands are overwritten where they lie
    at_250, at_500 = found.bands_250, found.bands_500

    def measure(which: tuple[Level, int]) -> None:
        level, n = which
        bands, bright = (at_250, repeat(tops, 4)) if level == Level.M250 else (at_500, repeat(tops, 2))
        own = stream(seed, "band", date.isoformat(), int(level), n)
        bands[n] = modis.measure_band(bands[n], level.metres, own, bright)

    each(measure, [*((Level.M250, n) for n in range(2)), *((Level.M500, n) for n in range(7))])
    words = sea_words(state_words(over, water, found.snow, rng), aggregate(sea, 2))
    keep = quality.Screening().keep_reflectance(words)
    white = found.albedo * np.float32(1.02)
    white = white + 0.004 * rng.standard_normal(white.shape, dtype=np.float32)
    white = np.round(np.clip(white, 0.01, 1), 3).astype(np.float32)
    black = np.round(white * np.float32(0.95), 3)
    white[sea > 0.5] = np.nan  # albedo is a product of land
    magnitude = fractal((white.shape[0], white.shape[1]), rng, slope=3, cell=Level.M500.metres, outer=20e3) > 1.3

    def clear(band: Field, factor: int) -> Field:
        return inner(np.where(repeat(keep, factor), band, np.float32(np.nan)), factor)

    optical: dict[str, NDArray[Any]] = {name: clear(at_250[n], 4) for n, name in enumerate(optics.BANDS[:2])}
    optical |= {name: clear(at_500[n + 2], 2) for n, name in enumerate(optics.BANDS[2:])}
    blue_sky = (1 - DIFFUSE) * black + DIFFUSE * white
    optical |= {"albedo": inner(blue_sky.astype(np.float32), 2)}
    raw = {
        "state": inner(words, 1),
        "reflectance": inner(at_500, 2),
        "reflectance_250": inner(at_250, 4),
        "albedo_wsa": inner(white, 2),
        "albedo_bsa": inner(black, 2),
        "albedo_quality": inner(np.where(sea > 0.5, np.uint8(255), magnitude.astype(np.uint8)), 2),
    }
    return optical, raw


def _described(values: NDArray[Any], unit: str, meaning: str) -> xr.DataArray:
    return xr.DataArray(values, dims=("y", "x"), attrs={"units": unit, "long_name": meaning})
