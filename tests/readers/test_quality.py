from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter

from srdanet.errors import ArgumentError
from srdanet.readers import quality
from srdanet.readers.quality import (
    ALBEDO_QUALITY,
    QC_250M,
    QC_500M,
    QC_LST,
    QC_LST21,
    STATE_1KM,
    Screening,
    decode,
    lst_error,
)

# The second decoder: where the user guides print the fields, as text, most significant bit first.
LAYOUT = {
    "QC_LST": "lst_error:2 emissivity_error:2 data_quality:2 mandatory:2",
    "STATE_1KM": (
        "internal_snow:1 salt_pan_or_brdf:1 adjacent:1 snow_ice:1 internal_fire:1 internal_cloud:1 cirrus:2 aerosol:2 "
        "land_water:3 shadow:1 cloud:2"
    ),
    "QC_500M": (
        "adjacency_correction:1 atmospheric_correction:1 band_7:4 band_6:4 band_5:4 band_4:4 band_3:4 band_2:4 "
        "band_1:4 produced:2"
    ),
    "QC_250M": ("spare_high:2 adjacency_correction:1 atmospheric_correction:1 band_2:4 band_1:4 spare:2 produced:2"),
    "ALBEDO_QUALITY": "spare:7 magnitude:1",
    "QC_LST21": (
        "lst_error:2 emissivity_error:2 emissivity_contrast:2 opacity:2 iterations:2 cloud:2 data_quality:2 mandatory:2"
    ),
}
BITS = {"QC_LST": 8, "QC_LST21": 16, "STATE_1KM": 16, "QC_500M": 32, "QC_250M": 16, "ALBEDO_QUALITY": 8}


def slow(table: str, word: int) -> dict[str, int]:
    """Decode one word by cutting its string of bits."""
    text = format(word, f"0{BITS[table]}b")
    fields = {}
    for part in LAYOUT[table].split():
        name, _, width = part.partition(":")
        fields[name], text = int(text[: int(width)], 2), text[int(width) :]
    assert text == ""
    return fields


def same(table: str, words: np.ndarray) -> None:
    found = decode(getattr(quality, table), words)
    expected = [slow(table, int(word)) for word in words]
    assert set(found) == set(expected[0])
    for name, values in found.items():
        assert values.dtype == np.uint8
        assert np.array_equal(values, [fields[name] for fields in expected]), name


@pytest.mark.parametrize("table", ["QC_LST", "ALBEDO_QUALITY"])
def test_every_word_of_8_bits_decodes_as_its_string_of_bits(table: str) -> None:
    same(table, np.arange(2**8, dtype=np.uint8))


@pytest.mark.parametrize("table", ["STATE_1KM", "QC_250M", "QC_LST21"])
def test_every_word_of_16_bits_decodes_as_its_string_of_bits(table: str) -> None:
    same(table, np.arange(2**16, dtype=np.uint16))


def test_every_pattern_of_every_field_of_32_bits_decodes_whatever_the_others_hold() -> None:
    rng = np.random.default_rng(3)
    words = []
    for field in QC_500M:
        for value in range(len(field.meanings)):
            others = rng.integers(0, 2**32, 40, dtype=np.uint64) & ~np.uint64(field.mask << field.first)
            others[:2] = 0, ~np.uint64(field.mask << field.first) & np.uint64(0xFFFFFFFF)
            words.append(others | np.uint64(value << field.first))
    same("QC_500M", np.concatenate(words).astype(np.uint32))


@pytest.mark.parametrize("table", BITS)
def test_fields_cover_each_bit_once_and_every_value_has_a_meaning(table: str) -> None:
    bits = [bit for field in getattr(quality, table) for bit in range(field.first, field.last + 1)]
    assert bits == list(range(BITS[table]))


def test_signed_storage_decodes_the_same_bits() -> None:
    words = np.arange(2**16, dtype=np.uint16)
    signed = decode(STATE_1KM, words.view(np.int16))
    for name, values in decode(STATE_1KM, words).items():
        assert np.array_equal(values, signed[name])


def test_what_has_no_bits_is_refused() -> None:
    with pytest.raises(ArgumentError, match="integers"):
        decode(QC_LST, np.array([1.0, np.nan]))
    with pytest.raises(ArgumentError, match="narrow"):
        decode(STATE_1KM, np.zeros(3, np.uint8))


def test_lst_error_of_every_word() -> None:
    words = np.arange(256, dtype=np.uint8)
    bound = {"00": 1.0, "01": 2.0, "10": 3.0, "11": np.inf}
    for word, found in zip(words, lst_error(words), strict=True):
        text = format(word, "08b")
        produced = text[6:] in ("00", "01")
        assert np.array_equal(found, bound[text[:2]] if produced else np.nan, equal_nan=True)


@pytest.mark.parametrize(("limit", "kept"), [(1.0, 1), (2.0, 2), (2.9, 2), (3.0, 3), (np.inf, 4)])
def test_keep_lst_keeps_the_error_classes_up_to_the_limit_and_never_what_was_not_produced(
    limit: float, kept: int
) -> None:
    words = np.arange(256, dtype=np.uint8)
    keep = Screening(limit).keep_lst(words)
    assert np.array_equal(np.unique(words[keep] >> 6), np.arange(kept))
    assert set(words[keep] & 3) == {0, 1}
    assert keep.sum() == kept * 16 * 2


def test_lst_error_and_cloud_of_every_word_of_mod21() -> None:
    words = np.arange(2**16, dtype=np.uint16)
    bound = np.array([np.inf, 2.0, 1.5, 1.0])
    expected = np.where(words % 4 < 2, bound[words // 2**14], np.nan)
    assert np.array_equal(lst_error(words, QC_LST21), expected, equal_nan=True)
    cloudy = words // 16 % 4 == 3
    assert np.array_equal(Screening(1.5).keep_lst(words, QC_LST21), (expected <= 1.5) & ~cloudy)
    assert np.array_equal(Screening(1.5, cloud=False).keep_lst(words, QC_LST21), expected <= 1.5)


DROPS = {
    "cloud": lambda f: f["cloud"] in (1, 2),
    "adjacent": lambda f: f["adjacent"] == 1,
    "shadow": lambda f: f["shadow"] == 1,
    "internal_cloud": lambda f: f["internal_cloud"] == 1,
    "cirrus": lambda f: f["cirrus"] in (2, 3),
    "snow": lambda f: f["snow_ice"] == 1 or f["internal_snow"] == 1,
    "aerosol": lambda f: f["aerosol"] == 3,
}
STATES = [slow("STATE_1KM", word) for word in range(65535)]


@pytest.mark.parametrize("option", DROPS)
def test_each_option_of_keep_reflectance_drops_what_it_says_and_nothing_else(option: str) -> None:
    words = np.arange(65536, dtype=np.uint16)
    keep = Screening(**{name: name == option for name in DROPS}).keep_reflectance(words)
    assert np.array_equal(keep[:65535], [not DROPS[option](fields) for fields in STATES])
    assert not keep[65535], "the fill word would read as clear"


def test_the_default_screening_keeps_lst_up_to_2_kelvin_and_albedo_of_any_inversion() -> None:
    assert Screening().keep_lst(np.array([0, 64, 128, 192], np.uint8)).tolist() == [True, True, False, False]
    assert Screening().keep_albedo(np.array([0, 1], np.uint8)).all()
    assert Screening().keep_band(np.arange(16, dtype=np.uint32) << 2, 1).nonzero()[0].tolist() == [0, 8, 12]


def test_the_default_screening_drops_cloud_its_edge_and_its_shadow() -> None:
    words = np.arange(65536, dtype=np.uint16)
    default = ("cloud", "adjacent", "shadow", "internal_cloud")
    expected = [not any(DROPS[name](fields) for name in default) for fields in STATES]
    assert np.array_equal(Screening().keep_reflectance(words)[:65535], expected)


@pytest.mark.parametrize("band", range(1, 8))
def test_keep_band_looks_at_its_own_band_only(band: int) -> None:
    for other in range(1, 8):
        for value in range(16):
            word = np.array([value << (4 * other - 2)], np.uint32)
            assert Screening().keep_band(word, band)[0] == (other != band or value in (0, 8, 12))
    for produced in range(4):
        assert Screening().keep_band(np.array([produced], np.uint32), band)[0] == (produced < 2)


def test_fill_words_of_band_quality_are_dropped_by_their_own_bits() -> None:
    assert not any(
        Screening().keep_band(np.array([787410671, 4294967295], np.uint32), band).any() for band in range(1, 8)
    )
    assert not Screening().keep_band(np.array([2995, 65535, 14095], np.uint16), 1, QC_250M).any()
    assert Screening().keep_band(np.array([1 << 12], np.uint16), 2, QC_250M).all()


def test_a_band_without_quality_is_refused() -> None:
    with pytest.raises(ArgumentError, match="Band 3"):
        Screening().keep_band(np.zeros(2, np.uint16), 3, QC_250M)


def test_keep_albedo() -> None:
    words = np.arange(256, dtype=np.uint8)
    assert np.flatnonzero(Screening().keep_albedo(words)).tolist() == [0, 1]
    assert np.flatnonzero(Screening(albedo_magnitude=False).keep_albedo(words)).tolist() == [0]
    assert decode(ALBEDO_QUALITY, words)["magnitude"][1] == 1


def test_screening_thresholds_reach_the_decisions() -> None:
    strict = Screening(lst_error_max=1, band_quality=(0,), albedo_magnitude=False, snow=True, cloud=False)
    assert strict.keep_lst(np.array([0, 64], np.uint8)).tolist() == [True, False]
    assert strict.keep_band(np.array([0, 12 << 2], np.uint32), 1).tolist() == [True, False]
    assert strict.keep_albedo(np.array([0, 1], np.uint8)).tolist() == [True, False]
    assert strict.keep_reflectance(np.array([1, 1 << 12, 1 << 15], np.uint16)).tolist() == [True, False, False]


@pytest.mark.parametrize("wrong", [{"lst_error_max": 0.5}, {"lst_error_max": float("nan")}, {"band_quality": (16,)}])
def test_impossible_screening_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ArgumentError):
        Screening(**wrong)  # type: ignore[arg-type]


def test_screening_is_a_configuration_value() -> None:
    adapter = TypeAdapter(Screening)
    assert adapter.validate_python({"lst_error_max": "inf", "snow": True}) == Screening(float("inf"), snow=True)
    assert adapter.validate_json(adapter.dump_json(Screening(3.0))) == Screening(3.0)


def test_cf_attributes_describe_the_words() -> None:
    about = quality.cf_attributes(QC_LST, "uint8")
    rows = zip(about["flag_masks"], about["flag_values"], about["flag_meanings"].split(), strict=True)  # type: ignore[arg-type, attr-defined]
    word = 0b10_01_00_01
    said = {meaning for mask, value, meaning in rows if word & mask == value}
    assert said == {
        "mandatory:examine",
        "data_quality:good",
        "emissivity_error:0.02_or_less",
        "lst_error:3_K_or_less",
    }
