"""A ledger that was cut or damaged says so, or says what is true: no unit that was not made counts as done."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from some_units import units

from srdanet.errors import SrdanetError
from srdanet.production.child import Cause, Outcome
from srdanet.production.ledger import FILE, Ledger
from srdanet.production.make import Made

STATES = {"u0": "done", "u1": "failed", "u2": "waiting"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a run that was killed, so that part of the ledger is in its log still."""
    whole = tmp_path / "whole"
    with Ledger(whole) as ledger:
        ledger.register((unit, "key") for unit in units(3))
        (whole / "u0.json").write_text("{}")
        ledger.started("u0")
        ledger.ended("u0", Outcome(result=Made("u0.json", 1, {"read": 0.5})))
        ledger.started("u1")
        ledger.ended("u1", Outcome(cause=Cause("error", "a.hdf: The file is empty.")))
        shutil.copytree(whole, tmp_path / "run")
    return tmp_path / "run"


def told(folder: Path) -> dict[str, str] | None:
    """What the ledger says of each unit; None where it refuses. Whatever else is raised fails the test."""
    try:
        with Ledger(folder, write=False) as ledger:
            seen = {entry.name: str(entry.state) for entry in ledger.entries()}
        with Ledger(folder) as ledger:
            ledger.recover()
            ledger.register((unit, "key") for unit in units(3))
            ledger.totals()
            ledger.waiting()
            return seen
    except SrdanetError:
        return None


def check(folder: Path, name: str, copies: Iterable[bytes]) -> tuple[int, int]:
    """How many copies were refused, and of how many."""
    fresh = folder.with_name("copy")
    refused = count = 0
    for content in copies:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(folder, fresh)
        (fresh / name).write_bytes(content)
        seen, count = told(fresh), count + 1
        if seen is None:
            refused += 1
            continue
        # An earlier state is what a crash may leave; a later one, or a unit made that was not, is not.
        assert seen.items() <= STATES.items() or all(
            state in (STATES[unit], "waiting", "running") for unit, state in seen.items()
        ), seen
    return refused, count


def test_a_whole_ledger_says_what_was_noted(folder: Path) -> None:
    assert told(folder) == STATES


@pytest.mark.parametrize("name", [FILE, f"{FILE}-wal"])
def test_a_cut_ledger(folder: Path, name: str) -> None:
    raw = (folder / name).read_bytes()
    ends = sorted({0, 1, 15, 16, 99, 100, 4095, 4096, *np.linspace(101, len(raw) - 1, 12).astype(int)})
    check(folder, name, (raw[:end] for end in ends if end < len(raw)))


@pytest.mark.trial
@pytest.mark.parametrize("name", [FILE, f"{FILE}-wal"])
def test_a_ledger_cut_at_every_byte(folder: Path, name: str) -> None:
    raw = (folder / name).read_bytes()
    step = max(1, len(raw) // 6000)
    check(folder, name, (raw[:end] for end in range(0, len(raw), step)))


@pytest.mark.trial
def test_a_ledger_with_a_turned_bit_is_read_or_refused(folder: Path) -> None:
    with Ledger(folder):
        pass  # the log is written into the file
    raw = (folder / FILE).read_bytes()

    def copies() -> Iterable[bytes]:
        for at in np.random.default_rng(1).integers(0, len(raw), 1500):
            data = bytearray(raw)
            data[at] ^= 1 << int(at % 8)
            yield bytes(data)

    fresh = folder.with_name("copy")
    for content in copies():
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(folder, fresh)
        (fresh / FILE).write_bytes(content)
        told(fresh)
