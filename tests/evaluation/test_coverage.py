"""The claimed uncertainty, counted: additive, and right where the claim is."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from srdanet.errors import ArgumentError
from srdanet.evaluation.coverage import Coverage
from srdanet.evaluation.datasets import AsterSet, ImtSet
from srdanet.evaluation.protocol import closed_loop, target
from srdanet.evaluation.tally import Tally, combine
from srdanet.grid import coordinates, geobox_of, refine
from srdanet.interpolation import interpolate


def _claims(size: int, factor: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(size)
    sigma = rng.uniform(0.2, 3, (size, size + 2))
    truth = rng.normal(290, 8, sigma.shape)
    return truth + rng.normal(0, sigma), truth, sigma * factor


def test_a_right_claim_covers_what_it_says() -> None:
    found = Coverage.of(*_claims(300)).metrics()
    assert found["within 1 s"] == pytest.approx(0.6827, abs=0.004)
    assert found["within 1.96 s"] == pytest.approx(0.95, abs=0.002)
    bold, shy = (Coverage.of(*_claims(300, factor)).metrics() for factor in (0.5, 2))
    assert bold["within 1 s"] == pytest.approx(0.3829, abs=0.004)
    assert shy["within 1 s"] == pytest.approx(0.9545, abs=0.002)
    assert shy["claimed rms"] == pytest.approx(2 * found["claimed rms"])


def test_missing_cells_do_not_count_and_parts_add_up() -> None:
    prediction, truth, sigma = _claims(20)
    prediction[1, 2], truth[3, :4], sigma[:2, 7] = np.nan, np.nan, np.nan
    whole = Coverage.of(prediction, truth, sigma)
    assert whole.n == 20 * 22 - 1 - 4 - 2
    parts = [Coverage.of(prediction[s], truth[s], sigma[s]) for s in (slice(0, 7), slice(7, 20))]
    assert sum(parts, Coverage()) == parts[1] + parts[0]
    assert (parts[0] + parts[1]).narrow == whole.narrow
    assert (parts[0] + parts[1]).claimed_squared == pytest.approx(whole.claimed_squared)
    assert Coverage().metrics() == {}
    with pytest.raises(ArgumentError, match="uncertainty"):
        Coverage.of(prediction, truth, sigma[1:])


def test_a_bias_spoils_the_claim_until_it_is_taken_away() -> None:
    prediction, truth, sigma = _claims(200)
    found = Tally.of(prediction + 4, truth, 2, sigma).metrics()
    assert found["within 1 s"] < 0.2
    assert found["centred within 1 s"] == pytest.approx(0.683, abs=0.01)
    silent = Tally.of(prediction, truth, 2).metrics()
    assert not [name for name in silent if "within" in name]


def test_tallies_add_up_in_any_order() -> None:
    a, b, c = (Tally.of(*_claims(size)[:2], 2, _claims(size)[2]) for size in (8, 12, 16))
    for name, value in combine([a, b, c]).metrics().items():
        assert value == pytest.approx(combine([c, a, b]).metrics()[name], nan_ok=True)
    assert combine([]) == Tally()


class Claimant:
    """Bicubic with a claim of a different size at each factor."""

    def __init__(self, claims: dict[int, float]) -> None:
        self.claims = claims

    def __call__(self, lst: xr.DataArray, auxiliary: object = None, *, factor: int, **_: object) -> xr.Dataset:
        fine = interpolate(lst.values, factor)
        layers = {"lst": fine, "lst_uncertainty": np.full_like(fine, self.claims[factor])}
        grid = coordinates(refine(geobox_of(lst), factor))
        return xr.Dataset({name: (("y", "x"), values) for name, values in layers.items()}, grid)


def test_each_level_is_held_against_its_own_claim(pairs: AsterSet, patches: ImtSet) -> None:
    half, quarter = target(Claimant({2: 1e-9, 4: 1e9}), pairs, "all")
    assert half.model_metrics["within 1.96 s"] < 0.01
    assert quarter.model_metrics["within 1 s"] == quarter.model_metrics["centred within 1 s"] == 1
    assert not [name for name in (*half.bicubic_metrics, *quarter.bicubic_metrics) if "within" in name]
    row = closed_loop(Claimant({2: 2.0}), patches, "all", "day")
    assert 0.3 < row.model_metrics["within 1 s"] < row.model_metrics["within 1.96 s"] < 1
    assert row.model_metrics["claimed rms"] == pytest.approx(2)
