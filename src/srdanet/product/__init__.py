"""Products on disk: cloud-optimised GeoTIFFs, quick looks and the record, whole or absent."""

from srdanet.product.product import Layout, Product, check_outputs, write_product
from srdanet.product.record import Origin, Record, read_record

__all__ = ["Layout", "Origin", "Product", "Record", "check_outputs", "read_record", "write_product"]
