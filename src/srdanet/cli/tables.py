"""Tables on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from srdanet.errors import some

if TYPE_CHECKING:
    from srdanet.prepare import ReportRow

_WIDE = 200
"""Columns of a table that goes to a file or another program."""
_MOST_FILES = 2


def report_table(rows: Sequence[ReportRow]) -> list[str]:
    """The input report: a line for each variable, then what was assumed about the inputs."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("variable", "file", "date", "unit"):
        table.add_column(heading, overflow="fold")
    for heading in ("2 % to 98 %", "valid"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("assumed", overflow="fold")
    notes: list[str] = []
    for row in rows:
        notes += [text for text in row.assumed if text not in notes]
        marks = " ".join(f"[{notes.index(text) + 1}]" for text in row.assumed)
        between = "-" if row.range is None else f"{row.range[0]:.4g} to {row.range[1]:.4g}"
        valid = "-" if row.valid is None else f"{row.valid:.1%}"
        cells = (row.variable, some(row.file, _MOST_FILES) or "-", row.date or "-", row.unit)
        # Brackets are text here, not rich's markup.
        table.add_row(*cells, between, valid, marks.replace("[", r"\["))
    width = get_terminal_size().columns if sys.stdout.isatty() else _WIDE
    console = Console(width=width, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(table)
    lines = [line.rstrip() for line in captured.get().splitlines() if line.strip()]
    return [*lines, *(f"[{number}] {text}" for number, text in enumerate(notes, 1))]
