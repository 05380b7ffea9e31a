"""Other methods behind one Protocol."""

from srdanet.rivals.base import Downscaler
from srdanet.rivals.interpolation import Interpolation, interpolate

__all__ = ["Downscaler", "Interpolation", "interpolate"]
