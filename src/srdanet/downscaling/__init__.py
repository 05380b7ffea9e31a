"""From a coarse image to a finer one, step by step, window by window."""

from srdanet.downscaling.rollout import downscale, downscale_scene

__all__ = ["downscale", "downscale_scene"]
