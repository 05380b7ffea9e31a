"""A look through an HDF5 or NetCDF-4 file by a child process, before this process opens it.

The HDF5 library hangs or crashes on some damaged files, and not even SIGTERM ends it then. Its structure is small
beside its values: the child walks all of it, within a time limit, and reads no values.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from srdanet.errors import GranuleError

SECONDS = 8.0
"""Processor time that looking through one file may take. A scene of a whole tile takes hundredths."""
MAGIC = b"\x89HDF\r\n\x1a\n"
WORKER = Path(__file__).with_name("hdf5_worker.py")
_PATIENCE = 120.0
"""Time (s) after which a disk that does not answer is given up."""
_DAMAGED = "It is damaged. Make it or download it again."


@dataclass(frozen=True)
class Array:
    """One array of a file."""

    bytes: int
    """In memory."""
    blocks: int
    """Of which it should consist."""
    stored: int
    """Blocks that are there."""


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 does."""
    with path.open("rb") as file:
        return file.read(8) == MAGIC


def child_environment() -> dict[str, str]:
    """The environment of a child process that finds the same modules as this one."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(part or os.getcwd() for part in sys.path)}


def cause_of_death(code: int) -> str:
    """What ended a child process, by its exit code: `SIGSEGV`, or `exit code 3`."""
    return signal.Signals(-code).name if -code in set(signal.Signals) else f"exit code {code}"


def look_through(path: Path, seconds: float | None = None) -> Mapping[str, Array]:
    """Check the structure of an HDF5 file in a child process; once as long as the file does not change.

    Args:
        path: The file.
        seconds: Processor time it may take; None for `SECONDS`.

    Returns:
        What each array is, by its full name.

    Raises:
        GranuleError: when it cannot be read, or keeps part of its content in other files, whose hash nobody records.
    """
    about = path.stat()
    return _look(path, (about.st_ino, about.st_size, about.st_mtime_ns), SECONDS if seconds is None else seconds)


@lru_cache(maxsize=128)
def _look(path: Path, state: tuple[int, int, int], seconds: float) -> Mapping[str, Array]:
    """`look_through`, remembered for a state of the file: several readers ask about each NetCDF file of a survey."""
    command = [sys.executable, "-P", str(WORKER), str(path), str(seconds)]
    env, null = child_environment(), subprocess.DEVNULL
    try:
        ended = subprocess.run(  # noqa: S603 our own code, no shell
            command, stdin=null, capture_output=True, env=env, timeout=_PATIENCE, check=False
        )
        code = ended.returncode
    except subprocess.TimeoutExpired:
        code = -signal.SIGPROF
    if code == -signal.SIGPROF:
        what = f"The file cannot be read: looking through it did not end within {seconds:g} s."
        raise GranuleError(what, where=path, todo=_DAMAGED)
    if code or not ended.stdout:
        what = f"The HDF5 library crashed on the file ({cause_of_death(code)})."
        raise GranuleError(what, where=path, todo=_DAMAGED)
    reply = json.loads(ended.stdout)
    if reply.get("elsewhere"):
        todo = "Copy it into one file: h5repack, or nccopy."
        raise GranuleError(f"Part of the content is not in the file: {reply['error']}.", where=path, todo=todo)
    if "error" in reply:
        raise GranuleError(f"The file cannot be read as HDF5: {reply['error']}.", where=path, todo=_DAMAGED)
    return {name: Array(**about) for name, about in reply["arrays"].items()}
