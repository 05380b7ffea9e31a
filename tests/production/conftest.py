from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from some_units import Start

from srdanet.production.child import Work
from srdanet.production.execute import Executor
from srdanet.production.ledger import Entry, Ledger, Totals
from srdanet.production.run import Production, carry_out
from srdanet.production.units import Options, Unit


@pytest.fixture
def production(tmp_path: Path) -> Production:
    return Production(tmp_path / "run", Options(model="bicubic", identity="bicubic"), {})


@pytest.fixture
def start(production: Production) -> Start:
    """Carries out a run of stand-ins; its totals, and what the ledger then says of each unit."""

    def run(
        executor: Executor, work: Work, wanted: Sequence[Unit], *, retry: bool = False, **more: object
    ) -> tuple[Totals, dict[str, Entry]]:
        with Ledger(production.directory) as ledger:
            ledger.recover()
            ledger.register(((unit, "key") for unit in wanted), retry=retry)
            totals = carry_out(production, ledger, executor, work=work, **more)  # type: ignore[arg-type]
            return totals, {entry.name: entry for entry in ledger.entries()}

    return run
