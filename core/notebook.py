"""Jupyter notebooks that run an experiment with this project's core."""

from __future__ import annotations

import nbformat
from nbformat import v4

FIND_CORE = """\
import os
import sys
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):  # one thread, as in the dashboard: with more, sums are rounded differently
    os.environ[f"{library}_NUM_THREADS"] = "1"

here = Path.cwd()
lstm = Path("core", "memorize", "lstm.py")
project = next((folder for folder in [here, *here.parents] if (folder / lstm).is_file()), None)
if project is None:
    raise FileNotFoundError(
        "core/ was not found. Save this notebook in the project's folder and open it there. "
        "The tab Download has that folder: project.zip."
    )
sys.path.insert(0, str(project))"""


def notebook(title: str, introduction: str, *sections: tuple[str, str]) -> str:
    """Build a Jupyter notebook and return the text of its .ipynb file; the same arguments give the same text.

    Args:
        title: Heading of the notebook.
        introduction: What it shows, in Markdown.
        sections: Pairs of a text in Markdown and the Python code below it. The code may import `core`.

    Raises nbformat.ValidationError if the result is not a valid notebook.
    """
    setup = (
        "Run this notebook in the project's environment (see its README). It uses the same code as the dashboard.",
        FIND_CORE,
    )
    cells = [v4.new_markdown_cell(f"# {title}\n\n{introduction}")]
    for text, code in (setup, *sections):
        cells += [v4.new_markdown_cell(text), v4.new_code_cell(code)]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # otherwise random
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    book = v4.new_notebook(cells=cells, metadata=kernel)
    nbformat.validate(book)
    return nbformat.writes(book)
