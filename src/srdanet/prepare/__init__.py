"""From files to a scene in three steps: `survey` what each file is, `plan` which serves what, `prepare` the scene."""

from srdanet.prepare.build import prepare, root_grid
from srdanet.prepare.plan import InputRecord, Plan, Source, choose, plan
from srdanet.prepare.reading import open_spec
from srdanet.prepare.report import ReportRow, measure, report_rows, scene_report
from srdanet.prepare.survey import InputFile, RasterSpec, survey
from srdanet.readers.quality import Screening

__all__ = [
    "InputFile",
    "InputRecord",
    "Plan",
    "RasterSpec",
    "ReportRow",
    "Screening",
    "Source",
    "choose",
    "measure",
    "open_spec",
    "plan",
    "prepare",
    "report_rows",
    "root_grid",
    "scene_report",
    "survey",
]
