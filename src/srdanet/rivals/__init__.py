"""Other methods behind one Protocol."""

from srdanet.rivals.base import Auxiliary, Downscaler
from srdanet.rivals.interpolation import Interpolation, interpolate

__all__ = ["Auxiliary", "Downscaler", "Interpolation", "interpolate"]
