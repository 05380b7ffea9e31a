"""From files to a scene in three steps: `survey` what each file is, `plan` which serves what, `prepare` the scene."""

from srdanet.prepare.build import open_spec, prepare, root_grid
from srdanet.prepare.plan import InputRecord, Plan, Source, choose, plan
from srdanet.prepare.survey import InputFile, RasterSpec, survey
from srdanet.readers.quality import Screening

__all__ = [
    "InputFile",
    "InputRecord",
    "Plan",
    "RasterSpec",
    "Screening",
    "Source",
    "choose",
    "open_spec",
    "plan",
    "prepare",
    "root_grid",
    "survey",
]
