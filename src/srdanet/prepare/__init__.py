"""From files to a scene in three steps: survey (look), plan (choose), prepare (act)."""

from srdanet.prepare.act import prepare
from srdanet.prepare.choose import choose, plan
from srdanet.prepare.images import root_grid
from srdanet.prepare.plans import Plan, Source
from srdanet.prepare.survey import Found, RasterSpec, survey
from srdanet.readers.quality import Screening

__all__ = ["Found", "Plan", "RasterSpec", "Screening", "Source", "choose", "plan", "prepare", "root_grid", "survey"]
