"""Files appear whole or not at all: a hidden folder beside them, fsync, rename.

A writer killed half-way leaves files that open and are wrong. So everything is written into a hidden folder (or under a
hidden name) beside its final place (same file system), checked there, and only then renamed. A folder left behind by a
killed process is swept away by the next writer of the same name: its lock is free.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from srdanet.errors import OutputError, switched_on


def refuse_existing(paths: Sequence[Path], *, overwrite: bool) -> None:
    """Stop before any work is done when an output is already there.

    Raises:
        OutputError: when one of `paths` exists and `overwrite` is off.
    """
    present = [path for path in paths if path.exists()]
    if present and not overwrite:
        more = f" (and {len(present) - 1} more)" if len(present) > 1 else ""
        todo = f"Choose another place, or use {switched_on('overwrite')}."
        raise OutputError(f"exists already{more}", where=present[0], todo=todo)


@contextmanager
def hidden_folder(directory: Path, stem: str) -> Iterator[Path]:
    """A hidden folder inside `directory`; gone afterwards, whatever happens."""
    directory.mkdir(parents=True, exist_ok=True)
    _sweep(directory, stem)
    folder, lock = _locked_folder(directory, stem)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


@contextmanager
def staged(directory: Path, stem: str) -> Iterator[Path]:
    """A hidden folder to write in; errors of the operating system are raised as `OutputError`.

    Raises:
        OutputError: when the folder cannot be made, or writing in it fails (disk full, no permission).
    """
    with _write_errors(directory), hidden_folder(directory, stem) as folder:
        yield folder


@contextmanager
def _write_errors(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        todo = "Check the free space, the quota and the permissions there."
        raise OutputError(f"cannot be written ({error.strerror or error})", where=place, todo=todo) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write a file or folder under, which takes the place of `path` when the block ends well.

    It is flushed to disk before it gets its name, so that a reader never meets half of it, and gone when the block
    fails. Whether something may be replaced is for the caller to ask first.

    Raises:
        OutputError: when writing fails (disk full, no permission).
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    old = part.with_suffix(".old")
    try:
        with _write_errors(path):
            yield part
            for inner in [*part.rglob("*"), part] if part.is_dir() else [part]:
                _fsync(inner)
            if path.is_dir():  # a folder cannot be replaced by a rename: move the old one aside first
                os.rename(path, old)
            os.replace(part, path)
            _fsync(path.parent)
            if old.is_dir():
                shutil.rmtree(old)
    finally:
        shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)


def publish(files: Sequence[Path], directory: Path, *, overwrite: bool) -> list[Path]:
    """Move checked files to `directory` under their own names, in order; the last one marks completion.

    With `overwrite` the old last file goes first, so that it never vouches for a mixture of old and new.

    Raises:
        OutputError: when a file has appeared there in the meantime and `overwrite` is off.
    """
    targets = [directory / file.name for file in files]
    refuse_existing(targets, overwrite=overwrite)
    for file in files:
        _fsync(file)
    if overwrite:
        targets[-1].unlink(missing_ok=True)
    moved: list[Path] = []
    try:
        for file, target in zip(files, targets, strict=True):
            os.replace(file, target)
            moved.append(target)
    except BaseException:
        # Interrupted between two renames: half a product must not stand there.
        for target in moved:
            target.unlink(missing_ok=True)
        raise
    _fsync(directory)
    return targets


def _locked_folder(directory: Path, stem: str) -> tuple[Path, int]:
    """A new folder and the descriptor whose lock says that its writer is alive."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f".{stem}.", suffix=".partial", dir=directory))
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue  # another writer swept it before it was locked
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder, lock
        os.close(lock)


def _sweep(directory: Path, stem: str) -> None:
    """Remove what killed writers of the same name left behind."""
    for folder in directory.glob(f".{escape(stem)}.*.partial"):
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue  # its writer is alive
        finally:
            os.close(lock)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
