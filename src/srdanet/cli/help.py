"""`srdanet help` and `srdanet completion`: what the command says of itself."""

from __future__ import annotations

import json
from typing import Any

import click

from srdanet.cli import options
from srdanet.errors import did_you_mean

SHELLS = ("bash", "zsh", "fish")
_WHERE = """\b
bash: srdanet completion bash >> ~/.bashrc
zsh:  srdanet completion zsh >> ~/.zshrc
fish: srdanet completion fish > ~/.config/fish/completions/srdanet.fish"""


@click.command("help", short_help="Show the help of a verb.")
@click.argument("verb", nargs=-1)
@options.as_json
@options.verbose
@click.pass_context
def show_help(context: click.Context, verb: tuple[str, ...], as_json: bool) -> None:
    """Show the help of VERB, or of srdanet itself; --json gives all arguments and options as data."""
    at = context.find_root()
    command = at.command
    for name in verb:
        inner = command.get_command(at, name) if isinstance(command, click.Group) else None
        if inner is None:
            known = command.list_commands(at) if isinstance(command, click.Group) else []
            hint = did_you_mean(name, known) or f"`{at.command_path} --help` lists the verbs."
            raise click.UsageError(f"{name!r} is not a verb of {at.command_path}. {hint.strip()}")
        at = click.Context(inner, info_name=name, parent=at)
        command = inner
    data: dict[str, Any] = json.loads(json.dumps(command.to_info_dict(at), default=str))  # defaults may be paths
    options.emit(command.get_help(at), data, as_json=as_json)


@click.command("completion", short_help="Print the code that completes verbs in a shell.", epilog=_WHERE)
@click.argument("shell", type=click.Choice(SHELLS))
@options.as_json
@options.verbose
@click.pass_context
def completion(context: click.Context, shell: str, as_json: bool) -> None:
    """Print code that lets SHELL complete verbs, options and file names; put it where the shell reads it."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(context.find_root().command, {}, "srdanet", "_SRDANET_COMPLETE").source()
    options.emit(script, {"shell": shell, "script": script}, as_json=as_json)
