"""Interpolation as a method: what every other one has to beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from srdanet import energy
from srdanet.arrays import Float32, Floats
from srdanet.baselines.sharpening import as_dataset
from srdanet.interpolation import Kind, interpolate
from srdanet.scene import Scene


@dataclass(frozen=True)
class Interpolation:
    """Nearest, bilinear or bicubic interpolation; predictors are left unused and no uncertainty is stated.

    A method for whole scenes (call it) and a model for the rollout (`step`). The two differ a little: two steps of x2
    are not one of x4.
    """

    kind: Kind = "bicubic"
    conserve: bool = False
    """Whether a residual correction brings the coarse means back (`energy.conserve`)."""

    @property
    def name(self) -> str:
        """The kind, and whether it is conserving."""
        return f"{self.kind}-conserving" if self.conserve else self.kind

    @property
    def halo(self) -> int:
        """Coarse cells that a result depends on beyond its own."""
        return 2 + self.conserve * energy.CONSERVE_REACH

    def step(self, lst: Float32, channels: Float32, context: Float32) -> tuple[Float32, None]:
        """One x2 step: (h, w) K, NaN = missing, to (2h, 2w) K; see `downscaling.rollout.StepModel`."""
        return np.asarray(self._fine(lst, 2), np.float32), None

    def __call__(self, scene: Scene, factor: int) -> xr.Dataset:
        """`lst` (y * factor, x * factor) K of a scene, in one go."""
        return as_dataset(scene, factor, self._fine(np.asarray(scene.lst["lst"].values), factor), self.name)

    def _fine(self, lst: Floats, factor: int) -> Floats:
        fine = interpolate(lst, factor, self.kind)
        return energy.conserve(fine, lst) if self.conserve else fine


BICUBIC = Interpolation("bicubic")
