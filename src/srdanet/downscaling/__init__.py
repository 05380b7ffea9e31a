"""From a coarse image to a finer one, step by step, window by window."""

from srdanet.downscaling.plan import ProductFiles, RunPlan
from srdanet.downscaling.rollout import Estimate, StepModel, advance, rollout
from srdanet.downscaling.run import downscale, downscale_scene

__all__ = ["Estimate", "ProductFiles", "RunPlan", "StepModel", "advance", "downscale", "downscale_scene", "rollout"]
