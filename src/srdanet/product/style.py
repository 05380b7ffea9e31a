"""QGIS styles: one beside each raster and of its name, where QGIS looks for it when the raster is opened.

The elements are those that QGIS 3 writes for `singlebandpseudocolor` and `paletted` layers; what is left out has
QGIS's own default.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from srdanet.flags import FLAGS, colours
from srdanet.product.layers import Raster
from srdanet.product.looks import Look

_STOPS = 17
"""Colours of a ramp; QGIS interpolates between them."""
_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_MOST = 5_000_000
"""Bytes of the largest style that is read."""
NO_DEFECT = "no flag"


def ramp_style(look: Look, limits: tuple[float, float]) -> str:
    """The style of a layer of numbers: a colour ramp from `limits[0]` to `limits[1]`, its legend with the unit.

    Args:
        look: Colours and unit.
        limits: Colour range, in the unit; colder and warmer cells have the colours of its ends.
    """
    low, high = limits
    ends = {"classificationMin": f"{low:g}", "classificationMax": f"{high:g}"}
    page, renderer = _page("singlebandpseudocolor", ends)
    ramp = {"colorRampType": "INTERPOLATED", "classificationMode": "2", "clip": "0", "labelPrecision": "2"}
    ramp |= {"minimumValue": f"{low:g}", "maximumValue": f"{high:g}"}
    shader = Xml.SubElement(Xml.SubElement(renderer, "rastershader"), "colorrampshader", ramp)
    palette = look.palette()
    for share in np.linspace(0, 1, _STOPS):
        value = low + (high - low) * float(share)
        red, green, blue = (int(part) for part in palette[round(float(share) * (len(palette) - 1))])
        label = f"{value:.4g} {look.unit}"
        entry = {"value": f"{value:.6g}", "color": f"#{red:02x}{green:02x}{blue:02x}", "alpha": "255", "label": label}
        Xml.SubElement(shader, "item", entry)
    legend = {"useContinuousLegend": "1", "orientation": "2", "direction": "0", "prefix": "", "suffix": f" {look.unit}"}
    Xml.SubElement(shader, "rampLegendSettings", {**legend, "minimumLabel": "", "maximumLabel": ""})
    return _text(page)


def flag_style(values: Iterable[int]) -> str:
    """The style of a quality layer: a colour and the names of the flags for each of the values that occur.

    Args:
        values: Combinations of flags.
    """
    page, renderer = _page("paletted", {})
    palette, table = Xml.SubElement(renderer, "colorPalette"), colours()
    for value in sorted(set(values)):
        red, green, blue = table[value]
        names = ", ".join(flag.name for flag in FLAGS if value & flag.mask) or NO_DEFECT
        entry = {"value": str(value), "color": f"#{red:02x}{green:02x}{blue:02x}", "alpha": "255", "label": names}
        Xml.SubElement(palette, "paletteEntry", entry)
    return _text(page)


def style_fault(path: Path, raster: Path, row: Raster | None) -> str | None:
    """Why a style does not fit its raster, or None; a style that somebody changed to their taste fits.

    Args:
        path: The style.
        raster: The raster of the same name.
        row: What the raster holds; None where that is not known.
    """
    try:
        if not path.is_file() or path.stat().st_size > _MOST:
            return f"it is not a QGIS style (no file, or more than {_MOST // 1_000_000} MB)"
        text = path.read_text(encoding="utf-8")
        if "<!ENTITY" in text:
            return "it is not a QGIS style (it declares entities)"
        page = Xml.fromstring(text)  # noqa: S314 without entities nothing in it can grow or be fetched
    except (OSError, ValueError, Xml.ParseError) as error:
        return f"it is not a QGIS style ({error})"
    renderer = page.find("./pipe/rasterrenderer")
    if page.tag != "qgis" or renderer is None:
        return "it is not a QGIS style of a raster"
    shader, entries = renderer.find(".//colorrampshader"), renderer.findall(".//paletteEntry")
    try:
        if shader is not None:
            stops = [float(item.get("value", "nan")) for item in shader.findall("item")]
            if not stops or not np.all(np.diff(stops) > 0):
                return "the values of its colour ramp do not rise"
            if row is not None and (stops[0] > row.high or stops[-1] < row.low):
                return f"its colour ramp lies outside {row.low:g} to {row.high:g} {row.unit}"
        if entries:
            known = {int(entry.get("value", "")) for entry in entries}
            with rasterio.open(raster) as file:
                found = {int(v) for _, window in file.block_windows(1) for v in np.unique(file.read(1, window=window))}
            if found - known:
                return f"it has no colour for the values {sorted(found - known)}, which would be transparent"
    except (ValueError, RasterioError) as error:
        return f"it cannot be compared with its raster ({error})"
    return None


def _page(kind: str, about: dict[str, str]) -> tuple[Xml.Element, Xml.Element]:
    """A style of one raster renderer, and the renderer."""
    page = Xml.Element("qgis", {"version": "3.22.0", "styleCategories": "Symbology"})
    pipe = Xml.SubElement(page, "pipe")
    renderer = Xml.SubElement(pipe, "rasterrenderer", {
        "type": kind, "band": "1", "opacity": "1", "alphaBand": "-1", "nodataColor": "", **about
    })  # fmt: skip
    Xml.SubElement(renderer, "rasterTransparency")
    # The range is given, not estimated from the part in view.
    origin = Xml.SubElement(renderer, "minMaxOrigin")
    for name, value in (("limits", "None"), ("extent", "WholeRaster"), ("statAccuracy", "Exact")):
        Xml.SubElement(origin, name).text = value
    return page, renderer


def _text(page: Xml.Element) -> str:
    Xml.indent(page)
    return _DOCTYPE + Xml.tostring(page, encoding="unicode") + "\n"
