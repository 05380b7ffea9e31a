"""Units that need no files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from srdanet.production.ledger import Entry, Totals
from srdanet.production.units import Unit

Start = Callable[..., tuple[Totals, dict[str, Entry]]]


def units(count: int) -> list[Unit]:
    """Units without inputs."""
    first = dt.date(2020, 1, 1)
    dates = [first + dt.timedelta(days=n) for n in range(count)]
    return [
        Unit(name=f"u{n}", tile="h18v04", date=date, day=True, platform="terra", inputs=())
        for n, date in enumerate(dates)
    ]
