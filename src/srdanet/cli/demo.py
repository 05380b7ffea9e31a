"""`srdanet demo`: the whole job on a built-in scene."""

from __future__ import annotations

from pathlib import Path

import click

from srdanet.cli.options import as_json, command_line, emit, out, overwrite, progress, verbose


@click.command(short_help="Run the whole line on a built-in scene.")
@out("FOLDER", default=Path("demo"), show_default=True)
@click.option("--seed", type=int, default=3, show_default=True, help="Which invented land.")
@click.option("--size", type=click.IntRange(16), default=64, show_default=True, help="1 km cells on a side.")
@click.option("--model", default="default", show_default=True, metavar="NAME|FOLDER", help="Which model.")
@as_json
@overwrite
@verbose
def demo(out: Path, seed: int, size: int, model: str, as_json: bool, overwrite: bool) -> None:
    """Run the whole line on a built-in scene with known truth: granules, scene, 250 m product, errors, picture."""
    from srdanet_simulator.demo import run_demo

    with progress() as show:
        done = run_demo(
            out, seed=seed, size=size, model=model, overwrite=overwrite, command=command_line(), progress=show
        )
    emit("\n".join(done.lines()), done.as_dict(), as_json=as_json)
