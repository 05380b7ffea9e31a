"""Pictures for people: coarse beside fine."""

from srdanet.report.comparison import write_comparison

__all__ = ["write_comparison"]
