"""STAC items and collections: read by pystac, held against the files they describe."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pystac.extensions.classification import ClassificationExtension
from pystac.extensions.file import FileExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.extensions.render import RenderExtension
from pystac.validation import validate_dict
from small_results import ABOUT, level

from srdanet.cli import cli
from srdanet.errors import ArgumentError, GranuleError, OutputError
from srdanet.flags import FLAGS
from srdanet.grid import Level, Tile, same_crs
from srdanet.product import Origin, product, write_product
from srdanet.product.collection import write_collection
from srdanet.product.inspection import inspect_product
from srdanet.product.stac import bounds_of, differences, footprint

INPUT = {"product": "MOD11A1", "collection": "061", "file": "MOD11A1.A2020197.h18v04.061.2021.hdf", "sha256": "cd" * 32}
ORIGIN = ABOUT.model_copy(update={"inputs": (INPUT,), "scene": {"platform": "terra"}})


@pytest.fixture(autouse=True, scope="module")
def _no_pictures() -> Iterator[None]:
    """Drawing takes most of the time, and is not looked at here."""
    whole_png = b"\x89PNG\r\n\x1a\n" + b"IEND\xaeB`\x82"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(product, "write_quicklook", lambda path, *_, **__: path.write_bytes(whole_png))
        yield


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two products of a run, in folders of their own."""
    home = tmp_path_factory.mktemp("run of July")
    for number, when in (("a", "2020-07-15T10:32:00"), ("b", "2020-07-16")):
        origin = ORIGIN.model_copy(update={"time": when})
        write_product({m: level(m, 48, 40) for m in (500, 250)}, home / "h18v04" / number, number, origin=origin)
    return home


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Path:
    shutil.copytree(home, tmp_path / "copy")
    return tmp_path / "copy"


def _item(home: Path) -> pystac.Item:
    return pystac.Item.from_file(str(home / "h18v04" / "a" / "a_stac.json"))


def test_items_are_valid(home: Path) -> None:
    for path in home.rglob("*_stac.json"):
        validate_dict(json.loads(path.read_text()), extensions=[])


def test_the_item_says_when_and_of_what(home: Path) -> None:
    item = _item(home)
    assert item.datetime is not None
    assert item.datetime.isoformat() == "2020-07-15T10:32:00+00:00"
    assert (item.properties["platform"], item.properties["instruments"]) == ("terra", ["modis"])
    (source,) = item.get_links("derived_from")
    assert (source.href, source.title) == ("https://doi.org/10.5067/MODIS/MOD11A1.061", INPUT["file"])
    assert item.properties["processing:software"]["srdanet"]
    # Of the other the hour is not known: it is a span, not midnight.
    other = pystac.Item.from_file(str(home / "h18v04" / "b" / "b_stac.json"))
    assert other.datetime is None
    assert other.properties["start_datetime"] == "2020-07-16T00:00:00Z"


def test_assets_are_the_files(home: Path) -> None:
    item, folder = _item(home), home / "h18v04" / "a"
    for name, asset in item.assets.items():
        path = folder / asset.href
        assert asset.href.startswith("./")
        assert path.parent == folder
        assert path.is_file()
        if name.startswith("style"):
            continue
        digest = FileExtension.ext(asset).checksum
        assert digest == "1220" + hashlib.sha256(path.read_bytes()).hexdigest()
        assert FileExtension.ext(asset).size == path.stat().st_size
    listed = {asset.href.removeprefix("./") for asset in item.assets.values()}
    assert listed | {"a_stac.json"} == {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("size", [250, 500])
def test_the_grid_is_that_of_the_raster(home: Path, size: int) -> None:
    asset = _item(home).assets[f"lst_{size}m"]
    found = ProjectionExtension.ext(asset)
    with rasterio.open(home / "h18v04" / "a" / asset.href) as file:
        assert found.shape == list(file.shape)
        assert found.transform == list(file.transform)[:6]
        assert found.bbox == list(file.bounds)
        assert found.wkt2 is not None
        assert same_crs(CRS(found.wkt2), CRS(file.crs.to_wkt()))
        (band,) = asset.extra_fields["bands"]
        assert (band["data_type"], band["nodata"], band["unit"]) == (file.dtypes[0], "nan", file.units[0])
        values = file.read(1)
    assert band["statistics"]["maximum"] == pytest.approx(float(np.nanmax(values)), abs=1e-3)


def test_flags_are_bit_fields(home: Path) -> None:
    found = ClassificationExtension.ext(_item(home).assets["quality_250m"]).bitfields
    assert found is not None
    assert [(field.name, 1 << field.offset, field.length) for field in found] == [(f.name, f.mask, 1) for f in FLAGS]


def test_layers_are_shown_in_the_range_of_their_style(home: Path) -> None:
    item = _item(home)
    renders = RenderExtension.ext(item).renders
    style = (home / "h18v04" / "a" / item.assets["style_lst_250m"].href).read_text()
    ((low, high),) = renders["lst_250m"].rescale or []
    assert f'minimumValue="{low:g}" maximumValue="{high:g}"' in style
    assert renders["lst_250m"].colormap_name == "inferno"
    assert set(renders) <= set(item.assets)


def test_a_product_without_a_date_has_no_item(tmp_path: Path) -> None:
    made = write_product(level(250, 8, 8), tmp_path, "x", origin=Origin())
    assert made.files.item is None
    assert not list(tmp_path.glob("*_stac.json"))
    # One that had a date, and is made again without one, leaves none behind either.
    write_product(level(250, 8, 8), tmp_path, "x", origin=ORIGIN, overwrite=True)
    assert (tmp_path / "x_stac.json").exists()
    write_product(level(250, 8, 8), tmp_path, "x", origin=Origin(), overwrite=True)
    assert not (tmp_path / "x_stac.json").exists()
    with pytest.raises(ArgumentError, match="no product with a date"):
        write_collection(tmp_path)


def test_a_collection_lists_the_folder_and_can_be_moved(copy: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["catalogue", str(copy)])
    assert done.exit_code == 0, done.stderr
    moved = copy.rename(tmp_path / "elsewhere")
    found = pystac.Collection.from_file(str(moved / "collection.json"))
    validate_dict(json.loads((moved / "collection.json").read_text()), extensions=[])
    items = list(found.get_items())
    assert sorted(item.id for item in items) == ["a", "b"]
    for item in items:
        assert item.get_collection() is found
        validate_dict(json.loads(Path(item.self_href).read_text()), extensions=[])
    (interval,) = found.extent.temporal.to_dict()["interval"]
    assert interval == ["2020-07-15T10:32:00Z", "2020-07-16T23:59:59Z"]
    (box,) = found.extent.spatial.bboxes
    assert box == pytest.approx(items[0].bbox)
    assert inspect_product(moved)[1] == []
    # No address is absolute or leaves the folder, and none names this machine.
    for path in moved.rglob("*.json"):
        assert str(tmp_path) not in path.read_text()


def test_a_collection_is_made_again_after_more_products(copy: Path) -> None:
    write_collection(copy)
    write_product(level(250, 8, 8), copy, "c", origin=ORIGIN)
    assert "c_stac.json is not listed" in " ".join(map(str, inspect_product(copy)[1]))
    assert len(write_collection(copy).items) == 3
    assert inspect_product(copy)[1] == []


def test_a_collection_of_somebody_else_is_kept(copy: Path) -> None:
    (copy / "collection.json").write_text('{"type": "Collection", "providers": []}')
    before = {path: path.read_bytes() for path in copy.rglob("*.json")}
    with pytest.raises(OutputError, match="another make"):
        write_collection(copy)
    assert {path: path.read_bytes() for path in copy.rglob("*.json")} == before


def test_unfinished_work_is_not_listed(copy: Path) -> None:
    shutil.copytree(copy / "h18v04" / "a", copy / ".a.xyz.partial")
    assert len(write_collection(copy).items) == 2


def test_two_products_of_one_name_are_refused(copy: Path) -> None:
    shutil.copytree(copy / "h18v04" / "a", copy / "again")
    with pytest.raises(ArgumentError, match="same name"):
        write_collection(copy)


@pytest.mark.parametrize("name", ["../secret.tif", "/etc/passwd", "a/b.tif", "..", "C:\\x.tif", ""])
def test_a_record_names_no_file_elsewhere(copy: Path, name: str) -> None:
    note = copy / "h18v04" / "a" / "a_provenance.json"
    record = json.loads(note.read_text())
    record["levels"]["250"]["files"] = {name: {"sha256": "ab" * 32, "variable": "lst"}}
    note.write_text(json.dumps(record))
    with pytest.raises(GranuleError, match="outside its folder"):
        write_collection(copy)
    assert any("outside its folder" in fault.what for fault in inspect_product(copy)[1])


def _break(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"2020-07-15T10:32:00Z"', '"2020-07-15T11:32:00Z"', "properties: datetime: '2020-07-15T11:32:00Z' should be"),
        ('"1220', '"1221', "file:checksum: '1221"),
        ('"href": "./a_250m.tif"', '"href": "../a_250m.tif"', "href: '../a_250m.tif' should be './a_250m.tif'"),
        ('"proj:shape": [48, 40]', '"proj:shape": [40, 48]', "proj:shape: 0: '40' should be '48'"),
        ('"geometry"', '"geometrie"', "geometry is missing"),
        ("{", "[", "it is not a STAC file"),
    ],
)
def test_what_is_wrong_with_an_item_is_said(copy: Path, old: str, new: str, words: str) -> None:
    _break(copy / "h18v04" / "a" / "a_stac.json", old, new)
    said = [str(fault) for fault in inspect_product(copy)[1]]
    assert any(words in text for text in said), said


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("./h18v04/a/a_stac.json", "../a_stac.json", "an item lies outside the folder"),
        ("./h18v04/a/a_stac.json", "https://example.org/a", "an item lies outside the folder"),
        ("./h18v04/a/a_stac.json", "./gone.json", "gone.json: it is not a STAC file"),
        ('"id": "copy"', '"id": "other"', "does not say that it belongs to it"),
        ('"Collection"', '"Feature"', "it is not a STAC collection"),
    ],
)
def test_what_is_wrong_with_a_collection_is_said(copy: Path, old: str, new: str, words: str) -> None:
    write_collection(copy)
    _break(copy / "collection.json", old, new)
    said = [str(fault) for fault in inspect_product(copy)[1]]
    assert any(words in text for text in said), said


def test_footprints_are_cut_at_the_edges_of_the_map() -> None:
    whole = footprint(Tile(18, 4).geobox(Level.KM1))
    assert whole is not None
    # h18v04: 40 to 50 degrees north; from the Greenwich meridian to 10 degrees of arc over the cosine of 50.
    assert bounds_of(whole) == pytest.approx([0, 40, 10 / np.cos(np.radians(50)), 50], abs=1e-4)
    edge = footprint(Tile(35, 9).geobox(Level.KM1))
    assert edge is not None
    west, south, east, north = bounds_of(edge)
    assert (south, north, east) == pytest.approx((-10, 0, 180), abs=1e-4)
    assert 170 < west + 1e-3 < 180
    assert footprint(Tile(0, 0).geobox(Level.KM1)) is None, "nothing of it is on the globe"


def test_a_grid_across_the_antimeridian_is_two_polygons() -> None:
    grid = GeoBox((40, 40), Affine(0.25, 0, 175, 0, -0.25, 5), "EPSG:4326")
    found = footprint(grid)
    assert found is not None
    assert found["type"] == "MultiPolygon"
    assert bounds_of(found) == pytest.approx([175, -5, -175, 5])
    assert footprint(GeoBox((4, 4), grid.affine, None)) is None
    around_the_pole = GeoBox((100, 100), Affine(10_000, 0, -500_000, 0, -10_000, 500_000), "EPSG:3413")
    assert footprint(around_the_pole) is None


def test_differences_name_the_place() -> None:
    assert differences({"a": [1, {"b": 2.0}]}, {"a": [1, {"b": 2.0000001}]}) == []
    assert differences({"a": [1, {"b": 3}], "c": 0}, {"a": [1, {"b": 2}], "d": 0}) == [
        "d is missing", "c is not of the record", "a: 1: b: '3' should be '2'",
    ]  # fmt: skip
