"""Where a product comes from and how good it is: the record, as typed models and as one JSON file.

The caller says what went in (`Origin`); the record adds when and with what software it was made, and what came out.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict, ValidationError

from srdanet.energy import degrade, surroundings
from srdanet.errors import ArgumentError, GranuleError, GridError
from srdanet.flags import OVERSHOOT
from srdanet.product.cog import strips
from srdanet.product.layers import LST, QUALITY, UNCERTAINTY
from srdanet.readers.unread import special_file
from srdanet.variables import WEATHER

RECORD = "_provenance.json"
"""What the name of a record ends in."""
_PACKAGES = ("numpy", "onnxruntime", "pyproj", "rasterio", "xarray")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelRecord(_Part):
    """The model a product was made with."""

    name: str
    version: str | None = None
    sha256: str | None = None
    """Of the ONNX file."""
    bundle_sha256: str | None = None
    """Of `bundle.json`, which holds the hashes of all other files and what else decides a result."""


class Auxiliary(_Part):
    """Names of the predictors that the scene had, and of those it lacked."""

    present: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def warning(self) -> str | None:
        """What a result without any predictor of the ground is worth; weather alone shows no detail."""
        return None if set(self.present) - set(WEATHER) else "no predictors: little more than interpolation"


class Origin(_Part):
    """What went into a product; everything may be unknown."""

    tile: str | None = None
    time: str | None = None
    """UTC; the date alone where the hour is not known."""
    day: bool | None = None
    noise: float | None = None
    """Standard deviation (K) of the coarse LST's error, as far as known: the sensor's part of the uncertainty."""
    command: tuple[str, ...] = ()
    options: dict[str, int | str | None] = {}
    model: ModelRecord | None = None
    inputs: tuple[dict[str, Any], ...] = ()
    """One entry a file, as `srdanet.prepare` records it."""
    auxiliary: Auxiliary = Auxiliary()
    scene_sha256: str | None = None
    """`Scene.sha256`, of everything that the scene holds."""
    scene: dict[str, Any] = {}
    """The rest of the scene's own provenance."""


class Temperature(_Part):
    """Range and mean of the LST (K)."""

    min: float
    mean: float
    max: float


class Closure(_Part):
    """How far the product, brought back to the input's cells, is from the input (K)."""

    max: float
    rmse: float
    cells: int
    """Cells that both have."""


class Overshoot(_Part):
    """How far results lie outside the range of the 3 x 3 cells of the input around them."""

    limited: int
    """Cells that the model put farther outside than detail ever lies, and that were limited (flag `overshoot`)."""
    max: float
    """Largest distance in the result (K); 0 when all lie within."""


class FileRecord(_Part):
    """One file of a level."""

    sha256: str
    variable: str | None = None
    """`lst`, `lst_uncertainty` or `quality`; None for pictures, styles and files that hold several."""
    variables: tuple[str, ...] = ()
    """What a file that holds several holds."""


class LevelRecord(_Part):
    """What can be said about one level of a result."""

    cells: tuple[int, int]
    valid_share: float
    lst: Temperature | None
    uncertainty_mean: float | None
    """K."""
    flags: dict[str, float] | None
    """Share of cells per flag."""
    closure: Closure | None
    overshoot: Overshoot | None = None
    shown: dict[str, tuple[float, float]] = {}
    """Colour range of pictures and styles (K), by variable."""
    files: dict[str, FileRecord] = {}
    """All of them lie beside the record."""

    def file_of(self, variable: str) -> str | None:
        """Name of the file that holds a variable."""
        holds = (name for name, file in self.files.items() if variable in (file.variable, *file.variables))
        return next(holds, None)


class Software(_Part):
    """Versions of the package, of Python and of the libraries that shape the numbers."""

    srdanet: str
    python: str
    platform: str
    packages: dict[str, str]


class Record(Origin):
    """The whole record of a product."""

    created: str
    """UTC."""
    software: Software
    levels: dict[str, LevelRecord]
    """By nominal cell size (m)."""

    def text(self) -> str:
        """The record as JSON.

        Raises:
            ArgumentError: when it holds what JSON cannot.
        """
        try:
            return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        except (TypeError, ValueError) as error:
            raise ArgumentError(
                f"the provenance cannot be written as JSON ({error})", todo="Give plain values."
            ) from error


def records_in(folder: Path) -> list[Path]:
    """The records of all products in a folder and below it, as `run` lays them out; hidden folders are left out."""
    found = sorted(folder.rglob(f"*{RECORD}"))
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def read_record(path: Path) -> Record:
    """Read the record of a product.

    Raises:
        GranuleError: when the file is not one, or names files outside its own folder.
    """
    kind = special_file(path)
    if kind is not None:
        what = f"is {kind}, not the record of a product"
        raise GranuleError(what, where=path, todo="Give the file that ends in _provenance.json.")
    try:
        record = Record.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        todo = "Give the file that ends in _provenance.json."
        raise GranuleError(f"is not the record of a product ({reason})", where=path, todo=todo) from error
    for level, about in record.levels.items():
        if not (level.isascii() and level.isdigit()):
            what = f"is not the record of a product (a level is called {level!r})"
            raise GranuleError(what, where=path, todo="Use the record as srdanet wrote it.")
        for name in about.files:
            if name in ("", ".", "..") or "\0" in name or "\\" in name or Path(name).name != name:
                what = f"names a file outside its folder ({name!r})"
                raise GranuleError(what, where=path, todo="Use the record as srdanet wrote it.")
    return record


def software() -> Software:
    """The versions at work."""
    return Software(
        srdanet=version("srdanet"),
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        packages={name: version(name) for name in _PACKAGES},
    )


def record(origin: Origin, levels: Mapping[int, LevelRecord]) -> Record:
    """The whole record: what went in, then what `measure` says of each level (by nominal cell size, m)."""
    by_name = {str(level): about for level, about in levels.items()}
    return Record(**dict(origin), created=now(), software=software(), levels=by_name)


def now() -> str:
    """The time (UTC) that a product states as that of its making."""
    # Whoever needs the same bytes twice says when it is: https://reproducible-builds.org/specs/source-date-epoch
    said = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(said), UTC) if said.isdigit() else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def measure(result: xr.Dataset, coarse: xr.DataArray | None = None) -> LevelRecord:
    """What can be said about one level of a result, strip by strip; its files are added later.

    Args:
        result: `lst` (y, x) K and, where present, `lst_uncertainty` (K) and `quality` (CF flags).
        coarse: (y / f, x / f) K, the LST it was made from, for the closure error.
    """
    lst = result[LST.variable]
    count, known = _summary(lst)
    stated = _summary(result[UNCERTAINTY.variable])[1] if UNCERTAINTY.variable in result else None
    return LevelRecord(
        cells=(lst.sizes["y"], lst.sizes["x"]),
        valid_share=round(count / lst.size, 6),
        lst=known,
        uncertainty_mean=stated.mean if stated else None,
        flags=_flag_shares(result[QUALITY.variable]) if QUALITY.variable in result else None,
        closure=closure(lst, coarse) if coarse is not None else None,
        overshoot=overshoot(result, coarse) if coarse is not None else None,
    )


def closure(lst: xr.DataArray, coarse: xr.DataArray) -> Closure | None:
    """How far the product, brought back to the input's cells, is from the input; None when no cell can be compared.

    Args:
        lst: (y, x) K.
        coarse: (y / f, x / f) K.

    Raises:
        GridError: when the shapes do not nest.
    """
    factor = lst.shape[0] // max(1, coarse.shape[0])
    if lst.shape != tuple(n * factor for n in coarse.shape):
        raise GridError(f"{lst.shape} cells do not nest in {coarse.shape}", todo="Give the LST it was made from.")
    difference = degrade(lst.values, factor).astype(np.float64) - coarse.values
    difference = difference[np.isfinite(difference)]
    if not difference.size:
        return None
    rmse, largest = float(np.sqrt(np.mean(difference**2))), float(np.abs(difference).max())
    return Closure(max=round(largest, 6), rmse=round(rmse, 6), cells=int(difference.size))


def overshoot(result: xr.Dataset, coarse: xr.DataArray) -> Overshoot:
    """How far the cells of a product lie outside the range of the 3 x 3 cells of the input around them.

    Args:
        result: `lst` (y, x) K and, where present, `quality` (CF flags).
        coarse: (y / f, x / f) K, in which `lst` nests.
    """
    factor = result[LST.variable].shape[0] // max(1, coarse.shape[0])
    low, high = surroundings(coarse.values)
    largest = 0.0
    for rows, values in strips(result[LST.variable], "float32"):
        above = np.arange(rows.start, rows.stop) // factor
        beyond = np.fmax(values - high[above].repeat(factor, 1), low[above].repeat(factor, 1) - values)
        beyond = beyond[np.isfinite(beyond)]
        largest = max(largest, float(beyond.max()) if beyond.size else 0.0)
    limited = 0
    if QUALITY.variable in result:
        for _, bits in strips(result[QUALITY.variable], "uint8"):
            limited += int(np.count_nonzero(bits.astype(np.uint8, copy=False) & OVERSHOOT.mask))
    return Overshoot(limited=limited, max=round(largest, 3))


def _summary(data: xr.DataArray) -> tuple[int, Temperature | None]:
    """Number of valid cells, and their range and mean."""
    count, total, low, high = 0, 0.0, np.inf, -np.inf
    for _, values in strips(data, "float32"):
        valid = values[np.isfinite(values)]
        if valid.size:
            count, total = count + valid.size, total + float(valid.sum(dtype=np.float64))
            low, high = min(low, float(valid.min())), max(high, float(valid.max()))
    if not count:
        return 0, None
    return count, Temperature(min=round(low, 3), mean=round(total / count, 3), max=round(high, 3))


def _flag_shares(quality: xr.DataArray) -> dict[str, float]:
    masks = [int(m) for m in np.atleast_1d(quality.attrs.get("flag_masks", []))]
    names = str(quality.attrs.get("flag_meanings", "")).split()
    counts = np.zeros(len(masks), np.int64)
    for _, values in strips(quality, "uint8"):
        counts += [np.count_nonzero(values.astype(np.uint8, copy=False) & mask) for mask in masks]
    return {name: round(int(n) / quality.size, 6) for name, n in zip(names, counts, strict=True)}
