"""Files and folders that appear whole or not at all, alone or as a set.

A writer killed half-way leaves files that open and are wrong. So everything is written into a hidden folder beside its
final place (same file system), checked there, and only then moved. The move is a transaction:

1. the folder is locked for other writers, and the hidden folder notes what will be moved (its journal);
2. old files of the set are moved aside into the hidden folder, the last one first, since it marks the set as complete;
3. the new ones take their places, never on top of anything, the last one last;
4. the journal is deleted: from here on the new set is the valid one.

Whatever stops it before step 4, even a kill, is undone from the journal, at once or by the next writer of the same
name: new files go, old ones come back. A hidden folder whose writer is dead is known by its free lock.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from srdanet.errors import OutputError, switched_on

_JOURNAL = ".journal"
_ASIDE = ".aside"
_ROOM = "Check the free space, the quota and the permissions there."
_NO_LOCKS = (errno.EBADF, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
"""What a file system without locks on folders answers, as some network shares do."""


def refuse_existing(paths: Sequence[Path], *, overwrite: bool) -> None:
    """Stop before any work is done when an output is already there.

    Raises:
        OutputError: when one of `paths` exists and `overwrite` is off.
    """
    present = [path for path in paths if os.path.lexists(path)]
    if present and not overwrite:
        more = f" (and {len(present) - 1} more)" if len(present) > 1 else ""
        todo = f"Choose another place, or use {switched_on('overwrite')}."
        raise OutputError(f"exists already{more}", where=present[0], todo=todo)


def heal(directory: Path, stem: str) -> None:
    """Undo and remove what killed writers of the same name left behind; living ones are left alone.

    Raises:
        OutputError: when the folder cannot be written.
    """
    for folder in directory.glob(f".{escape(stem)}.*.partial"):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
        except OSError:
            continue  # gone meanwhile, not a folder, or of another user
        try:
            # Without locks nobody knows whether its writer is alive.
            if _flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
                with write_errors(directory):
                    _discard(folder)
        except BlockingIOError:
            continue  # its writer is alive
        finally:
            os.close(lock)


@contextmanager
def hidden_folder(directory: Path, stem: str) -> Iterator[Path]:
    """A hidden folder inside `directory`; gone afterwards, whatever happens.

    Raises:
        OutputError: when it cannot be made.
    """
    with write_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        heal(directory, stem)
        folder, lock = _locked_folder(directory, stem)
    try:
        yield folder
    finally:
        try:
            _discard(folder)
        finally:
            os.close(lock)  # if interrupted here too, the next writer finds the lock free and cleans up


@contextmanager
def staged(directory: Path, stem: str) -> Iterator[Path]:
    """A hidden folder to write in; errors of the operating system are raised as `OutputError`.

    Raises:
        OutputError: when the folder cannot be made, or writing in it fails (disk full, no permission).
    """
    with write_errors(directory), hidden_folder(directory, stem) as folder:
        yield folder


@contextmanager
def replacing(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A hidden place to write one file or folder to, which becomes `path` when the block ends well.

    Whether what is there now may be replaced at all (a folder, say) is for the caller to ask first.

    Raises:
        OutputError: when writing fails, or `path` has appeared in the meantime and `overwrite` is off.
    """
    with write_errors(path), hidden_folder(path.parent, path.name) as folder:
        yield folder / path.name
        publish(folder, [path.name], overwrite=overwrite)


def settle(part: Path, path: Path) -> None:
    """Give a finished file, written under a hidden name beside it, its own name; it is flushed to disk first.

    Raises:
        OutputError: when that fails (disk full, no permission).
    """
    with write_errors(path):
        _fsync(part)
        os.replace(part, path)
        _fsync(path.parent)


def publish(folder: Path, names: Sequence[str], *, overwrite: bool, obsolete: Sequence[str] = ()) -> list[Path]:
    """Move checked files or folders out of a hidden folder to the folder around it, all of them or none.

    Args:
        folder: As `hidden_folder` gives it.
        names: Paths below `folder`, which they keep; in order, the last one marks completion.
        overwrite: Whether files of the same names may be replaced; they stay as they are until all can be.
        obsolete: Names around `folder` that belonged to the old set and go with it.

    Returns:
        Where they are now.

    Raises:
        OutputError: when one has appeared there in the meantime and `overwrite` is off: another writer was faster.
    """
    directory = folder.parent
    for name in names:
        for path in (*(folder / name).rglob("*"), folder / name):
            _fsync(path)
    with _locked(directory):
        refuse_existing([directory / name for name in names], overwrite=overwrite)
        _note(folder, names, obsolete)
        try:
            for i, name in reversed(list(enumerate([*obsolete, *names]))):
                if os.path.lexists(directory / name):
                    os.rename(directory / name, folder / _ASIDE / str(i))
            for name in names:
                (directory / name).parent.mkdir(parents=True, exist_ok=True)
                _place(folder / name, directory / name)
            for parent in {(directory / name).parent for name in names}:
                _fsync(parent)
            (folder / _JOURNAL).unlink()
        except BaseException:
            if (folder / _JOURNAL).exists():
                _undo(folder)
            raise
    return [directory / name for name in names]


def reserve(path: Path, size: int) -> None:
    """Give a file disk space for `size` bytes, so that a full disk is met here and not half-way.

    A mapped file on a full disk would kill the process (SIGBUS), and libraries crash when a write fails.

    Raises:
        OutputError: when there is no room.
    """
    with write_errors(next(part for part in path.parents if not part.name.startswith("."))), path.open("ab") as file:
        start = file.tell()
        if size <= start:
            return
        try:
            os.posix_fallocate(file.fileno(), start, size - start)
        except (AttributeError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
            for done in range(start, size, 1 << 20):  # not everywhere is there such a call
                file.write(bytes(min(1 << 20, size - done)))


@contextmanager
def write_errors(place: Path) -> Iterator[None]:
    """Errors of the operating system are raised as `OutputError`."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot be written ({error.strerror or error})", where=place, todo=_ROOM) from error


def _note(folder: Path, names: Sequence[str], obsolete: Sequence[str]) -> None:
    """Write the journal of a move: what goes aside, and by which marks the new files are known again."""
    (folder / _ASIDE).mkdir()
    above = {part for name in names for part in Path(name).parents if part != Path()}
    journal = {
        "names": [*obsolete, *names],
        "marks": [None] * len(obsolete) + [_mark(folder / name) for name in names],
        "folders": sorted((str(part) for part in above if not (folder.parent / part).exists()), reverse=True),
    }
    draft = folder / f"{_JOURNAL}.draft"
    draft.write_text(json.dumps(journal), encoding="utf-8")
    _fsync(draft)
    os.rename(draft, folder / _JOURNAL)
    _fsync(folder)


def _undo(folder: Path) -> None:
    """Bring back what was there before a move that did not come to its end."""
    directory, journal = folder.parent, json.loads((folder / _JOURNAL).read_text(encoding="utf-8"))
    names, marks = journal["names"], journal["marks"]
    for name, mark in reversed(list(zip(names, marks, strict=True))):
        target = directory / name
        if mark is not None and _mark(target) == mark:
            os.rename(target, folder / name) if target.is_dir() else target.unlink()
    left = False
    for i, name in enumerate(names):
        old = folder / _ASIDE / str(i)
        if os.path.lexists(old):
            if os.path.lexists(directory / name):
                left = True  # somebody has put another one there: neither is deleted
            else:
                os.rename(old, directory / name)
    for part in journal["folders"]:
        with contextlib.suppress(OSError):
            (directory / part).rmdir()
    if not left:
        (folder / _JOURNAL).unlink()


def _mark(path: Path) -> list[int] | None:
    """What tells a file from any other, wherever it is moved on its file system."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return [found.st_ino, found.st_mtime_ns]


def _place(source: Path, target: Path) -> None:
    """Move a file or folder to a name that is free; never replace."""
    taken = OutputError(
        "exists already: another writer was faster", where=target, todo="Choose another place, or overwrite."
    )
    if not source.is_dir():
        try:
            os.link(source, target)  # unlike a rename it fails when the name is taken
        except FileExistsError:
            raise taken from None
        except OSError:
            pass  # no hard links on this file system: the lock alone keeps other writers out
        else:
            source.unlink()
            return
    if os.path.lexists(target):
        raise taken
    os.rename(source, target)


def _discard(folder: Path) -> None:
    """Remove a hidden folder, after undoing a move that was cut short in it."""
    if (folder / _JOURNAL).exists():
        with _locked(folder.parent):
            _undo(folder)
    if not (folder / _JOURNAL).exists():
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One writer at a time moves files in a folder."""
    lock = os.open(directory, os.O_RDONLY)
    try:
        _flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _flock(lock: int, how: int) -> bool:
    """Take a lock; False where the file system has none.

    Raises:
        BlockingIOError: when another process has it and `how` does not wait.
    """
    try:
        fcntl.flock(lock, how)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True


def _locked_folder(directory: Path, stem: str) -> tuple[Path, int]:
    """A new folder and the descriptor whose lock says that its writer is alive."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f".{stem}.", suffix=".partial", dir=directory))
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue  # another writer removed it before it was locked
        _flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder, lock
        os.close(lock)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
