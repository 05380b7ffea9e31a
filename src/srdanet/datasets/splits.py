"""Which data are for training and which are held out: by region and date, never by pixel.

The split is written in `splits.toml` beside this module; training and evaluation
both read it from there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pydantic import PositiveInt

from srdanet.errors import ArgumentError, ConfigError, SceneError
from srdanet.grid import GRID_LEFT, GRID_TOP, Level
from srdanet.prepare.survey import Frozen
from srdanet.scene import LabelledScene

Role = Literal["train", "validation", "test"]
Part = Literal["train", "validation", "test", "all"]
"""A role, or all scenes whatever their role."""

FILE = Path(__file__).with_name("splits.toml")
"""The split this package ships and reports."""


class Claim(Frozen):
    """Which patches a role claims: those in the columns, and those in the periods."""

    columns: tuple[int, int]
    """First and last + 1 of the patches' first columns in the tile."""
    periods: tuple[int, ...]
    """First days of year of 16-day periods."""


class ImtSplit(Frozen):
    """How the IMT patches are divided."""

    roles: tuple[Literal["test", "validation"], ...]
    """In the order in which they claim patches."""
    test: Claim
    validation: Claim


class AsterSplit(Frozen):
    """How the ASTER pairs are divided into folds."""

    edges: tuple[int, ...]
    """Tile columns at which one fold ends and the next begins."""
    buffer: PositiveInt
    """1 km cells that must lie between training pairs and pairs held out."""
    held: int
    """The fold held out by default."""

    @property
    def folds(self) -> int:
        """How many folds there are."""
        return len(self.edges) + 1


class Splits(Frozen):
    """The whole split file."""

    imt: ImtSplit
    aster: AsterSplit


@cache
def load_splits(path: Path | str = FILE) -> Splits:
    """Read a split file.

    Raises:
        ConfigError: when it cannot be read or holds unknown or impossible values.
    """
    try:
        return Splits.model_validate(tomllib.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"is not a split file: {error}", where=path, todo=f"Compare it with {FILE.name}.") from error


def imt_role(labelled: LabelledScene) -> Role:
    """The role of an IMT patch, by its first column in the tile and the 16-day period of its date.

    Raises:
        SceneError: when its time is unknown.
    """
    split, time = load_splits().imt, labelled.scene.time
    if time is None:
        raise SceneError("the time is unknown, and with it the role", where=labelled.source)
    column = _corner(labelled.scene.geobox)[0] % Level.KM1.cells
    days = (time.astype("datetime64[D]") - time.astype("datetime64[Y]")).astype(int)
    period = days // 16 * 16 + 1
    for name in split.roles:
        claim: Claim = getattr(split, name)
        if claim.columns[0] <= column < claim.columns[1] or period in claim.periods:
            return name
    return "train"


def aster_fold(labelled: LabelledScene) -> int:
    """The fold of an ASTER pair, 0 in the west, by its first column in the tile."""
    return int(np.digitize(_corner(labelled.scene.geobox)[0] % Level.KM1.cells, load_splits().aster.edges))


def aster_roles(pairs: Sequence[LabelledScene], held: int | None = None) -> list[Role | None]:
    """The role of each ASTER pair when one fold is held out: None for those too near to it to be trained on.

    Args:
        pairs: All pairs.
        held: The fold held out; default: the file's.

    Raises:
        ArgumentError: when there is no such fold.
    """
    split = load_splits().aster
    held = split.held if held is None else held
    if not 0 <= held < split.folds:
        raise ArgumentError(f"there is no fold {held}", todo=f"Folds run from 0 to {split.folds - 1}.")
    corners = np.array([_corner(pair.scene.geobox) for pair in pairs]).reshape(-1, 2)
    test: NDArray[np.bool_] = np.array([aster_fold(pair) == held for pair in pairs], bool)
    reach = np.array([pair.scene.geobox.shape[1] for pair in pairs]) + split.buffer
    near = (np.abs(corners[:, None] - corners[None, test]) < reach[:, None, None]).all(-1).any(-1)
    return ["test" if t else None if n else "train" for t, n in zip(test, near, strict=True)]


def imt_part(patches: Iterable[LabelledScene], part: Part) -> Iterator[LabelledScene]:
    """The IMT patches of a part of the split, in their order.

    Raises:
        ArgumentError: when there is no such part.
    """
    _check(part, "train", "validation", "test")
    return (patch for patch in patches if part == "all" or imt_role(patch) == part)


def aster_part(pairs: Iterable[LabelledScene], part: Part, held: int | None = None) -> list[LabelledScene]:
    """The ASTER pairs of a part of the split when fold `held` (default: the file's) is held out, in their order.

    Raises:
        ArgumentError: when there is no such part or fold.
    """
    _check(part, "train", "test")
    every = list(pairs)
    return [pair for pair, role in zip(every, aster_roles(every, held), strict=True) if part in ("all", role)]


def _corner(geobox: GeoBox) -> tuple[int, int]:
    """Column and row of a scene's first 1 km cell, counted from the corner of tile h00v00."""
    size = Level.KM1.metres
    return round((geobox.affine.c - GRID_LEFT) / size), round((GRID_TOP - geobox.affine.f) / size)


def _check(part: str, *known: str) -> None:
    if part not in (*known, "all"):
        raise ArgumentError(f"there is no part {part!r} of the split", todo=f"Choose from {', '.join(known)}, all.")
