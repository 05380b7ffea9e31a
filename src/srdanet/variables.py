"""The variables of this package as tables: what a scene and the network hold, with name, unit, range and source.

A scene and the `auxiliary` argument of `srdanet.downscale` hold *base* variables
(what providers deliver). `predictors.stack` derives the rest and brings all to a
step's target grid. Missing values are NaN everywhere; land cover's is 255.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Predictor:
    """One quantity, as it stands in a scene or in the `auxiliary` argument."""

    name: str
    """The variable's name in scenes, arguments and model bundles."""
    unit: str
    """UDUNITS string."""
    low: float
    """Lowest physical value; below it a value counts as missing."""
    high: float
    """Highest physical value; above it a value counts as missing."""
    source: str
    """Product and layer, or the formula's reference."""
    long_name: str = ""


LST_RANGE = (150.0, 400.0)
"""K: what a MODIS product can hold (counts from 7500, times 0.02 K) and the Earth can show, fires aside."""
MODIS_NOISE = 0.8
"""Standard deviation (K) of a MODIS product's LST about the mean of the finer field, point spread included: 0.7 to
1.2 K against ASTER where the smooth part of their difference is taken off, 0.4 to 0.7 K from the point spread alone."""
BANDS = ("red", "nir", "blue", "green", "nir2", "swir1", "swir2")
"""Names of MODIS bands 1 to 7."""
WEATHER = ("t2m", "d2m", "wind", "ssrd", "swvl1")
"""Names of the weather at the overpass."""

_MOD09 = "MOD09GA 500 m surface reflectance, band {}"
_MOD09GQ = "MOD09GQ 250 m (else MOD09GA 500 m) surface reflectance, band {}"

BASE: tuple[Predictor, ...] = (
    Predictor("red", "1", -0.01, 1.6, _MOD09GQ.format(1), "surface reflectance 620-670 nm"),
    Predictor("nir", "1", -0.01, 1.6, _MOD09GQ.format(2), "surface reflectance 841-876 nm"),
    Predictor("blue", "1", -0.01, 1.6, _MOD09.format(3), "surface reflectance 459-479 nm"),
    Predictor("green", "1", -0.01, 1.6, _MOD09.format(4), "surface reflectance 545-565 nm"),
    Predictor("nir2", "1", -0.01, 1.6, _MOD09.format(5), "surface reflectance 1230-1250 nm"),
    Predictor("swir1", "1", -0.01, 1.6, _MOD09.format(6), "surface reflectance 1628-1652 nm"),
    Predictor("swir2", "1", -0.01, 1.6, _MOD09.format(7), "surface reflectance 2105-2155 nm"),
    Predictor("albedo", "1", 0.0, 1.0, "MCD43A3 shortwave", "broadband shortwave albedo"),
    Predictor("elevation", "m", -500.0, 9000.0, "SRTM", "height above the EGM96 geoid"),
    Predictor("land_cover", "1", 1.0, 17.0, "MCD12Q1 LC_Type1", "IGBP land cover class"),
    Predictor("t2m", "K", 180.0, 340.0, "ERA5 t2m", "air temperature at 2 m"),
    Predictor("d2m", "K", 150.0, 320.0, "ERA5 d2m", "dew point at 2 m"),
    Predictor("wind", "m s-1", 0.0, 80.0, "ERA5 u10, v10", "wind speed at 10 m"),
    Predictor("ssrd", "W m-2", 0.0, 1500.0, "ERA5 ssrd / 3600 s", "downward shortwave radiation at the surface"),
    Predictor("swvl1", "m3 m-3", 0.0, 1.0, "ERA5 swvl1", "water in the soil's first 7 cm"),
)
"""What providers deliver, on the providers' own grids."""

DERIVED: tuple[Predictor, ...] = (
    Predictor("ndvi", "1", -1.0, 1.0, "(nir - red) / (nir + red)", "normalised difference vegetation index"),
    Predictor("evi", "1", -1.0, 1.5, "Huete 2002", "enhanced vegetation index"),
    Predictor("ndwi", "1", -1.0, 1.0, "Gao 1996: (nir - nir2) / (nir + nir2)", "normalised difference water index"),
    # No model uses it and `prepare` does not make it: it is named here for the scenes of earlier versions that hold it.
    Predictor("tvdi", "1", 0.0, 1.0, "Sandholt 2002, at the coarse level", "temperature vegetation dryness index"),
    Predictor("slope", "degree", 0.0, 90.0, "Horn 1981, sinusoidal shear undone", "steepest slope"),
    Predictor(
        "aspect", "degree", 0.0, 360.0, "clockwise from true north; NaN where flat", "direction of steepest descent"
    ),
    Predictor("illumination", "1", 0.0, 1.0, "max(0, cos i)", "cosine of the sun's incidence at overpass"),
)
"""What is computed from the base; a user may also give it ready made."""

BY_NAME: dict[str, Predictor] = {p.name: p for p in (*BASE, *DERIVED)}

STANDS_FOR: Mapping[str, tuple[str, ...]] = {"ndvi": BANDS[:2], "evi": BANDS[:3], "ndwi": ("nir", "nir2")}
"""Index → the bands it is made of, which nobody misses where the index is given."""


def lacking(given: Iterable[str]) -> tuple[str, ...]:
    """Names of the base variables that are neither given nor behind an index that is."""
    held = set(given)
    held |= {band for index in held & STANDS_FOR.keys() for band in STANDS_FOR[index]}
    return tuple(p.name for p in BASE if p.name not in held)


UNUSED = ("tvdi",)
"""Names that scenes stored by earlier versions may hold; nothing computes or uses them."""

CLASS_FILLS = (0, 254, 255)
"""Codes of land cover that stand for "no class" in IGBP products: water of older ones, unclassified, fill."""

NO_CLASS = 255
"""The missing value of `land_cover`, the one variable that is not a float."""

LST_VARIABLES: Mapping[str, tuple[str, str]] = {
    "lst": ("K", "land surface temperature"),
    "lst_error": ("K", "upper bound of the LST's own error class"),
    "view_angle": ("degree", "view zenith angle; negative where the sensor looks from the east"),
    "view_time": ("h", "local solar time of the observation"),
    "qc": ("1", "quality control word of the LST"),
}
"""Variables a scene's coarse dataset may hold, with units and meaning."""

LST_LIMITS: Mapping[str, tuple[float, float]] = {
    "lst": LST_RANGE,
    "lst_error": (0.0, float("inf")),
    "view_angle": (-66.0, 66.0),
    "view_time": (0.0, 24.0),
    "qc": (0.0, 255.0),
}
"""What they may hold, in their units. MODIS looks up to 65 degrees to each side."""


def limits_of(name: str) -> tuple[float, float]:
    """Lowest and highest value that a variable of a scene may hold, in its unit."""
    return (BY_NAME[name].low, BY_NAME[name].high) if name in BY_NAME else LST_LIMITS[name]


def unit_of(name: str) -> str:
    """The unit in which a scene holds a variable."""
    return BY_NAME[name].unit if name in BY_NAME else LST_VARIABLES[name][0]


Platform = Literal["terra", "aqua", "npp", "noaa20"]

VIEW_HOURS: Mapping[tuple[Platform, bool], float] = {
    ("terra", True): 10.75,
    ("terra", False): 22.25,
    ("aqua", True): 13.25,
    ("aqua", False): 1.75,
    ("npp", True): 13.25,
    ("npp", False): 1.75,
    ("noaa20", True): 13.25,
    ("noaa20", False): 1.75,
}
"""Usual local solar hour of a view by platform and by day, where no product says it.

The equator is crossed at 10:30 and 22:30 (Terra), 13:30 and 1:30 (Aqua, S-NPP, NOAA-20); at middle latitudes of the
northern hemisphere descending passes are seen later, ascending ones earlier.
"""
