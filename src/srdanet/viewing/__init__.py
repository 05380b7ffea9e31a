"""Looking at products: a report of one product as a page, and a map in the browser over a folder of them."""

from srdanet.viewing.catalogue import Catalogue, Entry, Place
from srdanet.viewing.report import write_report

__all__ = ["Catalogue", "Entry", "Place", "write_report"]
