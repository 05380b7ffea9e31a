"""The main job: coarse LST up the ladder 1000 -> 500 -> 250 m, window by window.

Each step reads a window of LST and predictors with a halo, runs the network, keeps the
inner part. The halo covers what a cell's result depends on, and the network has no other
memory of its window, so neither the size nor the place of the windows shows in the result.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from srdanet import flags
from srdanet.energy import CONSERVE_REACH
from srdanet.energy import conserve as conserve_exitance
from srdanet.errors import ArgumentError
from srdanet.grid import Window, cell_size, coordinates, geobox_of, refine, windows
from srdanet.network.bundle import Bundle, load_model
from srdanet.predictors.overpass import Overpass
from srdanet.predictors.stack import Fields, Stack
from srdanet.scene import Scene

if TYPE_CHECKING:
    from srdanet.adaptation import Adaptation

Floats = NDArray[np.float32]
Allocate = Callable[[tuple[int, int], Any], NDArray[Any]]
Progress = Callable[[str, int, int], None]
"""Called with a step's name, windows done and windows in all."""

COLDEST, HOTTEST = 150.0, 1310.7
"""Valid range of MOD11's LST (K). Fires and errors exceed 400 K in single cells."""
USUALLY_BELOW = 400.0
"""The median of a scene in kelvin is colder than this (K); counts and other units are not."""


@dataclass(frozen=True)
class Job:
    """All that a run of the ladder needs."""

    lst: Floats
    """(y, x) K on the root grid, NaN = missing."""
    uncertain: NDArray[np.bool_]
    """(y, x): the product gives this cell an error above 1 K."""
    stack: Stack
    bundle: Bundle
    conserve: bool
    block: int
    allocate: Allocate = np.empty
    progress: Progress | None = None


def downscale(
    lst: xr.DataArray,
    auxiliary: xr.Dataset | Iterable[xr.Dataset] | None = None,
    *,
    factor: int | None = None,
    to: int | None = None,
    time: object = None,
    day: bool | None = None,
    model: str | Path | Bundle = "default",
    conserve: bool = False,
    adapt: bool | Adaptation = False,
    block: int = 256,
) -> xr.Dataset:
    """Land surface temperature on a finer grid, with its uncertainty and quality.

    Args:
        lst: (y, x) coarse LST, K, NaN = missing; cell centres in metres and a CRS.
        auxiliary: Any of the variables of `predictors.table` on any grid that nests in `lst`'s (or several
            Datasets, each on its own). What can be derived is derived, what is absent is masked. The shipped
            model makes no use of `tvdi` and, alone, of `aspect` (`docs/decisions/008-training.md`).
        factor: 2, 4, 8, ...: how many times finer; 4 when neither `factor` nor `to` is given.
        to: Nominal cell size of the result in metres (500, 250), instead of `factor`.
        time: UTC time of the view (anything `numpy.datetime64` reads); a bare date means Terra's usual hour.
        day: True for a day view, False for a night view, None when unknown.
        model: A shipped model's name, the folder of a bundle, or a loaded one.
        conserve: Make `degrade(result) == lst` hold to 1e-3 K. Helps within one sensor, costs a little
            against another (`docs/beware.md`).
        adapt: Fit the model to this image first, as `fitted` does. It was measured to cost a little and not to help
            (`docs/decisions/010-adaptation.md`).
        block: Coarse cells along a window of each step; it bounds memory and does not change the result.

    Returns:
        `lst` (K), `lst_uncertainty` (K, one standard deviation) and `quality` (bits, CF flags), (y, x) on the
        finer grid; missing exactly where the coarse cell is.

    Raises:
        GridError: when a grid is missing, in degrees, or does not nest.
        ArgumentError: when an argument or a variable is of the wrong kind, or `lst` is not in kelvin.
        ModelError: when the model cannot be loaded.
        MissingExtraError, SceneError: as of `fitted`, when `adapt` is asked for.
    """
    root = geobox_of(lst)
    values = _kelvin(lst)
    given = [] if auxiliary is None else [auxiliary] if isinstance(auxiliary, xr.Dataset) else list(auxiliary)
    overpass = Overpass.of(time, day)
    bundle = fitted(model, adapt, lst, given, overpass)
    stack = Stack(root, given, overpass)
    job = Job(values, np.zeros(values.shape, bool), stack, bundle, conserve, _block(block))
    steps = _steps(cell_size(root), factor, to)
    return deque(ladder(job, steps), maxlen=1).pop()


def downscale_scene(
    scene: Scene,
    to: int = 250,
    *,
    model: str | Path | Bundle = "default",
    conserve: bool = False,
    adapt: bool | Adaptation = False,
    block: int = 256,
    workdir: Path | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[int, xr.Dataset]]:
    """The results of each step for a scene: (nominal metres, Dataset as of `downscale`).

    With `workdir` the results lie in memory-mapped files there, so that memory does not grow with the scene.
    """
    root = scene.geobox
    values = _kelvin(scene.lst["lst"])
    error = scene.lst["lst_error"].values if "lst_error" in scene.lst else np.zeros(values.shape)
    overpass = Overpass.of(scene.time, scene.day)
    bundle = fitted(model, adapt, scene.lst["lst"], scene.auxiliary, overpass, progress)
    stack = Stack(root, scene.auxiliary, overpass)
    allocate = np.empty if workdir is None else _mapped(workdir)
    job = Job(values, error > 1, stack, bundle, conserve, _block(block), allocate, progress)
    steps = _steps(cell_size(root), None, to)
    nominal = 2 ** round(math.log2(cell_size(root) / to)) * to
    for step, result in zip(range(1, steps + 1), ladder(job, steps), strict=True):
        yield nominal // 2**step, result


def fitted(
    model: str | Path | Bundle,
    adapt: bool | Adaptation,
    lst: xr.DataArray,
    auxiliary: Iterable[xr.Dataset],
    overpass: Overpass,
    progress: Progress | None = None,
) -> Bundle:
    """The model, loaded, and adapted to one image if asked for (True: with the usual settings).

    Raises:
        ModelError: when the model cannot be loaded.
        MissingExtraError: when adaptation is asked for and torch is not installed.
        SceneError: when the image has too few valid cells to learn from.
    """
    bundle = model if isinstance(model, Bundle) else load_model(model)
    if adapt is False:
        return bundle
    from srdanet import adaptation

    settings = None if adapt is True else adapt
    return adaptation.adapt(bundle, _kelvin(lst), geobox_of(lst), auxiliary, overpass, settings, progress)


def ladder(job: Job, steps: int) -> Iterator[xr.Dataset]:
    """Climb `steps` times x2; each step's LST is the next one's input."""
    lst, sigma = job.lst, np.broadcast_to(np.float32(0), job.lst.shape)
    for number in range(1, steps + 1):
        lst, sigma, quality = _step(job, lst, sigma, 2**number)
        yield _dataset(job, 2**number, lst, sigma, quality)


def _step(job: Job, coarse: Floats, doubt: Floats, factor: int) -> tuple[Floats, Floats, NDArray[np.uint8]]:
    """One step, from `factor / 2` cells per root cell to `factor`; `doubt` is the standard deviation of `coarse`."""
    half = factor // 2
    height, width = (n * factor for n in job.lst.shape)
    lst, sigma = (job.allocate((height, width), np.float32) for _ in range(2))
    quality: NDArray[np.uint8] = job.allocate((height, width), np.uint8)
    # Windows are counted in root cells, where all grids meet.
    cuts = list(windows(job.lst.shape, max(1, job.block // half), math.ceil(job.bundle.halo / half)))
    for done, window in enumerate(cuts):
        _report(job, f"{factor}x", done, len(cuts))
        inner, crop = window.scaled(factor).inner, window.scaled(factor).crop
        if np.isnan(job.lst[window.inner]).all():
            # Sea, cloud and the land beyond a scene make up much of many a tile.
            lst[inner], sigma[inner], quality[inner] = np.nan, np.nan, flags.NO_INPUT.mask
            continue
        fields = job.stack.read(*window.outer, factor)
        below = window.scaled(half).outer
        fine, spread = job.bundle.step(coarse[below], fields.channels, fields.context)
        # The mean of four cells is known at least as well as one of them.
        spread = np.maximum(spread, doubt[below].repeat(2, 0).repeat(2, 1))
        bits = _quality(job, window, fields, factor)
        missing = (bits & flags.NO_INPUT.mask) > 0
        for target, source in ((lst, fine), (sigma, spread)):
            target[inner] = np.where(missing, np.nan, source)[crop]
        quality[inner] = bits[crop]
    if job.conserve:
        lst = _conserved(job, coarse, lst, quality, half)
    _report(job, f"{factor}x", len(cuts), len(cuts))
    return lst, sigma, quality


def _conserved(job: Job, coarse: Floats, lst: Floats, quality: NDArray[np.uint8], half: int) -> Floats:
    """The step's result with the exact closure imposed, in windows."""
    out = job.allocate(lst.shape, np.float32)
    for window in windows(coarse.shape, job.block, CONSERVE_REACH):
        inner, outer, crop = window.scaled(2).inner, window.scaled(2).outer, window.scaled(2).crop
        out[inner] = conserve_exitance(lst[outer], coarse[window.outer])[crop]
        quality[inner] |= np.where(np.isfinite(out[inner]), flags.CONSERVED.mask, 0).astype(np.uint8)
    return out


def _quality(job: Job, window: Window, fields: Fields, factor: int) -> NDArray[np.uint8]:
    """Quality bits of a window's outer part."""
    known = np.isfinite(job.lst[window.outer])
    near = known & (minimum_filter(known.view(np.uint8), 3, mode="nearest") == 0)
    some, whole = fields.some, fields.whole(day=job.stack.overpass.day)

    def fine(coarse: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return coarse.repeat(factor, 0).repeat(factor, 1)

    states = (
        (flags.INPUT_UNCERTAIN, fine(known & job.uncertain[window.outer])),
        (flags.GAP_NEAR, fine(near)),
        (flags.NO_AUXILIARY, ~some),
        (flags.AUXILIARY_PARTIAL, some & ~whole),
        (flags.AUXILIARY_CARRIED, fields.carried),
    )
    bits = np.zeros(some.shape, np.uint8)
    for flag, where in states:
        bits[where] |= np.uint8(flag.mask)
    # Where there is no result nothing else is said of it, so that empty windows need not be read.
    bits[fine(~known)] = flags.NO_INPUT.mask
    return bits


def _dataset(job: Job, factor: int, lst: Floats, sigma: Floats, quality: NDArray[np.uint8]) -> xr.Dataset:
    """The result as CF data."""
    shared = {"grid_mapping": "spatial_ref"}
    about = {"standard_name": "surface_temperature", "long_name": "land surface temperature", "units": "K"}
    spread = {"standard_name": "surface_temperature standard_error", "units": "K"}
    spread["long_name"] = "standard deviation of land surface temperature"
    bits = {**flags.flag_attributes(), **shared}
    data: Mapping[str, Any] = {
        "lst": (("y", "x"), lst, {**about, **shared}),
        "lst_uncertainty": (("y", "x"), sigma, {**spread, **shared}),
        "quality": (("y", "x"), quality, bits),
    }
    model = {"model": job.bundle.name, "model_version": job.bundle.version, "model_sha256": job.bundle.sha256}
    attrs = {"Conventions": "CF-1.11", **model, "conserve": int(job.conserve)}
    attrs |= {"adapted": json.dumps(job.bundle.adapted)} if job.bundle.adapted else {}
    attrs["auxiliary"] = " ".join(job.stack.present) or "none"
    return xr.Dataset(data, coords=coordinates(refine(job.stack.root, factor)), attrs=attrs)


def _kelvin(lst: xr.DataArray) -> Floats:
    """The values, after a look at whether they are kelvin."""
    if set(lst.dims) != {"y", "x"}:
        raise ArgumentError(f"lst has dimensions {lst.dims}, not (y, x)", todo="select one time: lst.isel(time=0)")
    values = np.asarray(lst.transpose("y", "x").values, np.float32)
    known = values[np.isfinite(values)]
    if known.size and not (known.min() >= COLDEST and known.max() <= HOTTEST and np.median(known) < USUALLY_BELOW):
        found = f"{known.min():.4g} to {known.max():.4g}"
        todo = "convert it (degrees Celsius + 273.15; MOD11 counts * 0.02) and set missing cells to NaN"
        raise ArgumentError(f"lst holds values from {found}, which are not kelvin", todo=todo)
    return np.where(np.isfinite(values), values, np.float32(np.nan))


def _steps(cell: float, factor: int | None, to: int | None) -> int:
    """Number of x2 steps."""
    if factor is not None and to is not None:
        raise ArgumentError("both factor and to are given", todo="give one of them")
    if to is not None:
        if to <= 0 or cell / to < 1.5:
            raise ArgumentError(f"to={to} m is not finer than the {cell:.0f} m of the LST")
        factor = 2 ** round(math.log2(cell / to))
        if abs(cell / factor - to) > 0.1 * to:
            raise ArgumentError(f"{cell:.0f} m cells do not halve to about {to} m", todo="give factor=2, 4, ...")
    factor = 4 if factor is None else factor
    if factor < 2 or factor & (factor - 1):
        raise ArgumentError(f"factor is {factor}", todo="the ladder climbs by x2: give 2, 4, 8, ...")
    return factor.bit_length() - 1


def _block(block: int) -> int:
    if block < 1:
        raise ArgumentError(f"block is {block}", todo="give the coarse cells along a window, such as 256")
    return block


def _mapped(workdir: Path) -> Allocate:
    """Arrays in files of `workdir`, which its owner removes."""

    def allocate(shape: tuple[int, int], dtype: Any) -> NDArray[Any]:
        with tempfile.NamedTemporaryFile(dir=workdir, suffix=".dat", delete=False) as file:
            return np.memmap(file, dtype=dtype, mode="w+", shape=shape)

    return allocate


def _report(job: Job, name: str, done: int, total: int) -> None:
    if job.progress is not None:
        job.progress(name, done, total)
