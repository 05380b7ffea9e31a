"""The land: what grows or stands where, in what parcels, and what of it nobody sees.

A piece of land depends on its seed and place alone, not on the date: a sequence of
dates shares it. `cover` makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdanet_simulator.land.lattice import Broad
from srdanet_simulator.land.relief import Relief
from srdanet_simulator.noise import Field, Ints, stream

WATER, CONIFER, BROADLEAF, GRASS, SHRUB, CROP, BARE, URBAN = range(8)
"""Kinds of cover on the fine grid."""
CEREAL, SUMMER, LATE, LEY, ORCHARD, FALLOW, DOUBLE = range(7)
"""Kinds of crop: winter cereal or rape, maize-like, beet-like, grass or lucerne, vine or tree, none, two harvests."""


@dataclass(frozen=True)
class Character:
    """What kind of country it is. Drawn from the seed and the latitude by `character`."""

    base: float
    """Mean height (m)."""
    relief: float
    """Standard deviation of height before erosion (m)."""
    aridity: float | Field
    """0 (humid) to 1 (desert); (y, x) of the cells in hand where it changes over the land."""
    field: float
    """Usual width of a field (m)."""
    shape: float
    """Length of a field over its width."""
    block: float
    """Size of the pieces of country whose fields share a direction (m)."""
    pivots: float
    """Share of the blocks that are irrigated by centre pivots."""
    forest: float
    """Share of the land under forest."""
    crop: float
    """Share of the land that is neither forest nor built and is tilled."""
    lakes: float
    """Share of standing water."""
    towns: float
    """Towns per 1000 square kilometres."""
    crops: tuple[float, ...]
    """Shares of the kinds of crop."""
    soil: float | Field
    """Brightness of the dry soil relative to a middling one; as the aridity."""


@dataclass(frozen=True)
class Land:
    """Everything about the land that does not depend on the date; (y, x) on the fine grid."""

    character: Character
    """Of a large land that of its middle; of its rows their own."""
    relief: Relief
    kind: NDArray[np.uint8]
    """WATER ... URBAN."""
    crop: NDArray[np.uint8]
    """CEREAL ... DOUBLE; meaningful where kind is CROP."""
    parcel: Ints
    """Hash of the parcel: `hashed(parcel, n)` is a parcel's n-th random number."""
    sealed: Field
    """Share of the ground that is roof or pavement."""
    water: Field
    """Share of open water."""
    soil: Field
    """Brightness of dry soil relative to a middling one."""
    vigour: Field
    """How well plants grow here: about 1; visible."""
    hidden: Field
    """Moisture anomaly of place that no predictor shows: mean 0, sd 1."""
    varying: Mapping[str, Broad] = field(default_factory=dict)
    """What of the character changes over the land, by name."""

    def rows(self, rows: slice) -> Land:
        """The land of some rows."""
        relief = Relief(*(getattr(self.relief, f.name)[rows] for f in fields(self.relief)))
        whole = ("character", "relief", "varying")
        parts = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name not in whole}
        here: dict[str, Any] = {name: broad.rows(rows) for name, broad in self.varying.items()}
        return Land(replace(self.character, **here) if here else self.character, relief, **parts)


def character(seed: int, latitude: float, *which: int) -> Character:
    """Draw a kind of country that is plausible at a latitude (degrees); numbers tell one draw of a seed from others."""
    rng = stream(seed, "character", *which)
    lat = abs(latitude)
    dry_belt = float(np.exp(-(((lat - 27) / 11) ** 2)))
    aridity = float(np.clip(rng.normal(0.26 + 0.32 * dry_belt, 0.17), 0.03, 0.95))
    relief = float(np.clip(rng.lognormal(np.log(190), 0.9), 15, 900))
    small = rng.random() < 0.35
    field = float(np.clip(rng.lognormal(np.log(120 if small else 240), 0.35), 80, 600))
    wet = 1 - aridity
    weights = np.array([0.9 + lat / 60, 0.7, 0.4, 0.6 * wet, 0.25 + 0.4 * aridity, 0.15 + 0.6 * aridity, 0.0])
    weights[DOUBLE] = 1.2 if 25 < lat < 38 else 0.1
    crops = rng.dirichlet(weights * 3)
    return Character(
        base=float(relief * 1.6 + 15 + rng.exponential(200)),
        relief=relief,
        aridity=aridity,
        field=field,
        shape=float(rng.uniform(1.3, 4.5 if small else 2.5)),
        block=float(rng.uniform(1800, 5000)),
        pivots=float(rng.random() * 0.6) if aridity > 0.5 and rng.random() < 0.5 else 0.0,
        forest=float(np.clip(rng.beta(1.6, 3.2) * (1.25 - aridity), 0.0, 0.8)),
        crop=float(np.clip(rng.beta(3.0, 1.6) * (1.15 - 0.6 * aridity), 0.05, 0.97)),
        lakes=float(rng.exponential(0.005) * wet),
        towns=float(rng.gamma(2.0, 0.9)),
        crops=tuple(float(c) for c in crops),
        soil=float(rng.uniform(0.75, 1.25) * (1 + 0.35 * aridity)),
    )
