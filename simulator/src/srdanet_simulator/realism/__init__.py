"""Comparison of simulated with real scenes: one table and one figure."""

from srdanet_simulator.realism.check import Check, check, refuse

__all__ = ["Check", "check", "refuse"]
