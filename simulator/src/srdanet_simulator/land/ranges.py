"""Heights of a large scene at their largest: ranges and plains, and where the sea is.

Ranges are belts some hundred kilometres wide along one strike, winding and ending. Where they run decides how strong
the relief is, so that its spread over the land is about that of single scenes; a continent rises slowly from its coasts
(hypsography after Eakins & Sharman 2012: most land lies low). Part of the seeds have a sea.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, special

from srdanet_simulator.land.lattice import Broad, Lattice
from srdanet_simulator.noise import Field, fractal, smoothstep, stream

_COASTS = 0.55
"""Share of the seeds that have a sea."""
_RELIEF = 190.0
"""Median relief (m), as of single scenes."""
_INLAND, _OFFSHORE = 240.0, 700.0
"""Mean height of land (m) without its ranges; how fast the ground falls off the coast (m)."""
_SHORE = 40.0
"""How much higher (m) the land is than the coast, some twenty kilometres from it."""
_ROOT = 1.1
"""Mean height of country over its relief, before uplift; 1.6 after it, which single scenes are drawn with."""


@dataclass(frozen=True)
class Ranges:
    """The shape of a large land."""

    relief: Broad
    """Standard deviation of height before erosion (m)."""
    root: Broad
    """The same around a place: what a range's foreland shares of its height."""
    inland: Broad
    """How far inland: rank among the land's places, 0 at the coast to 1; negative at sea."""
    strike: float
    """Direction of the ranges (radians from the x axis towards rising rows)."""

    def base(self, inland: Field, root: Field) -> Field:
        """Height (m) of the country, negative at sea, from the two fields of that name."""
        share = np.clip(inland, 0, 0.98)
        level = np.where(inland > 0, -_INLAND * np.log1p(-share), _OFFSHORE * inland)
        level += _SHORE * np.tanh(inland / 0.02)
        # ranges rise behind the coast
        return np.asarray(level + _ROOT * root * (0.1 + 0.9 * smoothstep(inland, 0.0, 0.10)), np.float32)


def draw_ranges(seed: int, lattice: Lattice) -> Ranges:
    """Draw the shape of a large land."""
    rng = stream(seed, "ranges")
    strike = float(rng.uniform(0, np.pi))
    middling, spread = _RELIEF * float(np.exp(rng.normal(0, 0.3))), float(rng.uniform(0.8, 1.1))
    sea = float(rng.uniform(0.08, 0.5)) if rng.random() < _COASTS else 0.0

    def field(slope: float, outer: float, inner: float, longer: float = 1.0) -> Field:
        grain = strike, longer
        return fractal(lattice.nodes, rng, slope=slope, cell=lattice.spacing, outer=outer, inner=inner, grain=grain)

    # ranges run where a field along the strike is near 0, where another lets them; a third breaks up the plains.
    # only ranks matter: how much of the land is how rugged is set by `_RELIEF` and its spread
    crest = np.clip(1 - np.abs(field(4.5, 900e3, 60e3, 2.2)) / 0.7, 0, 1)
    rugged = crest * smoothstep(field(4.0, 900e3, 60e3), -0.4, 0.8) + 0.13 * field(3.6, 400e3, 20e3)
    relief = np.clip(middling * np.exp(spread * special.ndtri(_rank(rugged))), 15, 900)
    high = _rank(field(4.3, 2500e3, 20e3) + 0.12 * field(3.4, 300e3, 20e3))
    near, around = (lattice.spread(ndimage.gaussian_filter(relief, sigma)) for sigma in (1.0, 2.5))
    return Ranges(near, around, lattice.spread((high - sea) / (1 - sea)), strike)


def _rank(field: Field) -> Field:
    """Each place's rank among all, between 0 and 1."""
    order = np.empty(field.size)
    order[np.argsort(field, axis=None, kind="stable")] = (np.arange(field.size) + 0.5) / field.size
    return order.reshape(field.shape).astype(np.float32)
