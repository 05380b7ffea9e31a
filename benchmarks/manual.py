"""Tables of the manual that `make compare` makes, and the numbers they are made of.

In a page such a table stands between `<!-- table: NAME -->` and `<!-- end -->`. It is made of `docs/comparison.json`,
which comparison.py measures, or of `docs/results.json`, which accuracy.py measures; nothing there is written by hand.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from srdanet.errors import ArgumentError
from srdanet.evaluation.sets import SETS
from srdanet.evaluation.tables import (
    as_markdown,
    coverage,
    experiments,
    farmland,
    interval,
    number,
    pipe,
    summary,
    within,
)
from srdanet.evaluation.world import BLEND, CONSERVING, CUBIC, MODEL, TRUTH, TSHARP

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/comparison.md", "docs/results.md")
NUMBERS = {"comparison": Path("docs") / "comparison.json", "results": Path("docs") / "results.json"}
"""Name of a set of numbers → its file."""
DIGITS = 7
PROCESSES = 2

Data = Mapping[str, Any]


def srdanet(*words: str) -> list[str]:
    """A command of the package, run by this interpreter."""
    return [sys.executable, "-m", "srdanet", *words]


def measured(jobs: Mapping[str, Sequence[str]], slowest: Iterable[str] = ()) -> dict[str, str]:
    """What each command prints, two at a time.

    Args:
        jobs: Name to command.
        slowest: Names of jobs that start first, so that neither of two processes waits long for the other.
    """

    def run(name: str) -> str:
        started = time.monotonic()
        done = subprocess.run(jobs[name], check=True, stdout=subprocess.PIPE, text=True)
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
        return done.stdout

    first = list(slowest)
    order = sorted(jobs, key=lambda name: first.index(name) if name in first else len(first))
    with ThreadPoolExecutor(PROCESSES) as pool:
        found = dict(zip(order, pool.map(run, order), strict=True))
    return {name: found[name] for name in jobs}


def shortened(value: Any, without: Iterable[str] = ()) -> Any:
    """Plain data with numbers to `DIGITS` digits and without some keys."""
    left_out = set(without)
    if isinstance(value, dict):
        return {key: shortened(v, left_out) for key, v in value.items() if key not in left_out}
    if isinstance(value, list):
        return [shortened(v, left_out) for v in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def read_numbers(docs: Path = ROOT) -> dict[str, Any]:
    """The sets of `NUMBERS` of a folder, else of this project; a set that was not measured yet is empty."""
    found = {}
    for name, path in NUMBERS.items():
        file = docs / path if (docs / path).is_file() else ROOT / path
        found[name] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found


def write(docs: Path, name: str, data: Data) -> None:
    """Keep a set of numbers in a folder, and fill the manual's pages there from all that is measured."""
    (docs / "docs" / "img").mkdir(parents=True, exist_ok=True)
    (docs / NUMBERS[name]).write_text(json.dumps(data, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    numbers = read_numbers(docs)
    for page in PAGES:
        (docs / page).write_text(fill((ROOT / page).read_text(encoding="utf-8"), numbers), encoding="utf-8")


def title_of(place: str) -> str:
    """A place of the world sets for people."""
    return {"imperial": "Imperial Valley", "muenster": "Münster"}.get(place, place.replace("-", " ").title())


_HEADLINES: Sequence[tuple[str, str, str, str]] = (
    ("simulation", "day, 1000 m", "MODIS day, 2 → 1 km", "RMSE"),
    ("simulation", "night, 1000 m", "MODIS night, 2 → 1 km", "RMSE"),
    ("target", "day, 500 m", "ASTER day, 500 m", "median std of error"),
    ("target", "day, 250 m", "ASTER day, 250 m", "median std of error"),
    ("simulated", "day, 250 m", "simulated day, 250 m", "RMSE"),
    ("simulated", "night, 250 m", "simulated night, 250 m", "RMSE"),
    ("simulated", "day and night, 250 m", "simulated day and night, 250 m", "RMSE"),
)
"""Experiment and label of a row, what it is called, and its measure."""


def row_of(data: Data, experiment: str, label: str) -> Data:
    """One row of an experiment."""
    return next(row for row in data[experiment]["rows"] if row["label"] == label)


def headlines(data: Data) -> str:
    """The model and the larger one beside bicubic interpolation."""
    head = ("experiment", "n", "model", "bicubic", "ratio", "95 % interval", "coverage", "ratio of `europe`", "command")
    lines, said = [], ""
    for experiment, label, title, measure in _HEADLINES:
        row, other = row_of(data, experiment, label), row_of(data, f"{experiment}, europe", label)
        of = ", ".join(f"{n} {what}" for what, n in row["counts"].items() if what != "cells")
        command = data[experiment]["command"]
        shown, said = ("the same" if command == said else f"`{command}`"), command
        numbers = (f"{number(row['model'])} K", f"{number(row['bicubic'])} K", f"**{number(row['share'])}**")
        ends = (interval(row["share_interval_95"]), coverage(row), number(other["share"]), shown)
        lines.append((f"{title}, {measure}", of, *numbers, *ends))
    return pipe(head, lines, words=2)


def guided(data: Data) -> str:
    """Places in other climates, with predictors."""
    head = ("place, predictors", "of bicubic", "of conserving bicubic", "of TsHARP", "of the blend", "coverage")
    lines = []
    for row in (row for row in data["world"]["rows"] if row["guides"] != "none"):
        ours, truth = row["methods"][MODEL], row["methods"][TRUTH]
        overshoot = f"{ours['overshoot_rms']:.2f} ({truth['overshoot_rms']:.2f})"
        lattice = f"{ours['lattice_4']:.2f} / {ours['lattice_2']:.2f}"
        lines.append((f"{title_of(row['place'])}, {row['guides']}", *_shares(row, TSHARP, BLEND), overshoot, lattice))
    return pipe((*head, "overshoot, K", "lattice"), lines)


def alone(data: Data) -> str:
    """Places in other climates, from the LST alone, and the mean over them."""
    rows = [row for row in data["world"]["rows"] if row["guides"] == "none"]
    lines = [(title_of(row["place"]), *_shares(row)) for row in rows]
    ours = [row["methods"][MODEL] for row in rows]
    means = (sum(found[f"share_of_{of}"] for found in ours) / len(ours) for of in (CUBIC, CONSERVING))
    head = ("place", "of bicubic", "of conserving bicubic", "coverage")
    return pipe(head, [*lines, ("mean", *map(number, means), "")])


def _shares(row: Data, *more: str) -> tuple[str, ...]:
    """The model's error as a share of other methods', and its coverage, at one place."""
    ours = row["methods"][MODEL]
    return (*(number(ours[f"share_of_{of}"]) for of in (CUBIC, CONSERVING, *more)), within(ours))


def unseen(data: Data) -> str:
    """The places left out of the first stage of training; other shares follow from bicubic's errors."""
    lines = []
    for place, share in data["unseen"]["share_of_bicubic"].items():
        rows = data["world"]["rows"]
        methods = next(row["methods"] for row in rows if (row["place"], row["guides"]) == (place, "ndvi"))
        others = (share / methods[other]["share_of_bicubic"] for other in (CONSERVING, TSHARP, BLEND))
        lines.append((title_of(place), number(share), *map(number, others)))
    return pipe(("place", "of bicubic", "of conserving bicubic", "of TsHARP", "of the blend"), lines)


def orleans(data: Data) -> str:
    """Each date at 250 m."""
    head = ("date", "cells", "model", "bicubic", "ratio", "coverage")
    lines = []
    for row in (row for row in data["orleans"]["rows"] if row["level"] == 250):
        numbers = (f"{number(row['model'])} K", f"{number(row['bicubic'])} K", f"**{number(row['share'])}**")
        lines.append((row["label"].partition(",")[0], str(row["counts"]["cells"]), *numbers, coverage(row)))
    return pipe(head, lines)


def seasons(data: Data) -> str:
    """Ratios by season, day beside night."""
    rows = {(row["stratum"], row["when"]): row for row in data["simulation"]["rows"] if row["stratum"]}
    lines = []
    for season in ("winter", "spring", "summer", "autumn"):
        found = [rows[season, when] for when in ("day", "night")]
        ratios = (f"{number(row['share'])} ({interval(row['share_interval_95'])})" for row in found)
        lines.append((season, str(found[0]["counts"]["patches"]), *ratios))
    return pipe(("season", "patches", "day", "night"), lines)


def closure(data: Data) -> str:
    """Errors and closure without and with residual correction."""
    head = ("", "error off", "error on", "closure RMSE off", "closure RMSE on")
    lines = []
    for experiment, label, title in (
        ("simulation", "day, 1000 m", "MODIS day, 2 → 1 km"),
        ("simulation", "night, 1000 m", "MODIS night, 2 → 1 km"),
        ("target", "day, 250 m", "ASTER, 250 m"),
    ):
        rows = [row_of(data, name, label) for name in (experiment, f"{experiment}, conserving")]
        values = [*(row["model"] for row in rows), *(row["model_metrics"]["closure_rmse"] for row in rows)]
        lines.append((title, *(f"{number(value)} K" for value in values)))
    return pipe(head, lines)


def clouds(data: Data) -> str:
    """Errors around clouds that no mask has caught."""
    head = ("", "within 2 cells: model", "bicubic", "farther: model", "bicubic")
    rows = [row for row in data["clouds"]["rows"] if row["lowered"] == data["clouds"]["shown"]]
    return pipe(head, [(row["case"], *(f"{v:.2f} K" for v in (*row["near"], *row["far"]))) for row in rows])


SHORT = ("tsharp", "blend", "rcan", "default", "europe")
"""Methods of the short form of the summary."""
TABLES: Mapping[str, tuple[str, Callable[[Data], str]]] = {
    "summary, same sensor": ("comparison", lambda data: summary(data, list(SETS), same_sensor=True)),
    "summary, cross-sensor": ("comparison", lambda data: summary(data, list(SETS), same_sensor=False)),
    "short": (
        "comparison",
        lambda data: summary(data, ["imt-day", "imt-night", "world"], same_sensor=True, only=SHORT),
    ),
    "experiments, same sensor": (
        "comparison",
        lambda data: experiments(
            data,
            {
                "2000 → 1000 m": ("imt-day", "day", 1000),
                "simulated, 500 m": ("simulated", "day", 500),
                "simulated, 250 m": ("simulated", "day", 250),
            },
        ),
    ),
    "experiments, cross-sensor": (
        "comparison",
        lambda data: experiments(data, {"ASTER, 500 m": ("aster", "day", 500), "ASTER, 250 m": ("aster", "day", 250)}),
    ),
    "farmland, same sensor": ("comparison", lambda data: farmland(data, same_sensor=True)),
    "farmland, cross-sensor": ("comparison", lambda data: farmland(data, same_sensor=False)),
    **{name: ("comparison", lambda data, name=name: as_markdown(data, name)) for name in SETS},
    "accuracy": ("results", headlines),
    "places left out of training": ("results", unseen),
    "other climates": ("results", guided),
    "other climates, LST alone": ("results", alone),
    "Orleans": ("results", orleans),
    "seasons": ("results", seasons),
    "closure": ("results", closure),
    "undetected clouds": ("results", clouds),
}
"""Name of a table → the numbers it is made of, and what makes it; without numbers it is empty."""
TABLE = re.compile(r"(<!-- table: ([^\n]+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(page: str, numbers: Mapping[str, Data]) -> str:
    """A page whose tables are made anew of the numbers.

    Raises:
        ArgumentError: when a name is not one of `TABLES`.
    """

    def made(found: re.Match[str]) -> str:
        first, name, last = found.groups()
        if name not in TABLES:
            raise ArgumentError(f"there is no table {name!r}", todo=f"Choose from {', '.join(TABLES)}.")
        source, make = TABLES[name]
        text = make(numbers[source]) if numbers[source] else ""
        return f"{first}\n{text}\n\n{last}" if text else f"{first}{last}"

    return TABLE.sub(made, page)
