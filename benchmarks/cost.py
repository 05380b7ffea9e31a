"""What a country or all land costs, from a run that was made: the table of `docs/scale.md`.

    srdanet run TILES -o run --workers 1        full tiles, several units a tile
    python benchmarks/cost.py run [--write]

Fits `srdanet.production.cost.CostModel` to the ledger of the run. Seconds are those of one of its workers, on the
machine of the run, with as many threads as it had.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from results import HERE, between

from srdanet.production.cost import CostModel
from srdanet.production.ledger import Ledger

PLACES = {"a country of 25 tiles": 25, "all land, about 300 tiles": 300}
SPANS = {"one day": 1, "one year": 365, "25 years": 25 * 365}
VIEWS = 4
"""Units a tile and day: two platforms, day and night."""
WORKERS = 64
PAGE = HERE.parent / "docs" / "scale.md"


def input_bytes(ledger: Ledger) -> float:
    """Mean bytes of a unit's inputs, of those that are still there."""
    sizes = []
    for entry in ledger.entries(state="done"):
        paths = [name.partition("=")[2] or name for name in ledger.unit(entry.name).inputs]
        sizes.append(sum(os.path.getsize(path) for path in paths if os.path.isfile(path)))
    return sum(sizes) / max(1, len(sizes))


def table(model: CostModel, read: float) -> str:
    """The model and what follows from it, as Markdown."""
    lines = [
        f"Fitted to {model.units} units ({model.empty_share:.0%} without LST), one worker:",
        f"{model.prepare:.1f} s to read,",
        f"{model.static:.1f} s more for the first unit of a tile, {model.downscale:.1f} s to downscale and write,",
        f"{model.empty:.1f} s without LST; {read / 1e6:.0f} MB read, {model.bytes / 1e6:.0f} MB written,",
        f"{model.memory / 2**30:.2f} GiB of memory.",
        "",
        f"| | units | hours of one worker | days on {WORKERS} workers | TB of products |",
        "|---|--:|--:|--:|--:|",
    ]
    for place, tiles in PLACES.items():
        for span, days in SPANS.items():
            units = VIEWS * tiles * days
            hours, written = model.seconds(units, tiles) / 3600, model.output(units) / 1e12
            lines.append(
                f"| {place}, {span} | {units:,} | {hours:,.0f} | {hours / 24 / WORKERS:,.2f} | {written:,.2f} |"
            )
    unit = model.seconds(1, 0)
    lines += [
        "",
        f"{WORKERS} such workers read {WORKERS * read / unit / 1e6:.0f} MB/s and write "
        f"{WORKERS * model.bytes / unit / 1e6:.0f} MB/s; the ledger gets {WORKERS / unit:.1f} units a second.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("--write", action="store_true", help="put it into docs/scale.md")
    asked = parser.parse_args()
    with Ledger(asked.run, write=False) as ledger:
        model = CostModel.fit(ledger)
        if model is None:
            parser.error("no unit of the run is done")
        text = table(model, input_bytes(ledger))
    print(text)
    if asked.write:
        between(PAGE, "cost", text)


if __name__ == "__main__":
    main()
