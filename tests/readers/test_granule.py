from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from odc.geo.geobox import GeoBox

from granules import counts, write_granule
from srdanet.errors import ArgumentError, GranuleError, ProductError
from srdanet.grid import Nesting, Tile, geobox_of, nesting
from srdanet.readers import checksum
from srdanet.readers.granule import open_granule
from srdanet.readers.tables import PRODUCTS, Layer

B1 = PRODUCTS["MOD11B1"]
CORNER = {"MODIS_Grid_1km_2D": np.s_[40:52, 30:44], "MODIS_Grid_500m_2D": np.s_[80:104, 60:88]}
PATCH = np.s_[100:124, 60:96]


def physical(layer: Layer, stored: np.ndarray) -> np.ndarray:
    """Counts to values, one cell at a time."""
    out = np.full(stored.shape, np.nan, np.float64)
    for index, count in np.ndenumerate(stored):
        if int(count) != layer.fill and layer.valid[0] <= int(count) <= layer.valid[1]:
            out[index] = int(count) * layer.scale + layer.offset
    return out.astype(np.float32)


def assert_on(data: xr.DataArray, box: GeoBox) -> None:
    """The data lie on exactly this grid."""
    assert data.shape == tuple(box.shape)
    assert nesting(box, geobox_of(data)) == Nesting(1, 0, 0)
    a = box.affine
    assert [float(v) for v in data.spatial_ref.attrs["GeoTransform"].split()] == [a.c, a.a, a.b, a.f, a.d, a.e]


@pytest.fixture(scope="module")
def granule(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_granule(tmp_path_factory.mktemp("granule"))


def test_a_granule_says_what_it_is(granule: Path) -> None:
    opened = open_granule(granule)
    assert (opened.product, opened.tile, opened.date) == ("MOD11B1", Tile(26, 5), dt.date(2020, 7, 15))
    assert (opened.collection, opened.name, opened.whole) == ("061", granule.name, True)
    assert opened.sha256 == checksum.digest(granule, "sha256")
    assert tuple(opened.layers) == B1.names


def test_a_relative_path_is_read_in_the_directory_of_the_moment(
    granule: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that reads was started in another one, with the first granule."""
    open_granule(granule)
    (tmp_path / granule.name).symlink_to(granule)
    monkeypatch.chdir(tmp_path)
    assert open_granule(granule.name).tile == Tile(26, 5)


def test_every_layer_has_its_values_grid_and_unit(granule: Path) -> None:
    opened = open_granule(granule)
    for seed, layer in enumerate(B1.layers):
        data, stored = opened.layers[layer.name], counts(layer, (200, 200), seed)
        assert_on(data, Tile(26, 5).geobox(6000))
        assert data.attrs["units"] == layer.unit
        if layer.kind == "quantity":
            assert data.dtype == np.float32
            assert np.array_equal(data, physical(layer, stored), equal_nan=True)
        else:
            assert np.array_equal(data, stored)


def test_raw_gives_counts_and_says_which_are_missing(granule: Path) -> None:
    opened = open_granule(granule, ["lst_night", "view_angle_day"], raw=True)
    layer = B1.layer("lst_night")
    data = opened.layers["lst_night"]
    assert np.array_equal(data, counts(layer, (200, 200), B1.names.index("lst_night")))
    assert data.dtype == np.uint16
    assert (data.attrs["units"], data.attrs["missing_word"]) == ("count", 0)
    assert "0.02" in data.attrs["packing"]


def test_only_the_layers_asked_for_are_read(granule: Path) -> None:
    assert tuple(open_granule(granule, ["qc_day", "lst_day", "qc_day"]).layers) == ("qc_day", "lst_day")
    with pytest.raises(ProductError, match="Its layers: lst_day"):
        open_granule(granule, ["LST_Day_1km"])


@pytest.mark.parametrize("product", ["MOD09GA", "MYD09GA"])
def test_a_product_of_two_grids(tmp_path: Path, product: str) -> None:
    path = write_granule(tmp_path, product, cells=CORNER)
    opened = open_granule(path)
    tile = Tile(26, 5)
    assert_on(opened.layers["state"], tile.geobox(1000)[CORNER["MODIS_Grid_1km_2D"]])
    assert_on(opened.layers["swir2"], tile.geobox(500)[CORNER["MODIS_Grid_500m_2D"]])
    assert opened.layers["qc_500m"].dtype == np.uint32
    layers = PRODUCTS[product].layers
    stored = counts(layers[2], (24, 28), 2)
    assert np.array_equal(opened.layers["blue"], physical(layers[2], stored), equal_nan=True)


@pytest.mark.parametrize(("product", "collection"), [(name, c) for name, p in PRODUCTS.items() for c in p.collections])
def test_every_product_of_the_table_opens(tmp_path: Path, product: str, collection: str) -> None:
    cells = {layer.grid: PATCH for layer in PRODUCTS[product].layers}
    opened = open_granule(write_granule(tmp_path, product, cells=cells, collection=collection))
    for seed, layer in enumerate(PRODUCTS[product].layers):
        stored = counts(layer, (24, 36), seed)
        expected = physical(layer, stored) if layer.kind == "quantity" else stored
        assert np.array_equal(opened.layers[layer.name], expected, equal_nan=layer.kind == "quantity")


# Traps of real files.


@pytest.mark.parametrize("factor", [10000.0, 0.0001, None])
def test_mod09_scale_factor_of_10000_means_divide(tmp_path: Path, factor: float | None) -> None:
    stored = counts(PRODUCTS["MOD09GQ"].layer("nir"), (24, 36))
    said = {"nir": {"scale_factor": factor}}
    path = write_granule(
        tmp_path, "MOD09GQ", cells={"MODIS_Grid_2D": PATCH}, arrays={"nir": stored}, attributes=said, layers=("nir",)
    )
    found = open_granule(path).layers["nir"].values
    assert np.nanmax(found) == np.float32(stored.max() * 1e-4)
    assert np.nanmax(found) < 1.6


@pytest.mark.parametrize("fill", [None, "NA", 0, 255])
def test_lst_quality_has_no_missing_word_whatever_its_fill_value_says(tmp_path: Path, fill: object) -> None:
    path = write_granule(tmp_path, attributes={"qc_day": {"_FillValue": fill}})
    data = open_granule(path, ["qc_day"]).layers["qc_day"]
    assert np.array_equal(data, counts(B1.layer("qc_day"), (200, 200), B1.names.index("qc_day")))
    assert "missing_word" not in data.attrs


@pytest.mark.parametrize("fill", [2995, 65535, 14095])
def test_each_reprocessing_has_its_own_fill_word_of_band_quality(tmp_path: Path, fill: int) -> None:
    said = {"qc_250m": {"_FillValue": fill}}
    path = write_granule(tmp_path, "MOD09GQ", cells={"MODIS_Grid_2D": PATCH}, attributes=said)
    assert open_granule(path).layers["qc_250m"].attrs["missing_word"] == fill


def test_the_names_of_angle_layers_are_cut_in_the_files() -> None:
    assert PRODUCTS["MOD11A1"].layer("view_angle_day").sds == "Day_view_angl"
    assert PRODUCTS["MYD11A1"].layer("view_angle_night").sds == "Night_view_angl"


def test_fill_and_values_outside_the_valid_range_are_missing(tmp_path: Path) -> None:
    lst = np.full((200, 200), 15000, np.uint16)
    lst[0, :5] = 0, 1, 7499, 7500, 65535
    angle = np.full((200, 200), 70, np.uint8)
    angle[0, :5] = 0, 130, 131, 254, 255
    time = np.full((200, 200), 52, np.uint8)
    time[0, :4] = 0, 120, 121, 255
    emissivity = np.full((200, 200), 250, np.uint8)
    emissivity[0, :3] = 0, 1, 255
    arrays = {"lst_day": lst, "view_angle_day": angle, "view_time_day": time, "emissivity_31": emissivity}
    layers = open_granule(write_granule(tmp_path, arrays=arrays)).layers
    nan = np.nan
    for name, first, rest in (
        ("lst_day", [nan, nan, nan, 150, 1310.7], 300),
        ("view_angle_day", [-65, 65, nan, nan, nan], 5),
        ("view_time_day", [0, 24, nan, nan], 10.4),
        ("emissivity_31", [nan, 0.492, 1.0], 0.99),
    ):
        found = layers[name].values
        assert np.array_equal(found[0, : len(first)], np.array(first, np.float32), equal_nan=True), name
        assert (found[1:] == np.float32(rest)).all(), name


def test_land_cover_outside_the_legend_is_missing(tmp_path: Path) -> None:
    classes = counts(PRODUCTS["MCD12Q1"].layer("land_cover"), (24, 36))
    classes[5, :4] = 0, 18, 254, 255
    path = write_granule(tmp_path, "MCD12Q1", cells={"MCD12Q1": PATCH}, arrays={"land_cover": classes})
    found = open_granule(path).layers["land_cover"]
    assert found.values[5, :4].tolist() == [255] * 4
    assert found.attrs["missing_word"] == 255
    assert np.array_equal(found.values[6:], classes[6:])


def test_negative_counts_keep_their_sign(tmp_path: Path) -> None:
    stored = np.full((24, 36), 500, np.int16)
    stored[3, :5] = -28672, -101, -100, -1, 16001
    path = write_granule(tmp_path, "MOD09GQ", cells={"MODIS_Grid_2D": PATCH}, arrays={"red": stored}, layers=("red",))
    expected = np.array([np.nan, np.nan, -0.01, -0.0001, np.nan], np.float32)
    assert np.array_equal(open_granule(path).layers["red"].values[3, :5], expected, equal_nan=True)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ("lst_day", {"scale_factor": 0.01}),
        ("lst_day", {"scale_factor": 50.0}),
        ("lst_day", {"add_offset": 273.15}),
        ("lst_day", {"_FillValue": 65535}),
        ("lst_day", {"_FillValue": "zero"}),
        ("lst_day", {"valid_range": [0, 65535]}),
        ("lst_day", {"scale_factor": float("nan")}),
        ("view_angle_day", {"add_offset": 0.0}),
        ("emissivity_31", {"add_offset": 0.5}),
    ],
)
def test_attributes_that_contradict_the_table_are_refused(tmp_path: Path, layer: str, said: dict[str, Any]) -> None:
    path = write_granule(tmp_path, attributes={layer: said})
    with pytest.raises(GranuleError, match=f"{B1.layer(layer).sds} says {next(iter(said))}") as caught:
        open_granule(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("missing", ["scale_factor", "add_offset", "_FillValue", "valid_range"])
def test_what_a_file_does_not_say_stands_in_the_table(tmp_path: Path, missing: str) -> None:
    path = write_granule(tmp_path, attributes={"lst_day": {missing: None}})
    stored = counts(B1.layer("lst_day"), (200, 200))
    found = open_granule(path).layers["lst_day"]
    assert np.array_equal(found, physical(B1.layer("lst_day"), stored), equal_nan=True)


# Place, name and metadata must agree.


def test_corners_written_from_a_short_cell_size_give_the_exact_grid(tmp_path: Path) -> None:
    box = Tile(26, 5).geobox(6000).boundingbox
    shifted = {"ul": (box.left + 0.0013, box.top - 0.0008), "lr": (box.right + 0.0013, box.bottom - 0.0008)}
    data = open_granule(write_granule(tmp_path, grid=shifted)).layers["lst_day"]
    assert_on(data, Tile(26, 5).geobox(6000))


def shifted(dx: float = 0.0, dy: float = 0.0, grow: float = 0.0) -> dict[str, Any]:
    box = Tile(26, 5).geobox(6000).boundingbox
    return {"ul": (box.left + dx, box.top + dy), "lr": (box.right + dx + grow, box.bottom + dy)}


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        (shifted(dx=0.02), "not in tile h26v05"),
        (shifted(dy=-5559.75), "not in tile h26v05"),
        (shifted(dx=1111950.5196666666), "not in tile h26v05"),
        (shifted(grow=100.0), "not in tile h26v05"),
        ({"shape": (100, 100)}, "do not fit"),
        ({"shape": (200, 199)}, "do not fit"),
        ({"shape": (0, 200)}, "badly"),
        ({"projection": "GCTP_GEO"}, "not the MODIS sinusoidal grid"),
        ({"radius": 6378137.0}, "not the MODIS sinusoidal grid"),
        ({"origin": "HDFE_GD_LL"}, "not the MODIS sinusoidal grid"),
    ],
)
def test_a_grid_that_disagrees_is_refused(tmp_path: Path, grid: dict[str, Any], said: str) -> None:
    path = write_granule(tmp_path, grid=grid, layers=("lst_day",))
    with pytest.raises(GranuleError, match=said) as caught:
        open_granule(path, ["lst_day"])
    assert str(path) in str(caught.value)


def test_data_of_another_shape_or_type_than_stated_are_refused(tmp_path: Path) -> None:
    for wrong in (np.full((200, 199), 15000, np.uint16), np.full((200, 200), 15000, np.int16)):
        path = write_granule(tmp_path, arrays={"lst_day": wrong}, attributes={"lst_day": {"valid_range": None}})
        with pytest.raises(GranuleError, match="LST_Day_6km is"):
            open_granule(path)


NAME = "MOD11B1.A2020197.h26v05.061.2021012345678.hdf"


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("MOD11B1", "MYD11B1", "product"),
        ("A2020197", "A2020198", "date"),
        ("h26v05", "h25v05", "tile"),
        (".061.", ".006.", "collection"),
    ],
)
def test_a_mislabelled_file_is_refused(tmp_path: Path, old: str, new: str, part: str) -> None:
    path = write_granule(tmp_path, name=NAME.replace(old, new))
    with pytest.raises(GranuleError, match=f"The name says {part} .* the metadata says"):
        open_granule(path)


@pytest.mark.parametrize(
    "core",
    [
        {"SHORTNAME": "MOD11A1"},
        {"VERSIONID": 6},
        {"RANGEENDINGDATE": "2020-07-14"},
        {"RANGEBEGINNINGDATE": "2020-07-16"},
        {"LOCALGRANULEID": "MOD11B1.hdf"},
        {"LOCALGRANULEID": NAME.replace("MOD11B1", "MOD99B1")},
    ],
)
def test_metadata_that_contradict_themselves_are_refused(tmp_path: Path, core: dict[str, object]) -> None:
    with pytest.raises(GranuleError, match="The metadata"):
        open_granule(write_granule(tmp_path, core=core))


def test_a_renamed_file_is_told_by_its_metadata(tmp_path: Path) -> None:
    opened = open_granule(write_granule(tmp_path, name="july.hdf"))
    assert (opened.product, opened.tile, opened.name) == ("MOD11B1", Tile(26, 5), "july.hdf")


def test_a_renamed_file_without_metadata_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GranuleError, match="LOCALGRANULEID"):
        open_granule(write_granule(tmp_path, name="july.hdf", core=None))
    assert open_granule(write_granule(tmp_path, core=None)).date == dt.date(2020, 7, 15)


def test_a_missing_layer_is_named(tmp_path: Path) -> None:
    path = write_granule(tmp_path, layers=("lst_day", "qc_day"))
    assert set(open_granule(path, ["qc_day"]).layers) == {"qc_day"}
    for asked in (None, ["lst_day", "qc_night"]):
        with pytest.raises(GranuleError, match=r"lacks '(QC_Night|Day_view_time)'"):
            open_granule(path, asked)


# Granules cut by other tools.


def test_a_cut_granule_keeps_its_place_on_the_lattice_of_its_tile(tmp_path: Path) -> None:
    part = np.s_[20:31, 150:190]
    name = NAME.replace(".hdf", ".CROPPED.hdf")
    path = write_granule(tmp_path, cells={B1.layers[0].grid: part}, layers=("lst_day",), name=name, core=None)
    opened = open_granule(path)
    assert not opened.whole
    assert tuple(opened.layers) == ("lst_day",)
    assert_on(opened.layers["lst_day"], Tile(26, 5).geobox(6000)[part])


def test_two_grids_cut_to_the_same_shape_are_not_confused(tmp_path: Path) -> None:
    cells = {"MODIS_Grid_1km_2D": np.s_[40:52, 30:44], "MODIS_Grid_500m_2D": np.s_[80:92, 60:74]}
    opened = open_granule(write_granule(tmp_path, "MOD09GA", cells=cells))
    assert_on(opened.layers["state"], Tile(26, 5).geobox(1000)[cells["MODIS_Grid_1km_2D"]])
    assert_on(opened.layers["red"], Tile(26, 5).geobox(500)[cells["MODIS_Grid_500m_2D"]])


def test_a_cut_granule_of_another_place_is_refused(tmp_path: Path) -> None:
    far = Tile(20, 5).geobox(6000)[:11, :40].boundingbox
    grid = {"ul": (far.left, far.top), "lr": (far.right, far.bottom)}
    path = write_granule(tmp_path, cells={B1.layers[0].grid: np.s_[:11, :40]}, grid=grid)
    with pytest.raises(GranuleError, match="does not touch tile h26v05"):
        open_granule(path)


# What the provider says of the file.


def test_the_providers_checksum_is_verified(tmp_path: Path) -> None:
    path = write_granule(tmp_path)
    good = checksum.digest(path, "md5")
    assert open_granule(path, ["lst_day"], checksum=f"md5:{good}").product == "MOD11B1"
    with pytest.raises(GranuleError, match="The md5 of the file is"):
        open_granule(path, ["lst_day"], checksum=f"md5:{good[::-1]}")
    with pytest.raises(ArgumentError):
        open_granule(path, ["lst_day"], checksum=good)


def test_the_xml_beside_a_granule_convicts_one_changed_byte(tmp_path: Path) -> None:
    path = write_granule(tmp_path, compress=False)
    said = f"<a><ChecksumType>CKSUM</ChecksumType><Checksum>{checksum.digest(path, 'cksum')}</Checksum></a>"
    path.with_name(path.name + ".xml").write_text(said)
    before = open_granule(path, ["lst_day"])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(GranuleError, match="Download it again"):
        open_granule(path, ["lst_day"])
    path.with_name(path.name + ".xml").unlink()
    assert open_granule(path, ["lst_day"]).sha256 != before.sha256


def test_the_record_says_whether_a_checksum_was_known(tmp_path: Path) -> None:
    path = write_granule(tmp_path)
    assert open_granule(path, ["lst_day"]).checksum == "none"
    assert open_granule(path, ["lst_day"], checksum=f"md5:{checksum.digest(path, 'md5')}").checksum == "provider"
    said = f"<a><ChecksumType>CKSUM</ChecksumType><Checksum>{checksum.digest(path, 'cksum')}</Checksum></a>"
    path.with_name(path.name + ".xml").write_text(said)
    assert open_granule(path, ["lst_day"]).checksum == "provider"


def test_the_met_beside_a_granule_must_be_its_own(tmp_path: Path) -> None:
    path = write_granule(tmp_path)
    met = path.with_name(path.name + ".met")
    text = f'OBJECT = LOCALGRANULEID\n VALUE = "{NAME}"\nEND_OBJECT = LOCALGRANULEID\nEND\n'
    met.write_text(text)
    assert open_granule(path, ["lst_day"]).date == dt.date(2020, 7, 15)
    met.write_text(text.replace("h26v05", "h25v05"))
    with pytest.raises(GranuleError, match=r"the \.met beside it says h25v05"):
        open_granule(path, ["lst_day"])


def test_a_part_has_the_values_and_coordinates_of_the_whole(granule: Path) -> None:
    over = Tile(26, 5).geobox(6000)[31:52, 7:110]
    whole, part = open_granule(granule), open_granule(granule, over=over)
    for name, layer in part.layers.items():
        xr.testing.assert_identical(layer, whole.layers[name][31:52, 7:110])
    beyond = open_granule(granule, ["lst_day"], over=Tile(2, 9).geobox(6000))
    xr.testing.assert_identical(beyond.layers["lst_day"], whole.layers["lst_day"])
