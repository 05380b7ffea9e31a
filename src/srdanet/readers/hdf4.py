"""HDF4 files, and HDF-EOS5 files (which are HDF5), read in a child process, which may die without harm.

The HDF4 library crashes on some damaged files, or never comes back. So a persistent
child (`hdf4_worker.py`) reads; it is started at the first file, used for all, and started
anew after it died or the library reported an error, after which it can no longer be
trusted. However a file fails, one `GranuleError` is raised here.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from srdanet.errors import GranuleError, MissingExtraError
from srdanet.readers.hdf5 import MAGIC as MAGIC_5
from srdanet.readers.hdf5 import cause_of_death, child_environment
from srdanet.readers.unread import content_of

TIMEOUT = 120.0
"""Seconds one file may take before its reader is ended."""
_AGAIN = "Download it again."
_LONGEST = 1 << 26
_MAGIC = b"\x0e\x03\x13\x01"
_ENDS_5 = (".h5", ".he5")
"""Ends of the names of HDF-EOS5 granules (VIIRS)."""


@dataclass(frozen=True)
class Description:
    """What a file says of itself."""

    fields: Mapping[str, tuple[tuple[int, ...], str]]
    """Scientific data set to shape and numpy type."""
    texts: Mapping[str, str]
    """The metadata texts, by attribute (`StructMetadata.0`, ...)."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """The attributes of the whole file, where it keeps its inventory in them (VIIRS)."""

    def text(self, stem: str) -> str:
        """A metadata text, its parts (`.0`, `.1`, ...) joined; empty where absent."""
        keys = [key.rpartition(".") for key in self.texts]
        numbers = sorted(int(number) for name, _, number in keys if name == stem and number.isdigit())
        return "".join(self.texts[f"{stem}.{n}"].partition("\0")[0] for n in numbers)


def check_magic(path: Path) -> None:
    """Refuse at once what is not an HDF4 file, or HDF5 file of that name, by its first bytes.

    Raises:
        GranuleError: when it is absent, not a file, empty, unreadable or of another format.
    """
    if not path.exists():
        raise GranuleError("There is no such file.", where=path)
    if not path.is_file():
        todo = "Give the path of one granule."
        raise GranuleError("The path is a folder or device, not a file.", where=path, todo=todo)
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise GranuleError(f"The file cannot be read: {error.strerror}.", where=path) from error
    if not head:
        raise GranuleError("The file is empty.", where=path, todo=f"The download failed. {_AGAIN}")
    if head.startswith(_MAGIC) or (head.startswith(MAGIC_5) and path.suffix.lower() in _ENDS_5):
        return
    if head.lstrip()[:1] == b"<":
        todo = f"The server sent a page, often its login page. Check the account. {_AGAIN}"
        raise GranuleError("The file is a web page or XML text, not HDF4.", where=path, todo=todo)
    if (told := content_of(path)) is not None:
        todo = "Give the granule as the provider delivers it, or open it as a raster (NAME=FILE)."
        raise GranuleError(f"The file is {told}, not HDF4.", where=path, todo=todo)
    raise GranuleError("The file is not HDF4: its first bytes are wrong.", where=path, todo=_AGAIN)


def describe(path: Path, timeout: float = TIMEOUT) -> Description:
    """What the file says of itself: its fields and metadata texts.

    Raises:
        GranuleError: when the file cannot be read.
    """
    check_magic(path)
    # Absolute: the child was started in what was then the working directory, which a notebook may have left.
    reply, _ = _request({"do": "describe", "path": str(path.absolute())}, path, timeout, {})
    fields = {name: (tuple(shape), dtype) for name, (shape, dtype) in reply["fields"].items()}
    return Description(fields, reply["texts"], reply.get("attributes", {}))


def read(
    path: Path,
    wanted: Mapping[str, tuple[tuple[int, ...], str]],
    timeout: float = TIMEOUT,
    parts: Mapping[str, tuple[slice, slice]] | None = None,
) -> dict[str, tuple[NDArray[Any], dict[str, Any]]]:
    """Read fields as stored.

    Args:
        path: The file.
        wanted: Field to expected shape and numpy type.
        timeout: Seconds the reading may take.
        parts: Field to the rows and columns to read of it; whole where it is not named.

    Returns:
        Field to counts and attributes.

    Raises:
        GranuleError: when the file cannot be read, or a field is of another shape or type.
    """
    check_magic(path)
    edges = {name: tuple((along.start, along.stop) for along in part) for name, part in (parts or {}).items()}
    fields = {name: [list(shape), dtype, edges.get(name)] for name, (shape, dtype) in wanted.items()}
    expected = {
        name: (tuple(stop - start for start, stop in edges[name]) if name in edges else shape, dtype)
        for name, (shape, dtype) in wanted.items()
    }
    reply, arrays = _request({"do": "read", "path": str(path.absolute()), "fields": fields}, path, timeout, expected)
    return {name: (arrays[name], reply["attributes"][name]) for name in wanted}


class _Reader:
    """A child process and the pipes to it."""

    def __init__(self) -> None:
        env = child_environment()
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        command = [sys.executable, "-P", str(Path(__file__).with_name("hdf4_worker.py"))]
        self.process = subprocess.Popen(  # noqa: S603 our own code, no shell
            command, stdin=pipe, stdout=pipe, stderr=null, bufsize=0, env=env
        )
        ready = self.receive()
        if ready is None or "error" in ready:
            what = ready["error"] if ready else f"it ended with code {self.process.wait()}"
            self.end()
            todo = "Install it again: pip install --force-reinstall pyhdf"
            raise MissingExtraError(f"The HDF4 reader does not start: {what}.", todo=todo)

    @property
    def pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        return self.process.stdin, self.process.stdout

    def send(self, message: dict[str, Any]) -> bool:
        """Send a request; False when the child is gone."""
        data = json.dumps(message).encode("ascii")
        rest = memoryview(struct.pack("<Q", len(data)) + data)
        try:
            while rest:
                rest = rest[self.pipes[0].write(rest) :]
        except OSError:
            return False
        return True

    def receive(self) -> dict[str, Any] | None:
        """The next reply; None when the child is gone."""
        head = bytearray(8)
        if not self.fill(memoryview(head)):
            return None
        length = struct.unpack("<Q", head)[0]
        if length > _LONGEST:  # the library overwrote the child's memory
            return None
        data = bytearray(length)
        return dict(json.loads(data)) if self.fill(memoryview(data)) else None

    def fill(self, buffer: memoryview) -> bool:
        """Fill a buffer with raw bytes; False when the child is gone."""
        while buffer:
            count = self.pipes[1].readinto(buffer)  # type: ignore[attr-defined]
            if not count:
                return False
            buffer = buffer[count:]
        return True

    def end(self) -> int:
        """End the process for good; its exit code."""
        self.process.kill()
        code = self.process.wait()
        for pipe in self.pipes:
            pipe.close()
        return code

    def abandon(self) -> None:
        """In a forked copy: drop the pipes, leave the process to its owner."""
        for pipe in self.pipes:
            with contextlib.suppress(OSError):
                pipe.close()
        self.process.returncode = 0  # no warning that it still runs: it is not ours


_lock = threading.Lock()
_reader: _Reader | None = None


def _request(
    message: dict[str, Any], path: Path, timeout: float, wanted: Mapping[str, tuple[tuple[int, ...], str]]
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """One request to the child, started or started anew as needed."""
    global _reader
    message = {**message, "seconds": int(timeout) + 5}
    with _lock:
        reader = _reader
        if reader is None or reader.process.poll() is not None or not reader.send(message):
            if reader is not None:
                reader.end()
            _reader = reader = _Reader()
            reader.send(message)
        late = threading.Event()

        def stop() -> None:
            late.set()
            reader.process.kill()

        watch = threading.Timer(timeout, stop)
        watch.daemon = True
        watch.start()
        arrays = {}
        try:
            reply = reader.receive()
            if reply is not None and "error" not in reply:
                for name, (shape, dtype) in wanted.items():
                    arrays[name] = np.empty(shape, dtype)
                    if not reader.fill(arrays[name].data.cast("B")):
                        reply = None
                        break
        except BaseException:  # an interrupt in the middle of a reply leaves the pipe useless
            reader.end()
            _reader = None
            raise
        finally:
            watch.cancel()
            watch.join()  # it either never ran or is done: `late` is settled
        if reply is None or late.is_set():
            _reader = None
            raise _death(path, reader.end(), timeout if late.is_set() else None)
        if "error" in reply:  # the library does not recover: it then refuses good files too
            _reader = None
            reader.end()
    if "error" in reply:
        kind = "HDF5" if path.suffix.lower() in _ENDS_5 else "HDF4"
        what = f"The file cannot be read as {kind}: {reply['error']}."
        raise GranuleError(what, where=path, todo=f"It is damaged. {_AGAIN}")
    return reply, arrays


def _death(path: Path, code: int, timeout: float | None) -> GranuleError:
    if timeout is not None:
        todo = f"The file is damaged, or the disk is slow. {_AGAIN} Else allow a longer timeout."
        return GranuleError(f"Reading the file did not end within {timeout:g} s.", where=path, todo=todo)
    todo = f"The file is very likely damaged. {_AGAIN} If others fail too, check the memory left."
    return GranuleError(f"The HDF4 library crashed on the file ({cause_of_death(code)}).", where=path, todo=todo)


def _after_fork() -> None:
    """A forked copy starts its own child: two processes must not share one pipe."""
    global _lock, _reader
    _lock = threading.Lock()
    if _reader is not None:
        _reader.abandon()
        _reader = None


@atexit.register
def _at_exit() -> None:
    if _reader is not None:
        _reader.end()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
