"""A child process that works on one unit at a time; if it dies, hangs or runs out of memory, no other unit is lost.

The parent keeps one pipe to each child, so that a dying child breaks nothing that others use. The pools of the standard
library share theirs: when one worker is killed, every unit in the pool is lost. A child belongs to a process group of
its own, with the reader of HDF4 files that it starts: Ctrl-C in a terminal does not reach it, and ending the group ends
both. When its parent is gone, it ends itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Literal

from srdanet.errors import NoLstError, SrdanetError

Work = Callable[[Any], Any]
"""A function of a module, which a child can import."""
Kind = Literal["empty", "error", "fault", "memory", "died", "timeout", "disk"]
"""Why there is no product: no LST; a file or argument of the unit; a fault in the code; too little memory; the process
died; it took too long; the disk is full."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Cause:
    """Why a unit has no result."""

    kind: Kind
    what: str
    """In one line, with the file it concerns where there is one."""

    @property
    def doubtful(self) -> bool:
        """Whether another unit may be to blame: it used up the memory, or took the machine down."""
        return self.kind in ("died", "memory")


@dataclass(frozen=True)
class Outcome:
    """What came of one piece of work."""

    result: Any = None
    cause: Cause | None = None
    seconds: float = 0.0
    memory: int = 0
    """Most bytes resident in the process that did it; 0 when not known."""


def attempt(work: Work, task: Any) -> Outcome:
    """Do a piece of work in this process; whatever it raises becomes a cause. Ctrl-C does not."""
    started = time.perf_counter()
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak starts again from here
    result, cause = None, None
    try:
        result = work(task)
    except Exception as error:
        cause = cause_of(error)
    return Outcome(result, cause, round(time.perf_counter() - started, 4), _peak())


def cause_of(error: Exception) -> Cause:
    """An exception as a cause."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.errno in _NO_ROOM:
            return Cause("disk", _line(error))
        link = link.__cause__ or link.__context__
    if isinstance(error, MemoryError):
        return Cause("memory", "out of memory" + (f" ({error})" if str(error) else ""))
    if isinstance(error, NoLstError):
        return Cause("empty", _line(error))
    if isinstance(error, SrdanetError):
        return Cause("error", _line(error))
    return Cause("fault", f"{type(error).__name__}: {_line(error)}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _peak() -> int:
    """Most bytes resident since `attempt` began, on Linux; elsewhere since the process began."""
    with contextlib.suppress(OSError, ValueError), open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class Child:
    """A child process, started at its first piece of work and anew after it was ended.

    Args:
        threads: Threads it may compute with.
        memory: Bytes it may allocate; None for no limit.
    """

    def __init__(self, threads: int | None = None, memory: int | None = None) -> None:
        self._threads, self._memory = threads, memory
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._closing, self._closed = threading.Lock(), False

    @property
    def pid(self) -> int | None:
        """Its process number; None where it does not run."""
        return self._process.pid if self._process else None

    def run(self, work: Work, task: Any, limit: float | None = None) -> Outcome:
        """Do a piece of work in the child.

        Args:
            work: What to do.
            task: Its argument; both travel by pickle.
            limit: Seconds after which it is ended.
        """
        started = time.perf_counter()
        try:
            if self._process is None or self._process.poll() is not None:
                self.end()
                with self._closing:
                    if self._closed:
                        return Outcome(cause=Cause("died", "the run was stopped"))
                    self._start()
            assert self._pipe is not None
            self._pipe.send((work, task))
            if not self._pipe.poll(limit):
                self.end()
                return Outcome(cause=Cause("timeout", f"took longer than {limit:g} s"), seconds=float(limit or 0))
            outcome = self._pipe.recv()
            assert isinstance(outcome, Outcome)
            return outcome
        except (EOFError, OSError):
            cause = self._cause_of_death()
            self.end()
            return Outcome(cause=cause, seconds=round(time.perf_counter() - started, 4))

    def close(self) -> None:
        """End the child for good, from any thread; `run`, where it waits, then returns."""
        with self._closing:
            self._closed = True
            self._kill()

    def end(self) -> None:
        """End the child and what it started, and let go of it; the next piece of work starts another."""
        self._kill()
        if self._process is not None:
            self._process.wait()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None

    def _kill(self) -> None:
        # A process that nobody has waited for keeps its number, so that this can hit no other.
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        environment = dict(os.environ)
        if self._threads is not None:
            environment["OMP_NUM_THREADS"] = str(self._threads)
        command = [sys.executable, "-c", _BOOT, str(theirs.fileno())]
        # What is printed belongs to stderr: stdout holds the results of the command.
        self._process = subprocess.Popen(  # noqa: S603 our own code, no shell
            command, stdin=subprocess.DEVNULL, stdout=2, pass_fds=[theirs.fileno()], env=environment, process_group=0
        )
        theirs.close()
        self._pipe = Connection(ours.detach())
        self._pipe.send_bytes("\n".join(sys.path).encode())
        self._pipe.send(self._memory)

    def _cause_of_death(self) -> Cause:
        code = None if self._process is None else self._process.wait()
        if code == -signal.SIGKILL:
            return Cause("died", "its process was killed (SIGKILL), by hand or for want of memory")
        if code is not None and code < 0:
            return Cause("died", f"its process crashed ({signal.Signals(-code).name})")
        return Cause("died", "its process was ended" if code is None else f"its process left with exit code {code}")


# The search path comes first of all, since it may be what finds this module.
_BOOT = """
import sys
from multiprocessing.connection import Connection
pipe = Connection(int(sys.argv[1]))
sys.path[:] = pipe.recv_bytes().decode().split("\\n")
from srdanet.production.child import serve
serve(pipe)
"""


def serve(pipe: Connection) -> None:
    """Work on what comes through the pipe until its other end is closed; the child's whole life."""
    memory = pipe.recv()
    if memory is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    tasks: queue.SimpleQueue[tuple[Work, Any] | Exception] = queue.SimpleQueue()

    def receive() -> None:
        while True:
            try:
                tasks.put(pipe.recv())
            except (EOFError, OSError):
                os.killpg(0, signal.SIGKILL)  # the parent has gone
            except Exception as error:  # what came cannot be unpickled here
                tasks.put(error)

    threading.Thread(target=receive, daemon=True).start()
    while True:
        task = tasks.get()
        outcome = Outcome(cause=cause_of(task)) if isinstance(task, Exception) else attempt(*task)
        try:
            pipe.send(outcome)
        except (TypeError, AttributeError) as error:  # the result cannot be pickled
            pipe.send(Outcome(cause=cause_of(error)))
