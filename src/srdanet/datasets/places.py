"""Places in many climates: one image of LST or several each, from one sensor, with whatever guides their sets hold.

`PLACES` is the table; `Field` is one image on cells in metres. Images in degrees are brought to UTM or, where they were
exported from MODIS, back to its sinusoidal grid, by nearest cell.

Sources: github zhengjie9510/tvdi (Zhangye), JPL-Evapotranspiration-Algorithms/ET-Sensitivity (Imperial Valley),
trangthuyvo0109/ecostress (New York), midraed/water (Talca), danielmcs457-max/macas-lst (Macas),
Huygens123/Kano-Municipal-Land-Surface-Temperature-LST-Trend-Analysis (Kano), advikar/coolequity (Los Angeles),
minskunn/urban-heat-island-granada (Granada), RobinGummels/Urban-heat-islands-Muenster (Münster),
JiamingWen/ECOSTRESS_diurnal (Sevilleta), villandre/dataFilesForAnalyses (Maharashtra), xiaositan/LST_Reconstruct_RS
(Heihe), finnlindgren/heatoncomparison (Texas); data NASA, METI, USGS, ESA, USDA.

Traps, handled here: a quick look's greenness stands for the NDVI of Imperial Valley (absolute error 0.1); sea is left
out at Los Angeles (NDVI below 0) and New York (all but clear land); Talca's LST is brightness temperature in steps of
0.45 K, its NDVI comes from counts and its reflectances are those at the top of the atmosphere; the legend of Münster's
land cover was read from its temperatures; cold rims of clouds in Münster are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.arrays import Float32, read_time
from srdanet.datasets.sources import find_files, kelvin, load_arrays, overpass_time
from srdanet.errors import ArgumentError
from srdanet.grid import SINUSOIDAL, coordinates, geobox_of, refine
from srdanet.readers.quality import Screening
from srdanet.readers.rasters import open_raster, suggest_grid
from srdanet.readers.resampling import to_grid
from srdanet.variables import NO_CLASS, Platform


@dataclass(frozen=True, eq=False)
class Field:
    """One image of a place, on the sensor's cells or finer ones."""

    box: GeoBox
    """Square cells in metres."""
    lst: Float32
    """(y, x) K, NaN = missing."""
    guides: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """Name in `variables.BY_NAME` → (y, x) in its unit; NaN = missing, of `land_cover` 255."""
    time: np.datetime64 | None = None
    """UTC, where it is known."""
    day: bool = True
    platform: Platform | None = None
    """Where the sensor is MODIS."""
    name: str = ""
    """Tells it from others of its place; empty where there is one."""


@dataclass(frozen=True)
class Place:
    """What a set holds, and how it is read."""

    folder: str
    fields: Callable[[Path], Iterator[Field]]
    scales: tuple[int, ...]
    """Cells of `Field` along a cell of the truth: first the one next to 250 m (of MODIS: 1 km), then others."""
    climate: str
    sensor: str
    metres: int
    """What the sensor resolves, about; the cells may be finer."""
    guides: tuple[str, ...] = ()
    dated: bool = True
    """Whether the time is known."""


@lru_cache(maxsize=2)
def fields(name: str, data: Path | str) -> tuple[Field, ...]:
    """All images of a place; the last two places stay in memory.

    Args:
        name: A key of `PLACES`.
        data: Folder that holds the sets `aster-zhangye/`, `ecostress-imperial/`, and so on.

    Raises:
        ArgumentError: when there is no such place.
        GranuleError: when a file is missing or not what it should be.
    """
    if name not in PLACES:
        raise ArgumentError(f"{name!r} is not a place of the world sets", todo=f"Choose from {', '.join(PLACES)}.")
    place = PLACES[name]
    return tuple(place.fields(Path(data) / place.folder))


def _zhangye(folder: Path) -> Iterator[Field]:
    lst = open_raster(folder / "lst_cols0-654.tif", name="lst", unit="K")
    ndvi = open_raster(folder / "ndvi_cols0-654.tif", name="ndvi")
    yield Field(geobox_of(lst), lst.values, {"ndvi": ndvi.values})


def _imperial(folder: Path) -> Iterator[Field]:
    stem = "ECOv002_L2T_LSTE_21485_013_11SPS_20220420T211350_0601_01_LST"
    lst = open_raster(folder / f"{stem}_rows0-1029.tif", name="lst", nodata=0, scale=0.02, unit="K")
    # Two points of the colour scale: counts of 250 are an NDVI of 0.915, counts of 0 one of -0.155.
    path = folder / "greenness_approx_DERIVED_rows0-1029.tif"
    ndvi = open_raster(path, name="ndvi", scale=1.07 / 250, offset=-0.155)
    yield Field(geobox_of(lst), lst.values, {"ndvi": ndvi.values}, np.datetime64("2022-04-20T21:13:50"))


def _new_york(folder: Path) -> Iterator[Field]:
    path = folder / "ECO2LSTE.001_SDS_LST_doy2019278182133_cols378-1131.tif"
    lst = open_raster(path, name="lst", nodata=0, scale=0.02, unit="K")
    mask = open_raster(folder / "ECO2CLD.001_SDS_CloudMask_doy2019278182133_cols378-1131.tif", name="mask")
    land = np.where(mask.values == 1, lst.values, np.float32(np.nan))  # 1: determined, no cloud, no water
    yield Field(geobox_of(lst), land, time=np.datetime64("2019-10-05T18:21:33"))


_ETM: Mapping[str, tuple[int, float, float, float]] = {
    "blue": (1, 1.181, -7.38071, 1997),
    "green": (2, 1.210, -7.60984, 1812),
    "red": (3, 0.943, -5.94252, 1533),
    "nir": (4, 0.969, -6.06929, 1039),
    "swir1": (5, 0.191, -1.19122, 230.8),
    "swir2": (7, 0.066, -0.41650, 84.90),
}
"""Landsat 7 ETM+, low gain: band, radiance of a count and of none, and the sun's (W m-2 sr-1 um-1, W m-2 um-1).

Sources: the image's MTL file; Chander et al. 2009, Remote Sensing of Environment 113.
"""
_TALCA_SUN = np.sin(np.radians(48.98186208)) / 0.98786**2
"""Sine of the sun's elevation over the square of its distance (au), 2013-02-15."""


def _talca(folder: Path) -> Iterator[Field]:
    path = folder / "L7_Talca_dn_cols0-329.tif"
    counts = {band: open_raster(path, name="counts", band=band, nodata=0) for band in (1, 2, 3, 4, 5, 6, 7)}
    # Band 6 in low gain: radiance, then Planck's law with the sensor's constants.
    lst = np.asarray(1282.71 / np.log(666.09 / (0.067 * counts[6].values - 0.06709) + 1), np.float32)
    red, nir = counts[3].values, counts[4].values
    guides = {"ndvi": np.asarray((nir - red) / (nir + red), np.float32)}
    for name, (band, gain, offset, sun) in _ETM.items():
        reflectance = np.pi * (gain * counts[band].values + offset) / (sun * _TALCA_SUN)
        guides[name] = np.asarray(reflectance, np.float32)
    guides["elevation"] = open_raster(folder / "DEM_Talca_cols0-329.tif", name="elevation", nodata=-32768).values
    yield Field(geobox_of(counts[6]), lst, guides, np.datetime64("2013-02-15T14:30:40"))


def _los_angeles(folder: Path) -> Iterator[Field]:
    lst = open_raster(folder / "lst_rows250-717.tif", name="lst", unit="degC")
    ndvi = open_raster(folder / "ndvi_rows250-717.tif", name="ndvi").values
    yield Field(geobox_of(lst), np.where(ndvi < 0, np.float32(np.nan), lst.values), {"ndvi": ndvi})


def _in_degrees(pattern: str) -> Callable[[Path], Iterator[Field]]:
    """Undated images (degrees Celsius, longitude and latitude) of one place, named after their files."""

    def read(folder: Path) -> Iterator[Field]:
        for path in find_files(folder, pattern):
            lst = open_raster(path, name="lst", unit="degC")
            box = suggest_grid(lst, kind="utm")
            yield Field(box, to_grid(lst, box, "nearest").values, name=path.stem.removesuffix("_30m_DERIVED"))

    return read


_MUENSTER_CLASSES: Mapping[int, int] = {1: 13, 2: 17, 3: 4, 4: 12}
"""The author's classes in IGBP's: the warmest on a summer day are urban, the rare cool ones water, then forest."""


def _muenster(folder: Path) -> Iterator[Field]:
    paths = find_files(folder, "L*_ST_B10_dn.tif")
    first = geobox_of(open_raster(paths[0], name="lst", nodata=0, scale=0.00341802, offset=149.0, unit="K"))
    cover = open_raster(folder / "Klassifikation.tif", name="cover")
    classes = _classes(to_grid(cover, first, "mode").values, _MUENSTER_CLASSES)
    for path in paths:
        lst = open_raster(path, name="lst", nodata=0, scale=0.00341802, offset=149.0, unit="K")
        values = np.where(lst.values < np.nanquantile(lst.values, 0.005), np.float32(np.nan), lst.values)
        date = path.name.split("_")[3]
        time = read_time(f"{date}T1030")
        yield Field(geobox_of(lst), values, {"land_cover": classes}, time, name=date)


_CDL_CLASSES: Mapping[int, int] = {
    **dict.fromkeys(range(1, 62), 12),
    **dict.fromkeys(range(66, 78), 12),
    **dict.fromkeys(range(204, 255), 12),
    **dict.fromkeys((111, 83), 17),
    **dict.fromkeys(range(121, 125), 13),
    **dict.fromkeys((131, 65), 16),
    **{141: 4, 142: 1, 143: 5, 152: 7, 176: 10, 190: 11, 195: 11},
}
"""Classes of the USDA Cropland Data Layer in IGBP's; any other is missing."""


def _sevilleta(folder: Path) -> Iterator[Field]:
    cover = open_raster(folder / "CDL_2020.tif", name="cover")
    for path in find_files(folder, "ECO2LSTE.001_SDS_LST_doy*.tif"):
        stamp = path.stem.split("doy")[1][:13]
        midnight = np.datetime64(f"{stamp[:4]}-01-01") + np.timedelta64(int(stamp[4:7]) - 1, "D")
        time = np.datetime64(f"{midnight}T{stamp[7:9]}:{stamp[9:11]}:{stamp[11:13]}")
        lst = open_raster(path, name="lst", nodata=0, scale=0.02, unit="K")
        # Half of a cell: the nearest then moves a value by at most a quarter of its cell.
        box = refine(suggest_grid(lst, kind="utm"), 2)
        guides = {"land_cover": _classes(to_grid(cover, box, "nearest").values, _CDL_CLASSES)}
        local = (time - np.timedelta64(7, "h")).astype("datetime64[h]").astype(int) % 24
        yield Field(box, to_grid(lst, box, "nearest").values, guides, time, 6 <= local < 18, name=stamp)


_UMD_CLASSES: Mapping[int, int] = {0: 17, 15: 16, **{k: k for k in range(1, 15)}}
"""MCD12Q1's UMD classes in IGBP's, which they follow but for water and bare ground."""


def _maharashtra(folder: Path) -> Iterator[Field]:
    names = ("lst", "elevation", "landcover", "dates", "platform", "x0", "y0", "cell")
    arrays = load_arrays(folder / "lst_1km_train.npz", *names)
    height, width = arrays["elevation"].shape
    cell = float(arrays["cell"])
    box = GeoBox((height, width), Affine(cell, 0, float(arrays["x0"]), 0, -cell, float(arrays["y0"])), SINUSOIDAL)
    elevation = np.where(arrays["elevation"] == -32768, np.float32(np.nan), arrays["elevation"]).astype(np.float32)
    guides: dict[str, NDArray[Any]] = {
        "elevation": elevation,
        "land_cover": _classes(arrays["landcover"], _UMD_CLASSES),
    }
    platforms: tuple[Platform, ...] = ("terra", "aqua")
    for date, images in zip(arrays["dates"], arrays["lst"], strict=True):
        for platform, counts in zip(platforms, images, strict=True):
            if counts.any():
                time = overpass_time(np.datetime64(date), 73.35, platform=platform)
                yield Field(box, kelvin(counts, 0.02), guides, time, platform=platform, name=str(date))


def _heihe(folder: Path) -> Iterator[Field]:
    lst = open_raster(folder / "MOD11A1_2013001.LST_Day_1km.tif", name="lst", nodata=0, scale=0.02, unit="K")
    qc = open_raster(folder / "MOD11A1_2013001.QC_Day.tif", name="qc")
    kept = lst.where(Screening().keep_lst(qc.values.astype(np.uint8)))
    ndvi = open_raster(folder / "MOD13A2_2013001.1_km_16_days_NDVI.tif", name="ndvi", nodata=-3000, scale=1e-4)
    box = suggest_grid(lst, kind="modis")
    guides = {"ndvi": to_grid(ndvi, box, "nearest").values}
    time = overpass_time(np.datetime64("2013-01-01"), 99.5)
    yield Field(box, to_grid(kept, box, "nearest").values, guides, time, platform="terra")


def _texas(folder: Path) -> Iterator[Field]:
    arrays = load_arrays(folder / "modis_lst_20160804_degC.npz", "lst_c", "lon", "lat")
    lon, lat = arrays["lon"], arrays["lat"]
    step = (float(lon[-1] - lon[0]) / (len(lon) - 1), float(lat[-1] - lat[0]) / (len(lat) - 1))
    affine = Affine(step[0], 0, lon[0] - step[0] / 2, 0, step[1], lat[0] - step[1] / 2)
    place = GeoBox(arrays["lst_c"].shape, affine, "EPSG:4326")
    lst = xr.DataArray(arrays["lst_c"] + np.float32(273.15), dims=("y", "x"), coords=coordinates(place), name="lst")
    box = suggest_grid(lst, kind="modis")
    time = overpass_time(np.datetime64("2016-08-04"), float(lon.mean()))
    yield Field(box, to_grid(lst, box, "nearest").values, time=time, platform="terra")


def _classes(values: NDArray[Any], meaning: Mapping[int, int]) -> NDArray[np.uint8]:
    """Classes of a legend as IGBP classes; 255 where there is none."""
    table = np.full(257, NO_CLASS, np.uint8)
    table[list(meaning)] = list(meaning.values())
    known = np.isfinite(values) & (values >= 0) & (values < 256)
    return table[np.where(known, values, 256).astype(np.int64)]


PLACES: Mapping[str, Place] = {
    "zhangye": Place(
        "aster-zhangye", _zhangye, (8, 4), "irrigated oasis in cold desert", "ASTER", 90, ("ndvi",), dated=False
    ),
    "imperial": Place(
        "ecostress-imperial", _imperial, (4, 2, 8), "hot desert and irrigated fields", "ECOSTRESS", 70, ("ndvi",)
    ),
    "los-angeles": Place(
        "landsat-losangeles", _los_angeles, (2, 1), "semi-arid metropolis", "Landsat", 100, ("ndvi",), dated=False
    ),
    "talca": Place(
        # The thermal cells are 60 m, repeated to 30: hence 300 and 120 m.
        "landsat7-talca",
        _talca,
        (10, 4),
        "Mediterranean farmland",
        "Landsat",
        60,
        ("ndvi", *_ETM, "elevation"),
    ),
    "new-york": Place("ecostress-newyork", _new_york, (4, 2, 8), "humid coast and metropolis", "ECOSTRESS", 70),
    "macas": Place("landsat-macas", _in_degrees("LST_*.tif"), (8, 4), "wet tropics", "Landsat", 100, dated=False),
    "kano": Place("landsat-kano", _in_degrees("*_30m_*.tif"), (8, 4), "savanna city", "Landsat", 100, dated=False),
    "granada": Place("landsat-granada", _in_degrees("*.tif"), (8, 4), "semi-arid vega", "Landsat", 100, dated=False),
    "muenster": Place(
        "landsat-muenster", _muenster, (8, 4), "temperate farmland and city", "Landsat", 100, ("land_cover",)
    ),
    "sevilleta": Place("ecostress-sevilleta", _sevilleta, (8, 4), "semi-arid steppe", "ECOSTRESS", 70, ("land_cover",)),
    "maharashtra": Place(
        "india-maharashtra-201205",
        _maharashtra,
        (1,),
        "monsoon farmland, dry season",
        "MODIS",
        927,
        ("elevation", "land_cover"),
    ),
    "heihe": Place("heihe-2013001", _heihe, (1,), "cold desert and mountains, winter", "MODIS", 927, ("ndvi",)),
    "texas": Place("heaton-20160804", _texas, (1,), "humid subtropical plains", "MODIS", 927),
}
"""Name of a place → what its set holds. The first four are those that have a name in earlier results."""
