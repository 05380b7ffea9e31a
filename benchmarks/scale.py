"""Many units: what the machinery of `srdanet run` costs, and what it survives.

    make bench-scale                    every row: some ten minutes on two cores without other work
    make bench-scale ARGS=--missing     those that an earlier run, cut short, did not come to
    python benchmarks/scale.py soak many --units 1000

Each row is a figure and its limit, measured in the same run; the exit code is 1 where a limit is missed. With their
usual numbers of units the rows go to `benchmarks/results/bench-scale.json` and `docs/performance.md`, each as soon as
it is measured. The units of
`workers`, `killed` and `scheduler` are real, of cut granules, and made by bicubic interpolation; in the other rows a
stand-in takes the place of the network. Seconds are wall time, so a busy machine shows; seconds of the processor are
given beside them.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests"), str(HERE.parent / "tests" / "production")]

import results  # noqa: E402
from results import Row  # noqa: E402

GB, MB = 1e9, 1e6


def stub(task: Any) -> SimpleNamespace:
    """A unit without a network: nothing is read, nothing written."""
    return SimpleNamespace(record="none", bytes=0, parts={})


def small_model(task: Any) -> SimpleNamespace:
    """A unit with a small model: two steps of bicubic interpolation on 48 x 48 cells, and a file."""
    import numpy as np

    from srdanet.baselines import BICUBIC

    lst = np.full((48, 48), 300, np.float32) + np.arange(48, dtype=np.float32)
    for _ in range(2):
        lst, _ = BICUBIC.step(lst, lst, lst)
    path = Path(task.directory) / task.unit.folder / f"{task.unit.name}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, lst)
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    facts = {
        "files": float(len(os.listdir("/proc/self/fd"))),
        "resident": float(resident),
        "process": float(os.getpid()),
    }
    return SimpleNamespace(record=str(path.relative_to(task.directory)), bytes=path.stat().st_size, parts=facts)


def empty_archive(folder: Path, units: int) -> Iterator[Path]:
    """Names of granules, without content: a country's tiles, as many days as that takes; two units to a granule."""
    from srdanet.grid import Tile

    tiles = [Tile(h, v) for h in range(17, 22) for v in range(2, 7)]
    folder.mkdir()
    for number in range(units // 2):
        date = dt.date(2000, 3, 1) + dt.timedelta(days=number // len(tiles))
        tile = tiles[number % len(tiles)]
        path = folder / f"MOD11A1.A{date:%Y%j}.{tile}.061.2021012345678.hdf"
        path.touch()
        yield path


def cpu() -> float:
    """Processor seconds of this process and of those it has waited for."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


@contextmanager
def registered(folder: Path, units: int) -> Iterator[Any]:
    """A production and its ledger with so many units, and how long planning took."""
    from srdanet.production.ledger import Ledger
    from srdanet.production.run import Production

    for _ in empty_archive(folder / "in", units):
        pass
    begun, used = time.perf_counter(), cpu()
    production = Production.of([folder / "in"], folder / "out", model="bicubic")
    with Ledger(folder / "out") as ledger:
        ledger.register(production.keyed(production.units()))
        yield production, ledger, time.perf_counter() - begun, cpu() - used


def soak(folder: Path, units: int) -> list[Row]:
    """Many small units in two child processes: overhead, open files, memory."""
    from srdanet.production.execute import Limits, Processes
    from srdanet.production.run import carry_out

    with registered(folder, units) as (production, ledger, _, _):
        entries: list[Any] = []
        executor = Processes(2, Limits(threads=1))
        begun = time.perf_counter()
        carry_out(production, ledger, executor, work=small_model, ended=entries.append)
        wall = time.perf_counter() - begun
    first: dict[float, Any] = {}
    last: dict[float, Any] = {}
    for number, entry in enumerate(entries):
        if number > units // 10:  # caches are full by then
            first.setdefault(entry.parts["process"], entry.parts)
        last[entry.parts["process"]] = entry.parts
    growth = max(last[pid]["resident"] - parts["resident"] for pid, parts in first.items())
    files = max(last[pid]["files"] - parts["files"] for pid, parts in first.items())
    overhead = (2 * wall - sum(entry.seconds for entry in entries)) / units
    return [
        Row(f"overhead a unit, {units} units, two processes", 1e3 * overhead, 50, "ms", about="start of both included"),
        Row("memory of a worker: growth over nine tenths of them", growth / MB, 5, "MB"),
        Row("open files of a worker: growth", files, 0, "files"),
    ]


def many(folder: Path, units: int, dask: bool = False) -> list[Row]:
    """A stand-in for the network, through plan, ledger and scheduler."""
    from srdanet.production.execute import Dask, Executor, Limits, Processes
    from srdanet.production.run import carry_out

    with registered(folder, units) as (production, ledger, planned, planned_cpu):
        executor: Executor = Dask(None, 2, Limits()) if dask else Processes(2, Limits(threads=1))
        begun, used = time.perf_counter(), cpu()
        totals = carry_out(production, ledger, executor, work=stub)
        ran, ran_cpu = time.perf_counter() - begun, cpu() - used
        assert totals.done == units, totals
    where = "Dask" if dask else "two processes"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    about = f"plan {1e3 * planned / units:.2f}, the rest {1e3 * ran / units:.2f}; "
    about += f"processor {1e3 * planned_cpu / units:.2f} and {1e3 * ran_cpu / units:.2f} ms"
    return [
        Row(f"a unit of {units}, {where}", 1e3 * (planned + ran) / units, 5, "ms", about=about),
        Row(f"memory, {units} units, {where}", peak / GB, 1.074, "GB"),
    ]


def _command(folder: Path, out: str, *more: str) -> list[str]:
    line = [sys.executable, "-m", "srdanet", "run", str(folder / "in"), "-o", str(folder / out), "--json"]
    return [*line, "--model", "bicubic-conserving", *more]


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "SOURCE_DATE_EPOCH": "1600000000"}


def _archive(folder: Path, units: int) -> None:
    from small_archive import write_archive

    write_archive(folder / "in", days=max(1, units // 4))


def workers(folder: Path, units: int) -> list[Row]:
    """Real units with one and with two workers, one thread each."""
    _archive(folder, units)
    taken = []
    for count in (1, 2):
        begun = time.perf_counter()
        line = _command(folder, f"out{count}", "--workers", str(count))
        subprocess.run(line, check=True, env=_environment(), stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - begun)
    load = f"{taken[0]:.1f} and {taken[1]:.1f} s; load before {os.getloadavg()[2]:.1f}"
    return [Row(f"two workers against one, {units} units", taken[0] / taken[1], 1.8, "times", least=True, about=load)]


def _products(folder: Path) -> dict[str, bytes]:
    names = ("*.tif", "*.png", "*_provenance.json")
    return {str(path.relative_to(folder)): path.read_bytes() for name in names for path in folder.rglob(name)}


def killed(folder: Path, units: int) -> list[Row]:
    """Four workers, two of them killed at random, against a serial run: every byte of every product."""
    _archive(folder, units)
    quiet: dict[str, Any] = {"env": _environment(), "stdout": subprocess.DEVNULL}
    subprocess.run(_command(folder, "serial", "--workers", "0"), check=True, **quiet)
    parallel = subprocess.Popen(_command(folder, "parallel", "--workers", "4"), **quiet)
    dead: set[int] = set()
    while parallel.poll() is None and len(dead) < 2:
        time.sleep(1)
        children = [pid for pid in _children(parallel.pid) if pid not in dead]
        if _lines(folder / "parallel") > len(dead) and children:
            dead.add(victim := random.choice(children))
            os.kill(victim, signal.SIGKILL)
    assert parallel.wait() == 0
    one, other = _products(folder / "serial"), _products(folder / "parallel")
    different = sum(one.get(name) != other.get(name) for name in one.keys() | other.keys())
    return [
        Row(f"workers killed, of four, {units} units", len(dead), 2, "", least=True),
        Row("files that differ from a serial run", different, 0, "files", about=f"of {len(one)}, every byte"),
    ]


def scheduler(folder: Path, units: int) -> list[Row]:
    """The run itself killed half-way, and started again: what is made twice."""
    _archive(folder, units)
    quiet: dict[str, Any] = {"env": _environment(), "stdout": subprocess.DEVNULL}
    line = _command(folder, "out", "--workers", "2")
    first = subprocess.Popen(line, **quiet)
    while first.poll() is None and _lines(folder / "out") < units // 2:
        time.sleep(0.05)
    first.kill()
    first.wait()
    before = {path: path.stat().st_mtime_ns for path in (folder / "out").rglob("*_provenance.json")}
    entries = _entries(folder / "out")
    flying = sum(entry.state == "running" for entry in entries)
    subprocess.run(line, check=True, **quiet)
    again = sum(path.stat().st_mtime_ns != made for path, made in before.items())
    done = sum(entry.state == "done" for entry in _entries(folder / "out"))
    partial = len(list((folder / "out").rglob("*.partial")))
    return [
        Row("products made twice after the run was killed", again, flying, "units", about=f"{flying} were in flight"),
        Row("units done in the end", done, units, "units", least=True),
        Row("hidden files left behind", partial, 0, "files"),
    ]


def _entries(folder: Path) -> Sequence[Any]:
    from srdanet.production.ledger import Ledger

    with Ledger(folder, write=False) as ledger:
        return list(ledger.entries())


def _lines(folder: Path) -> int:
    path = folder / "units.jsonl"
    return len(path.read_text().splitlines()) if path.exists() else 0


def _children(parent: int) -> list[int]:
    """Child processes that work on units."""
    found = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        found += [int(pid) for pid in (task / "children").read_text().split()]
    return found


ROWS: dict[str, tuple[Callable[[Path, int], list[Row]], int]] = {
    "soak": (soak, 1000),
    "workers": (workers, 48),
    "killed": (killed, 16),
    "scheduler": (scheduler, 16),
    "many": (many, 100_000),
    "dask": (lambda folder, units: many(folder, units, dask=True), 10_000),
}
"""Name → what measures it, and how many units."""


def main() -> int:
    """Measure the rows asked for, print them as a table; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help=f"any of {', '.join(ROWS)}; all where none is named")
    parser.add_argument("--units", type=int, help="units in place of the usual number; the rows are printed alone")
    parser.add_argument("--missing", action="store_true", help="only rows that the results lack")
    given = parser.parse_args()
    unknown = [name for name in given.rows if name not in ROWS]
    if unknown:
        parser.error(f"{unknown[0]} is not a row; choose from {', '.join(ROWS)}")
    kept = results.rows_of(results.load("bench-scale"))
    wanted = [name for name in given.rows or ROWS if not (given.missing and name in kept)]
    about = results.machine()
    print(results.HEAD)
    found: list[Row] = []
    for name in wanted:
        measure, units = ROWS[name]
        with tempfile.TemporaryDirectory(prefix="srdanet-scale-") as folder:
            rows = measure(Path(folder), given.units or units)
        print("\n".join(row.line() for row in rows), flush=True)
        found += rows
        kept[name] = rows
        if given.units is None:
            results.save("bench-scale", {part: kept[part] for part in ROWS if part in kept}, about)
    judged = found if given.units else [row for rows in kept.values() for row in rows]
    return 1 if results.missed(judged) else 0


if __name__ == "__main__":
    import scale  # a child process finds the stand-ins under this name, not under `__main__`

    sys.exit(scale.main())
