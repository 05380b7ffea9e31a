"""Checkpoints read without running what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from srdanet.errors import ModelError, first_line

_HELD = ("net", "shadow", "fusion", "optimizer", "devices", "iteration", "skipped", "describe", "config")
"""What every checkpoint holds; the first ones say nothing of where they began."""


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state that a training run has written: tensors and plain values, on the processor.

    A pickled file can name any code to run; only tensors and plain values are accepted here.

    Raises:
        ModelError: when the file is not a checkpoint of this package, or holds anything else.
    """
    todo = "Give the checkpoint.pt of a training run."
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # a damaged pickle can raise anything
        raise ModelError(f"is not a checkpoint ({first_line(error, 120)})", where=path, todo=todo) from error
    lacking = [key for key in _HELD if key not in state] if isinstance(state, dict) else list(_HELD)
    if lacking:
        raise ModelError(f"is not a checkpoint (it lacks {', '.join(lacking[:3])})", where=path, todo=todo)
    return dict(state)
