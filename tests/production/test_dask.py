"""The same faults on a Dask cluster: here one of a scheduler and workers in this process, with real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from distributed import LocalCluster
from faulty_work import poisoned, slow
from some_units import Start, units

from srdanet.errors import RunError
from srdanet.production.execute import Dask, Limits
from srdanet.production.ledger import Ledger
from srdanet.production.run import Production


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address=None
    ) as cluster:
        yield cluster


def test_poisoned_units_cost_no_other_on_a_cluster(cluster: LocalCluster, start: Start, production: Production) -> None:
    for number, kind in enumerate(("file", "killed", "exit", "killed once", "crash", "memory")):
        (production.directory.parent / f"u{number}.fault").write_text(kind)
    totals, entries = start(Dask(cluster.scheduler_address, 0, Limits()), poisoned, units(8))
    assert str(totals) == "3 done, 5 failed, 0 to do"
    assert entries["u1"].cause == "its process was killed (SIGKILL), by hand or for want of memory"
    assert entries["u4"].cause == "its process crashed (SIGSEGV)"
    assert entries["u5"].cause == "out of memory"
    assert len(cluster.scheduler.workers) == 2


def test_a_scheduler_that_dies_loses_nothing(cluster: LocalCluster, start: Start, production: Production) -> None:
    ended: list[object] = []

    def close(entry: object) -> None:
        ended.append(entry)
        if len(ended) == 2:
            cluster.close(timeout=10)

    with pytest.raises(RunError, match="the Dask scheduler was lost"):
        start(Dask(cluster.scheduler_address, 0, Limits()), slow, units(8), ended=close)
    with Ledger(production.directory, write=False) as ledger:
        totals = ledger.totals()
    assert (totals.done, totals.running, totals.failed) == (len(ended), 0, 0)
