"""Interpolation as a method: what every other one has to beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from srdanet.arrays import Float32
from srdanet.grid import coordinates, refine
from srdanet.interpolation import Kind, interpolate
from srdanet.scene import Scene


@dataclass(frozen=True)
class Interpolation:
    """Nearest, bilinear or bicubic interpolation; predictors are left unused and no uncertainty is stated.

    A method for whole scenes (call it) and a model for the rollout (`step`). The two differ a little: two steps of x2
    are not one of x4.
    """

    kind: Kind = "bicubic"
    halo: int = 2
    """Coarse cells that a result depends on beyond its own."""

    @property
    def name(self) -> str:
        """The kind."""
        return self.kind

    def step(self, lst: Float32, channels: Float32, context: Float32) -> tuple[Float32, None]:
        """One x2 step: (h, w) K, NaN = missing, to (2h, 2w) K; see `downscaling.rollout.StepModel`."""
        return np.asarray(interpolate(lst, 2, self.kind), np.float32), None

    def __call__(self, scene: Scene, factor: int) -> xr.Dataset:
        """`lst` (y * factor, x * factor) K of a scene, in one go."""
        fine = interpolate(np.asarray(scene.lst["lst"].values), factor, self.kind)
        attrs = {"units": "K", "grid_mapping": "spatial_ref", "long_name": f"land surface temperature, {self.kind}"}
        return xr.Dataset({"lst": (("y", "x"), fine, attrs)}, coordinates(refine(scene.geobox, factor)))


BICUBIC = Interpolation("bicubic")
