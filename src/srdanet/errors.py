"""Errors that say what went wrong, where, and what to do next.

One base class, so that a caller can catch everything this package raises on
purpose, and one class per cause, so that a caller can tell causes apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches

FLAGS: ContextVar[Mapping[str, str] | None] = ContextVar("flags", default=None)
"""How the command line spells the arguments of the functions behind it; None where a program calls them."""


def spelled(argument: str) -> str:
    """An argument as the caller writes it, for `todo`: `date=` in Python, `--date` on the command line."""
    flags = FLAGS.get()
    return f"{argument}=" if flags is None else flags.get(argument, f"--{argument.replace('_', '-')}")


def switched_on(argument: str) -> str:
    """An argument that is turned on, as the caller writes it: `overwrite=True` in Python, `--overwrite` in a shell."""
    return spelled(argument) + ("True" if FLAGS.get() is None else "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The known word that is nearest to a misspelt one, as a question with a blank after it; empty without one."""
    near = get_close_matches(word.lower(), {name.lower(): name for name in known}, 1, 0.6)
    return f"Did you mean {near[0]!r}? " if near else ""


def some(names: Sequence[str], most: int = 4, between: str = ", ") -> str:
    """The first of many names, and how many more there are."""
    return between.join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def first_line(error: BaseException, most: int = 200) -> str:
    """What an error of a library says in its first line, cut short; its type where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:most]


class SrdanetError(Exception):
    """Base of every error this package raises on purpose.

    Args:
        what: What went wrong, one sentence.
        where: The file, tile, date or argument it concerns.
        todo: What the reader can do about it.
    """

    def __init__(self, what: str, *, where: object = None, todo: str | None = None) -> None:
        self.what = what
        self.where = where
        self.todo = todo
        place = f"{where}: " if where is not None else ""
        hint = f"\n  {todo}" if todo else ""
        super().__init__(f"{place}{what}{hint}")

    def __reduce__(self) -> tuple[object, ...]:
        """Errors cross process boundaries whole (readers run in a child process)."""
        return _rebuild, (type(self), self.what, str(self.where) if self.where else None, self.todo)


def _rebuild(kind: type[SrdanetError], what: str, where: str | None, todo: str | None) -> SrdanetError:
    return kind(what, where=where, todo=todo)


class GranuleError(SrdanetError):
    """Raise when a data file is missing, damaged, truncated, mislabelled or not what it claims to be."""


class ProductError(SrdanetError):
    """Raise when a product or layer is not in the product table, or contradicts it."""


class GridError(SrdanetError):
    """Raise when a grid is missing, does not nest, or two grids that must agree do not."""


class SceneError(SrdanetError):
    """Raise when a scene lacks what it must have, or its parts disagree in place or time."""


class NoLstError(SceneError):
    """Raise when no cell with LST is left: the overpass was cloudy throughout, or saw only sea."""


class ArgumentError(SrdanetError, ValueError):
    """Raise when a caller's argument is of the wrong kind or out of range."""


class ConfigError(SrdanetError):
    """Raise when a configuration file cannot be read or holds unknown or impossible values."""


class ModelError(SrdanetError):
    """Raise when a model bundle is missing, damaged, or made for other inputs."""


class OutputError(SrdanetError):
    """Raise when an output exists already, cannot be written, or fails its validation."""


class MissingExtraError(SrdanetError):
    """Raise when an optional part of the package (such as training) is not installed."""


@contextmanager
def extra(package: str, name: str, instead: str = "") -> Iterator[None]:
    """Around the import of a package that comes with an extra of this one.

    Args:
        package: Its name.
        name: The extra's.
        instead: What can be done without it, as a sentence.

    Raises:
        MissingExtraError: when it is not installed.
    """
    try:
        yield
    except ImportError as error:
        todo = f"Install it: pip install 'srdanet[{name}]'. {instead}".rstrip()
        raise MissingExtraError(f"{package} is not installed", todo=todo) from error


class DownloadError(SrdanetError):
    """Raise when a file cannot be downloaded, or what came is not what was asked for."""


class AccessError(DownloadError):
    """Raise when a service refuses the credentials, or there are none."""


class RunError(SrdanetError):
    """Raise when a run of many units cannot start or go on: its folder is taken, or its cluster is lost."""
