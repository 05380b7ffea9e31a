"""Bringing the auxiliary data to a step's target grid, window by window.

Everything is counted in cells of the *root* grid, the grid of the LST that was given: a window is a pair of slices of
root cells, a step's target grid has `factor` cells along each root cell, and an auxiliary grid has its own number. All
are whole, so nothing is ever resampled: finer data is averaged, coarser data is repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from srdanet.arrays import Float32, Floats, Mask, repeat
from srdanet.energy import aggregate
from srdanet.errors import ArgumentError, GridError
from srdanet.grid import Nesting, cell_size, geobox_of, nesting, refine
from srdanet.predictors import indices, land_cover, terrain
from srdanet.predictors.overpass import Overpass
from srdanet.variables import BANDS, BY_NAME, STANDS_FOR, WEATHER

CLASSES = tuple(f"land_cover_{group}" for group in land_cover.GROUPS)
CHANNELS = (*BANDS, "ndvi", "evi", "ndwi", "albedo", "elevation", "slope", "illumination", *CLASSES)
"""What a model may be given on the target grid, in order."""
RELATIVE = ("elevation", "illumination")
"""Channels of which a network sees the departure from their surroundings."""
CONTEXT = (*WEATHER, "day", "lean", "season_sin", "season_cos", "sun_elevation", "cell", "noise", "east", "south")
"""What a model may be given on the step's coarse grid, in order.

`lean` is the direction of the track (radians) as it lies in the array, `cell` log2 of the coarse cell in km, `noise`
the standard deviation (K) of the coarse LST's error; `east` and `south` are 1 where columns and rows run that way, and
-1 where they run the other.
"""


def orientation_signs(*, half: bool, mirror: bool) -> Float32:
    """What the context is multiplied by when arrays are rotated by 180 degrees or mirrored left to right.

    There are no rotations by 90 degrees: MODIS resolves less along a scan than across it, and scans lie much as the
    rows do.

    Returns:
        (len(CONTEXT), 1, 1).
    """
    factors = np.ones((len(CONTEXT), 1, 1), np.float32)
    for name, changes in (("lean", mirror), ("east", half != mirror), ("south", half)):
        factors[CONTEXT.index(name)] = -1 if changes else 1
    return factors


@dataclass(frozen=True)
class Fields:
    """The predictors of one window at one step; NaN where missing."""

    channels: Float32
    """(len(CHANNELS), y, x) on the target grid, in the units of `variables.BY_NAME`; classes as fractions."""
    context: Float32
    """(len(CONTEXT), y/2, x/2) on the step's coarse grid."""

    @property
    def some(self) -> Mask:
        """(y, x): at least one channel is known."""
        return _fold(np.logical_or, self.channels)

    def whole(self, *, day: bool | None) -> Mask:
        """(y, x): all channels and the weather are known; illumination is not asked for at night."""
        asked = [self.channels[i] for i, name in enumerate(CHANNELS) if day is not False or name != "illumination"]
        weather = _fold(np.logical_and, [self.context[CONTEXT.index(name)] for name in WEATHER])
        return _fold(np.logical_and, asked) & repeat(weather, 2)


def _fold(join: np.ufunc, layers: Iterable[Float32]) -> Mask:
    """Where any or all of some layers are known; one at a time, since together they take 100 MB."""
    first, *others = layers
    out: Mask = np.isfinite(first)
    for layer in others:
        join(out, np.isfinite(layer), out=out)
    return out


@dataclass(frozen=True)
class _Source:
    """One auxiliary variable and how its grid lies on the root grid."""

    name: str
    data: xr.DataArray
    place: Nesting

    @property
    def factor(self) -> int:
        return self.place.factor

    def read(self, rows: slice, cols: slice) -> Float32:
        """The variable on its own grid over a window of root cells; NaN outside its coverage and its range.

        The range is looked at here, before any averaging: a code for missing must not enter a mean.
        """
        f = self.factor
        want = [(s.start * f + o, s.stop * f + o) for s, o in ((rows, self.place.row), (cols, self.place.col))]
        have = [(max(0, a), min(n, b)) for (a, b), n in zip(want, self.data.shape, strict=True)]
        out = np.full([b - a for a, b in want], np.nan, np.float32)
        if all(b > a for a, b in have):
            inside = tuple(slice(a - w[0], b - w[0]) for (a, b), w in zip(have, want, strict=True))
            out[inside] = self.data[slice(*have[0]), slice(*have[1])].values
        known = BY_NAME[self.name]
        out[(out < known.low) | (out > known.high)] = np.nan
        return out


class Stack:
    """All auxiliary data of one place and overpass, ready to be read at any step and window.

    Args:
        root: Grid of the coarse LST.
        auxiliary: Datasets on grids that nest in `root`, with variables named as in `variables.BY_NAME`; where
            several hold the same one, the finest serves.
        overpass: Time of the view, for season and illumination.
        nestings: How each dataset nests in `root`, where the caller knows it; told from the coordinates otherwise.
        noise: As in `Scene`.

    Raises:
        GridError: when a dataset's grid does not nest.
        ArgumentError: when a variable is not in the predictor table.
    """

    def __init__(
        self,
        root: GeoBox,
        auxiliary: Sequence[xr.Dataset],
        overpass: Overpass,
        nestings: Sequence[Nesting] | None = None,
        noise: float | None = None,
    ) -> None:
        self.root, self.noise = root, noise
        self.overpass = overpass.at(root)
        self._sources: dict[str, _Source] = {}
        if nestings is None:
            nestings = [nesting(root, geobox_of(dataset, name="auxiliary")) for dataset in auxiliary]
        for dataset, place in zip(auxiliary, nestings, strict=True):
            self._add(dataset, place)

    def _add(self, dataset: xr.Dataset, place: Nesting) -> None:
        for name in map(str, dataset.data_vars):
            if name not in BY_NAME:
                todo = f"Rename it to one of {', '.join(BY_NAME)}, or drop it."
                raise ArgumentError(f"auxiliary variable {name!r} is unknown", todo=todo)
            data = dataset[name]
            if set(data.dims) != {"y", "x"}:
                raise GridError(f"dimensions are {data.dims}, not (y, x)", where=f"auxiliary {name}")
            known = self._sources.get(name)
            if known is None or known.factor < place.factor:
                self._sources[name] = _Source(name, data.transpose("y", "x"), place)

    @property
    def present(self) -> tuple[str, ...]:
        """Names of the variables that were given."""
        return tuple(self._sources)

    def read(self, rows: slice, cols: slice, factor: int) -> Fields:
        """The predictors of a window of root cells, for the step whose target has `factor` cells per root cell."""
        target = refine(self.root[rows, cols], factor)
        channels = np.full((len(CHANNELS), *target.shape), np.nan, np.float32)
        known: dict[str, Float32] = {}

        # Each layer goes to its place at once: all of them twice would be another 100 MB.
        def put(name: str, layer: Float32) -> None:
            if name not in known:
                known[name] = channels[CHANNELS.index(name)]
                known[name][:] = layer

        for name, source in self._sources.items():
            if name in CHANNELS and name not in ("elevation", "slope"):
                put(name, _regrid(source.read(rows, cols), source.factor, factor))
        # An illumination that the user gives takes precedence over the computed one, as every given predictor does.
        for derive in (self._land_cover, self._given_terrain, self._terrain):
            for name, layer in derive(rows, cols, factor).items():
                put(name, layer)
        for name, values in _indices(known).items():
            channels[CHANNELS.index(name)] = values
        return Fields(channels, self._context(rows, cols, factor // 2))

    def _land_cover(self, rows: slice, cols: slice, factor: int) -> dict[str, Float32]:
        source = self._sources.get("land_cover")
        if source is None:
            return {}
        shares = land_cover.fractions(source.read(rows, cols), 1)
        return {name: _regrid(share, source.factor, factor) for name, share in zip(CLASSES, shares, strict=True)}

    def _terrain(self, rows: slice, cols: slice, factor: int) -> dict[str, Float32]:
        """Elevation, and the slope and illumination that follow from it."""
        source = self._sources.get("elevation")
        if source is None:
            return {}
        # Gradients are taken on the elevation's own grid when that is coarser: a repeated grid is a staircase.
        own = min(source.factor, factor)
        box = refine(self.root[rows, cols], own)
        elevation = _regrid(source.read(rows, cols), source.factor, own)
        east, north = terrain.gradient(elevation, box)
        out = {"elevation": elevation, "slope": np.degrees(np.arctan(np.hypot(east, north))).astype(np.float32)}
        shade = self.overpass.illumination(east, north, box, (rows.start * own, cols.start * own))
        if shade is not None:
            out["illumination"] = shade
        return {name: _regrid(values, own, factor) for name, values in out.items()}

    def _given_terrain(self, rows: slice, cols: slice, factor: int) -> dict[str, Float32]:
        """The slope that the user gives ready made, and the illumination that follows from it and the aspect."""
        slope, aspect = (self._sources.get(name) for name in ("slope", "aspect"))
        if slope is None:
            return {}
        steepness = slope.read(rows, cols)
        out = {"slope": _regrid(steepness, slope.factor, factor)}
        if aspect is not None and slope.factor == aspect.factor:
            own = min(slope.factor, factor)
            tilt, towards = np.tan(np.radians(steepness)), np.radians(aspect.read(rows, cols))
            flat = tilt == 0
            # Aspect is where the slope descends; the gradient points uphill.
            east, north = (np.where(flat, 0, -tilt * f(towards)).astype(np.float32) for f in (np.sin, np.cos))
            east, north = (_regrid(part, slope.factor, own) for part in (east, north))
            box, corner = refine(self.root[rows, cols], own), (rows.start * own, cols.start * own)
            shade = self.overpass.illumination(east, north, box, corner)
            if shade is not None:
                out["illumination"] = _regrid(shade, own, factor)
        return out

    def _context(self, rows: slice, cols: slice, factor: int) -> Float32:
        box = refine(self.root[rows, cols], factor)
        out = np.full((len(CONTEXT), *box.shape), np.nan, np.float32)
        for i, name in enumerate(WEATHER):
            if name in self._sources:
                source = self._sources[name]
                out[i] = _regrid(source.read(rows, cols), source.factor, factor)
        # All grids run eastward and southward (`grid.geobox_of`); only batches are reoriented.
        scalars = {**self.overpass.context(box), "cell": np.log2(cell_size(box) / 1000), "east": 1.0, "south": 1.0}
        if self.noise is not None:
            scalars["noise"] = self.noise
        for name, value in scalars.items():
            out[CONTEXT.index(name)] = value
        return out


def _regrid(values: Float32, have: int, want: int) -> Float32:
    """From `have` cells per root cell to `want`: repeat up to the common grid, then masked area mean."""
    common = gcd(have, want)
    up, down = want // common, have // common
    if up > 1:
        values = repeat(values, up)
    return values if down == 1 else np.asarray(aggregate(values, down), np.float32)


def _indices(known: Mapping[str, Float32]) -> dict[str, Float32]:
    """The indices that were not given but can be computed."""
    formulas: Mapping[str, Callable[..., Floats]] = {"ndvi": indices.ndvi, "evi": indices.evi, "ndwi": indices.ndwi}
    return {
        name: np.asarray(formulas[name](*(known[band] for band in bands)), np.float32)
        for name, bands in STANDS_FOR.items()
        if name not in known and all(band in known for band in bands)
    }
