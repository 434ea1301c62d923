"""The notebook of a classify run gives the same curve in every case in which it says so."""

import ast

import nbformat
import pytest
from nbclient import NotebookClient

from core import classify
from core.classify import ClassifyConfig, Epoch, Step, datasets
from core.classify.notebook import build_notebook
from core.training import Change, Control
from tests.pages.conftest import PROJECT

CONFIG = ClassifyConfig(hidden=(8,), batch_size=300, epochs=2, dropout=0.2, augment=("shift",))  # 12 steps per epoch
SEVERAL = {  # by step
    0: {"lr": 0.01},
    5: {"lr": 0.02, "momentum": 0.5},
    12: {"lr": 0.02, "momentum": 0.9, "batch_size": 600},
    14: {"lr": 0.05, "momentum": 0.9, "batch_size": 600},
}


def train(changes: dict[int, dict], steps: int | None) -> list:
    """Return the events of a run that is stopped after this number of steps. changes: all changed settings, by step."""
    control, events = Control(changes.get(0, {})), []
    for event in classify.fit(CONFIG, datasets.load(CONFIG.dataset), control):
        if isinstance(event, Step):
            if event.step == steps:
                break
            control.changes = changes.get(event.step + 1, control.changes)
        events.append(event)
    return events


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        pytest.param({0: {"lr": 0.01}}, None, id="changed before the first step"),
        pytest.param(SEVERAL, None, id="changed several times"),
        pytest.param(SEVERAL, 13, id="stopped"),
        pytest.param({}, 12, id="stopped after an epoch"),
        pytest.param({0: {"lr": 0.01}}, 3, id="stopped in the first epoch"),
    ],
)
def test_the_notebook_repeats_every_step(changes, steps):
    events = train(changes, steps)
    made = [event for event in events if isinstance(event, Change)]
    book = nbformat.reads(build_notebook(CONFIG, made, steps), as_version=4)
    assert "give the same curve" in book.cells[0].source
    curves = "[[s.loss for s in steps], [s.lr for s in steps], [e.val_loss for e in epochs]]"
    book.cells.append(nbformat.v4.new_code_cell(curves))
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(PROJECT)}}).execute()
    losses, rates, validation = ast.literal_eval(book.cells[-1].outputs[0].data["text/plain"])
    assert losses == [event.loss for event in events if isinstance(event, Step)]
    assert rates == [event.lr for event in events if isinstance(event, Step)]
    assert validation == [event.val_loss for event in events if isinstance(event, Epoch)]


def test_the_notebook_of_a_run_that_began_with_other_weights_says_that_its_curve_differs():
    introduction = nbformat.reads(build_notebook(CONFIG, [], None, "parent"), as_version=4).cells[0].source
    assert "its curve differs" in introduction
    assert "same curve" not in introduction
