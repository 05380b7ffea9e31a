"""Downscaling whole images: steps of x2, window by window.

Each step reads a window of LST and predictors with a halo, runs the model, keeps the inner part. The halo covers what
a cell's result depends on, and the model has no other memory of its window, so neither the size nor the place of the
windows shows in the result.
"""

from __future__ import annotations

import logging
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from srdanet import flags
from srdanet.arrays import Float32, Floats, Mask, Progress, let_go, repeat, silent
from srdanet.atomic import reserve
from srdanet.downscaling.plan import RunPlan
from srdanet.downscaling.rollout import Estimate, StepModel, advance, double, rollout
from srdanet.energy import CONSERVE_REACH, surroundings
from srdanet.energy import conserve as conserve_exitance
from srdanet.errors import ArgumentError
from srdanet.grid import Window, coordinates, geobox_of, refine, windows
from srdanet.network.bundle import load_model
from srdanet.predictors.overpass import Overpass
from srdanet.predictors.stack import Fields, Stack
from srdanet.scene import Scene
from srdanet.scene.checks import (
    Predictors,
    arrays_by_name,
    check_ground,
    conform,
    finest_of_each,
    in_unit,
    on_grid,
    time_of,
)
from srdanet.threads import one_ahead

_LOG = logging.getLogger(__name__)

Allocate = Callable[[tuple[int, int], Any], NDArray[Any]]
Model = str | Path | StepModel
"""A shipped model's name, the folder of a bundle, or any model for x2 steps."""

COLDEST, HOTTEST = 150.0, 1310.7
"""Valid range of MOD11's LST (K). Fires and errors exceed 400 K in single cells."""
OVERSHOOT_MARGIN = 20.0
"""How far (K) a result may lie outside the range of the 3 x 3 coarse cells around it. Of 2.1 million true cells of
four sensors none lay 18 K outside it, of those with coarse LST of their own sensor (docs/notebook/026-overshoot.md)."""
USUALLY_BELOW = 400.0
"""The median of a scene in kelvin is colder than this (K); counts and other units are not."""


def downscale(
    lst: xr.DataArray,
    auxiliary: xr.Dataset | Iterable[xr.Dataset] | None = None,
    *,
    factor: int | None = None,
    to: int | None = None,
    time: object = None,
    day: bool | None = None,
    noise: float | None = None,
    model: Model = "default",
    conserve: bool = False,
    block: int = 400,
) -> xr.Dataset:
    """Land surface temperature on a finer grid, with its uncertainty and quality.

    Args:
        lst: (y, x) coarse LST, K, NaN = missing; cell centres in metres and a CRS. A unit, or a time (scalar
            coordinate or attribute), that it states itself counts.
        auxiliary: Any of the variables of `srdanet.variables` on any grid that nests in `lst`'s (or several
            Datasets, each on its own). What can be derived is derived, what is absent is masked.
        factor: 2, 4, 8, ...: how many times finer; 4 when neither `factor` nor `to` is given.
        to: Nominal cell size of the result in metres (500, 250), instead of `factor`.
        time: UTC time of the view (what `arrays.read_time` reads); a bare date means Terra's usual hour.
        day: True for a day view, False for a night view, None when unknown.
        noise: Standard deviation (K) of the error of `lst`: 0 when it is the exact mean of a finer field, about half a
            kelvin for a MODIS product; None when unknown. The result keeps to `lst` accordingly.
        model: A shipped model's name, the folder of a bundle, or a loaded one.
        conserve: Apply a residual correction so that `degrade(result) == lst` to 1e-3 K, wherever the flag
            `conserved` is set. It helps within one
            sensor and costs a little against another (`docs/beware.md`).
        block: Coarse cells along a window of each step; it bounds memory and does not change the result.

    Returns:
        `lst` (K), `lst_uncertainty` (K, one standard deviation; absent when the model states none) and `quality`
        (bits, CF flags), (y, x) on the finer grid; missing exactly where the coarse cell is. No cell lies more than
        `OVERSHOOT_MARGIN` (20 K) outside the range of the 3 x 3 coarse cells around it; what had to be limited to that
        is flagged.

    Raises:
        GridError: when a grid is missing, in degrees, or does not nest, its metres are not those of the ground, or
            `lst` is replicated from a coarser image.
        ArgumentError: when an argument or a variable is of the wrong kind, `lst` is not in kelvin, or two statements
            of one thing contradict each other.
        SceneError: when values cannot be the variable they are named after.
        ModelError: when the model cannot be loaded.
    """
    image, notes = in_unit("lst", conform("lst", lst), "K")
    root = geobox_of(image)
    check_ground(root, image)
    overpass = Overpass.of(time_of(lst, root, time), day)
    predictors = Predictors.of(arrays_by_name(finest_of_each(auxiliary)), root)
    coarse = on_grid({"lst": kelvin(image)}, root)
    boxes = (root, *predictors.boxes)
    scene = Scene(coarse, predictors.datasets, overpass.time, overpass.day, noise=noise, boxes=boxes)
    run = Run.of(scene, RunPlan.of(root, factor=factor, to=to, block=block), model, conserve=conserve)
    result = deque(run, maxlen=1).pop()[1]
    dropped = [
        f"{name}: {count} values out of range are taken as missing" for name, count in predictors.dropped.items()
    ]
    if assumed := [*notes, *predictors.notes, *dropped]:
        result.attrs["assumed"] = "; ".join(assumed)
        _LOG.warning("assumed %s", result.attrs["assumed"])
    return result


def downscale_scene(
    scene: Scene,
    to: int = 250,
    *,
    model: Model = "default",
    conserve: bool = False,
    block: int = 400,
    workdir: Path | None = None,
    progress: Progress = silent,
) -> Iterator[tuple[int, xr.Dataset]]:
    """The results of each step for a scene: (nominal metres, Dataset as in `downscale`).

    With `workdir` the results lie in memory-mapped files there, so that memory does not grow with the scene.
    """
    plan = RunPlan.of(scene.geobox, to=to, block=block)
    return iter(Run.of(scene, plan, model, conserve=conserve, workdir=workdir, progress=progress))


def step_model(model: Model) -> StepModel:
    """The model itself, loaded where a name or a folder is given.

    Raises:
        ModelError: when it cannot be loaded.
    """
    return load_model(model) if isinstance(model, str | Path) else model


@dataclass(frozen=True)
class Run:
    """One scene, one model, one plan; iterating gives (nominal metres, result) of each level."""

    plan: RunPlan
    lst: Float32
    """(y, x) K on the coarse grid, NaN = missing."""
    uncertain: Mask
    """(y, x): the product gives this cell an error above 1 K."""
    stack: Stack
    model: StepModel
    conserve: bool
    allocate: Allocate
    progress: Progress

    @classmethod
    def of(
        cls,
        scene: Scene,
        plan: RunPlan,
        model: Model,
        *,
        conserve: bool = False,
        workdir: Path | None = None,
        progress: Progress = silent,
    ) -> Run:
        """Put together what a run needs; arguments as in `downscale_scene`."""
        lst = kelvin(scene.lst["lst"])
        error = scene.lst["lst_error"].values if "lst_error" in scene.lst else np.zeros(lst.shape)
        allocate = np.empty if workdir is None else _mapped(workdir)
        return cls(plan, lst, np.asarray(error > 1), scene.stack, step_model(model), conserve, allocate, progress)

    def __iter__(self) -> Iterator[tuple[int, xr.Dataset]]:
        estimates = rollout(self._advance, self.lst, self.plan.levels)
        for (factor, level), estimate in zip(self.plan.levels.items(), estimates, strict=True):
            yield level, self._dataset(factor, estimate)

    def _advance(self, before: Estimate, factor: int) -> Estimate:
        """One step of the whole image, window by window, from `factor / 2` cells per coarse cell to `factor`."""
        shape = (self.lst.shape[0] * factor, self.lst.shape[1] * factor)
        lst, quality = self.allocate(shape, np.float32), self.allocate(shape, np.uint8)
        uncertainty: Float32 | None = self.allocate(shape, np.float32)
        cuts = list(self.plan.windows(factor, self.model.halo))
        for done, (window, read) in enumerate(one_ahead(partial(self._read, factor=factor), cuts)):
            self.progress(f"{factor}x", done, len(cuts))
            inner, crop = window.scaled(factor).inner, window.scaled(factor).crop
            part = self._window(window, read(), before, factor)
            lst[inner], quality[inner] = part.lst[crop], np.asarray(part.quality)[crop]
            if part.uncertainty is None:
                uncertainty = None
            elif uncertainty is not None:
                uncertainty[inner] = part.uncertainty[crop]
            let_go(lst, quality, uncertainty, before.lst, before.uncertainty)
        if self.conserve:
            raw, lst = lst, self.allocate(shape, np.float32)
            for window in windows(before.lst.shape, self.plan.block, CONSERVE_REACH):
                fine = window.scaled(2)
                closed = conserve_exitance(raw[fine.outer], before.lst[window.outer])[fine.crop]
                lst[fine.inner], bits = self._limited(closed, fine.inner, factor)
                quality[fine.inner] |= bits
                let_go(raw, lst, quality, before.lst)
        self.progress(f"{factor}x", len(cuts), len(cuts))
        return Estimate(lst, uncertainty, quality=quality)

    def _window(self, window: Window, read: _Read | None, before: Estimate, factor: int) -> Estimate:
        """The outer part of a window of a step."""
        shape = tuple((along.stop - along.start) * factor for along in window.outer)
        if read is None:
            nothing = np.broadcast_to(np.float32(np.nan), shape)
            return Estimate(nothing, nothing, quality=np.broadcast_to(np.uint8(flags.NO_INPUT.mask), shape))
        low, high = (repeat(bound[window.outer], factor) for bound in self.bounds)
        below = window.scaled(factor // 2).outer
        known = None if before.uncertainty is None else before.uncertainty[below]
        result = advance(self.model, Estimate(before.lst[below], known), read.fields)
        bits = np.where((result.lst < low) | (result.lst > high), np.uint8(flags.OVERSHOOT.mask), np.uint8(0))
        domain = getattr(self.model, "domain", None)
        excess = domain and domain.excess(before.lst[below], read.fields.channels, read.fields.context)
        if excess is not None:
            bits[(excess > 0) & np.isfinite(result.lst)] |= np.uint8(flags.FAR_FROM_TRAINING.mask)
        stated = result.uncertainty
        if stated is not None:
            stated = np.where(np.isnan(result.lst), np.nan, stated)
        return Estimate(np.clip(result.lst, low, high), stated, quality=read.quality | bits)

    def _read(self, window: Window, factor: int) -> _Read | None:
        """A window's predictors and quality; None where it has no LST, since many tiles are mostly sea or cloud."""
        if np.isnan(self.lst[window.inner]).all():
            return None
        fields = self.stack.read(*window.outer, factor)
        return _Read(fields, self._quality(window, fields, factor))

    def _limited(self, closed: Floats, where: tuple[slice, slice], factor: int) -> tuple[Floats, NDArray[np.uint8]]:
        """Conserved cells within their bounds, and their bits: where one had to be limited, nothing is conserved."""
        rows, cols = where
        place = tuple(slice(one.start // factor, -(-one.stop // factor)) for one in where)
        offset = (rows.start - place[0].start * factor, cols.start - place[1].start * factor)
        part = tuple(slice(first, first + size) for first, size in zip(offset, closed.shape, strict=True))
        low, high = (repeat(bound[place], factor)[part] for bound in self.bounds)
        beyond = (closed < low) | (closed > high)
        bits = np.where(beyond, np.uint8(flags.OVERSHOOT.mask), np.uint8(0))
        lost = double(beyond[0::2, 0::2] | beyond[1::2, 0::2] | beyond[0::2, 1::2] | beyond[1::2, 1::2])
        bits[np.isfinite(closed) & ~lost] |= np.uint8(flags.CONSERVED.mask)
        return np.clip(closed, low, high), bits

    @cached_property
    def bounds(self) -> tuple[Float32, Float32]:
        """Lowest and highest result (y, x) K that each coarse cell may have; NaN where it is missing."""
        known = np.isfinite(self.lst)
        low, high = surroundings(self.lst)
        bounds = (low - OVERSHOOT_MARGIN, high + OVERSHOOT_MARGIN)
        return tuple(np.where(known, bound, np.nan).astype(np.float32) for bound in bounds)  # type: ignore[return-value]

    def _quality(self, window: Window, fields: Fields, factor: int) -> NDArray[np.uint8]:
        """Quality bits of a window's outer part."""
        known = np.isfinite(self.lst[window.outer])
        near = known & (minimum_filter(known.view(np.uint8), 3, mode="nearest") == 0)
        some, whole = fields.some, fields.whole(day=self.stack.overpass.day)
        states = (
            (flags.INPUT_UNCERTAIN, repeat(known & self.uncertain[window.outer], factor)),
            (flags.GAP_NEAR, repeat(near, factor)),
            (flags.NO_AUXILIARY, ~some),
            (flags.AUXILIARY_PARTIAL, some & ~whole),
        )
        bits = np.zeros(some.shape, np.uint8)
        for flag, where in states:
            bits[where] |= np.uint8(flag.mask)
        # Where there is no result nothing else is said of it, so that empty windows need not be read.
        bits[repeat(~known, factor)] = flags.NO_INPUT.mask
        return bits

    def _dataset(self, factor: int, estimate: Estimate) -> xr.Dataset:
        """The result as CF data."""
        shared = {"grid_mapping": "spatial_ref"}
        about = {"standard_name": "surface_temperature", "long_name": "land surface temperature", "units": "K"}
        data: dict[str, Any] = {"lst": (("y", "x"), estimate.lst, {**about, **shared})}
        if estimate.uncertainty is not None:
            about = {"standard_name": "surface_temperature standard_error", "units": "K"}
            about["long_name"] = "standard deviation of land surface temperature"
            data["lst_uncertainty"] = (("y", "x"), estimate.uncertainty, {**about, **shared})
        data["quality"] = (("y", "x"), estimate.quality, {**flags.flag_attributes(), **shared})
        attrs = {"Conventions": "CF-1.11", **model_attributes(self.model), "conserve": int(self.conserve)}
        attrs["auxiliary"] = " ".join(self.stack.present) or "none"
        return xr.Dataset(data, coords=coordinates(refine(self.plan.root, factor)), attrs=attrs)


@dataclass(frozen=True)
class _Read:
    """What is read of a window's outer part before the model runs."""

    fields: Fields
    quality: NDArray[np.uint8]


def model_attributes(model: StepModel) -> dict[str, str]:
    """What a result says of its model: its name, and version and hash where it has them."""
    about = {"model": getattr(model, "name", type(model).__name__)}
    about |= {f"model_{key}": getattr(model, key, None) for key in ("version", "sha256")}
    return {key: str(value) for key, value in about.items() if value}


def kelvin(lst: xr.DataArray) -> Float32:
    """The values (y, x), NaN = missing, after a look at whether they are kelvin.

    Raises:
        ArgumentError: when they are not, or the dimensions are not (y, x).
    """
    if set(lst.dims) != {"y", "x"}:
        raise ArgumentError(f"lst has dimensions {lst.dims}, not (y, x)", todo="Select one time: lst.isel(time=0).")
    values = np.asarray(lst.transpose("y", "x").values, np.float32)
    known = values[np.isfinite(values)]
    if known.size and not (known.min() >= COLDEST and known.max() <= HOTTEST and np.median(known) < USUALLY_BELOW):
        found = f"{known.min():.4g} to {known.max():.4g}"
        todo = "Convert it (degrees Celsius + 273.15; MOD11 counts * 0.02) and set missing cells to NaN."
        raise ArgumentError(f"lst holds values from {found}, which are not kelvin", todo=todo)
    return np.where(np.isfinite(values), values, np.float32(np.nan))


def _mapped(workdir: Path) -> Allocate:
    """Arrays in files of `workdir`, which its owner removes."""

    def allocate(shape: tuple[int, int], dtype: Any) -> NDArray[Any]:
        with tempfile.NamedTemporaryFile(dir=workdir, suffix=".dat", delete=False) as file:
            reserve(Path(file.name), int(np.prod(shape)) * np.dtype(dtype).itemsize)
            return np.memmap(file, dtype=dtype, mode="r+", shape=shape)

    return allocate
