"""A run of many units, or the scheduler that it talks to, is killed; given again, the command ends as undisturbed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from small_archive import write_archive

from srdanet.cli import cli
from srdanet.production.ledger import Ledger
from srdanet.production.static import FOLDER

UNITS = 6
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("archive"), days=UNITS // 2)


def words(archive: Path, out: Path, *more: str) -> list[str]:
    return ["run", str(archive), "-o", str(out), "--model", "bicubic", "--to", "500", "--overpass", "day", *more]


def rasters(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.tif")}


@pytest.fixture(scope="module")
def undisturbed(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    done = CliRunner().invoke(cli, words(archive, out, "--workers", "0"))
    assert done.exit_code == 0, done.output
    return rasters(out)


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler and two workers, each a process of its own; the scheduler's address and process."""
    note = folder / "scheduler.json"
    note.unlink(missing_ok=True)
    dask = [sys.executable, "-m", "dask"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": ENVIRONMENT, "cwd": folder}
    about = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(note)]
    scheduler = subprocess.Popen([*dask, "scheduler", *about], **silent)  # type: ignore[call-overload]
    started = [scheduler]
    try:
        end = time.monotonic() + 120
        while not note.exists() or not note.read_text():
            assert time.monotonic() < end, "the scheduler did not start"
            time.sleep(0.1)
        address = json.loads(note.read_text())["address"]
        for _ in range(2):
            about = [address, "--nthreads", "1", "--memory-limit", "0", "--no-dashboard", "--death-timeout", "300"]
            started.append(subprocess.Popen([*dask, "worker", *about], **silent))  # type: ignore[call-overload]
        yield address, scheduler
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def begin(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "srdanet", *command, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
    )  # fmt: skip


def first_units(run: subprocess.Popen[str], count: int) -> list[str]:
    assert run.stdout is not None
    lines = [run.stdout.readline() for _ in range(count)]
    assert all(lines), run.communicate()[1][-2000:]
    return [json.loads(line)["name"] for line in lines]


def check_finished(out: Path, command: list[str], before: dict[Path, int], undisturbed: dict[str, bytes]) -> None:
    """Given again, the command makes what is missing alone, and all is as if nothing had happened."""
    done = subprocess.run(
        [sys.executable, "-m", "srdanet", *command], capture_output=True, text=True, env=ENVIRONMENT, timeout=500
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1].startswith(f"{UNITS} done, 0 failed"), done.stdout
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert rasters(out) == undisturbed
    assert not [path for path in out.rglob(".*") if path.is_dir() and path.name != FOLDER]


def made(out: Path) -> dict[Path, int]:
    """Records of what the ledger knows to be done, and when each was written."""
    with Ledger(out, write=False) as ledger:
        records = [out / entry.record for entry in ledger.entries(state="done") if entry.record]
    return {path: path.stat().st_mtime_ns for path in records}


@pytest.mark.trial
@pytest.mark.parametrize("where", ["processes", "Dask"])
def test_the_command_is_killed_and_given_again(
    archive: Path, tmp_path: Path, undisturbed: dict[str, bytes], where: str
) -> None:
    out = tmp_path / "out"
    with cluster(tmp_path) as (address, _):
        how = ["--scheduler", address] if where == "Dask" else ["--workers", "2"]
        for count in (1, 2):
            run = begin(words(archive, out, *how))
            first_units(run, count)
            run.kill()
            run.communicate()
        before = made(out)
        assert 3 <= len(before) <= UNITS
        check_finished(out, words(archive, out, *how), before, undisturbed)


@pytest.mark.trial
def test_the_scheduler_is_killed_and_another_one_started(
    archive: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    with cluster(tmp_path) as (address, scheduler):
        run = begin(words(archive, out, "--scheduler", address))
        first_units(run, 2)
        scheduler.kill()
        _, told = run.communicate(timeout=300)
    assert run.returncode == 1
    assert "scheduler was lost" in told
    assert "Traceback" not in told
    assert len([line for line in told.splitlines() if line.startswith("srdanet: ")]) <= 2, told
    with cluster(tmp_path) as (address, _):
        check_finished(out, words(archive, out, "--scheduler", address), made(out), undisturbed)
