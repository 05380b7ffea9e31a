"""Other methods behind one Protocol."""

from srdanet.baselines.base import Auxiliary, Downscaler
from srdanet.baselines.interpolation import Interpolation, interpolate

__all__ = ["Auxiliary", "Downscaler", "Interpolation", "interpolate"]
