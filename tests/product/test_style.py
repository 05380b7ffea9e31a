"""QGIS styles, read as XML and held against their rasters."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
import rasterio
from small_results import ABOUT, level

from qgis_styles import check_style, has_qgis, in_qgis
from srdanet.flags import CONSERVED, FAR_FROM_TRAINING, GAP_NEAR, colours
from srdanet.product import product, write_product
from srdanet.product.inspection import inspect_product


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    whole_png = b"\x89PNG\r\n\x1a\n" + b"IEND\xaeB`\x82"
    monkeypatch.setattr(product, "write_quicklook", lambda path, *_, **__: path.write_bytes(whole_png))
    result = level(250, 60, 40)
    result["quality"][30, 5:9] |= GAP_NEAR.mask | CONSERVED.mask
    result["quality"][40, 5] |= FAR_FROM_TRAINING.mask
    write_product(result, tmp_path, "x", origin=ABOUT)
    return tmp_path


def _renderer(path: Path) -> Xml.Element:
    page = Xml.parse(path).getroot()
    assert page.tag == "qgis"
    found = page.find("./pipe/rasterrenderer")
    assert found is not None
    assert (found.get("band"), found.get("opacity")) == ("1", "1")
    return found


@pytest.mark.parametrize("end", ["", "_uncertainty"])
def test_a_ramp_covers_the_range_of_its_layer_in_kelvin(folder: Path, end: str) -> None:
    renderer = _renderer(folder / f"x_250m{end}.qml")
    assert renderer.get("type") == "singlebandpseudocolor"
    shader = renderer.find("./rastershader/colorrampshader")
    assert shader is not None
    items = shader.findall("item")
    stops = [float(item.attrib["value"]) for item in items]
    assert stops == sorted(set(stops))
    assert (shader.get("minimumValue"), shader.get("maximumValue")) == (f"{stops[0]:g}", f"{stops[-1]:g}")
    with rasterio.open(folder / f"x_250m{end}.tif") as file:
        values = file.read(1)
    inside = np.mean((values[np.isfinite(values)] >= stops[0]) & (values[np.isfinite(values)] <= stops[-1]))
    assert inside > 0.97, "the middle 98 % of cells have colours of their own"
    assert stops[-1] - stops[0] < 3 * np.nanmax(values) / 4 + 5, "the ramp is not spread over what is not there"
    assert all(item.attrib["label"].endswith(" K") for item in items)
    legend = shader.find("rampLegendSettings")
    assert legend is not None
    assert legend.get("suffix") == " K"
    colour = [sum(int(item.attrib["color"][at : at + 2], 16) for at in (1, 3, 5)) for item in items]
    assert colour == sorted(colour), "warm is light"


def test_the_palette_names_the_flags_of_every_value_in_the_file(folder: Path) -> None:
    renderer = _renderer(folder / "x_250m_quality.qml")
    assert renderer.get("type") == "paletted"
    entries = {int(e.attrib["value"]): e for e in renderer.findall("./colorPalette/paletteEntry")}
    with rasterio.open(folder / "x_250m_quality.tif") as file:
        assert set(np.unique(file.read(1))) == set(entries)
        table = file.colormap(1)
    labels = {value: entry.attrib["label"] for value, entry in entries.items()}
    assert labels == {0: "no flag", 1: "no_input", 4 | 64: "gap_near, conserved", 32: "far_from_training"}
    for value, entry in entries.items():
        colour = tuple(int(entry.attrib["color"][at : at + 2], 16) for at in (1, 3, 5))
        assert colour == colours()[value] == table[value][:3]


def _write(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("end", "old", "new", "words"),
    [
        ("", "</qgis>", "", "it is not a QGIS style ("),
        ("", "<qgis", "<!ENTITY a 'b'><qgis", "it declares entities"),
        ("", "rasterrenderer", "vectorrenderer", "it is not a QGIS style of a raster"),
        ("", ' value="2', ' value="-2', "ramp"),
        ("_quality", 'paletteEntry value="32"', 'paletteEntry value="33"', "it has no colour for the values [32]"),
    ],
)
def test_a_style_that_does_not_fit_is_a_fault(folder: Path, end: str, old: str, new: str, words: str) -> None:
    _write(folder / f"x_250m{end}.qml", old, new)
    (fault,) = inspect_product(folder)[1]
    assert fault.file == f"x_250m{end}.qml"
    assert words in fault.what


def test_a_style_changed_to_ones_taste_is_no_fault(folder: Path) -> None:
    _write(folder / "x_250m.qml", "INTERPOLATED", "DISCRETE")
    _write(folder / "x_250m_quality.qml", "#009e73", "#ffffff")
    assert inspect_product(folder)[1] == []


@pytest.mark.parametrize(("end", "unit"), [("", "K"), ("_uncertainty", "K"), ("_quality", None)])
def test_a_style_has_what_readers_of_qgis_look_for(folder: Path, end: str, unit: str | None) -> None:
    check_style(folder / f"x_250m{end}.tif", unit)


@pytest.mark.skipif(not has_qgis(), reason="QGIS is not installed (Debian: apt-get install python3-qgis)")
def test_qgis_opens_the_rasters_in_their_styles(folder: Path) -> None:
    lst, quality = in_qgis([folder / "x_250m.tif", folder / "x_250m_quality.tif"])
    assert lst["valid"]
    assert lst["crs"]
    assert (lst["type"], lst["suffix"]) == ("singlebandpseudocolor", " K")
    ramp = {item.attrib["label"]: float(item.attrib["value"]) for item in _renderer(folder / "x_250m.qml").iter("item")}
    assert lst["labels"] == list(ramp)
    assert lst["range"] == [min(ramp.values()), max(ramp.values())]
    assert len(lst["colours"]) > 20, "QGIS draws many temperatures in many colours"
    assert (quality["valid"], quality["type"]) == (True, "paletted")
    assert sorted(quality["labels"]) == ["far_from_training", "gap_near, conserved", "no flag", "no_input"]
