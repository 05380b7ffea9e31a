"""How good a method is: real data, a split by region and date, sums that add up."""

from srdanet.evaluation.experiments import (
    run_orleans,
    run_product,
    run_simulated,
    run_simulation,
    run_stations,
    run_target,
)
from srdanet.evaluation.methods import find_method
from srdanet.evaluation.report import Report, Row
from srdanet.evaluation.world import run_world

__all__ = [
    "Report",
    "Row",
    "find_method",
    "run_orleans",
    "run_product",
    "run_simulated",
    "run_simulation",
    "run_stations",
    "run_target",
    "run_world",
]
