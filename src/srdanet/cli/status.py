"""`srdanet status`: how far a run has come."""

from __future__ import annotations

import json
from pathlib import Path

import click

from srdanet.cli import options


@click.command(short_help="Show how far a run has come, and what failed.")
@click.argument("folder", type=options.FOLDER)
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each unit, then one for the run.")
@options.verbose
def status(folder: Path, as_json: bool) -> None:
    """Say what came of each unit of the run in FOLDER, which may be at work; its own lines are in units.jsonl."""
    from srdanet.production.ledger import Ledger

    with Ledger(folder, write=False) as ledger:
        totals, means = ledger.totals(wanted=False), ledger.means()
        if as_json:
            for entry in ledger.entries():
                click.echo(entry.line())
            known = {name: getattr(totals, name) for name in ("units", "done", "empty", "failed", "running", "waiting")}
            click.echo(json.dumps({"run": str(folder), **known, "means": dict(means)}))
            return
        for entry in ledger.entries(state="running"):
            click.echo(f"running {entry.name} since {entry.changed}")
        for entry in ledger.entries(state="failed"):
            click.echo(f"failed {entry.name}: {entry.cause}")
        if means:
            said = f"a unit takes {means['seconds']:.1f} s and {means['bytes'] / 1e6:.1f} MB of disk"
            click.echo(said + (f", at most {means['memory'] / 1e6:.0f} MB of memory" if "memory" in means else ""))
        click.echo(f"{totals.units} units: {totals}")
