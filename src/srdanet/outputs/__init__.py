"""Products on disk: cloud-optimised GeoTIFFs, quick looks and the provenance record, whole or absent."""

from srdanet.outputs.product import ProductFiles, check_outputs, product_files, write_product
from srdanet.outputs.staging import publish, refuse_existing, staged

__all__ = ["ProductFiles", "check_outputs", "product_files", "publish", "refuse_existing", "staged", "write_product"]
