"""Adapting a model to one scene that has no finer truth: `adapt(bundle, ...)` gives a model for that scene alone.

Off unless asked for: it was measured, and does not help (`docs/notebook/010-adaptation.md`).
"""

from __future__ import annotations

from srdanet.errors import MissingExtraError

try:
    import torch  # noqa: F401  (asked for here once, so that the hint is one place)
except ImportError as error:
    todo = "Run pip install 'srdanet[train]' torch==2.13.0, or leave adaptation off."
    raise MissingExtraError("adapting a model needs torch, which is not installed", todo=todo) from error

from srdanet.adaptation.fit import Adaptation, Adapted, adapt

__all__ = ["Adaptation", "Adapted", "adapt"]
