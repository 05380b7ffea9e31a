"""What the readers of several data sets share."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from srdanet.arrays import Float32
from srdanet.errors import ArgumentError, GranuleError, MissingExtraError
from srdanet.scene import LabelledScene
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
        ArgumentError: when the name is not of this form, or the module has no such function.
        MissingExtraError: when the module is not installed.
    """
    module, _, function = name.partition(":")
    if not module or not function:
        raise ArgumentError(f"{name!r} is not the name of a function", todo="Write it like srdanet_simulator:scenes.")
    try:
        found = getattr(import_module(module), function, None)
    except ModuleNotFoundError as error:
        if error.name != module.split(".")[0]:
            raise
        todo = f"Install it, as in: pip install ./simulator (for srdanet_simulator). It makes the scenes of {name}."
        raise MissingExtraError(f"the package {error.name} is not installed", todo=todo) from error
    if not callable(found):
        raise ArgumentError(f"{module} has no function {function!r}", todo="Write it like srdanet_simulator:scenes.")
    makes: Callable[..., Iterator[LabelledScene]] = found
    return makes
