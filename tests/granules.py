"""Small HDF4-EOS and HDF-EOS5 granules for tests, written through the product table with pyhdf and h5py."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from pyhdf.error import HDF4Error
from pyhdf.SD import SD, SDC

from srdanet.grid import Tile
from srdanet.readers.filenames import GranuleName
from srdanet.readers.tables import PRODUCTS, Layer

PLACE = Tile(26, 5)
TYPES = {
    "int8": SDC.INT8,
    "uint8": SDC.UINT8,
    "int16": SDC.INT16,
    "uint16": SDC.UINT16,
    "uint32": SDC.UINT32,
}


def counts(layer: Layer, shape: tuple[int, int], seed: int = 0) -> NDArray[Any]:
    """Asymmetric valid counts, with fill in a block that no flip or turn leaves in place."""
    low, high = layer.valid
    rows, cols = np.mgrid[: shape[0], : shape[1]].astype(np.int64)
    values = low + (7 * rows + 3 * cols + 11 * seed) % (high - low + 1)
    if layer.fill is not None:
        values[1:4, 2:9] = layer.fill
    return values.astype(layer.dtype)


def attributes_of(layer: Layer) -> dict[str, Any]:
    """The attributes the provider writes."""
    said: dict[str, Any] = {"long_name": layer.long_name, "valid_range": list(layer.valid)}
    if layer.kind == "quantity":
        said |= {"scale_factor": layer.scale_spellings[0], "add_offset": layer.offset}
    if layer.fill is not None:
        said["_FillValue"] = layer.fill
    return said


def struct_metadata(grids: Mapping[str, dict[str, Any]]) -> str:
    """The StructMetadata text of some grids: name to shape, ul, lr and fields (SDS to type)."""
    lines = ["GROUP=SwathStructure", "END_GROUP=SwathStructure", "GROUP=GridStructure"]
    for number, (name, grid) in enumerate(grids.items(), 1):
        (rows, cols), (left, top), (right, bottom) = grid["shape"], grid["ul"], grid["lr"]
        lines += [
            f"\tGROUP=GRID_{number}",
            f'\t\tGridName="{name}"',
            f"\t\tXDim={cols}",
            f"\t\tYDim={rows}",
            f"\t\tUpperLeftPointMtrs=({left:.6f},{top:.6f})",
            f"\t\tLowerRightMtrs=({right:.6f},{bottom:.6f})",
            f"\t\tProjection={grid.get('projection', 'GCTP_SNSOID')}",
            f"\t\tProjParams=({grid.get('radius', 6371007.181):.6f},0,0,0,0,0,0,0,86400,0,0,0,0)",
            "\t\tSphereCode=-1",
            f"\t\tGridOrigin={grid.get('origin', 'HDFE_GD_UL')}",
            "\t\tGROUP=Dimension",
            "\t\tEND_GROUP=Dimension",
            "\t\tGROUP=DataField",
        ]
        for index, (sds, kind) in enumerate(grid["fields"].items(), 1):
            lines += [
                f"\t\t\tOBJECT=DataField_{index}",
                f'\t\t\t\tDataFieldName="{sds}"',
                f"\t\t\t\tDataType=DFNT_{kind.upper()}",
                '\t\t\t\tDimList=("YDim","XDim")',
                f"\t\t\tEND_OBJECT=DataField_{index}",
            ]
        lines += ["\t\tEND_GROUP=DataField", f"\tEND_GROUP=GRID_{number}"]
    return "\n".join([*lines, "END_GROUP=GridStructure", "END", ""])


def core_metadata(name: GranuleName, **changes: object) -> str:
    """The CoreMetadata text of a granule; `changes` replaces entries."""
    entries: dict[str, object] = {
        "LOCALGRANULEID": str(name),
        "SHORTNAME": name.product,
        "VERSIONID": int(name.collection),
        "RANGEBEGINNINGDATE": name.date.isoformat(),
        "RANGEENDINGDATE": name.date.isoformat(),
    }
    lines = ["GROUP = INVENTORYMETADATA", "  GROUPTYPE = MASTERGROUP"]
    for key, value in (entries | changes).items():
        said = value if isinstance(value, int) else f'"{value}"'
        lines += [f"  OBJECT = {key}", "    NUM_VAL = 1", f"    VALUE = {said}", f"  END_OBJECT = {key}"]
    return "\n".join([*lines, "END_GROUP = INVENTORYMETADATA", "END", ""])


def write_granule(
    folder: Path,
    product: str = "MOD11B1",
    *,
    tile: Tile = PLACE,
    date: dt.date = dt.date(2020, 7, 15),
    collection: str | None = None,
    layers: tuple[str, ...] | None = None,
    arrays: Mapping[str, NDArray[Any]] | None = None,
    name: str | None = None,
    core: Mapping[str, object] | None = {},
    grid: Mapping[str, Any] | None = None,
    attributes: Mapping[str, Mapping[str, Any]] | None = None,
    cells: Mapping[str, tuple[slice, slice]] | None = None,
    compress: bool = True,
) -> Path:
    """Write a granule.

    Args:
        folder: Where to.
        product: Short name.
        tile: Its tile.
        date: Its day.
        collection: Its collection; the latest where None.
        layers: Our layer names; None for all.
        arrays: Our layer name to counts as stored; `counts` where absent.
        name: Another file name than the standard one.
        core: Changes to the inventory metadata; None to leave it out.
        grid: Changes to every grid's StructMetadata.
        attributes: Our layer name to changed attributes; a value of None leaves one out.
        cells: Grid name to the (rows, columns) of the tile to write, for cut granules.
        compress: Deflate the data, as the providers do.
    """
    identity = GranuleName(product, date, tile, collection or PRODUCTS[product].collections[-1], "2021012345678")
    path = folder / (name or str(identity))
    rows = [row for row in PRODUCTS[product].layers if layers is None or row.name in layers]
    grids: dict[str, dict[str, Any]] = {}
    eos5 = product.startswith("V")
    file = h5py.File(path, "w") if eos5 else SD(str(path), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    for seed, row in enumerate(rows):
        part = (cells or {}).get(row.grid, (slice(0, row.level.cells), slice(0, row.level.cells)))
        box = tile.geobox(row.level)[part]
        extent = box.boundingbox
        about = {"shape": tuple(box.shape), "ul": (extent.left, extent.top), "lr": (extent.right, extent.bottom)}
        about = grids.setdefault(row.grid, {**about, "fields": {}} | dict(grid or {}))
        about["fields"][row.sds] = row.dtype
        values = (arrays or {}).get(row.name, counts(row, tuple(box.shape), seed))
        said = {**attributes_of(row), **(attributes or {}).get(row.name, {})}
        write = _write_field_5 if eos5 else _write_field
        write(file, row, values, {key: value for key, value in said.items() if value is not None}, compress)
    if eos5:
        file["HDFEOS INFORMATION/StructMetadata.0"] = np.bytes_(_in_eos5(struct_metadata(grids)).ljust(32000, "\0"))
        file["HDFEOS INFORMATION"].attrs["HDFEOSVersion"] = np.bytes_("HDFEOS_5.1.15")
        inventory = {} if core is None else {**_inventory(identity), **core}
        file.attrs.update({key: np.bytes_(str(value)) for key, value in inventory.items()})
        file.close()
        return path
    file.attr("StructMetadata.0").set(SDC.CHAR8, struct_metadata(grids))
    if core is not None:
        file.attr("CoreMetadata.0").set(SDC.CHAR8, core_metadata(identity, **core))
    file.end()
    return path


def _in_eos5(text: str) -> str:
    """StructMetadata as HDF-EOS5 words it."""
    types = {"UINT8": "UCHAR", "UINT16": "USHORT", "INT16": "SHORT", "UINT32": "UINT"}
    for name, native in types.items():
        text = text.replace(f"DataType=DFNT_{name}\n", f"DataType=H5T_NATIVE_{native}\n")
    return text.replace("=GCTP_", "=HE5_GCTP_").replace("=HDFE_", "=HE5_HDFE_")


def _inventory(name: GranuleName) -> dict[str, object]:
    """The file attributes in which VIIRS granules keep their inventory."""
    day = name.date.isoformat()
    return {
        "LocalGranuleID": str(name),
        "ShortName": name.product,
        "VersionID": name.collection,
        "RangeBeginningDate": day,
        "RangeEndingDate": day,
    }


def _write_field_5(file: h5py.File, row: Layer, values: NDArray[Any], said: Mapping[str, Any], compress: bool) -> None:
    packed = {"compression": "gzip", "shuffle": True} if compress else {}
    place = f"HDFEOS/GRIDS/{row.grid}/Data Fields/{row.sds}"
    field = file.create_dataset(place, data=values, **packed)
    for key, value in said.items():
        if isinstance(value, str):
            field.attrs[key] = np.bytes_(value)
        elif key in ("_FillValue", "valid_range"):
            field.attrs[key] = np.atleast_1d(np.asarray(value, row.dtype))
        else:
            field.attrs[key] = np.array([float(value)])


def _write_field(file: SD, row: Layer, values: NDArray[Any], said: Mapping[str, Any], compress: bool) -> None:
    field = file.create(row.sds, TYPES[str(values.dtype)], values.shape)
    if compress:
        field.setcompress(SDC.COMP_DEFLATE, 6)
    for axis, dim in enumerate(("YDim", "XDim")):
        with contextlib.suppress(HDF4Error):  # a field of another size, which some tests want
            field.dim(axis).setname(f"{dim}:{row.grid}")
    for key, value in said.items():
        if isinstance(value, str):
            field.attr(key).set(SDC.CHAR8, value)
        elif key in ("_FillValue", "valid_range"):
            field.attr(key).set(TYPES[row.dtype], value)
        else:
            field.attr(key).set(SDC.FLOAT64, float(value))
    field.set(values)
    field.endaccess()
