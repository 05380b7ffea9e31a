"""`xarray.open_dataset(granule, engine="srdanet")`: granules through the readers of this package.

xarray loads this module to list its engines, so that nothing but xarray is imported before a granule is opened.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import xarray as xr
from xarray.backends import BackendEntrypoint

if TYPE_CHECKING:
    from srdanet.readers.granule import Granule

_NAME = re.compile(r"(MOD|MYD|MCD|VNP|VJ1)\w+\.A\d{7}\.h\d\dv\d\d\..*\.(hdf|h5|he5)", re.IGNORECASE)
_UNSAID = ("unused", "spare")
_STANDARD_NAMES = {"lst": "surface_temperature", "emissivity": "surface_longwave_emissivity"}
"""CF standard names, by how our names of layers begin."""


class GranuleBackend(BackendEntrypoint):
    """Opens granules of MODIS and VIIRS on sinusoidal tiles, in physical units."""

    description: ClassVar[str] = "MODIS and VIIRS granules in physical units, quality decoded"
    open_dataset_parameters: ClassVar[tuple[str, ...]] = ("filename_or_obj", "drop_variables", "layers", "level")
    supports_groups: ClassVar[bool] = True

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Whether the name is that of a granule."""
        if not isinstance(filename_or_obj, str | os.PathLike):
            return False
        return _NAME.fullmatch(os.path.basename(os.fspath(filename_or_obj))) is not None

    def open_dataset(  # type: ignore[override]
        self,
        filename_or_obj: str | os.PathLike[str],
        *,
        drop_variables: str | Iterable[str] | None = None,
        layers: Iterable[str] | None = None,
        level: int | None = None,
    ) -> xr.Dataset:
        """The layers of one grid of a granule, read at once.

        Args:
            filename_or_obj: The file.
            drop_variables: Names of variables to leave out.
            layers: Our names of the layers to read (`srdanet.readers.tables`); all when None.
            level: Nominal cell size (m) of the grid, for products with several; the finest when None.

        Returns:
            (y, x) float32 in their units (LST in kelvin), NaN = missing; quality words as stored, and each of their
            fields as `<layer>_<field>` with CF flags. The date is the scalar coordinate `time`.

        Raises:
            ArgumentError: when the granule has no grid of `level`.
            GranuleError: when the file is damaged or no granule.
            ProductError: when the product or a layer is not known.
        """
        from srdanet.errors import ArgumentError

        found = self.open_groups_as_dict(filename_or_obj, drop_variables=drop_variables, layers=layers)
        sizes = sorted(int(name.removeprefix("/").removesuffix("m")) for name in found if name != "/")
        if level is not None and level not in sizes:
            todo = f"Choose from {', '.join(map(str, sizes))}."
            raise ArgumentError(f"there is no grid of {level} m", where=os.fspath(filename_or_obj), todo=todo)
        return found[f"/{sizes[0] if level is None else level}m"]

    def open_groups_as_dict(  # type: ignore[override]
        self,
        filename_or_obj: str | os.PathLike[str],
        *,
        drop_variables: str | Iterable[str] | None = None,
        layers: Iterable[str] | None = None,
    ) -> dict[str, xr.Dataset]:
        """All grids of a granule, as `/500m`, `/1000m` and so on; for `xarray.open_datatree`."""
        from srdanet.readers.granule import open_granule
        from srdanet.readers.tables import product_of

        wanted = None if layers is None else [layers] if isinstance(layers, str) else list(layers)
        granule = open_granule(os.fspath(filename_or_obj), wanted)
        levels = {layer.name: int(layer.level) for layer in product_of(granule.product).layers}
        groups: dict[int, dict[str, xr.DataArray]] = {}
        for name, data in granule.layers.items():
            groups.setdefault(levels[name], {}).update(_variables(granule, name, data))
        dropped = {drop_variables} if isinstance(drop_variables, str) else set(drop_variables or ())
        whole = {"/": xr.Dataset(attrs=_about(granule))}
        for size, variables in sorted(groups.items()):
            kept = {name: data for name, data in variables.items() if name not in dropped}
            whole[f"/{size}m"] = xr.Dataset(kept, attrs=_about(granule))
        return whole

    def open_datatree(self, filename_or_obj: Any, **options: Any) -> xr.DataTree:
        """All grids of a granule as a tree."""
        return xr.DataTree.from_dict(self.open_groups_as_dict(filename_or_obj, **options))


def _variables(granule: Granule, name: str, data: xr.DataArray) -> dict[str, xr.DataArray]:
    """A layer with CF attributes and its date; of quality words each field too."""
    import numpy as np

    from srdanet.readers.quality import decode
    from srdanet.readers.tables import product_of

    product = product_of(granule.product)
    row = product.layer(name)
    date = {"standard_name": "time", "long_name": "date of acquisition (UTC), the first of a period"}
    data = data.assign_coords(time=xr.Variable((), np.datetime64(granule.date, "ns"), date))
    data.encoding["grid_mapping"] = "spatial_ref"
    data.attrs = {key: value for key, value in data.attrs.items() if key != "units" or row.kind == "quantity"}
    kind, _, when = name.partition("_")
    if kind in _STANDARD_NAMES:
        data.attrs["standard_name"] = _STANDARD_NAMES[kind]
    beside = f"qc_{when}" if when else "qc"
    if kind == "lst" and beside in granule.layers:
        data.attrs["ancillary_variables"] = beside
    found = {name: data}
    words = decode(row.bits, data.values) if row.bits else {}
    for field in row.bits:
        said = [(value, text) for value, text in enumerate(field.meanings) if text not in _UNSAID]
        if not said:
            continue
        values = data.copy(data=words[field.name])
        values.attrs = {
            "long_name": f"{field.name.replace('_', ' ')} of {row.long_name or name}",
            "flag_values": np.array([value for value, _ in said], np.uint8),
            "flag_meanings": " ".join(text for _, text in said),
        }
        found[f"{name}_{field.name}"] = values
    return found


def _about(granule: Granule) -> dict[str, str]:
    from srdanet.readers.tables import product_of

    return {
        "Conventions": "CF-1.11",
        "title": product_of(granule.product).title,
        "source": granule.name,
        "product": granule.product,
        "collection": granule.collection,
        "tile": str(granule.tile),
        "sha256": granule.sha256,
    }
