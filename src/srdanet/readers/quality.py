"""Quality words: which bits mean what, as tables, and what to keep.

Sources: MODIS Land-Surface Temperature products user
guide, collection 6 (Wan 2013), table 13; `QA_Legend` in granules of MYD21A1D 6.1, and the file specification of
VNP21A1D (LAADS); MODIS surface reflectance user guide
1.4 (Vermote, Roger, Ray 2015), tables 10, 13, 16, the same as in the `QA index`
attribute of the files; MCD43 user guide, collection 6.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srdanet.arrays import Mask, in_strips
from srdanet.errors import ArgumentError


@dataclass(frozen=True)
class BitField:
    """One field of a quality word: bits `first` to `last`, counted from the least significant, 0."""

    name: str
    first: int
    last: int
    meanings: tuple[str, ...]
    """What each value of the field means; as many as the field has values."""

    def __post_init__(self) -> None:
        if len(self.meanings) != 2 ** (self.last - self.first + 1):
            what = f"Field {self.name} has {len(self.meanings)} meanings, which is not one for each of its values."
            raise ArgumentError(what)

    @property
    def mask(self) -> int:
        """The largest value of the field."""
        return len(self.meanings) - 1

    def of(self, words: NDArray[np.integer]) -> NDArray[np.uint8]:
        """The field's value in every word."""
        return ((words >> words.dtype.type(self.first)) & words.dtype.type(self.mask)).astype(np.uint8)


Table = tuple[BitField, ...]
_NO_YES = ("no", "yes")
_PRODUCED = ("ideal", "less_than_ideal", "not_produced_cloud", "not_produced_other")
_BAND = (
    "highest",
    *("unused",) * 6,
    "noisy_detector",
    "dead_detector_interpolated",
    "solar_zenith_86_or_more",
    "solar_zenith_85_to_86",
    "missing_input",
    "climatology_replaced_by_constant",
    "out_of_bounds_constrained",
    "l1b_faulty",
    "not_processed_ocean_or_cloud",
)

QC_LST: Table = (
    BitField("mandatory", 0, 1, ("good", "examine", "not_produced_cloud", "not_produced_other")),
    BitField("data_quality", 2, 3, ("good", "other", "unused", "unused")),
    BitField("emissivity_error", 4, 5, ("0.01_or_less", "0.02_or_less", "0.04_or_less", "above_0.04")),
    BitField("lst_error", 6, 7, ("1_K_or_less", "2_K_or_less", "3_K_or_less", "above_3_K")),
)
"""`QC_Day` and `QC_Night` of MOD11 (8 bits)."""

QC_LST21: Table = (
    BitField("mandatory", 0, 1, ("good", "examine", "not_produced_cloud", "not_produced_other")),
    BitField("data_quality", 2, 3, ("good", "missing", "fairly_calibrated", "poorly_calibrated")),
    BitField("cloud", 4, 5, ("clear", "thin_cirrus", "within_2_cells_of_cloud", "cloudy")),
    BitField("iterations", 6, 7, ("7_or_more", "6", "5", "below_5")),
    BitField("opacity", 8, 9, ("0.3_or_more", "0.2_to_0.3", "0.1_to_0.2", "below_0.1")),
    BitField("emissivity_contrast", 10, 11, ("above_0.15", "0.1_to_0.15", "0.03_to_0.1", "below_0.03")),
    BitField("emissivity_error", 12, 13, ("above_0.02", "0.02_or_less", "0.015_or_less", "0.01_or_less")),
    BitField("lst_error", 14, 15, ("above_2_K", "2_K_or_less", "1.5_K_or_less", "1_K_or_less")),
)
"""`QC` of MOD21A1 and of VIIRS' VNP21A1 and VJ121A1 (16 bits)."""

_BOUNDS = {"1_K_or_less": 1.0, "1.5_K_or_less": 1.5, "2_K_or_less": 2.0, "3_K_or_less": 3.0}
"""Upper bound (K) of the classes of LST error; the others have none."""

_WATER = (
    "shallow_ocean",
    "land",
    "coast_or_shore",
    "shallow_inland",
    "ephemeral",
    "deep_inland",
    "continental_ocean",
    "deep_ocean",
)
STATE_1KM: Table = (
    BitField("cloud", 0, 1, ("clear", "cloudy", "mixed", "not_set_assumed_clear")),
    BitField("shadow", 2, 2, _NO_YES),
    BitField("land_water", 3, 5, _WATER),
    BitField("aerosol", 6, 7, ("climatology", "low", "average", "high")),
    BitField("cirrus", 8, 9, ("none", "small", "average", "high")),
    BitField("internal_cloud", 10, 10, _NO_YES),
    BitField("internal_fire", 11, 11, _NO_YES),
    BitField("snow_ice", 12, 12, _NO_YES),
    BitField("adjacent", 13, 13, _NO_YES),
    # Bit 14 means "BRDF correction performed" in older collections and "salt pan" in newer ones.
    BitField("salt_pan_or_brdf", 14, 14, _NO_YES),
    BitField("internal_snow", 15, 15, _NO_YES),
)
"""`state_1km_1` of MOD09GA and `sur_refl_state_500m` of MOD09A1 (16 bits)."""

QC_500M: Table = (
    BitField("produced", 0, 1, _PRODUCED),
    *(BitField(f"band_{band}", 4 * band - 2, 4 * band + 1, _BAND) for band in range(1, 8)),
    BitField("atmospheric_correction", 30, 30, _NO_YES),
    BitField("adjacency_correction", 31, 31, _NO_YES),
)
"""`QC_500m_1` of MOD09GA and `sur_refl_qc_500m` of MOD09A1 (32 bits)."""

QC_250M: Table = (
    BitField("produced", 0, 1, _PRODUCED),
    BitField("spare", 2, 3, ("spare",) * 4),
    BitField("band_1", 4, 7, _BAND),
    BitField("band_2", 8, 11, _BAND),
    BitField("atmospheric_correction", 12, 12, _NO_YES),
    BitField("adjacency_correction", 13, 13, _NO_YES),
    BitField("spare_high", 14, 15, ("spare",) * 4),
)
"""`QC_250m_1` of MOD09GQ (16 bits)."""

ALBEDO_QUALITY: Table = (
    BitField("magnitude", 0, 0, ("full_inversion", "magnitude_inversion")),
    BitField("spare", 1, 7, ("spare",) * 128),
)
"""`BRDF_Albedo_Band_Mandatory_Quality_*` of MCD43A3 (8 bits; 255 = no albedo)."""

USABLE_BAND = (0, 8, 12)
"""Band qualities kept by default: highest, dead detector interpolated, climatology replaced by a constant."""
STATE_FILL = 65535
"""The word of `STATE_1KM` that means missing; its bits alone would read as clear."""


def decode(table: Table, words: ArrayLike) -> dict[str, NDArray[np.uint8]]:
    """Split quality words into their fields.

    Args:
        table: One of the tables of this module.
        words: Integers of any shape, of the width the table describes.

    Returns:
        Field name to values, each uint8 of the shape of `words`.

    Raises:
        ArgumentError: when the words are no integers or too narrow for the table.
    """
    array = _words(words, bits=table[-1].last + 1)
    return {field.name: field.of(array) for field in table}


def cf_attributes(table: Table, dtype: str | np.dtype[np.generic]) -> dict[str, object]:
    """CF attributes (`flag_masks`, `flag_values`, `flag_meanings`) that describe the words of a table.

    Spare fields are left out, since a reader can do nothing with them.
    """
    kind = np.dtype(dtype).type
    rows = [
        (field.mask << field.first, value << field.first, f"{field.name}:{meaning}")
        for field in table
        for value, meaning in enumerate(field.meanings)
        if meaning not in ("unused", "spare")
    ]
    masks, values, meanings = zip(*rows, strict=True)
    arrays = {"flag_masks": np.array(masks, dtype=kind), "flag_values": np.array(values, dtype=kind)}
    return {**arrays, "flag_meanings": " ".join(meanings)}


def lst_error(qc: ArrayLike, table: Table = QC_LST) -> NDArray[np.float32]:
    """Upper bound of the LST error (K) of each quality word: 1, 1.5, 2, 3 or inf; NaN where none was produced.

    Args:
        qc: Words of `QC_Day` or `QC_Night` or, with `table=QC_LST21`, of `QC` (uint16).
        table: `QC_LST` or `QC_LST21`.
    """
    fields = decode(table, qc)
    meanings = next(field.meanings for field in table if field.name == "lst_error")
    bounds = np.array([_BOUNDS.get(meaning, np.inf) for meaning in meanings], dtype=np.float32)[fields["lst_error"]]
    return np.where(fields["mandatory"] < 2, bounds, np.float32(np.nan)).astype(np.float32)


@dataclass(frozen=True)
class Screening:
    """What to keep: thresholds for all quality layers, with their defaults.

    Raises:
        ArgumentError: when `lst_error_max` is below 1 K (nothing would be left) or NaN.
    """

    lst_error_max: float = 2.0
    """Largest LST error (K) to keep: 1, 2, 3, or inf for all that was produced."""
    cloud: bool = True
    """Drop cloudy and partly cloudy reflectance, and LST whose own words call it cloudy (MOD21, VIIRS)."""
    adjacent: bool = True
    """Drop reflectance next to a cloud."""
    shadow: bool = True
    """Drop reflectance in the shadow of a cloud."""
    internal_cloud: bool = True
    """Drop reflectance that its algorithm's own cloud test flags."""
    cirrus: bool = False
    """Drop reflectance under average or high cirrus."""
    snow: bool = False
    """Drop reflectance of snow and ice."""
    aerosol: bool = False
    """Drop reflectance under high aerosol."""
    band_quality: tuple[int, ...] = USABLE_BAND
    """Four-bit band qualities of reflectance to keep."""
    albedo_magnitude: bool = True
    """Keep albedo from magnitude inversions, not only from full ones."""

    def __post_init__(self) -> None:
        if math.isnan(self.lst_error_max) or self.lst_error_max < 1:
            todo = "The product's error classes are 1, 2 and 3 K. Write inf to keep all."
            raise ArgumentError(f"lst_error_max {self.lst_error_max} K leaves no cell.", todo=todo)
        if not set(self.band_quality) <= set(range(16)):
            raise ArgumentError(f"band_quality {self.band_quality} is not within 0 to 15.")

    def keep_lst(self, qc: ArrayLike, table: Table = QC_LST) -> Mask:
        """Where LST was produced, its error is small enough, and its words do not call it cloudy; as `lst_error`."""
        keep: Mask = lst_error(qc, table) <= np.float32(self.lst_error_max)
        if self.cloud and any(field.name == "cloud" for field in table):
            keep &= decode(table, qc)["cloud"] != 3
        return keep

    def keep_reflectance(self, state: ArrayLike) -> Mask:
        """Where the surface was seen, by the uint16 words of `state_1km_1`; missing words are never kept."""
        words = _words(state, bits=16)
        fields = decode(STATE_1KM, words)
        keep: Mask = words != STATE_FILL
        for dropped, seen in (
            (self.cloud, (fields["cloud"] != 1) & (fields["cloud"] != 2)),
            (self.adjacent, fields["adjacent"] == 0),
            (self.shadow, fields["shadow"] == 0),
            (self.internal_cloud, fields["internal_cloud"] == 0),
            (self.cirrus, fields["cirrus"] < 2),
            (self.snow, (fields["snow_ice"] == 0) & (fields["internal_snow"] == 0)),
            (self.aerosol, fields["aerosol"] != 3),
        ):
            if dropped:
                keep &= seen
        return keep

    def keep_band(self, qc: ArrayLike, band: int, table: Table = QC_500M) -> Mask:
        """Where a band's reflectance was produced with one of the qualities to keep.

        Args:
            qc: Words of `QC_500m_1` (uint32) or, with `table=QC_250M`, of `QC_250m_1` (uint16).
            band: MODIS band, 1 to 7 (1 or 2 at 250 m).
            table: `QC_500M` or `QC_250M`.

        Raises:
            ArgumentError: when the table has no such band, or the words do not fit it.
        """
        fields = {field.name: field for field in table}
        if f"band_{band}" not in fields:
            names = ", ".join(name for name in fields if name.startswith("band_"))
            raise ArgumentError(f"Band {band} has no quality in this table.", todo=f"Ask for one of {names}.")
        words = _words(qc, bits=table[-1].last + 1)
        good = np.isin(np.arange(16), self.band_quality)
        quality, produced = fields[f"band_{band}"], fields["produced"]
        return in_strips(lambda part: good[quality.of(part)] & (produced.of(part) < 2), words, dtype=np.bool_)

    def keep_albedo(self, quality: ArrayLike) -> Mask:
        """Where an albedo comes from a full inversion or, if those are kept, a magnitude inversion."""
        keep: Mask = _words(quality, bits=8) <= (1 if self.albedo_magnitude else 0)
        return keep


def _words(words: ArrayLike, bits: int) -> NDArray[np.integer]:
    """Words as unsigned integers; floats are refused, since NaN has no bits."""
    array = np.asarray(words)
    if array.dtype.kind not in "iu":
        raise ArgumentError(f"Quality words are integers, not {array.dtype}.", todo="Open the layer as counts.")
    if array.dtype.itemsize * 8 < bits:
        raise ArgumentError(f"Words of {array.dtype} are too narrow for a table of {bits} bits.")
    return array.view(f"u{array.dtype.itemsize}") if array.dtype.kind == "i" else array
