"""The ledger of a run: which units it has, what came of each. One SQLite file, and one line of JSON a unit.

Only the process that runs writes; readers may look at any time. Each change is a transaction: a process killed at any
moment leaves a ledger that is true up to then.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import socket
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from srdanet.atomic import replacing
from srdanet.errors import ArgumentError, OutputError, RunError, SrdanetError
from srdanet.production.child import Outcome
from srdanet.production.units import Unit

FILE, LINES, LOCK = "ledger.sqlite", "units.jsonl", "run.lock"
"""Names in the folder of a run."""
State = Literal["waiting", "running", "done", "empty", "failed"]
MOST_DEATHS = 3
"""How often a run may die while it works on a unit in its own process before the unit is given up."""
_FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS units (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, unit TEXT NOT NULL, key TEXT NOT NULL,
    state TEXT NOT NULL, wanted INTEGER NOT NULL, deaths INTEGER NOT NULL DEFAULT 0,
    record TEXT, bytes INTEGER, seconds REAL, memory INTEGER, kind TEXT, cause TEXT, parts TEXT, changed TEXT);
CREATE INDEX IF NOT EXISTS by_state ON units (wanted, state);
"""


@dataclass(frozen=True)
class Entry:
    """What the ledger says of one unit; one line of JSON."""

    name: str
    state: State
    record: str | None
    """The product's record, relative to the folder of the run."""
    bytes: int | None
    seconds: float | None
    memory: int | None
    """Most bytes resident."""
    kind: str | None
    cause: str | None
    """Why there is no product."""
    parts: Mapping[str, float] | None
    """Seconds by part of the work."""
    changed: str | None
    """UTC."""

    def line(self) -> str:
        """As one line of JSON, without what is not known."""
        return json.dumps({k: v for k, v in asdict(self).items() if v is not None}, ensure_ascii=False)


@dataclass(frozen=True)
class Totals:
    """Units by state."""

    done: int = 0
    empty: int = 0
    failed: int = 0
    waiting: int = 0
    running: int = 0

    @property
    def units(self) -> int:
        """All of them."""
        return sum(asdict(self).values())

    def __str__(self) -> str:
        empty = f"{self.empty} without LST, " if self.empty else ""
        running = f"{self.running} running, " if self.running else ""
        return f"{self.done} done, {empty}{self.failed} failed, {running}{self.waiting} to do"


class Ledger:
    """The ledger of one folder, held by one run at a time.

    Args:
        directory: The folder of the run; made where it is absent.
        write: False to look only; several may.

    Raises:
        RunError: when another run is at work in the folder.
        ArgumentError: when there is no ledger to look at, or it is of another version.
        OutputError: when the folder cannot be written.
    """

    def __init__(self, directory: Path, *, write: bool = True) -> None:
        self.directory, self._write = directory, write
        path = directory / FILE
        self._lock: int | None = None
        if write:
            try:
                directory.mkdir(parents=True, exist_ok=True)
                self._lock = _locked(directory / LOCK)
            except OSError as error:
                raise OutputError(f"cannot be written ({error.strerror})", where=directory) from error
        elif not path.is_file():
            raise ArgumentError("is not the folder of a run", where=directory, todo="Give what -o of the run named.")
        # Each statement is its own transaction unless `_transaction` joins several.
        self._base = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._lines: Any = None
        with self._errors():
            if write:
                # The log of SQLite makes a change a matter of one small append; killing the process loses nothing.
                self._base.execute("PRAGMA journal_mode=WAL")
                self._base.execute("PRAGMA synchronous=NORMAL")
                self._base.executescript(_TABLES)
                self._base.execute("INSERT OR IGNORE INTO facts VALUES ('format', ?)", (str(_FORMAT),))
            found = self.fact("format")
        if found != str(_FORMAT):
            raise ArgumentError(f"has format {found}, not {_FORMAT}", where=path, todo="Use the srdanet it is from.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Write the lines anew, and let others run here."""
        try:
            if self._write:
                with contextlib.suppress(OutputError):  # the ledger itself is what counts
                    self.write_lines()
        finally:
            if self._lines is not None:
                self._lines.close()
            self._base.close()
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def fact(self, name: str) -> str | None:
        """Something the ledger remembers of the run as a whole."""
        with self._reading():
            found = self._base.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def remember(self, name: str, value: str) -> None:
        """Remember something of the run as a whole."""
        with self._errors():
            self._base.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def register(self, units: Iterable[tuple[Unit, str]], *, retry: bool = False) -> None:
        """Make these the units that are wanted.

        A unit that is done stays so while its key is the same and its record stands; one that failed stays so while its
        key is the same, unless it is to be tried again. All else is to be done.

        Args:
            units: Each unit with its key (`srdanet.production.units.key_of`).
            retry: Whether units that failed are tried again.
        """
        with self._transaction():
            self._base.execute("UPDATE units SET wanted = 0")
            update = "UPDATE units SET unit = ?, key = ?, state = ?, deaths = deaths * ?, wanted = 1 WHERE name = ?"
            for unit, key in units:
                with self._reading():
                    text = unit.model_dump_json()
                    known = self._base.execute(
                        "SELECT key, state, record FROM units WHERE name = ?", (unit.name,)
                    ).fetchone()
                    if known is None:
                        insert = "INSERT INTO units (name, unit, key, state, wanted) VALUES (?, ?, ?, 'waiting', 1)"
                        self._base.execute(insert, (unit.name, text, key))
                        continue
                    same, state, record = known[0] == key, known[1], known[2]
                    keeps = same and (
                        (state == "done" and record is not None and (self.directory / record).is_file())
                        or state == "empty"
                        or (state == "failed" and not retry)
                    )
                    now = (text, key, state if keeps else "waiting", int(same and not retry), unit.name)
                    self._base.execute(update, now)

    def recover(self) -> list[Unit]:
        """The units that were worked on when an earlier run died; they are to be done again, after all others.

        Where units are made in the process of the run itself, one that makes it crash would do so every time: it is
        given up after `MOST_DEATHS`.
        """
        with self._reading():
            units = [self._unit(row) for row in self._base.execute("SELECT unit FROM units WHERE state = 'running'")]
        with self._transaction():
            if self.fact("executor") == "serial":
                self._base.execute("UPDATE units SET deaths = deaths + 1 WHERE state = 'running'")
            self._base.execute("UPDATE units SET state = 'waiting' WHERE state = 'running'")
            what = f"the run died {MOST_DEATHS} times while it worked on this"
            give_up = "UPDATE units SET state = 'failed', kind = 'died', cause = ?, changed = ? WHERE deaths >= ?"
            self._base.execute(f"{give_up} AND state = 'waiting'", (what, _now(), MOST_DEATHS))
        return units

    def waiting(self) -> list[str]:
        """Names of the wanted units that are to be done, in order; last those during which a run died."""
        chosen = "SELECT name FROM units WHERE wanted = 1 AND state = 'waiting' ORDER BY deaths, number"
        with self._reading():
            return [name for (name,) in self._base.execute(chosen)]

    def unit(self, name: str) -> Unit:
        """A unit by name."""
        with self._reading():
            return self._unit(self._base.execute("SELECT unit FROM units WHERE name = ?", (name,)).fetchone())

    @staticmethod
    def _unit(row: tuple[str]) -> Unit:
        return Unit.model_validate_json(row[0])

    def started(self, name: str) -> None:
        """Note that a unit is being worked on."""
        with self._errors():
            self._base.execute("UPDATE units SET state = 'running', changed = ? WHERE name = ?", (_now(), name))

    def ended(self, name: str, outcome: Outcome) -> Entry:
        """Note what came of a unit. Where the disk was full it is still to be done."""
        cause, made = outcome.cause, outcome.result
        state: State = "done" if cause is None else _STATES.get(cause.kind, "failed")
        parts = json.dumps(made.parts) if made is not None else None
        known = {
            "name": name,
            "state": state,
            "record": made.record if made is not None else None,
            "bytes": made.bytes if made is not None else None,
            "seconds": outcome.seconds,
            "memory": outcome.memory or None,
            "kind": cause.kind if cause is not None else None,
            "cause": cause.what if cause is not None else None,
            "parts": parts,
            "changed": _now(),
        }
        update = f"UPDATE units SET {', '.join(f'{column} = :{column}' for column in known)} WHERE name = :name"
        with self._errors():
            self._base.execute(update, known)
            entry = next(self.entries(name))
            if self._lines is None:
                self._lines = (self.directory / LINES).open("a", encoding="utf-8")
            self._lines.write(f"{entry.line()}\n")
            self._lines.flush()
        return entry

    def release(self) -> None:
        """Units that were being worked on are to be done again: the run was stopped, nothing crashed."""
        with self._errors():
            self._base.execute("UPDATE units SET state = 'waiting' WHERE state = 'running'")

    def totals(self, *, wanted: bool = True) -> Totals:
        """Units by state: of those wanted last, or of all that the folder has."""
        where = "WHERE wanted = 1" if wanted else ""
        with self._reading():
            return Totals(**dict(self._base.execute(f"SELECT state, count(*) FROM units {where} GROUP BY state")))

    def entries(self, name: str | None = None, *, state: State | None = None) -> Iterator[Entry]:
        """What is known of each unit, in order; of one, or of those in one state."""
        columns = "name, state, record, bytes, seconds, memory, kind, cause, parts, changed"
        wanted = {"name": name, "state": state}
        given = {key: value for key, value in wanted.items() if value is not None}
        where = f"WHERE {' AND '.join(f'{key} = :{key}' for key in given)}" if given else ""
        with self._reading():
            for row in self._base.execute(f"SELECT {columns} FROM units {where} ORDER BY number", given):
                known = dict(zip(columns.split(", "), row, strict=True))
                yield Entry(**known | {"parts": json.loads(known["parts"]) if known["parts"] else None})

    def means(self) -> Mapping[str, float]:
        """Mean seconds, bytes and memory of the units that are done; empty where none is."""
        mean = "SELECT avg(seconds), avg(bytes), max(memory) FROM units WHERE state = 'done'"
        with self._reading():
            row = self._base.execute(mean).fetchone()
        return {k: float(v) for k, v in zip(("seconds", "bytes", "memory"), row, strict=True) if v is not None}

    def causes(self) -> Mapping[str, int]:
        """Units that failed, by kind of cause."""
        with self._reading():
            return Counter(
                dict(self._base.execute("SELECT kind, count(*) FROM units WHERE state = 'failed' GROUP BY kind"))
            )

    def write_lines(self) -> None:
        """`units.jsonl` anew, one line a unit; while a run lasts, a line is appended as a unit ends.

        Raises:
            OutputError: when it cannot be written.
        """
        with replacing(self.directory / LINES, overwrite=True) as part, part.open("w", encoding="utf-8") as file:
            file.writelines(f"{entry.line()}\n" for entry in self.entries())

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._errors():
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")

    @contextlib.contextmanager
    def _errors(self, *damage: type[Exception]) -> Iterator[None]:
        """Errors of SQLite and of the system as ours; those of `damage` mean a damaged file."""
        where = self.directory / FILE
        damages: tuple[type[Exception], ...] = (sqlite3.DatabaseError, *damage)
        try:
            yield
        except SrdanetError:
            raise
        except (sqlite3.OperationalError, OSError) as error:
            todo = "Check the free space and the permissions, then give the same command again: what is done stays."
            raise OutputError(f"cannot be written ({error})", where=where, todo=todo) from error
        except damages as error:
            todo = "Give the command of the run again with another folder (-o); the products that are there stay whole."
            raise OutputError(f"the ledger is damaged ({error})", where=where, todo=todo) from error

    def _reading(self) -> contextlib.AbstractContextManager[None]:
        """The same for what is read: no text, number or unit is one."""
        return self._errors(ValueError, TypeError, KeyError)


_STATES: Mapping[str, State] = {"empty": "empty", "disk": "waiting"}


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _locked(path: Path) -> int:
    """The descriptor of a locked file, which says who holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(handle, 200).decode(errors="replace").strip()
        os.close(handle)
        what = f"another run is at work here ({holder})" if holder else "another run is at work here"
        raise RunError(what, where=path.parent, todo="Wait for it, or write elsewhere.") from error
    os.ftruncate(handle, 0)
    os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
    return handle
