"""What the name of a file says about heights: the deliveries of the usual elevation models, whole names only.

A delivery holds more than heights: how many scenes were seen, radar amplitude, coherence, water, height errors. Their
names differ from that of the heights in a few letters, so each is a row of its own. A file that somebody named by hand
is of heights when one of its words is (`dem`, `srtm`, `elevation`, ...) and none says that something else was derived
from them (`slope`, `aspect`, `num`, ...). A word counts whole: `demo` and `demand` are not `dem`.

Sources: file naming in the product guides of LP DAAC (SRTM, NASADEM, ASTER GDEM), Copernicus DEM (AIRBUS 2022), DLR
(TanDEM-X 30 m), USGS 3DEP, JAXA (AW3D30), MERIT DEM, FABDEM; layer names of AppEEARS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

SUFFIXES = (".tif", ".tiff", ".hgt", ".img", ".bil", ".flt", ".dt1", ".dt2")
"""Ends of files that hold heights."""
PACKED = (".zip", ".tar", ".tar.gz", ".tgz", ".gz")
"""Ends of files that hold such files; `.gz` holds one, and only a `.hgt`."""
BY_HAND = "elevation"
"""The delivery of files that somebody named."""
GEOID = "EGM96 geoid"
"""What heights of a scene refer to (SRTM)."""


@dataclass(frozen=True)
class Named:
    """What a file's name says it holds."""

    delivery: str
    """The elevation model; `BY_HAND` where the name is not a provider's."""
    datum: str = ""
    """What its heights refer to; empty where the name does not tell."""
    other: str = ""
    """What the file holds instead of heights; empty for heights."""


_C = r"[ns]\d{2}[ew]\d{3}"
_C3 = r"[ns]\d{3}[ew]\d{3}"
_COP = r"[ns]\d{2}_00_[ew]\d{3}_00"
_APPEEARS = r"_doy\d{7}(\d{6})?(_aid\d+)?"
_COUNT, _WATER = "the number of scenes", "a water mask"
_ROWS: tuple[tuple[str, str, str, tuple[tuple[str, str], ...]], ...] = (
    ("SRTM", GEOID,
     rf"{_C}(\.srtmgl[13]n?)?|[ns]\d{{2}}_[ew]\d{{3}}_[13]arc_v\d+|srtm_\d\d_\d\d"
     rf"|srtmgl[13]n?(_nc)?[._]\d{{3}}_srtmgl[13]n?_dem{_APPEEARS}",
     ((rf"{_C}\.srtmgl[13]n?\.num|srtmgl[13]n?_numnc[._].*", _COUNT),
      (rf"{_C}\.srtmswbd.*|srtmswbd.*", _WATER),
      (rf"{_C}\.srtmimg.*|srtmimg.*", "radar images"))),
    ("NASADEM", GEOID,
     rf"nasadem_hgt_{_C}|nasadem(_nc)?[._]\d{{3}}_nasadem_hgt{_APPEEARS}",
     ((rf"nasadem_numnc[._].*|nasadem.*_num{_APPEEARS}", _COUNT),
      (rf"nasadem_(swbd?|wb)_.*|nasadem.*_swb{_APPEEARS}", _WATER),
      (r"nasadem_sc_.*", "slope, aspect and curvature"),
      (r"nasadem_(ssp|shhp)_.*", "radar data of each pass"),
      (r"nasadem_sim_.*", "radar images"),
      (rf"nasadem_nc_{_C}", "heights as NetCDF, which is not read: download NASADEM_HGT"))),
    ("ASTER GDEM", GEOID,
     rf"astgtm(2|v\d{{3}}|_v\d{{3}})?_{_C}(_dem)?|astgtm(_nc)?[._]\d{{3}}_aster_gdem_dem{_APPEEARS}",
     ((rf"astgtm.*_(num|qa)({_APPEEARS})?|astgtm_numnc[._].*", _COUNT),
      (r"astwbd.*", "water bodies"))),
    ("Copernicus DEM", "EGM2008 geoid",
     rf"copernicus_dsm(_cog)?_(04|10|30)_{_COP}(_dem)?|dem1_sar_d[gt]e_(10|30|90)_.+(\.dem|_dem|\d)",
     ((rf"copernicus_dsm.*_{_COP}_hem|dem1_.*_hem", "height errors"),
      (rf"copernicus_dsm.*_{_COP}_wbm|dem1_.*_wbm", _WATER),
      (rf"copernicus_dsm.*_{_COP}_edm|dem1_.*_edm", "an editing mask"),
      (rf"copernicus_dsm.*_{_COP}_flm|dem1_.*_flm", "a mask of filled cells"),
      (rf"copernicus_dsm.*_{_COP}_(acm|src|kml)|dem1_.*_(acm|src)", "an auxiliary layer"))),
    ("TanDEM-X", "WGS 84 ellipsoid",
     rf"tdm1_dem__(04|10|12|30|90)_{_C}(_v\d+_[cd])?(_dem)?|tdm1_edem_\d\d_{_C}_edm(_w84)?",
     ((r"tdm1_.*_(amp|am2)", "radar amplitude"), (r"tdm1_.*_(cov|com)", "coverage"),
      (r"tdm1_.*_int", "interpolation marks"), (r"tdm1_.*_hem", "height errors"), (r"tdm1_.*_wam", _WATER),
      (r"tdm1_.*_lsm", "a mask of layover and shadow"), (r"tdm1_.*_(lcm|edm|coh)", "an auxiliary layer"))),
    ("TanDEM-X", "EGM2008 geoid", rf"tdm1_edem_\d\d_{_C}_edm_egm(08)?", ()),
    ("USGS 3DEP", "NAVD 88 (outside North America a local one)",
     r"usgs_(seamless_|ned_)?(1|2|13|19|1m|1_meter|one_meter|5m|opr)_.+"
     r"|(img|grd|grid|float)?[ns]\d{2}[ew]\d{3}_(1|2|13|19)(_\d{8})?"
     r"|(img|grd|float)[ns]\d{2}[ew]\d{3}|ned(1|2|13|19)?_[ns]\d{2}(x\d\d)?_?[ew]\d{3}(x\d\d)?.*", ()),
    ("AW3D30", GEOID,
     rf"alpsmlc30_{_C3}_dsm|{_C3}_(ave|med)_dsm|{_C3}(_{_C3})?",
     ((rf"(alpsmlc30_)?{_C3}(_ave|_med)?_(msk|mask)", "a mask"), (rf"(alpsmlc30_)?{_C3}(_ave|_med)?_stk", _COUNT))),
    ("MERIT DEM", GEOID, rf"{_C}_(dem|elv)|(dem_tif|elv|dem)_[ns]\d{{2}}[ew]\d{{3}}",
     ((rf"({_C}_(dir|upa|upg|wth|hnd))|(dir|upa|upg|wth|hnd)_{_C}", "a hydrographic layer"),)),
    ("FABDEM", "EGM2008 geoid", rf"{_C}_fabdem_v\d.*|{_C}-{_C}_fabdem_v\d.*", ()),
    ("EU-DEM", "EVRS 2000", r"eu_dem_v11_e\d\dn\d\d", ()),
    ("GMTED2010", GEOID, r"\d\d[ns]\d{3}[ew]_\d{8}_gmted_(mea|med|min|max)\d{3}",
     ((r".*_gmted_(std|dsc|bln)\d{3}", "the spread of heights, or breaklines"),)),
    ("GTOPO30", "mean sea level", r"gt30[ew]\d{3}[ns]\d\d", ()),
)  # fmt: skip
"""Elevation model, what its heights refer to, names of its heights, and names of its other layers with what they are.
Names are lower case, without folder and ends."""
_DELIVERIES = tuple(
    (Named(name, datum), re.compile(heights), tuple((re.compile(text), what) for text, what in others))
    for name, datum, heights, others in _ROWS
)

_NEUTRAL = (
    "v|ver|version|arc|arcsec|sec|m|km|meter|metre|meters|metres|utm|wgs|epsg|sin|sinu|sinusoidal|modis|tile|cog|clip|"
    "clipped|crop|cropped|cut|subset|merge|merged|mosaic|mosaicked|filled|fill|void|resampled|reproj|reprojected|proj|"
    "projected|warp|warped|final|raw|float|int16|srtm|usgs|nasa|jaxa|alos|asf|ave"
)
_HEIGHT = re.compile(
    r"(dem|dems|dtm|dsm|dhm|dgm|mdt|mnt|mne|srtm|srtmgl|nasadem|astgtm|gdem|asterdem|astergdem|aw3d|fabdem|copdem|cop|"
    rf"eudem|gmted|gtopo|elevation|elevations|elev|altitude|heights)(\d+(m|km|arc|sec)?)?({_NEUTRAL})?"
)
_DERIVED = re.compile(
    r"((slope|slp|slopes|gradient|grad|steepness|pente|hangneigung|neigung|aspect|asp|exposition|exposure|orientation|"
    r"northness|eastness|hillshade|hillshd|hshade|hs|shade|shaded|shading|shadow|relief|curvature|curv|profc?|planc?|"
    r"tangential|roughness|rough|rugged|ruggedness|tri|tpi|twi|spi|vrm|index|wetness|flow|flowdir|flowacc|fdir|facc|"
    r"acc|accum|accumulation|direction|dir|drainage|stream|streams|upa|upg|wth|hnd|hand|contour|contours|insolation|radiation|solar|sun|angle|zenith|azimuth|skyview|svf|"
    r"illumination|cosi|horizon|viewshed|openness|landform|landforms|geomorphon|geomorphons|texture|"
    r"num|count|counts|number|nobs|scenes|stack|stk|amp|am2|amplitude|intensity|backscatter|coh|coherence|cov|coverage|"
    r"com|consistency|hem|error|errors|err|rmse|accuracy|uncertainty|unc|std|sd|stdev|stddev|stdv|variance|var|sigma|"
    r"dispersion|confidence|mask|masks|msk|matchtag|mad|water|waterbody|waterbodies|waterbodymask|wbm|wam|wbd|swb|swbd|"
    r"lsm|lcm|layover|edm|flm|quality|qa|qc|flag|flags|src|source|sid|diff|difference|dod|change|dh|"
    r"canopy|chm|tree|trees|vegetation|veg|building|buildings|snow|ndsm|"
    r"ndvi|evi|ndwi|lst|albedo|landcover|lulc|worldcover|class|classes|color|colour|rgb|browse|preview|thumb|thumbnail|"
    r"quicklook|geoid|undulation|bathymetry|depth|legend)\d*)"
)
_CORNER = re.compile(rf"{_C}|{_C3}")
_NOTHING = re.compile(rf"\d+(m|km|arc|sec|n|s|e|w)?|({_NEUTRAL})\d*|[a-z]")
_WORDS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def stem_of(name: str) -> str:
    """A file's name without folder and without the ends that say how it is stored."""
    stem = PurePath(name.replace("\\", "/")).name
    ends = sorted((*SUFFIXES, *PACKED, ".nc"), key=len, reverse=True)
    while end := next((end for end in ends if stem.lower().endswith(end) and len(stem) > len(end)), None):
        stem = stem[: -len(end)]
    return stem


def recognise(name: str) -> Named | None:
    """What a file of heights, or one that goes with heights, is by its name; None where the name says neither.

    Args:
        name: Name or path, with or without the ends that say how it is stored (`.hgt`, `.tif`, `.zip`).
    """
    stem = stem_of(name)
    lower = stem.lower()
    for heights, pattern, others in _DELIVERIES:
        for other, what in others:
            if other.fullmatch(lower):
                return Named(heights.delivery, other=what)
        if pattern.fullmatch(lower):
            derived = derived_word(stem)
            return Named(heights.delivery, other=f"'{derived}'") if derived else heights
    words = [word.lower() for word in _WORDS.split(stem) if word]
    corner = bool(_CORNER.search(lower)) and all(_CORNER.fullmatch(w) or _NOTHING.fullmatch(w) for w in words)
    if not (corner or any(_HEIGHT.fullmatch(word) for word in words)):
        return None
    derived = derived_word(stem)
    return Named(BY_HAND, other=f"'{derived}'") if derived else Named(BY_HAND)


def derived_word(text: str) -> str:
    """The first word of a name or description that says it is no height but derived from or beside heights; or ""."""
    words = (word.lower() for word in _WORDS.split(text) if word)
    return next((word for word in words if _DERIVED.fullmatch(word)), "")
