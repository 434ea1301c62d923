"""Downloads of a run: the notebook repeats its curve, and weights and losses are complete."""

import ast
import io

import nbformat
import pandas as pd
import pytest
import torch
from nbclient import NotebookClient

from core.memorize import Alphabet, MemorizeConfig, MemorizeEpoch, fit, restore_model
from core.memorize.notebook import build_notebook
from core.memorize.weights_file import from_file, to_file
from core.training import Change, Checkpoint, Control
from pages.ui.downloads import to_csv_bytes
from pages.ui.memorize.export import HOW_TO_LOAD, check_sizes, history_table
from tests.pages.conftest import PROJECT

CONFIG = MemorizeConfig('안녕, it\'s \\ "me"\n👋🏽', hidden_size=12, num_layers=2, lr=0.01, epochs=40, seed=3)


def train(config: MemorizeConfig, changes: dict[int, float], epochs: int) -> list:
    """Return the events of a run that is stopped after `epochs`. changes: new learning rates by epoch."""
    control, events, done = Control({"lr": changes[0]} if 0 in changes else {}), [], 0
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


@pytest.mark.parametrize(("changes", "epochs"), [({}, 40), ({0: 0.03, 5: 0.05, 9: 0.002}, 17)])
def test_the_notebook_repeats_the_run(changes, epochs):
    events = train(CONFIG, changes, epochs)
    history = [event for event in events if isinstance(event, MemorizeEpoch)]
    made = [event for event in events if isinstance(event, Change)]
    assert len(made) == len(changes)
    book = nbformat.reads(build_notebook(CONFIG, made, history), as_version=4)
    book.cells.append(nbformat.v4.new_code_cell("[event.loss for event in history]"))
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(PROJECT)}}).execute()
    outputs = [cell.outputs for cell in book.cells if cell.cell_type == "code"]
    losses = ast.literal_eval(outputs[-1][0].data["text/plain"])
    assert losses == pytest.approx([event.loss for event in history], abs=1e-6)
    assert f"loss {losses[-1]:.6f}" in outputs[2][0].text
    assert "image/png" in outputs[3][-1].data, "the curve is drawn"
    assert "image/png" in outputs[5][-1].data, "the cell states are drawn"


def test_the_notebook_of_a_run_without_epochs_trains_all_of_them():
    book = nbformat.reads(build_notebook(CONFIG, [], []), as_version=4)
    assert "stopped before its first epoch" in book.cells[0].source
    assert any("epochs_trained = 40\n" in cell.source for cell in book.cells)


def test_the_notebook_says_if_the_run_continued_another_one():
    *epochs, _ = fit(MemorizeConfig("ab", hidden_size=4, epochs=2))
    alone, child = (
        nbformat.reads(build_notebook(CONFIG, [], epochs, parent), as_version=4).cells[0].source
        for parent in (None, "id")
    )
    assert f"After 2 epochs, the original run had a loss of {epochs[-1].loss:.6f}" in alone
    assert "started from the weights of another run" in child


def test_the_code_beside_the_weights_loads_them(tmp_path, monkeypatch):
    *_, end = fit(CONFIG)
    model, alphabet = restore_model(CONFIG, end), Alphabet(CONFIG.sentence)
    (tmp_path / "weights.pt").write_bytes(to_file(model, alphabet))
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(HOW_TO_LOAD, names)  # noqa: S102  (the text is the project's own)
    inputs = alphabet.one_hot([Alphabet.START, *alphabet.encode(CONFIG.sentence)])
    expected, _ = model(inputs, model.init_hidden_cell())
    for lstm in (names["ours"], names["theirs"]):
        torch.testing.assert_close(names["linear"](lstm(inputs)[0]), expected, atol=1e-5, rtol=0)
    assert names["saved"]["symbols"] == alphabet.symbols


def test_the_history_has_a_row_for_each_epoch():
    events = train(CONFIG, {5: 0.05}, 12)
    table = pd.read_csv(io.BytesIO(to_csv_bytes(history_table(events))))
    assert list(table.columns) == ["epoch", "loss", "lr", "reconstruction", "char_accuracy"]
    assert table.lr.tolist() == [0.01] * 5 + [0.05] * 7
    assert table.loss.tolist() == [event.loss for event in events if isinstance(event, MemorizeEpoch)]


def test_a_run_starts_from_a_file_s_weights_and_other_sizes_are_rejected():
    *_, last, end = fit(CONFIG)
    alphabet = Alphabet(CONFIG.sentence)
    saved = from_file(to_file(restore_model(CONFIG, end), alphabet))
    check_sizes(saved, CONFIG)
    first = next(fit(CONFIG, checkpoint=saved.checkpoint()))
    assert first.loss == pytest.approx(next(fit(CONFIG, checkpoint=end.weights())).loss, abs=1e-6)
    assert first.loss < last.loss * 1.1
    for other in (MemorizeConfig("a", hidden_size=8), MemorizeConfig("a", hidden_size=12, num_layers=1)):
        with pytest.raises(ValueError, match=r"2 layers of 12 units, but the settings are .* Nothing was changed"):
            check_sizes(saved, other)
