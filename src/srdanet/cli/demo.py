"""`srdanet demo`: the whole processing chain on a synthetic scene, made by the package `srdanet_simulator`."""

from __future__ import annotations

from pathlib import Path

import click

from srdanet.cli import options
from srdanet.cli.simulate import simulator_installed


@click.command(short_help="Run the whole chain on a synthetic scene.")
@options.out("FOLDER", default=Path("demo"), show_default=True)
@click.option("--seed", type=int, default=3, show_default=True, help="Random seed of the synthetic scene.")
@click.option("--size", type=click.IntRange(16), default=64, show_default=True, help="1 km cells on a side.")
@options.model
@options.as_json
@options.overwrite
@options.verbose
def demo(out: Path, seed: int, size: int, model: str, as_json: bool, overwrite: bool) -> None:
    """Run the whole processing chain on a synthetic scene with known ground truth.

    FOLDER gets the granules, the scene prepared from them, the 250 m product, and a picture of 1 km, 250 m and truth
    side by side. The errors against the truth are printed.
    """
    with simulator_installed():
        from srdanet_simulator.demo import run_demo

    command = options.command_line()
    with options.progress() as show:
        done = run_demo(out, seed=seed, size=size, model=model, overwrite=overwrite, command=command, progress=show)
    options.emit("\n".join(done.lines()), done.as_dict(), as_json=as_json)
