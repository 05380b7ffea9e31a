"""Simulated granules: what each of them holds, and how it is written as HDF4-EOS, the way NASA delivers it.

Granules are whole tiles of packed counts with metadata texts. Everything about a layer (name, type, packing, fill)
comes from the product table that the readers use; the texts follow real granules of collection 6.1.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from srdanet.energy import aggregate
from srdanet.errors import ArgumentError, OutputError
from srdanet.grid import Tile, lonlat
from srdanet.readers.filenames import GranuleName
from srdanet.readers.tables import Layer, Product, product_of
from srdanet.variables import BANDS
from srdanet_simulator.files.attributes import attributes
from srdanet_simulator.sensor.modis import View
from srdanet_simulator.simulation import Simulation

COLLECTION = "061"
_TEXT = 32000
"""Length of the providers' StructMetadata texts, which are padded with NUL."""
_DEFLATE = 3
_PATH = 1000
"""Length to which slashes stretch the path that HDF4 writes into its file, so that it can be blotted out."""

Layers = Mapping[str, NDArray[Any]]
_DONE = 1 << 30
"""Word of MOD09GA: atmospheric correction performed, all bands of the highest quality."""
_DONE_250 = 1 << 12
"""The same of MOD09GQ."""


def temperature_layers(views: Mapping[bool, View], emissivity: NDArray[np.float32]) -> Layers:
    """Layers of MOD11A1.

    Args:
        views: What was seen by day (True) and by night.
        emissivity: Broadband, 1 km.
    """
    layers: dict[str, NDArray[Any]] = {}
    clear = {}
    for word, seen in (("day", views[True]), ("night", views[False])):
        missing = np.isnan(seen.lst)
        layers[f"lst_{word}"] = seen.lst
        layers[f"qc_{word}"] = seen.qc
        layers[f"view_time_{word}"] = np.where(missing, np.nan, seen.time)
        layers[f"view_angle_{word}"] = np.where(missing, np.nan, seen.angle)
        # next to clouds less of a cell is clear
        share = ndimage.uniform_filter((~missing).astype(np.float32), 3, mode="nearest")
        clear[f"clear_{word}"] = np.where(missing, np.nan, share)
    nowhere = np.isnan(views[True].lst) & np.isnan(views[False].lst)
    for band, shift in ((31, 0.0), (32, 0.004)):
        layers[f"emissivity_{band}"] = np.where(nowhere, np.nan, np.minimum(emissivity + shift, 1.0))
    return layers | clear


def optical_layers(simulation: Simulation) -> dict[str, Layers]:
    """Layers of the other granules, by the product's name without its platform."""
    raw = simulation.raw
    side = raw.reflectance.shape[1]
    words = {"qc_500m": np.full((side, side), _DONE, np.uint32)}
    fine = {"qc_250m": np.full((2 * side, 2 * side), _DONE_250, np.uint16)}
    return {
        "09GA": {"state": raw.state, **dict(zip(BANDS, raw.reflectance, strict=True)), **words},
        "09GQ": {**dict(zip(BANDS, raw.reflectance_250, strict=False)), **fine},
        "43A3": {"albedo_quality": raw.albedo_quality, "albedo_bsa": raw.albedo_bsa, "albedo_wsa": raw.albedo_wsa},
        "12Q1": {"land_cover": simulation.predictors["land_cover"]},
    }


def coarse_emissivity(simulation: Simulation) -> NDArray[np.float32]:
    """Broadband emissivity of the 1 km cells."""
    return aggregate(simulation.emissivity, 4).astype(np.float32)


def granule_name(short_name: str, date: dt.date, tile: Tile) -> GranuleName:
    """The name of a simulated granule; it says it was produced on the noon two days later."""
    made = date + dt.timedelta(days=2)
    return GranuleName(short_name, date, tile, COLLECTION, f"{made:%Y%j}120000")


def pack(layer: Layer, values: NDArray[Any]) -> NDArray[Any]:
    """Physical values (NaN = missing) as stored counts; words and classes pass as they are.

    Raises:
        ArgumentError: when a value lies beyond what the layer can hold.
    """
    if layer.kind != "quantity":
        return np.asarray(values).astype(layer.dtype)
    missing = ~np.isfinite(values)
    counts = np.round((np.where(missing, layer.offset, values).astype(np.float64) - layer.offset) / layer.scale)
    low, high = layer.valid
    if bool(np.any(((counts < low) | (counts > high)) & ~missing)):
        raise ArgumentError(f"values from {np.nanmin(values)} to {np.nanmax(values)} cannot be stored in {layer.sds}")
    fill = 0 if layer.fill is None else layer.fill
    return np.where(missing, fill, counts).astype(layer.dtype)


def write_granule(
    path: Path,
    name: GranuleName,
    scene: Layers,
    offset: tuple[int, int],
    outside: Mapping[str, int],
) -> None:
    """Write one granule: a whole tile with fill around the scene.

    Args:
        path: The file.
        name: What it is.
        scene: Our layer names to (y, x) physical values, words or classes over the scene.
        offset: Row and column of the scene's first 1 km cell in the tile.
        outside: Words around the scene, for layers that have no fill.

    Raises:
        OutputError: when the file cannot be written.
        ProductError: when a layer is not in the product.
    """
    from pyhdf.error import HDF4Error
    from pyhdf.SD import SD, SDC

    product = product_of(name.product)
    rows = [product.layer(key) for key in scene]
    try:
        stretched = f"{path.parent.resolve()}/".ljust(_PATH - len(path.name), "/") + path.name
        file = SD(stretched, SDC.WRITE | SDC.CREATE | SDC.TRUNC)
        for layer in rows:
            side, factor = layer.level.cells, layer.level.cells // 1200
            whole = np.full((side, side), outside.get(layer.name, layer.fill), layer.dtype)
            part = pack(layer, scene[layer.name])
            top, left = offset[0] * factor, offset[1] * factor
            whole[top : top + part.shape[0], left : left + part.shape[1]] = part
            _write_layer(file, name.product, layer, whole)
        texts = {
            "HDFEOSVersion": "HDFEOS_V2.19",
            "StructMetadata.0": struct_metadata(name, rows).ljust(_TEXT, "\0"),
            "CoreMetadata.0": core_metadata(name),
            "ArchiveMetadata.0": archive_metadata(name, product),
            "identifier_product_doi": f"10.5067/MODIS/{name.product}.{COLLECTION}",
            "identifier_product_doi_authority": "http://dx.doi.org",
        }
        for key, text in texts.items():
            file.attr(key).set(SDC.CHAR8, text)
        file.end()
        # HDF4 keeps the path it was given; without it the same granule is the same bytes wherever it is made
        path.write_bytes(path.read_bytes().replace(stretched.encode(), path.name.encode().ljust(len(stretched))))
    except HDF4Error as error:
        raise OutputError(
            f"cannot be written as HDF4 ({error})", where=path.name, todo="Check the free disk space."
        ) from error


def _write_layer(file: Any, product: str, layer: Layer, counts: NDArray[Any]) -> None:
    from pyhdf.SD import SDC

    types = {"uint8": SDC.UINT8, "int16": SDC.INT16, "uint16": SDC.UINT16, "uint32": SDC.UINT32}
    types |= {"int32": SDC.INT32, "float64": SDC.FLOAT64, "text": SDC.CHAR8}
    field = file.create(layer.sds, types[layer.dtype], counts.shape)
    field.setcompress(SDC.COMP_DEFLATE, _DEFLATE)
    for axis, dimension in enumerate(("YDim", "XDim")):
        field.dim(axis).setname(f"{dimension}:{layer.grid}")
    for key, kind, value in attributes(product, layer, counts):
        field.attr(key).set(types[kind], value)
    field.set(counts)
    field.endaccess()


def struct_metadata(name: GranuleName, rows: list[Layer]) -> str:
    """The ODL text that says which grids a granule has, where they lie and which fields they hold."""
    lines = ["GROUP=SwathStructure", "END_GROUP=SwathStructure", "GROUP=GridStructure"]
    zones = 86400 if name.product[3:5] == "11" else 0  # each team writes its own number where none counts
    for number, grid in enumerate(dict.fromkeys(row.grid for row in rows), 1):
        fields = [row for row in rows if row.grid == grid]
        box = name.tile.geobox(fields[0].level)
        edge = box.boundingbox
        lines += [
            f"\tGROUP=GRID_{number}",
            f'\t\tGridName="{grid}"',
            f"\t\tXDim={box.shape[1]}",
            f"\t\tYDim={box.shape[0]}",
            f"\t\tUpperLeftPointMtrs=({edge.left:.6f},{edge.top:.6f})",
            f"\t\tLowerRightMtrs=({edge.right:.6f},{edge.bottom:.6f})",
            "\t\tProjection=GCTP_SNSOID",
            f"\t\tProjParams=(6371007.181000,0,0,0,0,0,0,0,{zones},0,0,0,0)",
            "\t\tSphereCode=-1",
            "\t\tGridOrigin=HDFE_GD_UL",
            "\t\tGROUP=Dimension",
            "\t\tEND_GROUP=Dimension",
            "\t\tGROUP=DataField",
        ]
        for index, row in enumerate(fields, 1):
            lines += [
                f"\t\t\tOBJECT=DataField_{index}",
                f'\t\t\t\tDataFieldName="{row.sds}"',
                f"\t\t\t\tDataType=DFNT_{row.dtype.upper()}",
                '\t\t\t\tDimList=("YDim","XDim")',
                f"\t\t\tEND_OBJECT=DataField_{index}",
            ]
        lines += ["\t\tEND_GROUP=DataField", "\t\tGROUP=MergedFields", "\t\tEND_GROUP=MergedFields"]
        lines += [f"\tEND_GROUP=GRID_{number}"]
    tail = ["END_GROUP=GridStructure", "GROUP=PointStructure", "END_GROUP=PointStructure", "END", ""]
    return "\n".join(lines + tail)


def core_metadata(name: GranuleName) -> str:
    """The ODL text of a granule's inventory: what it is, of which days, and where."""
    product = product_of(name.product)
    last = name.date + dt.timedelta(days=product.days - 1)
    if product.days > 300:
        last = dt.date(name.date.year, 12, 31)
    platform = {"MOD": "Terra", "MYD": "Aqua"}.get(name.product[:3], "Terra")
    made = dt.datetime.strptime(name.produced, "%Y%j%H%M%S")
    lon, lat = (part[[0, 0, -1, -1], [0, -1, -1, 0]] for part in lonlat(name.tile.geobox(6000)))
    ring: dict[str, object] = {
        "GRINGPOINTLONGITUDE": ", ".join(f"{v:.10f}" for v in lon),
        "GRINGPOINTLATITUDE": ", ".join(f"{v:.10f}" for v in lat),
        "GRINGPOINTSEQUENCENO": "1, 2, 3, 4",
    }
    values: dict[str, dict[str, object]] = {
        "ECSDATAGRANULE": {
            "LOCALGRANULEID": str(name),
            "PRODUCTIONDATETIME": f"{made:%Y-%m-%dT%H:%M:%S}.000Z",
            "DAYNIGHTFLAG": "Both",
            "REPROCESSINGACTUAL": "simulated",
        },
        "COLLECTIONDESCRIPTIONCLASS": {"VERSIONID": int(name.collection), "SHORTNAME": name.product},
        "GRINGPOINT": ring,
        "RANGEDATETIME": {
            "RANGEENDINGDATE": last.isoformat(),
            "RANGEENDINGTIME": "23:59:59",
            "RANGEBEGINNINGDATE": name.date.isoformat(),
            "RANGEBEGINNINGTIME": "00:00:00",
        },
        "ASSOCIATEDPLATFORMINSTRUMENTSENSOR": {
            "ASSOCIATEDSENSORSHORTNAME": "MODIS",
            "ASSOCIATEDPLATFORMSHORTNAME": platform,
        },
        "ADDITIONALATTRIBUTES": {
            "HORIZONTALTILENUMBER": f"{name.tile.h:02d}",
            "VERTICALTILENUMBER": f"{name.tile.v:02d}",
        },
    }
    return _odl("INVENTORYMETADATA", values)


def archive_metadata(name: GranuleName, product: Product) -> str:
    """The ODL text of a granule's archive entry; it says that the granule is simulated."""
    values: dict[str, dict[str, object]] = {
        "TILEINFO": {"HORIZONTALTILENUMBER": f"{name.tile.h:02d}", "VERTICALTILENUMBER": f"{name.tile.v:02d}"},
        "ALGORITHMPACKAGE": {"ALGORITHMPACKAGENAME": "srdanet_simulator"},
        "PROJECT": {"LONGNAME": f"Simulated: {product.title}"},
    }
    return _odl("ARCHIVEDMETADATA", values)


def _odl(master: str, groups: Mapping[str, Mapping[str, object]]) -> str:
    lines = ["", f"GROUP                  = {master}", "  GROUPTYPE            = MASTERGROUP", ""]
    for group, values in groups.items():
        lines += [f"  GROUP                  = {group}", ""]
        for key, value in values.items():
            several = key.startswith("GRING")
            said = f"({value})" if several else str(value) if isinstance(value, int) else f'"{value}"'
            lines += [f"    OBJECT                 = {key}", f"      NUM_VAL              = {4 if several else 1}"]
            lines += [f"      VALUE                = {said}", f"    END_OBJECT             = {key}", ""]
        lines += [f"  END_GROUP              = {group}", ""]
    return "\n".join([*lines, f"END_GROUP              = {master}", "", "END", ""])
