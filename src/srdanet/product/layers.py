"""What a product consists of, as a table: one row per raster of a level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from srdanet.flags import colours


@dataclass(frozen=True)
class Raster:
    """One layer of a result and how it is stored."""

    variable: str
    """Name in the result."""
    dtype: str
    """Stored type: floats hold NaN where a cell is missing, integers are bit flags and miss nothing."""
    unit: str
    """UDUNITS string."""
    long_name: str
    """For people."""
    low: float
    """Lowest possible value; a file with a lower one is refused."""
    high: float
    """Highest possible value; a file with a higher one is refused."""
    colours: Mapping[int, tuple[int, int, int]] = field(default_factory=dict)
    """Colour table (red, green, blue from 0 to 255, by value), where values stand for themselves."""

    @property
    def floating(self) -> bool:
        """Whether it holds numbers rather than bit flags."""
        return self.dtype.startswith("float")

    @property
    def nodata(self) -> float | None:
        """Value of missing cells."""
        return float("nan") if self.floating else None


LST = Raster("lst", "float32", "K", "land surface temperature", 100.0, 1400.0)
UNCERTAINTY = Raster("lst_uncertainty", "float32", "K", "standard deviation of land surface temperature", 0.0, 100.0)
QUALITY = Raster("quality", "uint8", "1", "quality of land surface temperature", 0.0, 255.0, colours())

RASTERS = (LST, UNCERTAINTY, QUALITY)
"""All rasters of a level, in the order they are written."""
