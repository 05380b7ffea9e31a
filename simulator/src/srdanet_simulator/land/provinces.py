"""Provinces of a large scene: some 150 to 400 km of one kind of country each, and what is blended over their borders.

Each province has a character of its own, drawn at its latitude. What is a share or a strength goes over smoothly into
the neighbours'; how the land is cut up belongs to the province a place falls into, whose borders wind. The heights are
those of `ranges`; behind ranges, as the winds of the latitude blow, the country is dry (Roe 2005, Annual Review of
Earth and Planetary Sciences 33).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from srdanet.grid import SPHERE_RADIUS
from srdanet_simulator.land.landscape import Character, character
from srdanet_simulator.land.lattice import Broad, Lattice, Places
from srdanet_simulator.land.ranges import Ranges, draw_ranges
from srdanet_simulator.noise import Field, fractal, smoothstep, stream
from srdanet_simulator.place import Place

_SPACING = 270e3
"""From province to province (m)."""
_BLEND = 60e3
"""Distance (m) over which a province's weight falls by e: it goes over to its neighbour's within some 130 km."""
_WINDING, _FRAYING = 50e3, 11e3
"""How far borders wander over hundreds of kilometres, and over tens (m, standard deviation)."""
_LAND, _SEA = 500e3, 150e3
"""Way (m) on which air over land and over the sea makes up for what it lacks of moisture, but for a share of 1/e."""
_LIFT = 900.0
"""Rise (m) over which air rains out but for a share of 1/e of its moisture."""
_COMES = 0.8
"""Moisture of air that comes in over the scene's edge, 0-1."""
_DRIES = 0.4
"""What air without moisture adds to aridity, beside air with all of it."""


@dataclass(frozen=True)
class Provinces:
    """How the country varies over a large scene."""

    kinds: tuple[Character, ...]
    middle: int
    """Which of them the scene's middle lies in."""
    weights: Field
    """Share of each kind at the nodes of the lattice, (kind, y, x)."""
    owner: NDArray[np.uint8]
    """The province of each cell of `side` fine ones, (y, x)."""
    side: int
    ranges: Ranges
    aridity: Broad

    @property
    def lattice(self) -> Lattice:
        """The nodes on which all of it is known."""
        return self.aridity.lattice

    def blend(self, values: Sequence[Any]) -> Broad:
        """A number of each province, in their order, as a smooth field."""
        return self.lattice.spread(np.tensordot(np.asarray(values, np.float32), self.weights, axes=1))

    @cached_property
    def crops(self) -> tuple[Broad, ...]:
        """Share of each kind of crop and those before it, 0-1."""
        return tuple(self.blend(shares) for shares in np.cumsum([kind.crops for kind in self.kinds], axis=1).T)

    def varying(self) -> dict[str, Broad]:
        """What of a place's character a date asks for, by name."""
        return {"aridity": self.aridity, "soil": self.blend([kind.soil for kind in self.kinds])}

    def of(self, part: tuple[slice, slice]) -> NDArray[np.uint8]:
        """The province each fine cell of a part falls into."""
        rows, cols = (np.arange(n)[s] // self.side for n, s in zip(self.lattice.shape, part, strict=True))
        return self.owner[rows].take(cols, 1)


def draw_provinces(seed: int, place: Place) -> Provinces:
    """Draw the provinces of a large scene.

    Args:
        seed: Seed of the land.
        place: Where it lies.
    """
    rows, cols = (int(n) for n in place.box.shape)
    lattice = Lattice.over((rows, cols), place.cell)
    ranges = draw_ranges(seed, lattice)
    nuclei, kinds = _nuclei(seed, place, lattice)
    broad = _bends(lattice.nodes, stream(seed, "provinces"), lattice.spacing, (600e3, 150e3))
    bends = [lattice.spread(bend) for bend in broad]
    fine = _bends(
        (rows // place.fine, cols // place.fine), stream(seed, "borders"), place.cell * place.fine, (120e3, 0)
    )

    def away(places: tuple[Places, Places], more: Sequence[Field | float]) -> Iterator[Field]:
        """Square of the distance (m2) from places, moved as borders wind, to each nucleus."""
        right = lattice.cell * places[1][None, :] + _WINDING * bends[0].on(*places) + _FRAYING * more[0]
        down = lattice.cell * places[0][:, None] + _WINDING * bends[1].on(*places) + _FRAYING * more[1]
        right, down = right.astype(np.float32), down.astype(np.float32)
        return (np.square(right - np.float32(x)) + np.square(down - np.float32(y)) for x, y in nuclei)

    down, right = (place.fine * (np.arange(n // place.fine) + 0.5) for n in (rows, cols))
    owner = np.zeros((len(down), len(right)), np.uint8)
    best = np.full(owner.shape, np.inf, np.float32)
    for n, distance in enumerate(away((down, right), fine)):
        owner[distance < best] = n
        np.minimum(best, distance, out=best)
    distances = np.sqrt(np.stack(list(away(lattice.places(), (0.0, 0.0)))))
    weights = np.exp((distances.min(0) - distances) / np.float32(_BLEND))
    weights /= weights.sum(0)
    held = np.tensordot(np.array([kind.aridity for kind in kinds], np.float32), weights, axes=1)
    aridity = np.clip(held + shadow(ranges, place), 0.03, 0.95)
    middle = int(owner[len(down) // 2, len(right) // 2])
    return Provinces(tuple(kinds), middle, weights, owner, place.fine, ranges, lattice.spread(aridity))


def _nuclei(seed: int, place: Place, lattice: Lattice) -> tuple[list[tuple[float, float]], list[Character]]:
    """Middles of the provinces (m rightward and downward), some of them beyond the scene, and their characters."""
    extent = [side * lattice.cell for side in lattice.shape]
    counts = [max(1, round(side / _SPACING)) for side in extent]
    high, wide = (side / count for side, count in zip(extent, counts, strict=True))
    found, kinds = [], []
    for i, j in product(*(range(-1, count + 1) for count in counts)):
        stray = stream(seed, "nucleus", i, j).uniform(0, 1, 2)
        x, y = (j + float(stray[0])) * wide, (i + float(stray[1])) * high
        found.append((x, y))
        kinds.append(character(seed, _latitude(place, y), i, j))
    return found, kinds


def _latitude(place: Place, down: float) -> float:
    """Degrees north so many metres below the scene's upper edge."""
    return float(np.degrees((place.box.affine.f - down) / SPHERE_RADIUS))


def _bends(shape: tuple[int, int], rng: np.random.Generator, cell: float, lengths: tuple[float, float]) -> list[Field]:
    """How borders wander, rightward and downward, in standard deviations; outer and inner wavelength in m."""
    outer, inner = lengths
    return [fractal(shape, rng, slope=3.3, cell=cell, outer=outer, inner=inner) for _ in range(2)]


def shadow(ranges: Ranges, place: Place) -> Field:
    """What ranges and the sea add to the aridity at the nodes: air that has risen has rained out.

    Westerlies blow beyond the subtropics, trades within; the median over land is 0.
    """
    lattice = ranges.relief.lattice
    inland = ranges.inland.values
    height = np.maximum(ranges.base(inland, ranges.root.values), 0)
    gain = np.minimum(lattice.spacing / np.where(inland > 0, _LAND, _SEA), 1).astype(np.float32)
    west, east = _moisture(height, gain), _moisture(height[:, ::-1], gain[:, ::-1])[:, ::-1]
    at = np.array([abs(_latitude(place, row * lattice.cell)) for row in lattice.places()[0]])
    share = smoothstep(at, 27, 33)[:, None]
    held = ndimage.gaussian_filter(share * west + (1 - share) * east, 2.0)
    return np.asarray(_DRIES * (np.median(held[inland > 0]) - held), np.float32)


def _moisture(height: Field, gain: Field) -> Field:
    """Moisture of air that goes rightward over a land, 0-1; gain is the share of what it lacks that a node gives."""
    rain = np.exp(-np.maximum(np.diff(height, axis=1, prepend=height[:, :1]), 0) / _LIFT)
    left = np.empty(height.shape, np.float32)
    now = np.full(len(height), _COMES)
    for n in range(height.shape[1]):
        now = now * rain[:, n]
        now += (1 - now) * gain[:, n]
        left[:, n] = now
    return left
