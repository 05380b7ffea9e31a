"""Products on disk: cloud-optimised GeoTIFFs, quick looks and the provenance record, whole or absent."""

from srdanet.atomic import publish, refuse_existing, staged
from srdanet.product.product import ProductFiles, check_outputs, product_files, write_product

__all__ = ["ProductFiles", "check_outputs", "product_files", "publish", "refuse_existing", "staged", "write_product"]
