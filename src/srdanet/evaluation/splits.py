"""What is trained on and what is kept apart: by region and date, never by pixel.

The split is written in `splits.toml` beside this module; training and evaluation
both read it from there.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from srdanet.errors import ArgumentError, ConfigError
from srdanet.evaluation.datasets import TILE, AsterSet, ImtSet
from srdanet.grid import Level

Mask = NDArray[np.bool_]
Role = Literal["train", "validation", "test", "all"]

FILE = Path(__file__).with_name("splits.toml")
"""The split this package ships and reports."""


class Claim(BaseModel):
    """Which patches a role claims: those in the columns, and those in the periods."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: tuple[int, int]
    """First and last + 1 of the patches' first columns in the tile."""
    periods: tuple[int, ...]
    """First days of year of 16-day periods."""


class ImtSplit(BaseModel):
    """How the IMT patches are divided."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: tuple[Literal["test", "validation"], ...]
    """In the order in which they claim patches."""
    test: Claim
    validation: Claim

    def mask(self, patches: ImtSet, role: Role) -> Mask:
        """Which patches have a role: (n,) bool."""
        free = np.ones(len(patches), dtype=bool)
        claimed: dict[str, Mask] = {"all": free.copy()}
        period = (patches.day_of_year - 1) // 16 * 16 + 1
        for name in self.roles:
            claim: Claim = getattr(self, name)
            columns = (patches.col >= claim.columns[0]) & (patches.col < claim.columns[1])
            claimed[name] = free & (columns | np.isin(period, claim.periods))
            free &= ~claimed[name]
        claimed["train"] = free
        return _pick(claimed, role)


class AsterSplit(BaseModel):
    """How the ASTER pairs are divided into folds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    edges: tuple[int, ...]
    """Tile columns at which one fold ends and the next begins."""
    buffer: PositiveInt
    """1 km cells that must lie between training pairs and pairs held apart."""
    held: int
    """The fold held apart by default."""

    @property
    def folds(self) -> int:
        """How many folds there are."""
        return len(self.edges) + 1

    def fold(self, pairs: AsterSet) -> NDArray[np.intp]:
        """(n,) fold of each pair, 0 in the west."""
        return np.digitize(_corners(pairs)[0], self.edges)

    def mask(self, pairs: AsterSet, role: Role, held: int | None = None) -> Mask:
        """Which pairs have a role when fold `held` (default: the file's) is apart: (n,) bool.

        Raises:
            ArgumentError: when there is no such role or fold.
        """
        held = self.held if held is None else held
        if not 0 <= held < self.folds:
            raise ArgumentError(f"there is no fold {held}", todo=f"folds run from 0 to {self.folds - 1}")
        test = self.fold(pairs) == held
        reach = pairs.lst.shape[-1] + self.buffer
        apart = [np.abs(c[:, None] - c[None, test]) < reach for c in _corners(pairs)]
        near = (apart[0] & apart[1]).any(axis=1)
        return _pick({"test": test, "train": ~near & ~test, "all": np.ones(len(pairs), dtype=bool)}, role)


class Splits(BaseModel):
    """The whole split file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    imt: ImtSplit
    aster: AsterSplit


def load_splits(path: Path | str = FILE) -> Splits:
    """Read a split file.

    Raises:
        ConfigError: when it cannot be read or holds unknown or impossible values.
    """
    try:
        return Splits.model_validate(tomllib.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise ConfigError(f"is no split file: {error}", where=path, todo=f"compare it with {FILE.name}") from error


def _corners(pairs: AsterSet) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First column and row of each pair in its tile, in 1 km cells."""
    left, top = TILE.corner
    size = Level.KM1.metres
    return np.round((pairs.x0 - left) / size), np.round((top - pairs.y0) / size)


def _pick(masks: dict[str, Mask], role: Role) -> Mask:
    if role not in masks:
        raise ArgumentError(f"there is no role {role!r}", todo=f"choose from {', '.join(sorted(masks))}")
    return masks[role]
