"""A Jupyter notebook that repeats a run from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence

from core.memorize.config import MemorizeConfig
from core.memorize.training import MemorizeEpoch
from core.notebook import notebook
from core.training import Change

TRAIN = """\
from core.memorize import MemorizeEpoch, fit
from core.training import Checkpoint, Control

changes = {changes!r}  # changed during training: (epoch, setting, new value)
epochs_trained = {epochs}

history, control = [], Control()
control.changes = {{name: value for epoch, name, value in changes if epoch == 0}}
for event in fit(config, control):
    if isinstance(event, MemorizeEpoch):
        history.append(event)
        done = len(history)
        control.changes = control.changes | {{name: value for epoch, name, value in changes if epoch == done}}
        control.checkpoint_requested = done == epochs_trained
    elif isinstance(event, Checkpoint):
        break

print(f"loss {{history[-1].loss:.6f}}, {{history[-1].char_accuracy:.0%}} of the characters correct:")
print(history[-1].reconstruction)"""

CURVE = """\
import altair as alt
import pandas as pd

alt.renderers.enable("png", scale_factor=2)
frame = pd.DataFrame({"epoch": [e.epoch for e in history], "loss": [e.loss for e in history]})
alt.Chart(frame).mark_line().encode(
    x=alt.X("epoch", title="Epoch"), y=alt.Y("loss", title="Loss (nats per character)").scale(type="log")
).properties(width=700)"""

MODEL = """\
from core.memorize import Alphabet, generate_text, restore_model

alphabet, model = Alphabet(config.sentence), restore_model(config, event)
print(model)
generate_text(model, alphabet, max_length=len(config.sentence) + 10)"""

CELL_STATES = """\
from core.memorize.gates import order_by_similarity, record

token_ids = [Alphabet.START, *alphabet.encode(config.sentence)]
cell = record(model, alphabet.one_hot(token_ids)).cell[-1]  # last layer: (characters + 1, units)
cell = cell[:100, order_by_similarity(cell)]
frame = pd.DataFrame(cell).stack().rename_axis(["step", "unit"]).rename("c").reset_index()
alt.Chart(frame).mark_rect().encode(
    x=alt.X("step:O", title="Character"),
    y=alt.Y("unit:O", title="Unit", axis=None),
    color=alt.Color("c", title="Cell state").scale(scheme="redblue", domainMid=0),
).properties(width=700, height=400)"""


def build_notebook(
    config: MemorizeConfig, changes: Sequence[Change], epochs: Sequence[MemorizeEpoch], parent: str | None = None
) -> str:
    """Build the notebook of a run, as the text of its .ipynb file.

    changes: settings changed during training. epochs: all epochs of the run.
    parent: id of the run whose weights this run started from, if any.
    """
    introduction = (
        "The original run started from the weights of another run. This notebook starts from newly initialised "
        "weights, so its curve differs."
        if parent
        else "The original run was stopped before its first epoch. This notebook makes all of them."
        if not epochs
        else f"After {len(epochs):,} epochs, the original run had a loss of {epochs[-1].loss:.6f} nats per character. "
        "This notebook should reproduce it."
    )
    fields = "".join(f"    {name}={value!r},\n" for name, value in vars(config).items())
    sections = [
        (
            "The settings, including the seed, determine the whole run.",
            f"from core.memorize import MemorizeConfig\n\nconfig = MemorizeConfig(\n{fields})",
        ),
        (
            "`fit` yields one event per epoch and finally a checkpoint with the trained weights.",
            TRAIN.format(
                changes=[(change.at, change.name, change.value) for change in changes],
                epochs=len(epochs) or config.epochs,
            ),
        ),
        ("The loss, on a logarithmic scale:", CURVE),
        ("The trained model and the text it generates:", MODEL),
        ("Its cell states over the first hundred characters, one row per unit:", CELL_STATES),
    ]
    return notebook("An LSTM memorises a sentence", introduction, *sections)
