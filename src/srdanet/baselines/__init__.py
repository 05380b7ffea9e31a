"""Methods that every result is compared with."""

from srdanet.baselines.interpolation import BICUBIC, Interpolation

__all__ = ["BICUBIC", "Interpolation"]
