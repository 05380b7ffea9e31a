"""A scene whose finer temperature is known: what training, calibration and evaluation work on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import xarray as xr

from srdanet.errors import GridError, SceneError
from srdanet.scene.scene import Scene


@dataclass(frozen=True, eq=False)
class LabelledScene:
    """A scene and the temperature of the same ground at finer levels.

    Raises:
        SceneError: when no truth is given.
        GridError: when a level of the truth is not `factor` times finer than the scene.
    """

    scene: Scene
    truth: Mapping[int, xr.DataArray]
    """Factor (fine cells along a coarse cell) → (y * factor, x * factor) K, NaN = unknown; in rising order."""
    source: str
    """Which data set it comes from, such as `imt` or `aster`."""
    group: str
    """What errors are likely to share, and the bootstrap therefore draws as one: a day, a pair, a scene."""
    same_sensor: bool
    """Whether truth and coarse LST come from one sensor. Otherwise they differ by a bias that is no method's fault."""
    surface: xr.Dataset | None = None
    """What else is known of the finest cells and no method is given, such as fractions of land cover; (y, x)."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What else tells it from others of its set: an identifier, a station's name."""

    def __post_init__(self) -> None:
        if not self.truth:
            raise SceneError("a labelled scene has no truth", where=self.source, todo="Give one level at least.")
        height, width = self.scene.geobox.shape
        for factor, truth in self.truth.items():
            if truth.shape != (height * factor, width * factor):
                raise GridError(
                    f"truth of {truth.shape} cells is not {factor} times finer than {height} x {width}",
                    where=self.source,
                )

    @property
    def finest(self) -> int:
        """The largest factor of the truth."""
        return max(self.truth)
