"""What a product consists of, as a table: one row per raster of a level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Raster:
    """One layer of a result and how it is stored."""

    variable: str
    """Name in the result."""
    suffix: str
    """What follows `<stem>_<level>m` in the file name."""
    dtype: str
    """Stored type."""
    unit: str
    """UDUNITS string."""
    long_name: str
    """For people."""
    low: float
    """Lowest possible value; a file with a lower one is refused."""
    high: float
    """Highest possible value; a file with a higher one is refused."""
    nodata: float | None
    """Value of missing cells."""
    creation: Mapping[str, object]
    """Options of GDAL's COG driver."""


_FLOATS = {"predictor": "FLOATING_POINT", "overview_resampling": "AVERAGE"}
_FLAGS = {"predictor": "NO", "overview_resampling": "MODE"}  # a mean of bit patterns means nothing
_NAN = float("nan")

LST = Raster("lst", "", "float32", "K", "land surface temperature", 100.0, 1400.0, _NAN, _FLOATS)
UNCERTAINTY = Raster(
    "lst_uncertainty",
    "_uncertainty",
    "float32",
    "K",
    "standard deviation of land surface temperature",
    0.0,
    100.0,
    _NAN,
    _FLOATS,
)
QUALITY = Raster("quality", "_quality", "uint8", "1", "quality of land surface temperature", 0.0, 255.0, None, _FLAGS)

RASTERS: tuple[Raster, ...] = (LST, UNCERTAINTY, QUALITY)
"""All rasters of a level, in the order they are written."""
