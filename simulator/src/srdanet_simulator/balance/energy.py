"""Land surface temperature from the surface energy balance.

For every cell and time step the temperature T is found at which

    (1 - a) S + e (L - s T^4) = H(T) + E(T) + G(T) + M(T)

with sun on the slope, sky and ground emission, sensible heat through an aerodynamic
resistance, latent heat through canopy and soil resistances, heat into the ground by
the force-restore method (so that nights remember days), and melting snow.

Sources: force-restore and heat capacities, Deardorff 1978 (J. Geophys. Res. 83) and
Noilhan & Planton 1989 (Mon. Wea. Rev. 117); stability, after Choudhury et al. 1986 (Agr.
For. Met. 37); canopy resistance, Jarvis 1976 with the factors of Noilhan & Planton;
soil resistance, Sellers et al. 1992 (J. Geophys. Res. 97); roughness from height,
Brutsaert 1982; thermal inertia of soils, Murray & Verhoef 2007.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from srdanet_simulator.balance.weather import STEFAN_BOLTZMANN, saturation
from srdanet_simulator.land import landscape as ls
from srdanet_simulator.land.phenology import State
from srdanet_simulator.noise import Field

DAY = 86400.0
_RHO_CP = np.float32(1005.0 * 1.2)
_GAMMA = np.float32(66.0)
"""Psychrometric constant (Pa K-1)."""
_KARMAN = 0.41
_REFERENCE = 10.0
"""Height above displacement (m) at which air temperature and wind are given."""
_GUSTY = np.float32(1.6)
"""How fast unstable air mixes more, sqrt(1 + 1.6 eta): as Choudhury's in a wind, as Louis 1979 without any."""
_CALM = np.float32(0.35)
"""How fast stable air stops mixing, relative to Choudhury; the long tail of Beljaars & Holtslag 1991."""
_BLENDING = 60.0
"""Height (m) at which the wind no longer feels single fields."""
_FETCH, _UPWIND = 500.0, 0.45
"""How far upwind (m), and with what weight, the roughness of other fields is felt."""
_FAIR = 0.5
"""Share of the last weeks' days that were as fair as this one; under cloud and wind all ground is near the air."""
_ROUNDS = 40
"""At most so many Newton steps at a moment of the day."""
_RS_MIN = {ls.CONIFER: 240.0, ls.BROADLEAF: 150.0, ls.GRASS: 75.0, ls.SHRUB: 150.0, ls.CROP: 55.0, ls.URBAN: 110.0}
"""Least stomatal resistance (s m-1) of a leaf area of 1."""


@dataclass(frozen=True)
class Surface:
    """What the balance needs to know of each cell; (y, x) float32."""

    albedo: Field
    emissivity: Field
    sky_view: Field
    momentum: Field
    """Neutral exchange coefficient for heat at the reference height (dimensionless)."""
    wind_share: Field
    """Wind at the reference height over that at the blending height."""
    canopy: Field
    """Conductance of the canopy with open stomata (m s-1), soil moisture and hidden factors included."""
    soil_share: Field
    soil_resistance: Field
    """Resistance of the soil to evaporation (s m-1)."""
    capacity: Field
    """Heat capacity of the layer that feels the day (J m-2 K-1)."""
    sealed: Field
    snow: Field


@dataclass(frozen=True)
class Forcing:
    """The air and the light at a moment; fields (y, x) float32."""

    light: Field
    """Shortwave radiation on the slope (W m-2)."""
    sky: Field
    """Longwave radiation of the sky (W m-2)."""
    air: Field
    """Air temperature (K)."""
    vapour: Field
    """Vapour pressure (Pa)."""
    wind: Field
    """Wind at 10 m over open land (m s-1)."""


def surface(land: ls.Land, state: State, albedo: Field, sky_view: Field, cell: float) -> Surface:
    """Parameters of the balance from the land and its state; cell in m. Reaches `_FETCH` far."""
    table = np.full(8, 100.0, np.float32)
    for kind, value in _RS_MIN.items():
        table[kind] = value
    rock, urban = land.kind == ls.BARE, land.kind == ls.URBAN
    bare = np.clip(1 - state.green - state.dry - land.sealed - land.water, 0, 1)
    height = np.maximum(state.height, 0.02)
    rough = 0.10 * height * np.clip(0.35 + state.green + state.dry + land.sealed, 0.35, 1)
    rough = np.clip(np.where(rock, 0.02, rough), 0.004, 2.0)
    # sparse and built surfaces exchange heat less well than momentum
    excess = np.exp(2.0 + 1.7 * bare + 1.8 * np.where(urban, 1, 0)) / state.tilth
    # at reference height the air still remembers the fields upwind (internal boundary layers, Garratt 1990)
    smooth = np.log(rough).astype(np.float32)
    rough = np.exp((1 - _UPWIND) * smooth + _UPWIND * ndimage.gaussian_filter(smooth, _FETCH / cell, mode="nearest"))
    blend = np.log(_BLENDING / rough)
    share = np.log(_REFERENCE / rough) / blend
    momentum = _KARMAN**2 / (np.log(_REFERENCE / rough) * np.log(_REFERENCE / rough * excess))
    stress = np.clip(state.moisture / 0.75, 0.02, 1.0)
    leaves = state.leaf / (1 + 0.12 * state.leaf)
    canopy = leaves / table[land.kind] * stress * state.stomata
    inertia = np.where(rock, 1300.0, 500.0 + 1250.0 * state.surface + 250.0 * state.moisture)
    ground = 0.5 * np.sqrt(DAY / np.pi)
    plants = np.clip(state.green + 0.6 * state.dry, 0, 1)
    tall = np.minimum(height, 20.0)
    soil = inertia * ground
    capacity = (1 - plants) * soil + plants * (0.45 * soil + 4e3 * tall)
    capacity = (1 - land.sealed) * capacity + land.sealed * 1250.0 * ground
    emissivity = 0.985 * plants + (1 - plants) * np.where(rock, 0.955, 0.958 + 0.015 * state.surface)
    emissivity = np.where(land.sealed > 0.1, 0.97 - 0.02 * land.sealed, emissivity)
    emissivity = emissivity + state.snow * (0.99 - emissivity)
    fields = (
        albedo,
        emissivity,
        sky_view,
        momentum,
        share,
        canopy * (1 - state.snow),
        (1 - state.green - land.sealed).clip(0, 1),
        np.exp(8.2 - 4.255 * np.clip(state.surface * 1.15, 0, 1)),
        capacity,
        land.sealed,
        state.snow,
    )
    return Surface(*(np.ascontiguousarray(f, dtype=np.float32) for f in fields))


@dataclass(frozen=True)
class _Step:
    """All terms of one time step that do not depend on T."""

    absorbed: Field
    emission: Field
    drag: Field
    buoyancy: Field
    canopy_resistance: Field
    air: Field
    vapour: Field
    soil_share: Field
    soil_resistance: Field
    storage: Field
    stored: Field
    melt: Field

    @cached_property
    def _melts(self) -> bool:
        return bool(self.melt.any())

    def residual(self, kelvin: Field) -> tuple[Field, Callable[[], Field]]:
        """The balance's residual (W m-2) at a temperature, and what gives its derivative (W m-2 K-1), once."""
        excess = kelvin - self.air
        eta = self.buoyancy * excess
        lift = np.maximum(eta, 0)
        lift *= _GUSTY
        lift += 1
        np.sqrt(lift, out=lift)
        damp = np.minimum(eta, 0)
        damp *= _CALM
        np.subtract(1, damp, out=damp)
        np.divide(1, damp, out=damp)
        conductance = self.drag * lift
        conductance *= damp
        resistance = 1 / conductance
        leaves, soil = resistance + self.canopy_resistance, resistance + self.soil_resistance
        np.divide(1, leaves, out=leaves)
        np.divide(1, soil, out=soil)
        soil_part = self.soil_share * soil
        wet = leaves + soil_part
        # saturation vapour pressure as in `weather.saturation`, and its slope from the same quotient
        inverse = kelvin - np.float32(29.65)
        np.divide(1, inverse, out=inverse)
        vapour = kelvin - np.float32(273.15)
        vapour *= np.float32(17.67)
        vapour *= inverse
        np.exp(vapour, out=vapour)
        vapour *= np.float32(611.2)
        lack = vapour - self.vapour
        cube = kelvin * kelvin
        cube *= kelvin
        cube *= self.emission
        flux = cube * kelvin
        balance = self.absorbed - flux
        for factor, one, other in ((_RHO_CP, excess, conductance), (_RHO_CP / _GAMMA, wet, lack)):
            np.multiply(one, other, out=flux)
            flux *= factor
            balance -= flux
        balance -= np.multiply(self.storage, kelvin, out=flux)
        balance += self.stored
        above = np.maximum(kelvin - np.float32(273.15), 0) * self.melt if self._melts else None
        if above is not None:
            balance -= above

        def slope() -> Field:
            np.multiply(lift, lift, out=lift)
            steeper = _either(eta > 0, np.divide(0.5 * _GUSTY, lift, out=lift), np.multiply(_CALM, damp, out=damp))
            steeper *= conductance
            steeper *= self.buoyancy
            np.multiply(leaves, leaves, out=leaves)
            np.multiply(soil_part, soil, out=soil_part)
            np.add(leaves, soil_part, out=leaves)
            for factor in (steeper, resistance, resistance, lack):
                np.multiply(leaves, factor, out=leaves)
            np.multiply(inverse, inverse, out=inverse)
            np.multiply(wet, vapour, out=wet)
            np.multiply(wet, inverse, out=wet)
            np.multiply(wet, np.float32(4302.6), out=wet)
            np.add(wet, leaves, out=wet)
            np.multiply(wet, _RHO_CP / _GAMMA, out=wet)
            steeper *= excess
            steeper += conductance
            steeper *= _RHO_CP
            np.multiply(cube, 4, out=cube)
            for term in (steeper, wet, self.storage):
                np.add(cube, term, out=cube)
            return cube if above is None else cube + self.melt * (above > 0)

        return balance, slope


def _step(what: Surface, now: Forcing, storage: Field, stored: Field) -> _Step:
    wind = np.maximum(now.wind, 1.5) * np.float32(np.log(_BLENDING / 0.03) / np.log(10 / 0.03)) * what.wind_share
    deficit = np.maximum(saturation(now.air) - now.vapour, 0)
    open_light = np.clip(1.12 * now.light / (now.light + 140.0), 0.01, 1)
    warm = np.clip(1 - 0.0016 * (298.0 - now.air) ** 2, 0.05, 1)
    canopy = np.maximum(what.canopy * open_light * warm / (1 + deficit / 2500.0), 1e-6)
    absorbed = (1 - what.albedo) * now.light + what.emissivity * now.sky * what.sky_view + 18.0 * what.sealed
    # ground in view of a slope radiates about as air does
    absorbed = absorbed + what.emissivity * (1 - what.sky_view) * np.float32(STEFAN_BOLTZMANN) * now.air**4
    fields = (
        absorbed,
        what.emissivity * np.float32(STEFAN_BOLTZMANN),
        what.momentum * wind,
        5 * 9.81 * _REFERENCE / (now.air * wind * wind),
        1 / canopy,
        now.air,
        now.vapour,
        what.soil_share,
        what.soil_resistance,
        storage,
        stored,
        what.snow * 500.0,
    )
    return _Step(*(np.asarray(f, dtype=np.float32) for f in fields))


def _newton(step: _Step, kelvin: Field, rounds: int, tolerance: float) -> tuple[Field, Field]:
    """Newton steps inside a closing bracket until the residual (W m-2) is within the tolerance everywhere."""
    low, high = kelvin - np.float32(60), kelvin + np.float32(60)
    balance, slope = step.residual(kelvin)
    for _ in range(rounds):
        # the balance falls as temperature rises: its sign tells on which side the root lies
        above = balance > 0
        low, high = _either(above, kelvin, low), _either(above, high, kelvin)
        balance /= slope()
        ahead = np.add(kelvin, balance, out=balance)
        inside = (ahead >= low) & (ahead <= high)
        kelvin = ahead if inside.all() else np.where(inside, ahead, 0.5 * (low + high))
        balance, slope = step.residual(kelvin)
        if max(float(balance.max()), -float(balance.min())) < tolerance:
            break
    return kelvin, balance


def _either(which: NDArray[np.bool_], one: Field, other: Field) -> Field:
    """`np.where` of finite numbers, without its branches: several times faster where neighbours differ."""
    share = which.astype(np.float32)
    chosen = one * share
    np.subtract(1, share, out=share)
    share *= other
    chosen += share
    return chosen


def balance(what: Surface, forcing: Callable[[float], Forcing], hours: Sequence[float]) -> tuple[Field, Field]:
    """Temperature at the last of `hours`, after a simulation of the day before it.

    Args:
        what: The surface.
        forcing: Gives the forcing at an hour; hours may be negative (the day before).
        hours: Rising moments to step through; the last is the overpass.

    Returns:
        Temperature (K) and the residual of the balance (W m-2), each (y, x) float32.
    """
    known: dict[int, Forcing] = {}

    def at(hour: float) -> Forcing:
        """The mean over the day looks at some moments that are stepped through later."""
        second = round(hour * 3600)
        if second not in known:
            known[second] = forcing(hour)
        return known[second]

    deep = _deep(what, at, hours[-1])
    kelvin = deep + 0.4 * (at(hours[0]).air - deep)
    restore = what.capacity * np.float32(2 * np.pi / DAY)
    residual = np.zeros_like(kelvin)
    for before, hour in pairwise(hours):
        inert = what.capacity / np.float32((hour - before) * 3600)
        last = hour == hours[-1]
        step = _step(what, at(hour), inert + restore, inert * kelvin + restore * deep)
        kelvin, residual = _newton(step, kelvin, _ROUNDS, 0.2 if last else 15.0)
    return kelvin, residual


def _deep(what: Surface, forcing: Callable[[float], Forcing], hour: float) -> Field:
    """Temperature (K) of the ground below the day's reach: the balance of the day's mean forcing."""
    total = {name: np.zeros(what.albedo.shape, np.float32) for name in Forcing.__dataclass_fields__}
    for n in range(8):
        now = forcing(hour - 24 + 3 * n)
        for name, value in total.items():
            total[name] = value + getattr(now, name)
    mean = Forcing(**{name: value / np.float32(8) for name, value in total.items()})
    zero = np.zeros_like(what.albedo)
    kelvin, _ = _newton(_step(what, mean, zero, zero), mean.air + 2, 8, 5.0)
    kelvin = mean.air + np.float32(_FAIR) * (kelvin - mean.air)
    # snow keeps the ground near freezing
    return np.asarray(kelvin + 0.7 * what.snow * np.maximum(270.5 - kelvin, 0), dtype=np.float32)
