"""The simulator held against the earth: one table and one figure, real beside simulated."""

from srdanet_simulator.realism.check import Check, check, refuse

__all__ = ["Check", "check", "refuse"]
