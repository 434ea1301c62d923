"""A notebook that runs a student's experiment again, from top to bottom, and looks inside."""

from core.memorize.training import MemorizeEpoch
from core.notebook import notebook
from core.runs import Run
from core.training import Change

TRAIN = """\
from core.memorize import MemorizeEpoch, fit
from core.training import Checkpoint, Control

changes = {changes!r}  # what was changed by hand: (epoch, setting, value)
epochs_learned = {epochs}

history, control = [], Control()
control.changes = {{name: value for at, name, value in changes if at == 0}}
for event in fit(config, control):
    if isinstance(event, MemorizeEpoch):
        history.append(event)
        now = len(history)
        control.changes = control.changes | {{name: value for at, name, value in changes if at == now}}
        control.checkpoint_requested = now == epochs_learned
    elif isinstance(event, Checkpoint):
        break

print(f"loss {{history[-1].loss:.6f}}, {{history[-1].char_accuracy:.0%}} of the characters right:")
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
from core.memorize import Alphabet, restore_model, reconstruct

alphabet, model = Alphabet(config.sentence), restore_model(config, event)
print(model)
reconstruct(model, alphabet, max_characters=len(config.sentence) + 10)"""

INSIDE = """\
from core.memorize.gates import order_by_similarity, record

numbers = [Alphabet.START, *alphabet.encode(config.sentence)]
cell = record(model, alphabet.one_hot(numbers)).cell[-1]  # of the last layer: (characters + 1, units)
cell = cell[:100, order_by_similarity(cell)]
frame = pd.DataFrame(cell).stack().rename_axis(["step", "unit"]).rename("c").reset_index()
alt.Chart(frame).mark_rect().encode(
    x=alt.X("step:O", title="Character"),
    y=alt.Y("unit:O", title="Unit", axis=None),
    color=alt.Color("c", title="Cell state").scale(scheme="redblue", domainMid=0),
).properties(width=700, height=400)"""


def experiment(run: Run, events: list) -> str:
    """The notebook of a run. events: all that it has yielded; at least one epoch is among them."""
    epochs = [event for event in events if isinstance(event, MemorizeEpoch)]
    changes = [(event.at, event.name, event.value) for event in events if isinstance(event, Change)]
    began = (
        "It began with the weights of another run; this notebook begins with those of the seed, so the curve differs."
        if run.parent
        else f"After {len(epochs):,} epochs the loss was {epochs[-1].loss:.6f} nats per character; is it here, too?"
    )
    fields = "".join(f"    {name}={value!r},\n" for name, value in vars(run.config).items())
    sections = [
        (
            "The settings, seed included, determine everything.",
            f"from core.memorize import MemorizeConfig\n\nconfig = MemorizeConfig(\n{fields})",
        ),
        (
            "`fit` yields an event for each epoch, and at the end a checkpoint: all that was learned.",
            TRAIN.format(changes=changes, epochs=len(epochs)),
        ),
        ("How the loss fell, on a logarithmic scale:", CURVE),
        ("The model that has learned, and what it says by itself:", MODEL),
        ("Its memory, a row for each unit, over the first hundred characters:", INSIDE),
    ]
    return notebook("An LSTM memorises a sentence", began, *sections)
