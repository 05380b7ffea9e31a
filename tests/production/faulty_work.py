"""Work for child processes: quick stand-ins for making a unit, some of which fail in every way there is."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from srdanet.errors import GranuleError, NoLstError, OutputError


def write(task: Any) -> SimpleNamespace:
    """A product of one file, which says how often it was made."""
    folder = Path(task.directory) / task.unit.folder
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / f"{task.unit.name}_provenance.json"
    times = int(record.read_text()) if record.exists() else 0
    record.write_text(str(times + 1))
    return SimpleNamespace(record=str(record.relative_to(task.directory)), bytes=1, parts={})


def slow(task: Any) -> SimpleNamespace:
    """The same after a while."""
    time.sleep(0.4)
    return write(task)


def poisoned(task: Any) -> SimpleNamespace:
    """What happens is named by a file `<unit>.fault` beside the run; without one all is well."""
    note = Path(task.directory).parent / f"{task.unit.name}.fault"
    if note.exists():
        fault(note.read_text(), note)
    return write(task)


def fault(kind: str, note: Path | None = None) -> Any:
    """Fail in one way."""
    match kind:
        case "file":
            raise GranuleError("The file is empty.", where="MOD11A1.hdf", todo="Download it again.")
        case "cloud":
            raise NoLstError("no day LST is left", where="MOD11A1.hdf")
        case "fault":
            raise ZeroDivisionError("division by zero")
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "killed once":  # as an innocent neighbour is, when memory runs out
            assert note is not None
            note.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            os._exit(3)
        case "hang":
            subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"], check=True)
        case "memory":
            return bytearray(1 << 40)
        case "disk":
            raise OutputError("cannot be written") from OSError(errno.ENOSPC, "No space left on device")
        case "unpicklable":
            return lambda: None
    raise AssertionError(kind)


def sleep(seconds: float) -> int:
    """The process it ran in."""
    time.sleep(seconds)
    return os.getpid()


def arithmetic(task: Any) -> tuple[int, int, int]:
    """Process, open files and resident bytes of the process that works."""
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return os.getpid(), len(os.listdir("/proc/self/fd")), resident
