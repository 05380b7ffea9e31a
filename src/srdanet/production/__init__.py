"""Many tiles and days: units as plain data, a ledger of what came of each, executors that survive what kills a unit."""

from srdanet.production.execute import Dask, Executor, Limits, Processes, Serial, execute
from srdanet.production.ledger import Entry, Ledger, Totals
from srdanet.production.run import Production, carry_out, clear
from srdanet.production.units import Options, Unit, units_of

__all__ = [
    "Dask",
    "Entry",
    "Executor",
    "Ledger",
    "Limits",
    "Options",
    "Processes",
    "Production",
    "Serial",
    "Totals",
    "Unit",
    "carry_out",
    "clear",
    "execute",
    "units_of",
]
