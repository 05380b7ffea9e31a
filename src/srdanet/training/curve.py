"""The log of a run, `log.csv`, and the learning curve drawn from it alone."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from srdanet.product.quicklook import save_figure

LOSSES = ("share1", "share2", "closure1", "structure1")
"""What is kept of each source while training: RMSE in units of bicubic's at both steps; departure (K) of the first
step's result from its input; 1 - MS-SSIM."""

Columns = Mapping[str, NDArray[np.float64]]
_COLOURS = ("#c1440e", "#2f4b6e", "#e8a33d", "#6fa8dc", "#3a7d44", "#9bc53d", "#7b4fa3", "#8a8a8a")
_FAINT = "#8a8a8a"
_GAP = 0.13
"""Least distance (inches) of two names at the ends of their lines."""


def record(
    path: Path,
    iteration: int,
    rows: Sequence[Mapping[str, object]],
    sources: Sequence[str],
    weights: Mapping[str, float],
    shares: Mapping[str, float],
) -> None:
    """Append a line to the log of a run; one for each checkpoint.

    Lines of the same iteration or a later one are replaced: they are of a run that was killed before its checkpoint.

    Args:
        path: The log; begun with a header where there is none.
        iteration: Iterations done.
        rows: What each iteration since the last line gave; one without a loss was skipped.
        sources: Sources of the run.
        weights: Weight of each term of the loss.
        shares: RMSE on validation samples over bicubic's, by source.
    """
    taken = [row for row in rows if "loss" in row]
    line: dict[str, object] = {"iteration": iteration, "rate": rows[-1]["rate"], "skipped": len(rows) - len(taken)}
    for source in sources:
        for key in LOSSES:
            values = [float(row[key]) for row in taken if row["source"] == source and key in row]  # type: ignore[arg-type]
            line[f"{source}.{key}"] = round(sum(values) / len(values), 4) if values else ""
    line |= {f"weight.{term}": round(weight, 4) for term, weight in weights.items()}
    line |= {f"validation.{name}": round(value, 4) for name, value in shares.items()}
    earlier: list[Mapping[str, object]] = []
    names = list(line)
    if path.exists():
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            earlier += [row for row in reader if int(row["iteration"]) < iteration]
            names = list(dict.fromkeys([*(reader.fieldnames or ()), *line]))
    part = path.with_suffix(".tmp")
    with part.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows([*earlier, line])
    part.replace(path)


def draw_curve(log: Path, picture: Path) -> None:
    """Write the learning curve as PNG.

    Shown are the RMSE as a share of bicubic's, on validation samples (the averaged weights, the last step of each
    source) and on training batches (the weights of the moment, the first step), the learning rate, and the weights of
    the loss's terms where the log has them.

    Args:
        log: `log.csv`, as `record` writes it.
        picture: Where to.
    """
    from matplotlib.figure import Figure

    with log.open(newline="") as file:
        lines = list(csv.DictReader(file))
    columns = {name: np.array([float(line[name] or "nan") for line in lines]) for name in lines[0]}
    sources = [name.removeprefix("validation.") for name in columns if name.startswith("validation.")]
    colours = {source: _COLOURS[i % len(_COLOURS)] for i, source in enumerate(sources)}
    figure = Figure(figsize=(12.5, 4.6), facecolor="white")
    grid: Any = figure.add_gridspec(2, 3, width_ratios=(1.7, 1.7, 1), left=0.05, right=0.93, bottom=0.11, top=0.86)
    grid.update(wspace=0.5, hspace=0.5)
    validation, training = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[:, 1])
    rate, weights = figure.add_subplot(grid[0, 2]), figure.add_subplot(grid[1, 2])
    validated = {source: columns[f"validation.{source}"] for source in sources}
    trained = {source: columns[f"{source}.share1"] for source in sources if f"{source}.share1" in columns}
    _lines(validation, columns["iteration"], validated, colours, "validation: RMSE over that of bicubic")
    _lines(training, columns["iteration"], trained, colours, "training batches: RMSE over that of bicubic")
    _lines(rate, columns["iteration"], {"": 1000 * columns["rate"]}, {"": _FAINT}, "learning rate (10⁻³)")
    rate.set_ylim(bottom=0)
    for axes in (validation, training):
        low, high = axes.get_ylim()
        if low < 1 < high:
            axes.axhline(1, color="black", linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    terms = {name.removeprefix("weight."): values for name, values in columns.items() if name.startswith("weight.")}
    if terms:
        _lines(weights, columns["iteration"], terms, dict(zip(terms, _COLOURS, strict=False)), "weights of the terms")
    else:
        weights.set_axis_off()
    skipped = int(np.nansum(columns.get("skipped", np.zeros(1))))
    title = f"iteration {int(columns['iteration'][-1]):,}" + (f", {skipped:,} skipped" if skipped else "")
    figure.suptitle(title, x=0.05, ha="left", fontsize=12)
    save_figure(figure, picture)


def _lines(axes: Any, x: NDArray[np.float64], lines: Columns, colours: Mapping[str, str], title: str) -> None:
    """One panel; each line's name stands at its end."""
    for name, values in lines.items():
        axes.plot(x, values, color=colours[name], linewidth=1.6, marker="o", markersize=2.5)
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlim(left=0)
    axes.set_xlabel("iteration", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(color="#e5e5e5", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    known = {name: values[np.isfinite(values)] for name, values in lines.items()}
    ends = sorted((values[-1], name) for name, values in known.items() if len(values))
    low, high = axes.get_ylim()
    gap = _GAP / (axes.get_position().height * axes.figure.get_figheight())
    places = _move_apart([(end - low) / (high - low) for end, _ in ends], gap)
    for (_, name), place in zip(ends, places, strict=True):
        axes.text(1.02, place, name, transform=axes.transAxes, color=colours[name], fontsize=8, va="center")


def _move_apart(places: Sequence[float], gap: float) -> NDArray[np.float64]:
    """Ascending places moved apart to at least `gap`, by the least sum of squares."""
    steps = np.arange(len(places)) * gap
    apart: NDArray[np.float64] = isotonic_regression(np.array(places) - steps).x + steps
    return apart
