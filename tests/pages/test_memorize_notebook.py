"""What is taken home from a run: a notebook that gives the same curve, weights, losses; and weights brought back."""

import ast
import io

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from core.memorize import Alphabet, MemorizeConfig, MemorizeEpoch, fit, restore_model
from core.memorize.notebook import experiment
from core.memorize.weights_file import from_file, to_file
from core.runs import Run
from core.runs.serialization import to_json
from core.training import Change, Checkpoint, Control
from pages.ui.downloads import to_csv_bytes
from pages.ui.memorize.export import check_sizes, history_of
from tests.pages.conftest import PROJECT

CONFIG = MemorizeConfig('안녕, it\'s \\ "me"\n👋🏽', hidden_size=12, num_layers=2, lr=0.01, epochs=40, seed=3)


def steered(config: MemorizeConfig, changes: dict[int, float], epochs: int) -> list:
    """The events of a run whose learning rate is changed after so many epochs, and which is stopped after `epochs`."""
    control, events, done = Control(), [], 0
    for event in fit(config, control):
        if isinstance(event, Checkpoint):
            break
        events.append(event)
        if isinstance(event, MemorizeEpoch):
            done += 1
            control.changes = {"lr": changes[done]} if done in changes else control.changes
            if done == epochs:
                break
    return events


@pytest.mark.parametrize(("changes", "epochs"), [({}, 40), ({5: 0.05, 9: 0.002}, 17)])
def test_the_notebook_trains_this_very_run_again(changes, epochs):
    events = steered(CONFIG, changes, epochs)
    assert sum(isinstance(event, Change) for event in events) == len(changes)
    run = Run("id", "memorize", to_json(CONFIG), created_at=0.0)
    book = nbformat.reads(experiment(run, events), as_version=4)
    book.cells.append(nbformat.v4.new_code_cell("[event.loss for event in history]"))
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(PROJECT)}}).execute()
    outputs = [cell.outputs for cell in book.cells if cell.cell_type == "code"]
    losses = ast.literal_eval(outputs[-1][0].data["text/plain"])
    assert losses == pytest.approx([e.loss for e in events if isinstance(e, MemorizeEpoch)], abs=1e-6)
    assert f"loss {losses[-1]:.6f}" in outputs[2][0].text
    assert "image/png" in outputs[3][-1].data, "the curve is drawn"
    assert "image/png" in outputs[5][-1].data, "the cell is drawn"


def test_the_history_has_a_line_for_each_epoch():
    events = steered(CONFIG, {5: 0.05}, 12)
    table = pd.read_csv(io.BytesIO(to_csv_bytes(history_of(events))))
    assert list(table.columns) == ["epoch", "loss", "lr", "reconstruction", "char_accuracy"]
    assert table.lr.tolist() == [0.01] * 5 + [0.05] * 7
    assert table.loss.tolist() == [event.loss for event in events if isinstance(event, MemorizeEpoch)]


def test_a_file_s_weights_begin_a_run_and_other_sizes_are_refused():
    *_, last, end = fit(CONFIG)
    alphabet = Alphabet(CONFIG.sentence)
    saved = from_file(to_file(restore_model(CONFIG, end), alphabet))
    check_sizes(saved, CONFIG)
    first = next(fit(CONFIG, checkpoint=saved.checkpoint()))
    assert first.loss == pytest.approx(next(fit(CONFIG, checkpoint=end.weights())).loss, abs=1e-6)
    assert first.loss < last.loss * 1.1
    for other in (MemorizeConfig("a", hidden_size=8), MemorizeConfig("a", hidden_size=12, num_layers=1)):
        with pytest.raises(ValueError, match=r"2 layers of 12 units, but the settings say .* Nothing was changed"):
            check_sizes(saved, other)
