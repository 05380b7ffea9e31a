"""The log of a run, `log.csv`: one line for each checkpoint."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

LOSSES = ("share1", "share2", "closure1", "structure1")
"""What is kept of each source while training: RMSE in units of bicubic's at both steps; departure (K) of the first
step's result from its input; 1 - MS-SSIM."""


def record(
    path: Path,
    iteration: int,
    rows: Sequence[Mapping[str, object]],
    sources: Sequence[str],
    weights: Mapping[str, float],
    shares: Mapping[str, float],
) -> None:
    """Append a line.

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
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(line))
        if new:
            writer.writeheader()
        writer.writerow(line)
