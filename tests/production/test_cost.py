"""What units cost, fitted to a ledger whose units cost known amounts."""

from __future__ import annotations

from pathlib import Path

import pytest
from some_units import units

from srdanet.production.child import Cause, Outcome
from srdanet.production.cost import CostModel
from srdanet.production.ledger import Ledger
from srdanet.production.make import Made


def ended(ledger: Ledger, name: str, prepare: float, downscale: float = 20.0, memory: int = 10) -> None:
    made = Made("h/record.json", 1000, {"prepare": prepare, "downscale": downscale})
    ledger.ended(name, Outcome(made, seconds=prepare + downscale, memory=memory))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Five units: of two tiles, elevation 7 s for the first unit of each, and one without LST."""
    wanted = units(5)
    wanted = [unit.model_copy(update={"tile": tile}) for unit, tile in zip(wanted, "aabba", strict=True)]
    ledger = Ledger(tmp_path)
    ledger.register((unit, "key") for unit in wanted)
    return ledger


def test_nothing_is_known_before_a_unit_is_made(ledger: Ledger) -> None:
    assert CostModel.fit(ledger) is None


def test_the_parts_are_told_apart(ledger: Ledger) -> None:
    for name, prepare, memory in (("u0", 12.0, 10), ("u1", 4.0, 30), ("u2", 12.0, 10), ("u3", 6.0, 10)):
        ended(ledger, name, prepare, memory=memory)
    ledger.ended("u4", Outcome(cause=Cause("empty", "no LST"), seconds=2.0))
    model = CostModel.fit(ledger)
    assert model is not None
    assert model == CostModel(5, 5.0, 7.0, 20.0, 2.0, 0.2, 1000.0, 30)
    # Ten units of which two are empty, in three new tiles.
    assert model.seconds(10, 3) == pytest.approx(8 * 25 + 2 * 2 + 3 * 7)
    assert model.output(10) == pytest.approx(8000)
    assert model.seconds(0, 0) == model.output(0) == 0


def test_one_unit_a_tile_does_not_tell_what_is_shared(ledger: Ledger) -> None:
    ended(ledger, "u0", 12.0)
    ended(ledger, "u2", 14.0)
    model = CostModel.fit(ledger)
    assert model is not None
    assert (model.prepare, model.static) == (13.0, 0.0)
