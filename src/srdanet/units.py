"""Units as files and users write them, and how values in them become values in the package's own.

The package's own units are those of `variables`: K, m, degree, 1, h, m s-1, W m-2, m3 m-3. A unit that is stated but
stands in no row here is refused by whoever reads it, never skipped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

US_FOOT = 1200 / 3937
"""Metres in a US survey foot."""
FOOT = 0.3048
"""Metres in an international foot."""


@dataclass(frozen=True)
class Unit:
    """A unit: own value = stated value * scale + offset, in the package's unit of the same quantity."""

    own: str
    scale: float = 1.0
    offset: float = 0.0
    counted: bool = field(default=False, compare=False)
    """Whether a factor was written with it (`0.1 degC`), which makes values counts of it."""


_SPELLINGS: Mapping[Unit, str] = {
    Unit("K"): "k kelvin kelvins degk deg_k degree_kelvin degrees_kelvin degree_k degrees_k",
    Unit("K", 1, 273.15): "c degc deg_c celsius degree_celsius degrees_celsius deg_celsius degree_c degrees_c "
    "celsius_degrees centigrade degree_centigrade degrees_centigrade",
    Unit("K", 5 / 9, 459.67 * 5 / 9): "f degf deg_f fahrenheit degree_fahrenheit degrees_fahrenheit deg_fahrenheit "
    "degree_f degrees_f",
    Unit("m"): "m metre metres meter meters mtr gpm m_above_sea_level metres_above_sea_level meters_above_sea_level "
    "m_asl masl",
    Unit("m", 1e3): "km kilometre kilometres kilometer kilometers",
    Unit("m", 0.1): "dm decimetre decimetres decimeter decimeters",
    Unit("m", 0.01): "cm centimetre centimetres centimeter centimeters",
    Unit("m", 1e-3): "mm millimetre millimetres millimeter millimeters",
    Unit("m", FOOT): "ft foot feet international_foot international_feet ft_int",
    Unit("m", US_FOOT): "us_ft us-ft ftus ft_us us_foot us_feet us_survey_foot us_survey_feet foot_us "
    "u.s._survey_foot survey_foot survey_feet",
    Unit("degree"): "degree degrees deg arc_degree arc_degrees angular_degree degrees_north degree_north "
    "degrees_n degreen degrees_east degree_east degrees_e degreee degreesn degreese decimal_degrees",
    Unit("degree", 57.29577951308232): "rad radian radians",
    Unit("1"): "1 unitless dimensionless fraction ratio reflectance albedo ndvi evi ndwi index class classes "
    "class_number class_numbers category code codes reflectance,_no_units no_units no_unit bit-field bitfield "
    "bit_field flags flag 1.0 -1_to_1 ndvi_ratio evi_ratio m2_m-2",
    Unit("1", 0.01): "% percent pct per_cent",
    Unit("h"): "h hr hrs hour hours hours_local_solar_time local_solar_time_hours",
    Unit("h", 1 / 60): "min minute minutes",
    Unit("h", 1 / 3600): "s sec second seconds",
    Unit("m s-1"): "m_s-1 m/s m_s**-1 m_s^-1 ms-1 m.s-1 meters_per_second metres_per_second m_per_s",
    Unit("m s-1", 1 / 3.6): "km/h km_h-1 kmh kph km_h**-1",
    Unit("m s-1", 1852 / 3600): "kn kt kts knot knots",
    Unit("m s-1", 0.44704): "mph miles_per_hour mile/h",
    Unit("W m-2"): "w_m-2 w/m2 w/m^2 w/m**2 w_m**-2 w_m^-2 wm-2 w.m-2 watt_m-2 watts_per_square_meter "
    "watts_per_square_metre",
    Unit("W m-2", 1e3): "kw_m-2 kw/m2 kw/m^2 kw_m**-2",
    Unit("J m-2"): "j_m-2 j_m**-2 j_m^-2 j/m2 j/m^2 w*s/m^2 w_s_m**-2",
    Unit("J m-2", 1e3): "kj_m-2 kj_m**-2 kj/m2 kj/m^2",
    Unit("J m-2", 1e6): "mj_m-2 mj_m**-2 mj/m2 mj/m^2",
    Unit("m3 m-3"): "m3_m-3 m3/m3 m^3/m^3 m**3_m**-3 m^3_m^-3 m3.m-3 1 fraction volumetric_fraction",
    Unit("m3 m-3", 0.01): "% percent vol% vol.%",
}  # fmt: skip
_BY_SPELLING: Mapping[tuple[str, str], Unit] = {
    (unit.own, spelling): unit for unit, spellings in _SPELLINGS.items() for spelling in spellings.split()
}
_NOTHING = ("", "none", "na", "n/a", "nan", "null", "unknown", "undefined", "-", "--", "?", "not_set")
"""What stands in the place of a unit and states none."""
_SCALED = re.compile(r"(?P<factor>\d*\.?\d+(?:e[+-]?\d+)?)_?[*x·]?_?(?P<unit>[a-z].*)")
_TIMES = re.compile(r"(?P<unit>.*[a-z])_?(?P<sign>[*x·/])_?(?P<factor>\d*\.?\d+(?:e[+-]?\d+)?)")


def states_unit(text: object) -> bool:
    """Whether a text in the place of a unit states one, known or not."""
    return _plain(text) not in _NOTHING


def unit_of(text: object, own: str) -> Unit | None:
    """What a text means as a unit of a quantity; None where it is no unit of it that this package knows.

    Scaled units are read as UDUNITS writes them (`0.1 degC`: counts of a tenth of a degree) and as people do
    (`degC*10`, `K x 100`).

    Args:
        text: As a file or a user writes it.
        own: The package's unit of the quantity.
    """
    plain = _plain(text)
    known = _BY_SPELLING.get((own, plain))
    if known is not None:
        return known
    for form in (_SCALED, _TIMES):
        match = form.fullmatch(plain)
        if match is None or float(match["factor"]) == 0:
            continue
        factor = float(match["factor"])
        if form is _TIMES and match["sign"] != "/":
            factor = 1 / factor
        inner = _BY_SPELLING.get((own, match["unit"].strip("_")))
        if inner is not None:
            return replace(inner, scale=inner.scale * factor, counted=factor != 1)
    return None


def _plain(text: object) -> str:
    """One spelling for all that differ in case, blanks and degree signs."""
    lowered = str(text).strip().strip("()[]").lower().replace("°", "deg").replace("º", "deg")
    return re.sub(r"\s+", "_", lowered.strip())
