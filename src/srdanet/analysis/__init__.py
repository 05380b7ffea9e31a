"""What people do with products: series at points and over fields, dryness, heat islands."""

from srdanet.analysis.errors import CORRELATION, Correlation
from srdanet.analysis.extract import extract
from srdanet.readers.places import Place, read_points, read_regions

__all__ = ["CORRELATION", "Correlation", "Place", "extract", "read_points", "read_regions"]
