"""Looking at products: a report of one product as a page, and a map in the browser over a folder of them."""

from srdanet.viewing.catalogue import Catalogue, Entry, Place

__all__ = ["Catalogue", "Entry", "Place"]
