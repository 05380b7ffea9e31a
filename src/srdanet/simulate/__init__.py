"""Simulated observations: a land with known 250 m temperature, and what MODIS would have seen of it."""

from srdanet.simulate.files.write import write, write_days
from srdanet.simulate.land.landscape import Character, character
from srdanet.simulate.simulation import Simulation, companion, simulate

__all__ = ["Character", "Simulation", "character", "companion", "simulate", "write", "write_days"]
