"""What there is to download and from whom: products by role, and the hosts of each service.

Sources: product pages of LP DAAC (short names, versions), Earthdata Cloud access of LP DAAC (files come by redirects to
signed addresses), Climate Data Store, `reanalysis-era5-single-levels`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

LstFamily = Literal["mod11", "mod21", "vnp21"]
Elevation = Literal["srtm", "nasadem"]

LST: Mapping[tuple[LstFamily, str], tuple[str, ...]] = {
    ("mod11", "terra"): ("MOD11A1",),
    ("mod11", "aqua"): ("MYD11A1",),
    ("mod21", "terra"): ("MOD21A1D", "MOD21A1N"),
    ("mod21", "aqua"): ("MYD21A1D", "MYD21A1N"),
    ("vnp21", "npp"): ("VNP21A1D", "VNP21A1N"),
}
"""Products of LST, by family and platform."""
REFLECTANCE = {
    "reflectance_250m": {"terra": "MOD09GQ", "aqua": "MYD09GQ", "npp": "MYD09GQ"},
    "reflectance_500m": {"terra": "MOD09GA", "aqua": "MYD09GA", "npp": "MYD09GA"},
}
"""Products of reflectance by role and platform; Aqua's passes are near those of S-NPP."""
ELEVATION: Mapping[Elevation, str] = {"srtm": "SRTMGL1", "nasadem": "NASADEM_HGT"}
VERSIONS = {"SRTMGL1": "003", "NASADEM_HGT": "001", "VNP21A1D": "002", "VNP21A1N": "002"}
"""Versions of products; all others are collection `MODIS_VERSION`."""
MODIS_VERSION = "061"

GRANULE = re.compile(
    r"(?P<product>[A-Z0-9]+)\.A(?P<day>\d{7})\.(?P<tile>h\d\dv\d\d)\.(?P<version>\d{3})\.(?P<made>\d{13})\.(?:hdf|h5)"
)
"""A granule's name as the provider gives it, without the marks that tools add: it will be the name of a file."""
DEGREE_CELL = re.compile(
    r"(?:NASADEM_HGT_(?=[ns])|(?=[NS]))(?P<lat>[NSns]\d\d)(?P<lon>[EWew]\d{3})(?:\.SRTMGL1\.hgt)?\.zip"
)
"""The name of an archive of heights of one degree cell."""
SRTM_LIMITS = (-56, 60)
"""Latitudes between which the Shuttle mapped land."""

CHECKSUMS = {
    "MD5": "md5",
    "SHA-1": "sha1",
    "SHA-256": "sha256",
    "SHA-512": "sha512",
    "POSIX": "cksum",
    "CKSUM": "cksum",
}
"""Algorithms of UMM-G that can be verified, by the names of `readers.checksum`."""
UNITS = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
"""Bytes of the units in which UMM-G states sizes."""


@dataclass(frozen=True)
class Service:
    """Who serves files, and whom it may pass us on to."""

    name: str
    hosts: tuple[str, ...]
    """Hosts (or `.domain` for all below it) that a file's address may name, and that may see the credentials."""
    delivery: tuple[str, ...] = ()
    """Hosts that may be redirected to, without credentials: the addresses they get are signed."""
    remedy: str = ""
    """What to do when it refuses the credentials."""
    loopback: bool = False
    """Whether plain http to 127.0.0.1 is allowed; for tests."""

    def serves(self, host: str) -> bool:
        """Whether a host is one of the service's own."""
        return _among(host, self.hosts)

    def allows(self, host: str) -> bool:
        """Whether a file may come from a host."""
        return self.serves(host) or _among(host, self.delivery)


def _among(host: str, names: tuple[str, ...]) -> bool:
    return any(host == name or (name.startswith(".") and host.endswith(name)) for name in names)


EARTHDATA = Service(
    "Earthdata",
    hosts=(".earthdatacloud.nasa.gov", ".earthdata.nasa.gov"),
    delivery=(".cloudfront.net", ".s3.us-west-2.amazonaws.com", "s3.us-west-2.amazonaws.com"),
    remedy="Check the account (netrc, or EARTHDATA_USERNAME and EARTHDATA_PASSWORD, or EARTHDATA_TOKEN), and authorize "
    "the application of LP DAAC and accept its terms at https://urs.earthdata.nasa.gov/profile.",
)
CLIMATE_STORE = Service(
    "Climate Data Store",
    hosts=(".climate.copernicus.eu", ".ecmwf.int"),
    remedy="Check the key in ~/.cdsapirc (or CDSAPI_URL and CDSAPI_KEY), and accept the licence of ERA5 at "
    "https://cds.climate.copernicus.eu/datasets/reanalysis-era5-single-levels.",
)

ERA5_DATASET = "reanalysis-era5-single-levels"
ERA5_VARIABLES = (
    "2m_temperature",
    "2m_dewpoint_temperature",
    "10m_u_component_of_wind",
    "10m_v_component_of_wind",
    "surface_solar_radiation_downwards",
    "volumetric_soil_water_layer_1",
)
"""What scenes use of ERA5, by the names of the Climate Data Store."""
ERA5_STEP = 0.25
"""Degrees between grid points."""
