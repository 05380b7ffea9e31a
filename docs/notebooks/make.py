"""Make executed notebooks of tutorials: `make notebooks`, or `python docs/notebooks/make.py [PAGE...]`.

Text becomes cells of text; blocks become cells, bash by way of `%%bash`. A block that the page marks as not run stays
text. Needs nbclient and ipykernel beside the package.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode, v4

HERE = Path(__file__).resolve().parent
PAGES = ("quickstart", "season", "own-images")
_FENCE = re.compile(r"((?:<!-- not run: [^\n]+? -->\n)?)^```(\w*)\n(.*?)^```\n?", re.MULTILINE | re.DOTALL)
_LONGEST = 6000
"""Characters of an output that are kept."""


def notebook_of(page: str) -> NotebookNode:
    """The page as a notebook that has not run."""
    text, at, cells = (HERE.parent / "tutorials" / f"{page}.md").read_text(encoding="utf-8"), 0, []
    for found in _FENCE.finditer(text):
        said, kind, code = found.groups()
        if said or kind not in ("bash", "python"):
            continue
        cells += _text(text[at : found.start()])
        cells.append(v4.new_code_cell(code.rstrip("\n") if kind == "python" else f"%%bash\n{code.rstrip()}"))
        at = found.end()
    cells += _text(text[at:])
    for number, cell in enumerate(cells):
        cell["id"] = f"{page}-{number}"  # the same each time
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def _text(part: str) -> list[NotebookNode]:
    # Links lead from docs/notebooks/ where they led from docs/tutorials/.
    turned = re.sub(r"\]\((?![a-z]+:|\.\./|#)([\w-]+\.md)", r"](../tutorials/\1", part.strip())
    return [v4.new_markdown_cell(re.sub(r"<!-- not run: [^\n]+? -->\n", "", turned))] if turned else []


def execute(notebook: NotebookNode) -> NotebookNode:
    """Run all cells in an empty folder; outputs are cut, and name neither the folder nor the time."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        os.environ |= {"COLUMNS": "150", "NO_COLOR": "1"}  # for tables
        NotebookClient(notebook, timeout=900, resources={"metadata": {"path": folder}}).execute()
        for cell in notebook.cells:
            cell.get("metadata", {}).pop("execution", None)
            if "outputs" in cell:
                cell["outputs"] = printed(cell["outputs"], folder)
    return notebook


def printed(outputs: list[NotebookNode], folder: str) -> list[NotebookNode]:
    """What a cell printed as one text without colours, and its other results."""
    text = "".join(one["text"] for one in outputs if one.get("name") == "stdout")
    text = re.sub(r"\x1b\[[0-9;]*m", "", text).replace(folder, ".")
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rpartition("\n")[0] + "\n[...]\n"
    return [*([v4.new_output("stream", text=text)] if text else []), *(o for o in outputs if "name" not in o)]


def main() -> None:
    """Write the notebooks named, or all."""
    for page in sys.argv[1:] or PAGES:
        nbformat.write(execute(notebook_of(page)), HERE / f"{page}.ipynb")


if __name__ == "__main__":
    main()
