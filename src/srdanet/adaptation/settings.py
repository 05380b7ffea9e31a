"""What may be set of an adaptation."""

from __future__ import annotations

from dataclasses import dataclass

from srdanet.errors import ArgumentError

MOST_ITERATIONS = 500
"""Bound of the time an adaptation takes: about 0.3 s an iteration on one core."""


@dataclass(frozen=True)
class Adaptation:
    """How far, how fast and by what a model is adapted.

    Weights are of errors in units of the model's own error one level up, as it was before.

    Raises:
        ArgumentError: when a value is out of range.
    """

    iterations: int = 60
    """Steps of Adam, at most `MOST_ITERATIONS`; none leave the model as it is."""
    rate: float = 1e-4
    """Learning rate at its height; it rises over ten iterations and falls to nothing."""
    loop: float = 1.0
    """Weight of the closed loop one level up, where the scene itself is the truth."""
    closure: float = 0.0
    """Weight of the degraded result's departure from the input, at the target step; it costs accuracy against another
    sensor, as closure does."""
    keep: float = 1.0
    """Weight of the departure from what the model gave before, at the target step."""
    pull: float = 0.0
    """Weight of the squared departure of the parameters from where they were (L2-SP)."""
    point_spread: float = 0.3
    """Gaussian part, in coarse cells, of the point spread by which the scene is degraded one level up.

    MODIS's is 0.35 cells; a 1 km image has 0.175 of the 2 km cell in it already, and the rest is 0.3.
    """
    seed: int = 0
    """Everything random (windows, turns) follows from it."""

    def __post_init__(self) -> None:
        if not 0 <= self.iterations <= MOST_ITERATIONS:
            raise ArgumentError(f"iterations is {self.iterations}", todo=f"Give 0 to {MOST_ITERATIONS}.")
        for name in ("rate", "loop", "closure", "keep", "pull", "point_spread"):
            if not getattr(self, name) >= 0:
                raise ArgumentError(f"{name} is {getattr(self, name)}", todo="Give a number of 0 or more.")
