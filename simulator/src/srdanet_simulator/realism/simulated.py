"""Statistics of simulated scenes at the places and dates of the real ones; the kind of landscape is drawn freely."""

from __future__ import annotations

import datetime as dt

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from srdanet.arrays import Float32, Float64, Progress
from srdanet.energy import aggregate
from srdanet.errors import ArgumentError
from srdanet.grid import lonlat, refine
from srdanet_simulator import Simulation, companion, simulate
from srdanet_simulator.noise import stream
from srdanet_simulator.realism import measure
from srdanet_simulator.realism.gallery import Page
from srdanet_simulator.realism.measure import Numbers, When
from srdanet_simulator.realism.real import ANY, COLD, SIDE, WARM, WHOLE_YEAR, season
from srdanet_simulator.sensor import modis
from srdanet_simulator.sensor.clouds import draw_clouds, draw_share
from srdanet_simulator.sensor.swath import track
from srdanet_simulator.sensor.words import lst_words

_FIRST = 5000
"""Seeds count from here, away from those used elsewhere."""
_WARM_MONTHS = range(5, 10)
_ASTER_REACH = 9.0
"""View zenith angle (degrees) at the end of ASTER's reach."""
_ASTER_JITTER = 0.1
"""How well (km) the two images lie on each other: each is placed within 50 m, and pairs were shifted by whole quarters
of a 250 m cell."""
_WARP = (0.1, 0.8, 0.1)
"""What bilinear warping does to an image on average over all places between its cells, in amplitude."""


def numbers(
    scenes: int, progress: Progress | None = None, *, size: int = SIDE, album: list[Page] | None = None
) -> Numbers:
    """Simulate clear scenes spread evenly over the year, by day and by night, and measure them.

    Args:
        scenes: How many lands, in tile h18v04; a quarter as many stand beside Heihe, an eighth (one at least) are
            twice as wide.
        progress: Called with what is simulated, scenes done and scenes in all.
        size: 1 km cells on a side.
        album: Gets the pictures of the summer's scenes.

    Raises:
        ArgumentError: when there are too few scenes for four seasons.
    """
    if scenes < 4:
        raise ArgumentError(f"{scenes} scenes cannot cover four seasons", todo="Give 4 or more.")
    tell = progress or (lambda *_: None)
    tell("scenes", 0, scenes)
    for number in range(scenes):
        day = simulate(_FIRST + number, size, "h18v04", _date(number, scenes), clouds=0.0)
        night = companion(day)
        for scene in (day, night):
            yield from _clear(scene)
            yield from measure.words(_words(scene), ANY)
        if album is not None and season(day.date.month) == "summer":
            album.append(Page(day.raw.view.lst, night.raw.view.lst, day.truth))
        tell("scenes", number + 1, scenes)
    steppes = max(2, scenes // 4)
    for number in range(steppes):
        scene = simulate(_FIRST + 500 + number, size, "h25v05", "2013-01-01", clouds=0.0)
        yield from measure.winter_steppe(scene.raw.view.lst, _ndvi(scene, 4), COLD)
        yield from measure.words(_words(scene), COLD)
        tell("winter steppes", number + 1, steppes)
    large = max(1, scenes // 8)
    for number in range(large):
        day = simulate(_FIRST + 700 + number, 2 * size, "h18v04", _date(number, large), clouds=0.0)
        for scene in (day, companion(day)):
            yield from measure.wide(scene.raw.view.lst, _when(scene))
        tell("wide scenes", number + 1, large)


def _clear(scene: Simulation) -> Numbers:
    # The real patches were not screened by quality words: cells of any error.
    lst = scene.raw.view.lst
    height = scene.predictors["elevation"].astype(np.float32)
    yield from measure.landscape(lst, _ndvi(scene, 4), aggregate(height, 4), _when(scene), season(scene.date.month))
    if scene.day:
        fine = _ndvi(scene, 1)
        yield from measure.small(scene.truth, fine, WHOLE_YEAR)
        if scene.date.month in _WARM_MONTHS:
            beside = _beside_aster(scene)
            yield from measure.fine(_warped(scene.truth), beside, fine, height, refine(scene.geobox, 4), WARM)


def _words(scene: Simulation) -> NDArray[np.uint8]:
    """Quality words of the same ground on a day like any other, with the cloud that is drawn for it."""
    rng = stream(scene.seed, "realism", scene.day)
    return lst_words(draw_clouds((scene.size, scene.size), rng, draw_share(rng), day=scene.day), rng)


def _beside_aster(scene: Simulation) -> Float32:
    """The 1 km image (K) as the pairs have it: near nadir, where ASTER looks, and of the nearest pixels."""
    rng = stream(scene.seed, "beside aster")
    clear = draw_clouds((scene.size, scene.size), rng, 0.0)
    lon, lat = lonlat(scene.geobox)
    return modis.view(
        scene.truth, scene.emissivity, 4, rng, over=clear, hour=float(scene.view_time.mean()),
        angle=float(rng.uniform(-_ASTER_REACH, _ASTER_REACH)),
        way=track(float(lat.mean()), float(lon.mean()), ascending=False), jitter=_ASTER_JITTER, gridding="nearest",
    ).lst  # fmt: skip


def _warped(truth: Float32) -> Float32:
    """As ASTER's images are: warped from their own grid to that of MODIS."""
    for axis in (0, 1):
        truth = convolve1d(truth, _WARP, axis=axis, mode="nearest")
    return truth


def _ndvi(scene: Simulation, factor: int) -> Float64:
    return measure.vegetation(
        *(aggregate(scene.predictors[name].astype(np.float32), factor) for name in ("red", "nir"))
    )


def _date(number: int, count: int) -> dt.date:
    """Days spread evenly over 2020."""
    return dt.date(2020, 1, 1) + dt.timedelta(days=int(366 * (number + 0.5) / count))


def _when(scene: Simulation) -> When:
    return "day" if scene.day else "night"
