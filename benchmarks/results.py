"""Rows of a benchmark: a figure, its limit, and where they are kept.

Each benchmark writes `benchmarks/results/NAME.json` and the part of `docs/performance.md` between its two markers.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "results"
PAGE = HERE.parent / "docs" / "performance.md"
PACKAGES = ("srdanet", "numpy", "onnxruntime", "rasterio", "h5py", "distributed")


@dataclass(frozen=True)
class Row:
    """One figure and its limit."""

    name: str
    value: float
    limit: float | None
    """None: a figure without a limit."""
    unit: str
    least: bool = False
    """Whether the limit is the least that is allowed, not the most."""
    aim: float | None = None
    about: str = ""

    @property
    def kept(self) -> bool:
        """Whether the limit is kept."""
        if self.limit is None:
            return True
        return self.value >= self.limit if self.least else self.value <= self.limit

    def line(self) -> str:
        """As a row of a Markdown table."""
        sign = "≥" if self.least else "≤"
        limit = "" if self.limit is None else f"{sign} {self.limit:g}"
        aim = "" if self.aim is None else f"{sign} {self.aim:g}"
        mark = "" if self.kept else " **missed**"
        return f"| {self.name} | {self.value:.4g} {self.unit}{mark} | {limit} | {aim} | {self.about} |"


HEAD = "| | measured | must | aim | |\n|---|--:|--:|--:|---|"


def machine() -> dict[str, Any]:
    """Where and with what something is measured."""
    about: dict[str, Any] = {
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": _processor(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }
    for name in PACKAGES:
        try:
            about[name] = version(name)
        except PackageNotFoundError:
            continue
    return about


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def load(name: str) -> dict[str, Any]:
    """What an earlier run of the benchmark left; empty where there is none."""
    path = FOLDER / f"{name}.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def save(name: str, rows: Mapping[str, Sequence[Row]], about: Mapping[str, Any], page: Path = PAGE) -> None:
    """Keep the rows, by the part of the benchmark that gave them, and put them into the page."""
    FOLDER.mkdir(exist_ok=True)
    kept = {"machine": dict(about), "rows": {part: [asdict(row) for row in found] for part, found in rows.items()}}
    (FOLDER / f"{name}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    every = [row for found in rows.values() for row in found]
    said = "; ".join(f"{key} {value}" for key, value in about.items())
    between(page, name, "\n".join([HEAD, *(row.line() for row in every)]) + f"\n\nMeasured: {said}.")


def rows_of(kept: Mapping[str, Any]) -> dict[str, list[Row]]:
    """The rows that `load` gave."""
    return {part: [Row(**row) for row in found] for part, found in kept.get("rows", {}).items()}


def between(page: Path, name: str, text: str) -> None:
    """Put a text between the markers `<!-- NAME -->` and `<!-- end of NAME -->` of a page."""
    first, last = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, sign, rest = page.read_text(encoding="utf-8").partition(first)
    _, end, after = rest.partition(last)
    if not (sign and end):
        raise SystemExit(f"{page} lacks {first} or {last}.")
    page.write_text(f"{before}{first}\n{text}\n{last}{after}", encoding="utf-8")


def missed(rows: Iterable[Row]) -> list[str]:
    """Names of the rows whose limit is not kept."""
    return [row.name for row in rows if not row.kept]
