"""What the providers deliver: products and layers as frozen rows.

A row says everything needed to read a layer and to write one: where it stands in
the file, how it is packed, what is missing, what is valid. Scale is always a
multiplication, `physical = count * scale + offset`, whatever the file's
`scale_factor` means by its own convention. Sources: the user guides of the
products, collections 6 and 6.1, checked against real granules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from srdanet.errors import ProductError
from srdanet.grid import Level
from srdanet.readers import quality
from srdanet.variables import BANDS, Platform

COLLECTIONS = ("006", "061")
"""Collections of MODIS that the tables describe; the later one is to be preferred."""
VIIRS_COLLECTIONS = ("001", "002")
"""The same of VIIRS."""
PLATFORMS: dict[str, Platform] = {"MOD": "terra", "MYD": "aqua", "VNP": "npp", "VJ1": "noaa20"}
"""Platforms by the beginning of a product's name; MCD is of two."""


@dataclass(frozen=True)
class Layer:
    """One layer of a product."""

    name: str
    """Our name, the same in all products."""
    sds: str
    """Name of the scientific data set in the file, cut where the file cuts it."""
    grid: str
    """Name of the HDF-EOS grid that holds it."""
    level: Level
    kind: Literal["quantity", "bits", "classes"]
    """Quantities become float32 with NaN; bit fields and classes stay integers."""
    dtype: str
    """numpy name of the stored type."""
    unit: str = "1"
    """UDUNITS string of the physical quantity."""
    scale: float = 1.0
    offset: float = 0.0
    fill: int | None = None
    """The count that means "missing"; None where every word is a value."""
    valid: tuple[int, int] = (0, 0)
    """Lowest and highest valid count, as the file's `valid_range` says."""
    long_name: str = ""
    written_scale: float | None = None
    """`scale_factor` as the provider writes it, where it is not `scale` (MOD09, MOD13: 10000, to divide by)."""
    written_unit: str = ""
    """`units` as the provider writes it; empty where it is `unit`."""
    other_valid: tuple[tuple[int, int], ...] = ()
    """Other spellings of `valid_range` in real files."""
    bits: quality.Table = ()
    """The fields of a bit field."""
    any_valid: bool = False
    """Whether the `valid_range` that the file states is taken, whatever it is: no real file was at hand."""

    @property
    def scale_spellings(self) -> tuple[float, ...]:
        """Values of `scale_factor` in real files that all mean `scale`; the provider's own comes first."""
        return (self.scale,) if self.written_scale is None else (self.written_scale, self.scale)


@dataclass(frozen=True)
class Product:
    """One product: its short name and its layers."""

    short_name: str
    title: str
    layers: tuple[Layer, ...]
    days: int = 1
    """Days a granule stands for."""
    collections: tuple[str, ...] = COLLECTIONS
    part: Literal["day", "night", ""] = ""
    """What a granule holds of a day, where it is not all."""
    solar_hours: bool = True
    """Whether view times are known to be local solar hours; else the granule must tell."""

    @property
    def platform(self) -> Platform | None:
        """Whose product it is; None for one of two platforms."""
        return PLATFORMS.get(self.short_name[:3])

    def layer(self, name: str) -> Layer:
        """The layer of that name.

        Raises:
            ProductError: when the product has no such layer.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise ProductError(f"There is no layer {name!r}.", where=self.short_name, todo=f"Its layers: {names}.")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all layers."""
        return tuple(layer.name for layer in self.layers)


def _lst(grid: str, level: Level, size: str, *, view_scale: float = 0.1) -> tuple[Layer, ...]:
    """MOD11: temperature, quality, view time and angle by day and night, two emissivities."""
    rows: list[Layer] = []
    last = round(24 / view_scale)
    for when, sds, word in (("day", "Day", "daytime"), ("night", "Night", "nighttime")):
        said = f"{word} land surface temperature"
        rows += [
            Layer(f"lst_{when}", f"LST_{sds}_{size}", grid, level, "quantity", "uint16", "K", 0.02, 0.0, 0,
                  (7500, 65535), said),
            Layer(f"qc_{when}", f"QC_{sds}", grid, level, "bits", "uint8", valid=(0, 255),
                  long_name=f"quality of {said} and emissivity", bits=quality.QC_LST),
            Layer(f"view_time_{when}", f"{sds}_view_time", grid, level, "quantity", "uint8", "h", view_scale, 0.0, 255,
                  (0, last), f"local solar time of {said}", written_unit="hrs"),
            Layer(f"view_angle_{when}", f"{sds}_view_angl", grid, level, "quantity", "uint8", "degree", 1.0, -65.0,
                  255, (0, 130), f"view zenith angle of {said}", written_unit="deg"),
        ]  # fmt: skip
    for band in (31, 32):
        rows.append(Layer(f"emissivity_{band}", f"Emis_{band}", grid, level, "quantity", "uint8", "1", 0.002, 0.49, 0,
                          (1, 255), f"emissivity in band {band}"))  # fmt: skip
    return tuple(rows)


def _lst21(grid: str, part: Literal["day", "night"], bands: tuple[int, ...]) -> tuple[Layer, ...]:
    """MOD21A1 and VIIRS' successors: one half of a day, with 16 bits of quality.

    Layers, packing and bits: `QA_Legend` and attributes of MYD21A1D 6.1; LAADS file specification of VNP21A1D.
    """
    said = f"{part}time land surface temperature"
    level = Level.KM1
    rows = [
        Layer(f"lst_{part}", "LST_1KM", grid, level, "quantity", "uint16", "K", 0.02, 0.0, 0, (7500, 65535), said),
        Layer(f"qc_{part}", "QC", grid, level, "bits", "uint16", valid=(0, 65535),
              long_name=f"quality of {said} and emissivity", bits=quality.QC_LST21, written_unit="n/a"),
        Layer(f"view_time_{part}", "View_Time", grid, level, "quantity", "uint8", "h", 0.1, 0.0, 255, (0, 240),
              f"time of {said}", written_unit="hrs", any_valid=True),
        Layer(f"view_angle_{part}", "View_Angle", grid, level, "quantity", "uint8", "degree", 1.0, -65.0, 255,
              (0, 130), f"view zenith angle of {said}", written_unit="deg", any_valid=True),
    ]  # fmt: skip
    rows += [
        Layer(f"emissivity_{band}", f"Emis_{band}", grid, level, "quantity", "uint8", "1", 0.002, 0.49, 0, (1, 255),
              f"emissivity in band {band}", written_unit="n/a", any_valid=True)
        for band in bands
    ]  # fmt: skip
    return tuple(rows)


def _reflectance(grid: str, level: Level, sds: str, bands: int) -> tuple[Layer, ...]:
    """MOD09: surface reflectance of the first `bands` bands."""
    return tuple(
        Layer(name, sds.format(band), grid, level, "quantity", "int16", "1", 1e-4, 0.0, -28672, (-100, 16000),
              f"surface reflectance, band {band}", 10000.0, "reflectance")
        for band, name in enumerate(BANDS[:bands], 1)
    )  # fmt: skip


def _bits(name: str, sds: str, grid: str, level: Level, dtype: str, fill: int, valid: tuple[int, int], long_name: str,
          bits: quality.Table = (), written_unit: str = "bit field") -> Layer:  # fmt: skip
    return Layer(name, sds, grid, level, "bits", dtype, fill=fill, valid=valid, long_name=long_name, bits=bits,
                 written_unit=written_unit)  # fmt: skip


def _vegetation(grid: str, level: Level, size: str) -> tuple[Layer, ...]:
    """MOD13: 16-day vegetation indices and the reflectances of the chosen days."""
    head = f"{size} 16 days "
    rows = [
        Layer(name, f"{head}{sds}", grid, level, "quantity", "int16", "1", 1e-4, 0.0, -3000, (-2000, 10000), said,
              10000.0, sds)
        for name, sds, said in (
            ("ndvi", "NDVI", "normalised difference vegetation index"),
            ("evi", "EVI", "enhanced vegetation index"),
        )
    ]  # fmt: skip
    rows.append(_bits("vi_quality", f"{head}VI Quality", grid, level, "uint16", 65535, (0, 65534),
                      "quality of the vegetation indices"))  # fmt: skip
    rows += [
        Layer(name, f"{head}{sds} reflectance", grid, level, "quantity", "int16", "1", 1e-4, 0.0, -1000, (0, 10000),
              f"surface reflectance, {sds}", 10000.0, "reflectance")
        for name, sds in (("red", "red"), ("nir", "NIR"), ("blue", "blue"), ("swir2", "MIR"))
    ]  # fmt: skip
    rows.append(Layer("vi_reliability", f"{head}pixel reliability", grid, level, "classes", "int8", fill=-1,
                      valid=(0, 3), long_name="rank of the cell: 0 good, 1 marginal, 2 snow or ice, 3 cloudy",
                      written_unit="rank", other_valid=((0, 4),)))  # fmt: skip
    return tuple(rows)


_LST = "MODIS_Grid_Daily_1km_LST"
_LST8, _LST21, _VIIRS21 = "MODIS_Grid_8Day_1km_LST", "MODIS_Grid_Daily_1km_LST21", "VIIRS_Grid_Daily_1km_LST21"
_GA_1KM, _GA_500M, _A1 = "MODIS_Grid_1km_2D", "MODIS_Grid_500m_2D", "MOD_Grid_500m_Surface_Reflectance"
_BRDF, _LAI = "MOD_Grid_BRDF", "MOD_Grid_MOD15A2H"
_STATE, _QC = "state of the reflectance data", "quality of the reflectance by band"


def _albedo(name: str, sds: str, said: str) -> Layer:
    return Layer(name, sds, _BRDF, Level.M500, "quantity", "int16", "1", 0.001, 0.0, 32767, (0, 32766), said,
                 written_unit="reflectance, no units", other_valid=((0, 32767),))  # fmt: skip


_PARTS: tuple[tuple[str, Literal["day", "night"]], ...] = (("D", "day"), ("N", "night"))
_ROWS: tuple[Product, ...] = (
    Product("MOD11A1", "Daily land surface temperature and emissivity, 1 km",
            _lst(_LST, Level.KM1, "1km") + tuple(
                Layer(f"clear_{when}", f"Clear_{when}_cov", _LST, Level.KM1, "quantity", "uint16", "1", 0.0005, 0.0, 0,
                      (1, 65535), f"share of the cell seen clear by {when}, summed over observations")
                for when in ("day", "night")
            )),
    Product("MOD11A2", "8-day land surface temperature and emissivity, 1 km",
            _lst(_LST8, Level.KM1, "1km") + tuple(
                Layer(f"clear_{when}", f"Clear_sky_{when}s", _LST8, Level.KM1, "bits", "uint8", fill=0, valid=(1, 255),
                      long_name=f"{when}s that were clear, a bit each", written_unit="none")
                for when in ("day", "night")
            ), 8),
    *(Product(f"MOD21A1{end}", f"Daily {part}time land surface temperature and emissivity (TES), 1 km",
              _lst21(_LST21, part, (29, 31, 32)), part=part, solar_hours=False) for end, part in _PARTS),
    *(Product(f"{viirs}21A1{end}", f"Daily {part}time land surface temperature and emissivity of VIIRS, 1 km",
              _lst21(_VIIRS21, part, (14, 15, 16)), collections=VIIRS_COLLECTIONS, part=part, solar_hours=False)
      for viirs in ("VNP", "VJ1") for end, part in _PARTS),
    Product("MOD11B1", "Daily land surface temperature and emissivity, 6 km",
            _lst("MODIS_Grid_Daily_6km_LST", Level.KM6, "6km", view_scale=0.2)),
    Product("MOD11B2", "8-day land surface temperature and emissivity, 6 km",
            # Its files state 0.1 h for view times that are stored in 0.2 h, as in MOD11B1: Terra passes at half past
            # ten, and the counts stand at 50 to 61 by day and 104 to 114 by night.
            tuple(replace(layer, scale=0.2, written_scale=0.1) if layer.name.startswith("view_time") else layer
                  for layer in _lst("MODIS_Grid_8Day_6km_LST", Level.KM6, "6km")), 8),
    Product("MOD09GA", "Daily surface reflectance, 500 m", (
        *_reflectance(_GA_500M, Level.M500, "sur_refl_b0{}_1", 7),
        _bits("qc_500m", "QC_500m_1", _GA_500M, Level.M500, "uint32", 787410671, (0, 4294966019), _QC,
              quality.QC_500M),
        _bits("state", "state_1km_1", _GA_1KM, Level.KM1, "uint16", quality.STATE_FILL, (0, 57335), _STATE,
              quality.STATE_1KM),
    )),
    Product("MOD09GQ", "Daily surface reflectance, 250 m", (
        *_reflectance("MODIS_Grid_2D", Level.M250, "sur_refl_b0{}_1", 2),
        _bits("qc_250m", "QC_250m_1", "MODIS_Grid_2D", Level.M250, "uint16", 2995, (0, 4096), _QC, quality.QC_250M),
    )),
    Product("MOD09A1", "8-day surface reflectance, 500 m", (
        *(replace(layer, written_scale=None) for layer in _reflectance(_A1, Level.M500, "sur_refl_b0{}", 7)),
        _bits("qc_500m", "sur_refl_qc_500m", _A1, Level.M500, "uint32", 4294967295, (0, 4294966531), _QC,
              quality.QC_500M),
        _bits("state", "sur_refl_state_500m", _A1, Level.M500, "uint16", quality.STATE_FILL, (0, 57343), _STATE,
              quality.STATE_1KM),
    ), 8),
    Product("MCD43A3", "Daily albedo from 16 days, 500 m", (
        _albedo("albedo_wsa", "Albedo_WSA_shortwave", "white-sky shortwave albedo"),
        _albedo("albedo_bsa", "Albedo_BSA_shortwave", "black-sky shortwave albedo at local solar noon"),
        _bits("albedo_quality", "BRDF_Albedo_Band_Mandatory_Quality_shortwave", _BRDF, Level.M500, "uint8", 255,
              (0, 254), "quality of the shortwave albedo", quality.ALBEDO_QUALITY, "concatenated flags"),
    )),
    Product("MCD12Q1", "Yearly land cover, 500 m", (
        Layer("land_cover", "LC_Type1", "MCD12Q1", Level.M500, "classes", "uint8", fill=255, valid=(1, 17),
              long_name="IGBP land cover class", written_unit="class number"),
    ), 366),
    Product("MOD13A2", "16-day vegetation indices, 1 km",
            _vegetation("MODIS_Grid_16DAY_1km_VI", Level.KM1, "1 km"), 16),
    Product("MOD13Q1", "16-day vegetation indices, 250 m",
            _vegetation("MODIS_Grid_16DAY_250m_500m_VI", Level.M250, "250m"), 16),
    Product("MCD15A2H", "8-day leaf area index and FPAR, 500 m", (
        Layer("fpar", "Fpar_500m", _LAI, Level.M500, "quantity", "uint8", "1", 0.01, 0.0, 255, (0, 100),
              "fraction of absorbed photosynthetically active radiation", written_unit="Percent"),
        Layer("lai", "Lai_500m", _LAI, Level.M500, "quantity", "uint8", "m2 m-2", 0.1, 0.0, 255, (0, 100),
              "leaf area index", written_unit="m^2/m^2"),
        _bits("lai_quality", "FparLai_QC", _LAI, Level.M500, "uint8", 255, (0, 254), "quality of FPAR and LAI", (),
              "class-flag"),
    ), 8),
)  # fmt: skip

PRODUCTS: dict[str, Product] = {
    row.short_name: row
    for product in _ROWS
    for row in (product, replace(product, short_name=product.short_name.replace("MOD", "MYD", 1)))
}
"""Every product this package reads, by short name; MOD is Terra, MYD Aqua, MCD both, VNP S-NPP, VJ1 NOAA-20."""


def product_of(short_name: str) -> Product:
    """The product of that short name.

    Raises:
        ProductError: when it is not in the table.
    """
    if short_name not in PRODUCTS:
        raise ProductError(f"Product {short_name!r} is not known.", todo=f"Choose one of {', '.join(PRODUCTS)}.")
    return PRODUCTS[short_name]
