"""Notebooks: they are valid, the same each time, find the core, and run."""

import json

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from core.notebook import notebook
from tests.pages.conftest import PROJECT

SECTION = "The parts of a sentence:", "from core.text import graphemes\ngraphemes('a👋🏽')"


def run(book: str, folder) -> list[dict]:
    """Run the notebook with a kernel that starts in `folder`, and return its code cells."""
    cells = nbformat.reads(book, as_version=4)
    NotebookClient(cells, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell for cell in cells.cells if cell.cell_type == "code"]


def test_a_notebook_finds_the_core_from_any_folder_of_the_project_and_runs():
    book = notebook("Characters", "Characters as a reader counts them.", SECTION)
    *_, last = run(book, PROJECT / "tests")
    assert last.outputs[0].data["text/plain"] == "['a', '👋🏽']"


def test_a_notebook_outside_the_project_says_where_to_save_it(tmp_path):
    with pytest.raises(CellExecutionError, match="Save this notebook in the project's folder"):
        run(notebook("Characters", "Characters as a reader counts them.", SECTION), tmp_path)


def test_a_notebook_has_its_sections_in_order_and_is_the_same_each_time():
    first, second = (notebook("A title", "An introduction.", SECTION, ("More:", "1 + 1")) for _ in range(2))
    assert first == second
    sources = [("".join(cell["source"]), cell["cell_type"]) for cell in json.loads(first)["cells"]]
    assert sources[0] == ("# A title\n\nAn introduction.", "markdown")
    assert sources[-4:] == [(SECTION[0], "markdown"), (SECTION[1], "code"), ("More:", "markdown"), ("1 + 1", "code")]
