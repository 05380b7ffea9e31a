"""Styles as QGIS reads them: held against its readers' rules, and opened by QGIS itself where it is installed.

`check_style` follows what QGIS's readers of `singlebandpseudocolor` and `paletted` renderers take: the `qgis.dtd` that
styles name covers no present version. It does not look at what QGIS would draw; `in_qgis` does.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import numpy as np
import rasterio

PYTHON = Path("/usr/bin/python3")
"""That of the system, to which distributions add QGIS (Debian: python3-qgis)."""

_PROGRAM = """
import json, sys
from qgis.core import QgsApplication, QgsRasterLayer
app = QgsApplication([], False)
app.initQgis()
said = []
for path in sys.argv[1:]:
    layer = QgsRasterLayer(path)  # with the style beside it, as in a project
    one = {"valid": layer.isValid(), "crs": layer.crs().isValid(), "type": layer.renderer().type()}
    if one["type"] == "singlebandpseudocolor":
        shader = layer.renderer().shader().rasterShaderFunction()
        one["range"] = [shader.minimumValue(), shader.maximumValue()]
        one["labels"] = [item.label for item in shader.colorRampItemList()]
        one["suffix"] = shader.legendSettings().suffix()
    else:
        one["labels"] = [item.label for item in layer.renderer().classes()]
    drawn = layer.renderer().block(1, layer.extent(), 60, 60)
    one["colours"] = sorted({drawn.color(row, col) for row in range(60) for col in range(60)})
    said.append(one)
print(json.dumps(said))
"""


def check_style(raster: Path, unit: str | None) -> None:
    """The style beside a raster has what QGIS's readers look for.

    Args:
        raster: The GeoTIFF.
        unit: Of a layer of numbers; None for flags.
    """
    text = raster.with_suffix(".qml").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE qgis ")
    page = Xml.fromstring(text)
    assert page.tag == "qgis"
    assert re.fullmatch(r"3\.\d+\.\d+", page.attrib["version"])
    (renderer,) = page.findall("./pipe/rasterrenderer")
    with rasterio.open(raster) as file:
        values = file.read(1)
        assert 1 <= int(renderer.attrib["band"]) <= file.count
    assert (renderer.attrib["opacity"], renderer.attrib["alphaBand"]) == ("1", "-1")
    if unit is None:
        assert renderer.attrib["type"] == "paletted"
        items = renderer.findall("./colorPalette/paletteEntry")
        assert {float(item.attrib["value"]) for item in items} >= set(np.unique(values).astype(float))
    else:
        assert renderer.attrib["type"] == "singlebandpseudocolor"
        shader = renderer.find("./rastershader/colorrampshader")
        assert shader is not None
        assert shader.attrib["colorRampType"] in ("INTERPOLATED", "DISCRETE", "EXACT")
        items = shader.findall("item")
        stops = [float(item.attrib["value"]) for item in items]
        assert np.all(np.diff(stops) > 0)
        limits = float(shader.attrib["minimumValue"]), float(shader.attrib["maximumValue"])
        assert limits == (stops[0], stops[-1])
        assert limits == (float(renderer.attrib["classificationMin"]), float(renderer.attrib["classificationMax"]))
        middle = float(np.nanmedian(values))
        assert limits[0] <= middle <= limits[1]
        assert all(item.attrib["label"].endswith(f" {unit}") for item in items)
    assert items
    assert all(re.fullmatch(r"#[0-9a-f]{6}", item.attrib["color"]) for item in items)
    assert all(0 <= int(item.attrib["alpha"]) <= 255 and item.attrib["label"] for item in items)


@functools.cache
def has_qgis() -> bool:
    """Whether QGIS can be asked."""
    if not PYTHON.exists():
        return False
    return subprocess.run([PYTHON, "-c", "import qgis.core"], env=_environment(), capture_output=True).returncode == 0


def in_qgis(rasters: list[Path]) -> list[dict[str, Any]]:
    """What QGIS makes of rasters and the styles beside them."""
    command = [str(PYTHON), "-c", _PROGRAM, *map(str, rasters)]
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return list(json.loads(done.stdout.splitlines()[-1]))


def _environment() -> dict[str, str]:
    # The system's Python takes nothing from the environment of the tests; no window is opened.
    known = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PROJ_", "GDAL_"))}
    return known | {"QT_QPA_PLATFORM": "offscreen"}
