"""Synthetic MODIS observations of landscapes whose land surface temperature is known at 250 m."""

from srdanet_simulator.files.write import write, write_days
from srdanet_simulator.land.landscape import Character, character
from srdanet_simulator.scenes import scenes, series
from srdanet_simulator.simulation import Simulation, companion, simulate

__all__ = [
    "Character",
    "Simulation",
    "character",
    "companion",
    "scenes",
    "series",
    "simulate",
    "write",
    "write_days",
]
