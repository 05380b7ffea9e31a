"""Simulated observations: a land with known 250 m temperature, and what MODIS would have seen of it."""

from srdanet_simulator.files.write import write, write_days
from srdanet_simulator.land.landscape import Character, character
from srdanet_simulator.scenes import scenes
from srdanet_simulator.simulation import Simulation, companion, simulate

__all__ = ["Character", "Simulation", "character", "companion", "scenes", "simulate", "write", "write_days"]
