"""Hooks of the documentation site (`mkdocs.yml`): pages that lie outside docs/, and the reference of the command line.

Links work on a forge, where they lead from file to file; here they are turned to the page that a file has become, and
those that lead to no page (a test, an example) become plain text.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "simulator/README.md": "simulator/index.md",
    "simulator/docs/realism.md": "simulator/realism.md",
}
OUTSIDE |= {
    str(card.relative_to(ROOT)): f"models/{card.parent.name}.md"
    for card in sorted((ROOT / "src" / "srdanet" / "models").glob("*/MODEL_CARD.md"))
}
"""Files of the repository to the pages that they become."""
CLI = "reference/cli.md"
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the model cards and the notebook's pages to the navigation."""
    pages = sorted(path.name for path in (ROOT / "docs" / "notebook").glob("[0-9]*.md"))
    listed = ["notebook/README.md", *(f"notebook/{name}" for name in pages)]
    cards = [{page.removeprefix("models/").removesuffix(".md"): page} for page in OUTSIDE.values() if "models/" in page]
    config.nav = [*(config.nav or []), {"Models": cards}, {"Notebook": listed}]
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that docs/ does not hold."""
    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
        for picture in sorted((ROOT / source).parent.glob("img/*")):
            target = posixpath.join(posixpath.dirname(page), "img", picture.name)
            if source.endswith("realism.md"):
                files.append(File.generated(config, target, abs_src_path=str(picture)))
    files.append(File.generated(config, CLI, content=command_reference()))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the links of a page to pages of the site."""
    home = page.file.src_uri
    source = next((name for name, target in OUTSIDE.items() if target == home), f"docs/{home}")
    kept: list[str] = []

    def hide(code: re.Match[str]) -> str:
        kept.append(code.group())
        return f"\0{len(kept) - 1}\0"

    def turn(link: re.Match[str]) -> str:
        mark, text, target = link.groups()
        if re.match(r"[a-z]+:|#", target):
            return link.group()
        path, _, anchor = target.partition("#")
        there = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        goal = OUTSIDE.get(there, there.removeprefix("docs/") if there.startswith("docs/") else None)
        if there.startswith("simulator/docs/img/"):
            goal = there.replace("/docs/", "/")
        if goal is None or files.get_file_from_path(goal) is None:
            return text
        relative = posixpath.relpath(goal, posixpath.dirname(home) or ".")
        return f"{mark}[{text}]({relative}{'#' + anchor if anchor else ''})"

    hidden = _CODE.sub(hide, markdown)
    turned = _LINK.sub(turn, hidden)
    return re.sub(r"\0(\d+)\0", lambda number: kept[int(number.group(1))], turned)


def command_reference() -> str:
    """Every verb with its arguments and options, from the parsers."""
    from srdanet.cli import cli

    root = click.Context(cli, info_name="srdanet")
    lines = [
        "# Command line",
        "",
        "Made from the commands themselves; `srdanet help VERB` prints the same.",
        "",
    ]
    for title, names in cli.sections.items():
        lines += [f"## {title}", ""]
        for name in names:
            lines += _verb(cli.commands[name], click.Context(cli.commands[name], info_name=name, parent=root))
    return "\n".join(lines)


def _verb(command: click.Command, context: click.Context) -> Iterator[str]:
    yield from (f"### {context.command_path}", "")
    yield from ("```text", context.get_usage(), "```", "")
    for paragraph in (command.help or "").split("\n\n"):
        yield from (_plain(" ".join(paragraph.split())), "")
    options = [param.get_help_record(context) for param in command.get_params(context)]
    rows = [record for record in options if record is not None]
    if rows:
        yield from ("| option | meaning |", "|---|---|")
        yield from (f"| <code>{_cell(names)}</code> | {_cell(about)} |" for names, about in rows)
        yield ""
    if command.epilog:
        yield from ("```text", command.epilog.replace("\b\n", ""), "```", "")
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.commands[name]
            yield from _verb(inner, click.Context(inner, info_name=name, parent=context))


def _cell(text: str) -> str:
    """Text of a cell of a table."""
    return _plain(html.escape(" ".join(text.split()))).replace("|", "&#124;")


def _plain(text: str) -> str:
    """Text in which Markdown sees neither tags, links nor emphasis."""
    return re.sub(r"([<\[*_])", r"\\\1", text)
