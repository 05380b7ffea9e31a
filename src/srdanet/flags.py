"""The quality layer of a result: one byte per cell, CF `flag_masks` and `flag_meanings`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Flag:
    """One bit of the quality layer."""

    name: str
    """CF flag meaning."""
    mask: int
    """The bit's value."""
    meaning: str
    """One sentence for people."""
    colour: str = ""
    """Of cells where it is the first flag set, as #rrggbb; none for a flag that is no defect."""


NO_INPUT = Flag("no_input", 1, "the coarse cell has no LST; the result is missing", "#d9d9d9")
INPUT_UNCERTAIN = Flag("input_uncertain", 2, "the product gives the coarse LST an error above 1 K", "#d55e00")
GAP_NEAR = Flag("gap_near", 4, "a neighbouring coarse cell has no LST", "#e69f00")
NO_AUXILIARY = Flag("no_auxiliary", 8, "no auxiliary data here: detail comes from the coarse LST alone", "#cc79a7")
AUXILIARY_PARTIAL = Flag("auxiliary_partial", 16, "some auxiliary data that the model takes is missing here", "#f0e442")
FAR_FROM_TRAINING = Flag(
    "far_from_training", 32, "LST or a predictor lies far outside what the model was trained on", "#56b4e9"
)
CONSERVED = Flag("conserved", 64, "the coarse LST is reproduced exactly (conservation was on)")
OVERSHOOT = Flag(
    "overshoot", 128, "limited: it lay farther outside the coarse LST around it than detail does", "#0072b2"
)

FLAGS: tuple[Flag, ...] = (
    NO_INPUT,
    INPUT_UNCERTAIN,
    GAP_NEAR,
    NO_AUXILIARY,
    AUXILIARY_PARTIAL,
    FAR_FROM_TRAINING,
    CONSERVED,
    OVERSHOOT,
)
SOUND = "#009e73"
"""Colour of cells with no defect. All are of the palette of Okabe and Ito, safe for colour-blind people."""


def colours() -> dict[int, tuple[int, int, int]]:
    """Red, green and blue (0 to 255) of every combination of flags: the colour of its first defect."""
    every = 1 << len(FLAGS)
    first = {bits: next((f.colour for f in FLAGS if bits & f.mask and f.colour), SOUND) for bits in range(every)}
    return {bits: (int(c[1:3], 16), int(c[3:5], 16), int(c[5:7], 16)) for bits, c in first.items()}


def flag_attributes() -> dict[str, object]:
    """CF attributes of the quality layer."""
    return {
        "long_name": "quality of downscaled land surface temperature",
        "flag_masks": np.array([flag.mask for flag in FLAGS], np.uint8),
        "flag_meanings": " ".join(flag.name for flag in FLAGS),
    }
