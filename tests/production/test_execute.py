"""What kills, hangs or fills the disk costs one unit, and is named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faulty_work import arithmetic, fault, poisoned, sleep, slow, write
from some_units import Start, units

from srdanet.errors import OutputError, RunError
from srdanet.production.child import Child
from srdanet.production.execute import Limits, Processes, Serial, execute
from srdanet.production.ledger import Ledger
from srdanet.production.run import Production

FAULTS = {
    "file": ("error", "MOD11A1.hdf: The file is empty. Download it again."),
    "fault": ("fault", "ZeroDivisionError: division by zero"),
    "killed": ("died", "its process was killed (SIGKILL), by hand or for want of memory"),
    "crash": ("died", "its process crashed (SIGSEGV)"),
    "exit": ("died", "its process left with exit code 3"),
    "memory": ("memory", "out of memory"),
}


@pytest.fixture
def child() -> Child:
    return Child()


@pytest.mark.parametrize("kind", [*FAULTS, "unpicklable"])
def test_a_child_survives_or_is_replaced_and_says_why(child: Child, kind: str) -> None:
    outcome = child.run(fault, kind)
    assert outcome.cause is not None
    if kind in FAULTS:
        assert (outcome.cause.kind, outcome.cause.what) == FAULTS[kind]
    assert child.run(sleep, 0).result == child.pid
    child.end()


def test_what_hangs_is_ended_with_all_it_started(child: Child) -> None:
    child.run(sleep, 0)
    group = child.pid
    assert group is not None
    outcome = child.run(fault, "hang", limit=1.0)
    assert outcome.cause is not None
    assert (outcome.cause.kind, outcome.cause.what) == ("timeout", "took longer than 1 s")

    def left() -> list[int]:
        pids = map(int, filter(str.isdigit, os.listdir("/proc")))
        return [pid for pid in pids if _group(pid) == group and _alive(pid)]

    assert _within(30, lambda: not left())


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def test_a_child_ends_with_its_parent() -> None:
    code = (
        "from srdanet.production.child import Child; import faulty_work\n"
        "child = Child(); print(child.run(faulty_work.sleep, 0).result, flush=True)\n"
        "child.run(faulty_work.sleep, 600)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert _within(60, lambda: not _alive(child))


def _alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked after does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_memory_is_limited_for_the_unit_alone() -> None:
    child = Child(memory=1 << 31)
    outcome = child.run(fault, "memory")
    assert outcome.cause is not None
    assert outcome.cause.kind == "memory"
    child.end()


def test_poisoned_units_are_named_and_all_others_made(start: Start, production: Production) -> None:
    for number, kind in enumerate(FAULTS):
        (production.directory.parent / f"u{number}.fault").write_text(kind)
    (production.directory.parent / "u8.fault").write_text("cloud")
    totals, entries = start(Processes(2, Limits()), poisoned, units(10))
    assert (totals.done, totals.empty, totals.failed, totals.waiting) == (10 - len(FAULTS) - 1, 1, len(FAULTS), 0)
    assert {entries[f"u{n}"].cause for n in range(len(FAULTS))} == {what for _, what in FAULTS.values()}
    assert str(totals) == "3 done, 1 without LST, 6 failed, 0 to do"


def test_an_innocent_unit_is_made_again_alone(start: Start, production: Production) -> None:
    (production.directory.parent / "u1.fault").write_text("killed once")
    totals, _ = start(Processes(2, Limits()), poisoned, units(4))
    assert str(totals) == "4 done, 0 failed, 0 to do"


def test_what_failed_stays_so_until_asked_or_changed(start: Start, production: Production) -> None:
    note = production.directory.parent / "u0.fault"
    note.write_text("file")
    assert start(Serial(), poisoned, units(2))[0].failed == 1
    note.unlink()
    assert start(Serial(), poisoned, units(2))[0].failed == 1
    assert start(Serial(), poisoned, units(2), retry=True)[0].done == 2


def test_a_full_disk_stops_the_run_and_loses_nothing(start: Start, production: Production) -> None:
    note = production.directory.parent / "u2.fault"
    note.write_text("disk")
    with pytest.raises(OutputError, match="the disk is full"):
        start(Serial(), poisoned, units(5))
    with Ledger(production.directory, write=False) as ledger:
        assert str(ledger.totals()) == "2 done, 0 failed, 3 to do"
    note.unlink()
    assert str(start(Serial(), poisoned, units(5))[0]) == "5 done, 0 failed, 0 to do"


def test_nothing_is_made_twice_when_the_run_is_stopped_and_started(start: Start, production: Production) -> None:
    seen: list[str] = []
    totals, _ = start(Processes(2, Limits()), write, units(6), stopping=lambda: len(seen) > 2, started=seen.append)
    assert totals.done == len(seen) < 6
    assert totals.running == 0
    start(Processes(2, Limits()), write, units(6))
    assert _times_made(production) == {f"u{n}": 1 for n in range(6)}


def _times_made(production: Production) -> dict[str, int]:
    records = production.directory.rglob("*_provenance.json")
    return {path.name.removesuffix("_provenance.json"): int(path.read_text()) for path in records}


def test_an_interrupt_ends_what_runs_and_releases_it(start: Start, production: Production) -> None:
    executor = Processes(2, Limits())

    def interrupt(name: str) -> None:
        if name == "u1":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(executor, slow, units(4), started=interrupt)
    assert [child.pid for child in executor.children] == [None, None]
    with Ledger(production.directory, write=False) as ledger:
        assert str(ledger.totals()) == "0 done, 0 failed, 4 to do"


def test_workers_killed_at_random_are_replaced(start: Start, production: Production) -> None:
    executor = Processes(4, Limits())
    killed: list[int] = []

    def kill(entry: object) -> None:
        pid = next((child.pid for child in executor.children if child.pid not in (None, *killed)), None)
        if len(killed) < 2 and pid is not None:
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    totals, _ = start(executor, slow, units(10), ended=kill)
    assert str(totals) == "10 done, 0 failed, 0 to do"
    assert len(killed) == 2


def test_no_more_is_begun_than_there_are_slots() -> None:
    begun: list[str] = []
    names = [str(n) for n in range(9)]
    ended = execute(names, sleep, lambda name: 0.0, Serial(), started=begun.append)
    assert [len(begun) for _ in ended] == list(range(1, 10))
    assert begun == names


def test_one_folder_is_for_one_run(production: Production) -> None:
    with Ledger(production.directory), pytest.raises(RunError, match=r"another run is at work here \(process \d+ on"):
        Ledger(production.directory)
    with Ledger(production.directory):
        pass


def test_a_unit_that_takes_its_own_process_down_comes_last_and_is_given_up(production: Production) -> None:
    for deaths in range(1, 4):
        with Ledger(production.directory) as ledger:
            ledger.remember("executor", "serial")
            ledger.recover()
            ledger.register((unit, "key") for unit in units(3))
            if deaths > 1:
                assert ledger.waiting()[-1] == "u0"
            ledger.started("u0")  # and here the process dies
    with Ledger(production.directory) as ledger:
        assert [unit.name for unit in ledger.recover()] == ["u0"]
        ledger.register((unit, "key") for unit in units(3))
        assert ledger.waiting() == ["u1", "u2"]
        (entry,) = ledger.entries(state="failed")
        assert entry.cause == "the run died 3 times while it worked on this"


@pytest.mark.parametrize("count", [300, pytest.param(1000, marks=pytest.mark.trial)])
def test_open_files_and_memory_stay_flat(count: int) -> None:
    executor = Processes(2, Limits())
    names = [str(n) for n in range(count)]
    before = len(os.listdir("/proc/self/fd"))
    found = [outcome.result for _, outcome in execute(names, arithmetic, str, executor)]
    own = len(os.listdir("/proc/self/fd"))
    executor.close()
    assert own <= before + 2
    assert len(os.listdir("/proc/self/fd")) <= before
    for pid in {pid for pid, *_ in found}:
        mine = [(files, resident) for at, files, resident in found if at == pid]
        assert mine[-1][0] == mine[0][0]
        assert mine[-1][1] < mine[0][1] + 4e6
    assert threading.active_count() < 10


@pytest.mark.trial
def test_a_run_of_a_thousand_units_stays_flat(start: Start, production: Production) -> None:
    """The process that runs them, ledger included: neither its memory nor its open files grow with what is done."""
    seen: list[tuple[int, int]] = []

    def look(entry: object) -> None:
        if len(os.listdir("/proc/self/task")) < 30:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            seen.append((pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir("/proc/self/fd"))))

    totals, _ = start(Processes(2, Limits()), write, units(1000), ended=look)
    assert str(totals) == "1000 done, 0 failed, 0 to do"
    assert len(seen) == 1000
    assert seen[-1][0] < seen[200][0] + 8e6, (seen[200], seen[-1])
    assert seen[-1][1] <= seen[200][1]
