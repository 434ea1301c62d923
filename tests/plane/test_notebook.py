"""The notebook of a run on points in a plane gives the same curve in every case in which it says so."""

import ast
from dataclasses import replace

import nbformat
import pytest
from nbclient import NotebookClient

from core.paths import PROJECT
from core.plane import PlaneConfig, PlaneEpoch, PlaneStep
from core.plane.notebook import build_notebook
from core.training import Change
from tests.plane.test_training import CHANGES, CONFIG, steered


@pytest.mark.parametrize(
    ("config", "changes", "steps"),
    [
        pytest.param(CONFIG, CHANGES, None, id="steered and edited"),
        pytest.param(replace(CONFIG, epochs=6), CHANGES, 13, id="stopped"),
        pytest.param(
            PlaneConfig(task="regression", dataset="sine", features=("x",), epochs=3), {}, None, id="a function of x"
        ),
    ],
)
def test_the_notebook_repeats_every_step(config, changes, steps):
    events = steered(changes, config)
    if steps is not None:
        events = events[
            : next(i for i, event in enumerate(events) if isinstance(event, PlaneStep) and event.step == steps)
        ]
    made = [event for event in events if isinstance(event, Change)]
    book = nbformat.reads(build_notebook(config, made, steps), as_version=4)
    assert "give the same curve" in book.cells[0].source
    book.cells.append(nbformat.v4.new_code_cell("[[s.loss for s in steps], [e.weights for e in epochs]]"))
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(PROJECT)}}).execute()
    losses, weights = ast.literal_eval(book.cells[-1].outputs[0].data["text/plain"])
    assert losses == [event.loss for event in events if isinstance(event, PlaneStep)]
    assert weights == [event.weights for event in events if isinstance(event, PlaneEpoch)]
    charts = [output for cell in book.cells for output in cell.get("outputs", []) if "data" in output]
    assert sum("vega" in output.data.get("text/html", "") for output in charts) == 2


def test_the_notebook_of_a_run_that_began_with_other_weights_says_that_its_curve_differs():
    introduction = nbformat.reads(build_notebook(CONFIG, [], None, "parent"), as_version=4).cells[0].source
    assert "its curve differs" in introduction
