"""What the readers of several data sets share."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Collection, Iterator
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import BadZipFile

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy.ndimage import gaussian_filter

from srdanet.arrays import Float32
from srdanet.energy import degrade
from srdanet.errors import ArgumentError, GranuleError, MissingExtraError
from srdanet.grid import refine
from srdanet.scene import LabelledScene
from srdanet.scene.checks import on_grid
from srdanet.variables import VIEW_HOURS, Platform


def overpass_time(
    date: np.datetime64, longitude: float, *, day: bool = True, platform: Platform = "terra"
) -> np.datetime64:
    """UTC (to the minute) of a platform's usual view, for sets that hold no view time of their own.

    MODIS local solar time is UTC + longitude / 15.
    """
    minutes = round(60 * (VIEW_HOURS[platform, day] - longitude / 15))
    time: np.datetime64 = date.astype("datetime64[m]") + np.timedelta64(minutes, "m")
    return time


MODIS_BLUR, MODIS_BLUR_ALONG = 0.35, 0.4
"""Standard deviation of the Gaussian part of MODIS's point spread, and what is added to it along the scan, in coarse
cells (fitted on ASTER)."""


def as_seen(fine: Float32, factor: int, blur: float = 0.0, *, min_valid: float = 0.5) -> Float32:
    """The coarse LST (K) of a fine one, exact or as MODIS would see it.

    Args:
        fine: (y, x) K, NaN = missing.
        factor: Fine cells along a coarse cell.
        blur: Standard deviation of a Gaussian point spread (coarse cells) before the mean over the cell; it is wider
            along the rows, as that of MODIS is along its scans. `MODIS_BLUR` is that of MODIS.
        min_valid: Share of a coarse cell's fine cells that must be known.
    """
    if blur:
        along = factor * (MODIS_BLUR_ALONG * (blur / MODIS_BLUR))
        fine = np.where(np.isnan(fine), np.float32(np.nan), smooth(fine, (0, along)))
    return np.asarray(degrade(fine, factor, point_spread=blur, min_valid=min_valid), np.float32)


def smooth(values: Float32, sigma: float | tuple[float, float]) -> Float32:
    """Gaussian mean over the known cells; defined wherever one lies within reach."""
    known = np.isfinite(values)
    weight = gaussian_filter(known.astype(np.float64), sigma)
    total = gaussian_filter(np.where(known, values, 0).astype(np.float64), sigma)
    return np.asarray(total / np.maximum(weight, 1e-9), np.float32)


def truths(fine: Float32, root: GeoBox, factors: Collection[int]) -> dict[int, xr.DataArray]:
    """A temperature (K) of the finest cells as the truth of each level, the mean of what its cells emit.

    Args:
        fine: (y * finest, x * finest) K, NaN = unknown.
        root: The coarse grid.
        factors: Fine cells along a coarse one, of each level.
    """
    found = {}
    for factor in factors:
        times = max(factors) // factor
        truth = fine if times == 1 else np.asarray(degrade(fine, times), np.float32)
        found[factor] = on_grid({"lst": truth}, refine(root, factor))["lst"]
    return found


def find_files(folder: Path, pattern: str) -> list[Path]:
    """The files of a set, by name.

    Raises:
        GranuleError: when there is none.
    """
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise GranuleError(f"holds no {pattern}", where=folder, todo="Give the folder that holds the data sets.")
    return paths


def load_arrays(path: Path, *names: str) -> dict[str, NDArray[Any]]:
    """The named arrays of an .npz archive.

    Raises:
        GranuleError: when the file is missing, damaged or lacks one of them.
    """
    if not path.is_file():
        raise GranuleError("no such file", where=path, todo="Give the folder that holds the data sets.")
    try:
        with path.open("rb") as file, np.load(file) as archive:
            missing = [name for name in names if name not in archive.files]
            if missing:
                raise GranuleError(f"lacks {', '.join(missing)}", where=path)
            return {name: archive[name] for name in names}
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error) as error:
        raise GranuleError(f"is not a whole .npz archive ({error})", where=path) from error


def kelvin(counts: NDArray[np.uint16], scale: float) -> Float32:
    """Counts to kelvin; 0 = missing."""
    return np.where(counts == 0, np.nan, counts * np.float32(scale)).astype(np.float32)


def find_scenes(name: str) -> Callable[..., Iterator[LabelledScene]]:
    """The function behind `module:function`, which is called with how many scenes are wanted.

    So are synthetic scenes found without this package depending on the simulator.

    Raises:
        ArgumentError, MissingExtraError: same as in `find_function`.
    """
    makes: Callable[..., Iterator[LabelledScene]] = find_function(name, "srdanet_simulator:scenes")
    return makes


def find_function(name: str, example: str) -> Callable[..., Any]:
    """The function behind `module:function` or `file.py:function`.

    Raises:
        ArgumentError: when the name is not of this form (as `example` is), or the module has no such function.
        MissingExtraError: when the module is not installed.
    """
    module, _, function = name.rpartition(":")
    todo = f"Write it like {example}."
    if not module or not function:
        raise ArgumentError(f"{name!r} is not the name of a function", todo=todo)
    try:
        found = getattr(_load(Path(module)) if module.endswith(".py") else import_module(module), function, None)
    except ModuleNotFoundError as error:
        if error.name != module.split(".")[0]:
            raise
        install = f"Install it, as in: pip install ./simulator (for srdanet_simulator). It holds {name}."
        raise MissingExtraError(f"the package {error.name} is not installed", todo=install) from error
    if not callable(found):
        raise ArgumentError(f"{module} has no function {function!r}", todo=todo)
    function_of: Callable[..., Any] = found
    return function_of


def _load(path: Path) -> ModuleType:
    """A module from a file of its own."""
    if not path.is_file():
        raise ArgumentError("no such file", where=path, todo="Write it like my_file.py:my_function.")
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ArgumentError("is not a Python file", where=path)
    module = module_from_spec(spec)
    # Classes of the module are found by its name when they are pickled, or are dataclasses.
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
