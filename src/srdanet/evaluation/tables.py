"""Tables of a comparison as text, CSV, JSON and Markdown."""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from srdanet.evaluation.comparison import Standing, Table
from srdanet.evaluation.report import Measure, finite
from srdanet.evaluation.scoring import BICUBIC_NAME
from srdanet.evaluation.strata import FARMLAND

if TYPE_CHECKING:
    from rich.table import Table as RichTable

COLUMNS: Mapping[str, str] = {
    "rmse": "RMSE, K",
    "bias": "bias, K",
    "std": "spread, K",
    "mae": "MAE, K",
    "r2": "R²",
    "detail_r2": "R² of detail",
    "ssim": "SSIM",
    "spectral_ratio": "spectral ratio",
    "overshoot_share": "overshoot",
    "closure_rmse": "closure, K",
}
"""Metrics that tables for people show, and their headings; CSV and JSON hold all."""
_SHORT = ("mae", "r2", "detail_r2", "ssim", "spectral_ratio", "overshoot_share", "closure_rmse")


def as_dict(tables: Iterable[Table], methods: Sequence[str]) -> dict[str, Any]:
    """Plain data for JSON; None stands for a number that does not exist."""
    return {"methods": list(methods), "tables": [_table_as_dict(table) for table in tables]}


def _table_as_dict(table: Table) -> dict[str, Any]:
    rows = []
    for standing in table.standings:
        row = standing.row.as_dict()
        del row["bicubic_metrics"]
        metrics: Any = row.pop("model_metrics")
        case = {"case": standing.row.subset.case or None}
        rows.append({"method": standing.method, **case, **row, "drawn": standing.drawn, "metrics": metrics})
    tests = [
        {
            "label": test.subset.label,
            "first": test.first,
            "second": test.second,
            "ratio": finite(test.ratio),
            "ratio_interval_95": [finite(v) for v in test.interval],
            "drawn": test.drawn,
            "groups": test.groups,
            "p": finite(test.p),
            "p_holm": finite(test.p_holm),
        }
        for test in table.tests
    ]
    about = {"name": table.name, "about": table.about, "same_sensor": table.same_sensor}
    return {**about, "rows": rows, "tests": tests}


def as_csv(tables: Iterable[Table]) -> str:
    """One line per set, subset and method, with every metric."""
    lines = []
    for table in tables:
        for standing in table.standings:
            row, subset = standing.row, standing.row.subset
            low, high = row.interval
            lines.append(
                {
                    "set": table.name,
                    "sensors": _sensors(table.same_sensor),
                    "case": subset.case,
                    "when": subset.when.value,
                    "level_m": subset.level,
                    "stratum": subset.stratum,
                    "method": standing.method,
                    "measure": row.measure.value,
                    "error_K": row.model,
                    "bicubic_K": row.bicubic,
                    "ratio": row.share,
                    "ratio_low": low,
                    "ratio_high": high,
                    "drawn": standing.drawn,
                    **row.counts,
                    **row.model_metrics,
                }
            )
    names = list(dict.fromkeys(name for line in lines for name in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {k: "" if isinstance(v, float) and math.isnan(v) else v for k, v in line.items()} for line in lines
    )
    return text.getvalue()


def tests_as_csv(tables: Iterable[Table]) -> str:
    """One line per set, subset and pair of methods."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ("set", "sensors", "subset", "first", "second", "ratio", "ratio_low", "ratio_high", "drawn", "groups", "p")
    writer.writerow((*head, "p_holm"))
    for table in tables:
        for t in table.tests:
            numbers = (t.ratio, *t.interval, t.drawn, t.groups, t.p, t.p_holm)
            writer.writerow((table.name, _sensors(table.same_sensor), t.subset.label, t.first, t.second, *numbers))
    return text.getvalue()


def as_rich(table: Table, *, strata: bool = True) -> Iterator[RichTable]:
    """A table for a terminal for each subset of cells; with or without the classes of cells."""
    from rich.table import Table as RichTable

    for label, standings in _by_subset(table.standings):
        if standings[0].row.subset.stratum and not strata:
            continue
        first = standings[0].row
        title = f"{table.name}: {label} ({_sensors(table.same_sensor)}; {first.measure.label})"
        shown = RichTable(title=title, title_justify="left")
        names = [name for name in COLUMNS if any(name in s.row.model_metrics for s in standings)]
        shown.add_column("method")
        for heading in ("error, K", "ratio", "95 % interval", "scenes", *(COLUMNS[name] for name in names)):
            shown.add_column(heading, justify="right")
        best = min(s.row.model for s in standings)
        for standing in standings:
            row = standing.row
            metrics = (number(row.model_metrics.get(name, math.nan)) for name in names)
            cells = (number(row.model), number(row.share), interval(row.interval), str(row.counts["scenes"]))
            shown.add_row(standing.method, *cells, *metrics, style="bold" if row.model == best else None)
        yield shown


def as_markdown(data: Mapping[str, Any], name: str) -> str:
    """The rows of a set that are about whole images, and their classes by ratio, from the plain data of `as_dict`."""
    parts = []
    for table in (t for t in data["tables"] if t["name"] == name):
        whole = [row for row in table["rows"] if not row["stratum"]]
        classes = [row for row in table["rows"] if row["stratum"]]
        for label in dict.fromkeys(row["label"] for row in whole):
            rows = [row for row in whole if row["label"] == label]
            names = [m for m in _SHORT if any(row["metrics"].get(m) is not None for row in rows)]
            most = max(row["counts"]["scenes"] for row in rows)
            title = f"**{label}**, {_sensors(table['same_sensor'])}, {rows[0]['measure'].replace('_', ' ')} in K, "
            title += f"{most} {'scene' if most == 1 else 'scenes'}, interval by {rows[0]['drawn']}:"
            head = ["method", "error", "ratio", "95 % interval", *(COLUMNS[m] for m in names)]
            body = []
            for row in rows:
                few = row["counts"]["scenes"] < most
                method = f"{row['method']} ({row['counts']['scenes']} scenes)" if few else row["method"]
                numbers = [number(row["model"]), number(row["share"]), interval(row["share_interval_95"])]
                body.append([method, *numbers, *(number(row["metrics"].get(m)) for m in names)])
            parts += [title, pipe(head, body)]
        if classes:
            parts += ["Ratio to bicubic by class of cells:", _by_class(classes)]
    return "\n\n".join(parts)


def summary(
    data: Mapping[str, Any], names: Sequence[str], *, same_sensor: bool, only: Collection[str] | None = None
) -> str:
    """Markdown: each method's ratio to bicubic on the finest cells of each set, in one table for one kind of truth.

    Args:
        data: What `as_dict` gives.
        names: The sets.
        same_sensor: Which kind of truth.
        only: These methods; default: all.
    """
    columns: _Columns = defaultdict(dict)
    for table in data["tables"]:
        if table["same_sensor"] is not same_sensor or table["name"] not in names:
            continue
        rows = [row for row in table["rows"] if not row["stratum"]]
        finest = min(row["level"] for row in rows)
        for row in rows:
            if row["level"] == finest and row["method"] != BICUBIC_NAME and (only is None or row["method"] in only):
                night = ", night" if row["when"] == "night" else ""
                columns[f"{row['case'] or table['name']}{night}"][row["method"]] = row
    return _by_method(data, columns, {"share": ""})


def experiments(data: Mapping[str, Any], wanted: Mapping[str, tuple[str, str, int]]) -> str:
    """Markdown: MAE (K) and R² of every method in chosen rows, all of one kind of truth.

    Args:
        data: What `as_dict` gives.
        wanted: Heading to set, time of day and level (m).
    """
    columns: _Columns = defaultdict(dict)
    for heading, (name, when, level) in wanted.items():
        for row in (row for table in data["tables"] if table["name"] == name for row in table["rows"]):
            if (row["when"], row["level"], row["stratum"], row["case"]) == (when, level, None, None):
                columns[heading][row["method"]] = row["metrics"]
    return _by_method(data, columns, {"mae": ": MAE, K", "r2": ": R²"})


def farmland(data: Mapping[str, Any], *, same_sensor: bool) -> str:
    """Markdown: RMSE (K) over farmland and its ratio to bicubic's on the finest cells of each set that knows it."""
    columns: _Columns = defaultdict(dict)
    for table in data["tables"]:
        for row in table["rows"]:
            if row["stratum"] == FARMLAND and row["case"] is None and table["same_sensor"] is same_sensor:
                columns[f"{table['name']}, {row['when']}"][row["method"]] = row
    return _by_method(data, columns, {"model": ": error, K", "share": ": ratio"})


_Columns = dict[str, dict[str, Mapping[str, Any]]]
"""Heading → method → its numbers by name."""


def _by_method(data: Mapping[str, Any], columns: _Columns, numbers: Mapping[str, str]) -> str:
    """A row for each method, and below each heading a column for each number; empty without columns.

    Args:
        data: With the methods in their order.
        columns: What is shown.
        numbers: Name to what follows the heading.
    """
    methods = [m for m in data["methods"] if any(m in column for column in columns.values())]
    head = ["method", *(f"{heading}{end}" for heading in columns for end in numbers.values())]
    empty: Mapping[str, Any] = {}
    body = [
        [m, *(number(column.get(m, empty).get(key)) for column in columns.values() for key in numbers)] for m in methods
    ]
    return pipe(head, body) if columns else ""


def _by_class(rows: Sequence[Mapping[str, Any]]) -> str:
    methods = [m for m in dict.fromkeys(row["method"] for row in rows) if m != BICUBIC_NAME]
    shares = {(row["label"], row["method"]): row["share"] for row in rows}
    labels = dict.fromkeys(row["label"] for row in rows)
    return pipe(["class", *methods], [[label, *(number(shares.get((label, m))) for m in methods)] for label in labels])


def _by_subset(standings: Iterable[Standing]) -> Iterator[tuple[str, list[Standing]]]:
    found: dict[str, list[Standing]] = {}
    for standing in standings:
        found.setdefault(standing.row.label, []).append(standing)
    yield from found.items()


def _sensors(same: bool) -> str:
    return "same sensor" if same else "cross-sensor"


def pipe(head: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A Markdown table, whose first columns hold words and all others numbers."""
    lines = [head, ["---" if n < words else "--:" for n in range(len(head))], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def number(value: float | None) -> str:
    """With three decimals; empty for one that does not exist."""
    return "" if value is None or math.isnan(value) else f"{value:.3f}"


def interval(bounds: Sequence[float | None]) -> str:
    """`0.912 to 0.934`; empty for one that does not exist."""
    low, high = bounds
    return "" if low is None or high is None or math.isnan(low) else f"{low:.3f} to {high:.3f}"


def coverage(row: Mapping[str, Any]) -> str:
    """How far errors of a row lie within the stated uncertainty, from the plain data of `Row.as_dict`.

    Where the measure does not count an image's mean error, neither do the shares.
    """
    return within(row["model_metrics"], centred=Measure(row["measure"]).centred)


def within(metrics: Mapping[str, float | None], *, centred: bool = False) -> str:
    """Shares of errors within 1 and 1.96 stated standard deviations, `0.68 / 0.95`; empty where none is stated."""
    shares = [metrics.get(f"{'centred_' if centred else ''}within_{end}_sigma") for end in ("1", "1_96")]
    return " / ".join(f"{share:.2f}" for share in shares if share is not None and not math.isnan(share))
