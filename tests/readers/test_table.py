from __future__ import annotations

import numpy as np
import pytest

from srdanet.errors import ProductError
from srdanet.readers.tables import PRODUCTS, Layer, product_of

ROWS = [pytest.param(layer, id=f"{name}-{layer.name}") for name, p in PRODUCTS.items() for layer in p.layers]
VOCABULARY = {
    "MOD11A1": {
        *(f"{what}_{when}" for what in ("lst", "qc", "view_time", "view_angle", "clear") for when in ("day", "night")),
        "emissivity_31",
        "emissivity_32",
    },
    "MOD09GA": {"red", "nir", "blue", "green", "nir2", "swir1", "swir2", "state", "qc_500m"},
    "MOD09GQ": {"red", "nir", "qc_250m"},
    "MCD43A3": {"albedo_wsa", "albedo_bsa", "albedo_quality"},
    "MCD12Q1": {"land_cover"},
}


@pytest.mark.parametrize("layer", ROWS)
def test_a_row_is_sound(layer: Layer) -> None:
    info = np.iinfo(layer.dtype)
    low, high = layer.valid
    assert info.min <= low < high <= info.max
    assert layer.fill is None or (info.min <= layer.fill <= info.max)
    if layer.kind != "bits":
        assert layer.fill is not None
        assert not low <= layer.fill <= high
    else:
        assert (layer.scale, layer.offset) == (1.0, 0.0)
    if layer.bits:
        assert layer.bits[-1].last + 1 == info.bits


@pytest.mark.parametrize("product", VOCABULARY)
def test_the_vocabulary_of_the_inputs(product: str) -> None:
    assert set(PRODUCTS[product].names) == VOCABULARY[product]


def test_names_within_a_product_are_unique_and_twins_are_alike() -> None:
    for name, product in PRODUCTS.items():
        assert product.short_name == name
        assert len(set(product.names)) == len(product.names) == len({row.sds for row in product.layers})
    for twin in ("MYD11A1", "MYD09GA", "MYD09GQ", "MYD13Q1"):
        assert PRODUCTS[twin].layers == PRODUCTS[twin.replace("MYD", "MOD")].layers


def test_the_physics_of_the_packing() -> None:
    def value(product: str, layer: str, count: int) -> float:
        row = PRODUCTS[product].layer(layer)
        return count * row.scale + row.offset

    assert value("MOD11A1", "lst_day", 15000) == pytest.approx(300)
    assert value("MOD11A1", "view_angle_night", 0) == -65
    assert value("MOD11A1", "view_time_day", 105) == pytest.approx(10.5)
    assert value("MOD11A1", "emissivity_31", 250) == pytest.approx(0.99)
    assert value("MOD09GA", "nir", 3000) == pytest.approx(0.3)
    assert value("MCD43A3", "albedo_wsa", 150) == pytest.approx(0.15)


def test_what_is_not_in_the_table_is_named_with_what_is() -> None:
    with pytest.raises(ProductError, match="MOD11A1"):
        product_of("MOD10A1")
    with pytest.raises(ProductError, match="lst_day"):
        PRODUCTS["MOD11A1"].layer("LST_Day_1km")
