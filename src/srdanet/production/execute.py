"""Many pieces of work, in this process, in child processes, or on a Dask cluster; none of them harms another.

The executors differ in where work is done. What happens to it is decided in `execute` alone: a piece that failed in a
way for which another may be to blame is done again alone, once everything else is done.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from srdanet.errors import RunError, extra
from srdanet.production.child import Cause, Child, Outcome, Work, attempt


@dataclass(frozen=True)
class Limits:
    """What one piece of work may use."""

    seconds: float | None = None
    memory: int | None = None
    """Bytes of data of its process."""
    threads: int | None = None


class Executor(Protocol):
    """Does work somewhere."""

    @property
    def slots(self) -> int:
        """How many pieces are worked on at a time."""
        ...

    def submit(self, name: str, work: Work, task: Any) -> None:
        """Begin a piece of work."""
        ...

    def wait(self) -> tuple[str, Outcome]:
        """The next piece that ended, and what came of it."""
        ...

    def close(self) -> None:
        """End at once whatever still runs, and let go of everything."""
        ...


class Serial:
    """One piece after the other in this process; a crash ends the run."""

    slots = 1

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, Work, Any]] = deque()

    def submit(self, name: str, work: Work, task: Any) -> None:
        """Keep it until `wait`."""
        self._waiting.append((name, work, task))

    def wait(self) -> tuple[str, Outcome]:
        """Do it now."""
        name, work, task = self._waiting.popleft()
        return name, attempt(work, task)

    def close(self) -> None:
        """Nothing runs outside `wait`."""


class Processes:
    """Child processes on this machine.

    Args:
        workers: How many.
        limits: What each piece of work may use.
    """

    def __init__(self, workers: int, limits: Limits) -> None:
        self.slots, self._limits = workers, limits
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="srdanet-unit")
        self._idle: queue.SimpleQueue[Child] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[tuple[str, Outcome]] = queue.SimpleQueue()
        self.children = [Child(limits.threads, limits.memory) for _ in range(workers)]
        for child in self.children:
            self._idle.put(child)
        self._closed = False

    def submit(self, name: str, work: Work, task: Any) -> None:
        """Hand it to an idle child."""
        self._threads.submit(self._run, name, work, task)

    def _run(self, name: str, work: Work, task: Any) -> None:
        child = self._idle.get()
        try:
            outcome = Outcome() if self._closed else child.run(work, task, self._limits.seconds)
        except Exception as error:  # it cannot be pickled, or no process can be started
            outcome = Outcome(cause=Cause("fault", f"{type(error).__name__}: {error}"))
        self._idle.put(child)
        self._ended.put((name, outcome))

    def wait(self) -> tuple[str, Outcome]:
        """The next that ended."""
        return self._ended.get()

    def close(self) -> None:
        """End all children."""
        self._closed = True
        for child in self.children:
            child.close()
        self._threads.shutdown(cancel_futures=True)
        for child in self.children:
            child.end()


class Dask:
    """Workers of a Dask cluster; each piece of work runs in a child process of its worker.

    Args:
        address: Of a scheduler, such as `tcp://10.0.0.1:8786`; None for a cluster on this machine.
        workers: Of the cluster on this machine, with one thread each.
        limits: What each piece of work may use.

    Raises:
        MissingExtraError: when dask is not installed.
        RunError: when the scheduler does not answer.
    """

    def __init__(self, address: str | None, workers: int, limits: Limits) -> None:
        with extra("dask", "cluster"):
            from distributed import Client, LocalCluster
        if not logging.getLogger(__name__).isEnabledFor(logging.DEBUG):
            # A lost connection is told once, as an error of ours, not as tracebacks from each of its threads.
            for name in [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]:
                logging.getLogger(name).setLevel(logging.CRITICAL)
        self._limits, self._address = limits, address
        self._cluster: Any = None
        if address is None:
            self._cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0")  # type: ignore[no-untyped-call]
        try:
            self._client: Any = Client(address or self._cluster, set_as_default=False, timeout="20s")  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:
            todo = "Check the address, and that `dask scheduler` runs there."
            raise RunError(f"no Dask scheduler answers ({error})", where=address, todo=todo) from error
        self._ended: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._futures: dict[str, Any] = {}

    @property
    def dashboard(self) -> str:
        """Address of the page that shows the cluster at work."""
        return str(self._client.dashboard_link)

    @property
    def slots(self) -> int:
        """Threads of all workers that are there now."""
        return max(1, self._cores())

    def _cores(self) -> int:
        if self._client.status not in ("running", "connecting"):
            raise self._lost()
        # Kept up to date by the scheduler; asking it each time would cost a round trip. Empty once it is lost.
        workers = self._client.scheduler_info(n_workers=-1).get("workers", {})
        return sum(worker["nthreads"] for worker in workers.values())

    def submit(self, name: str, work: Work, task: Any) -> None:
        """Send it to the cluster."""
        key = f"{name}-{uuid.uuid4().hex[:8]}"
        future = self._client.submit(_in_child, work, task, self._limits, key=key, pure=False)
        self._futures[name] = future
        future.add_done_callback(lambda ended: self._ended.put((name, ended)))

    def wait(self) -> tuple[str, Outcome]:
        """The next that ended."""
        while True:
            try:
                name, future = self._ended.get(timeout=1)
                break
            except queue.Empty:
                if self._client.status not in ("running", "connecting"):
                    raise self._lost() from None
        del self._futures[name]
        if future.status == "finished":
            return name, future.result()
        if future.status == "cancelled":
            raise self._lost()
        error = future.exception()
        # The worker was lost with its machine, and all of its units with it.
        kind = type(error).__name__
        if kind == "KilledWorker":
            return name, Outcome(cause=Cause("died", "the Dask workers that had it died"))
        return name, Outcome(cause=Cause("fault", f"{kind}: {' '.join(str(error).split())}"))

    def _lost(self) -> RunError:
        todo = "Start it again and give the same command: what is done stays."
        return RunError("the Dask scheduler was lost", where=self._address or "local cluster", todo=todo)

    def close(self) -> None:
        """Cancel what runs; end a cluster of our own."""
        try:
            self._client.cancel(list(self._futures.values()), force=True)
        except Exception as error:  # the scheduler is gone already
            self._futures.clear()
            del error
        self._client.close(timeout=5)
        if self._cluster is not None:
            self._cluster.close(timeout=10)


_local = threading.local()


def _in_child(work: Work, task: Any, limits: Limits) -> Outcome:
    """Do it in a child of this thread of a Dask worker; the child serves again."""
    if getattr(_local, "limits", None) != limits:
        _local.child, _local.limits = Child(limits.threads, limits.memory), limits
    child: Child = _local.child
    return child.run(work, task, limits.seconds)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def execute(
    names: Iterable[str],
    work: Work,
    task_of: Callable[[str], Any],
    executor: Executor,
    *,
    started: Callable[[str], None] = lambda name: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[str, Outcome]]:
    """Do a piece of work for each name; yields each name once, with what came of it, in the order in which they end.

    No more pieces are begun than the executor has slots, so that little is lost when it dies, and neither names nor
    tasks pile up in memory. What may have been harmed by others is done again alone at the end; what fails alone too is
    to blame itself.

    Args:
        names: Of the pieces, each once.
        work: A function of a module.
        task_of: Its argument, by name; called when the piece is begun.
        executor: Where it is done; not closed here.
        started: Called before a piece is begun.
        stopping: Asked before a piece is begun; once it is true, nothing more is.
    """
    waiting, flying = iter(names), 0
    doubtful: list[str] = []

    def begin(name: str) -> None:
        started(name)
        executor.submit(name, work, task_of(name))

    while True:
        while flying < executor.slots and not stopping():
            name = next(waiting, None)
            if name is None:
                break
            begin(name)
            flying += 1
        if not flying:
            break
        name, outcome = executor.wait()
        flying -= 1
        if outcome.cause is not None and outcome.cause.doubtful:
            doubtful.append(name)
        else:
            yield name, outcome
    for name in doubtful:
        if stopping():
            return
        begin(name)
        yield executor.wait()
