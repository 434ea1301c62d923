"""What a run leaves to take home: weights, numbers, charts and a notebook that repeats it; and weights back in."""

import pandas as pd
import streamlit as st

from core import classify
from core.classify import ClassifyConfig, Epoch, Step, restore_model
from core.classify.datasets import DatasetError, load
from core.classify.weights_file import MAX_BYTES, from_file, to_file
from core.notebook import notebook
from core.runs import Run
from core.training import Change, Checkpoint
from pages.ui import run_panel
from pages.ui.classify.custom_data import is_new
from pages.ui.classify.training import accuracy_chart, loss_chart, of_kind
from pages.ui.downloads import chart_download_buttons, download_button, to_csv_bytes
from pages.ui.markdown import escape_markdown


def show(run: Run | None) -> None:
    taking, bringing = st.columns(2, gap="large")
    with taking:
        st.markdown("**Take it home**")
        if run is None:
            st.info("Press **Train** first: then there is something to take home.", icon=":material/download:")
        else:
            downloads(run, run_panel.cached_events(run))
        st.caption("The settings are in this page's address: copy it to keep them or to pass them on.")
    with bringing:
        st.markdown("**Bring weights back**")
        bring_back()


def downloads(run: Run, events: list[classify.Event]) -> None:
    """Buttons for everything that there is by now."""
    steps, epochs, changes = (of_kind(kind, events) for kind in (Step, Epoch, Change))
    checkpoint = run_panel.dispatcher().store.checkpoint(run.id)
    with st.container(horizontal=True):
        if checkpoint:
            download_button("weights.npz", lambda: to_file(run.config, checkpoint), "application/octet-stream")
        if epochs:
            download_button("history.csv", lambda: to_csv_bytes(history(epochs)), "text/csv")
        download_button("run.ipynb", lambda: notebook_of(run.config, changes), "application/x-ipynb+json")
    if steps:
        st.caption("The loss")
        chart_download_buttons(loss_chart(steps, epochs, changes, log=False), "classify loss")
    if epochs:
        st.caption("The accuracy")
        chart_download_buttons(accuracy_chart(epochs), "classify accuracy")


def history(epochs: list[Epoch]) -> pd.DataFrame:
    """A row an epoch: its own numbers."""
    return pd.DataFrame(
        [{name: value for name, value in vars(epoch).items() if isinstance(value, int | float)} for epoch in epochs]
    )


def notebook_of(config: ClassifyConfig, changes: list[Change]) -> str:
    """A notebook that repeats the run, what was changed by hand while it learned included."""
    by_step = [(change.at, change.name, change.value) for change in changes]
    setup = f"""\
from core import classify, datasets
from core.classify import ClassifyConfig, Epoch, Result, Step
from core.training import Control

config = {config!r}
changes = {by_step!r}  # before which step, what, to which value
dataset = datasets.load(config.dataset)"""
    training = """\
control, steps, epochs = Control(), [], []
for event in classify.fit(config, dataset, control):
    if isinstance(event, Step):
        steps.append(event)
        now = {name: value for at, name, value in changes if at <= event.step + 1}
        control.changes = now
    if isinstance(event, Epoch):
        epochs.append(event)
        print(f"epoch {event.epoch + 1}: loss {event.train_loss:.4f}, validation accuracy {event.val_accuracy:.2%}")
    if isinstance(event, Result):
        print(f"test accuracy {event.accuracy:.2%} of {event.size:,} pictures")"""
    chart = """\
import altair as alt
import pandas as pd

frame = pd.DataFrame([{"epoch": e.epoch + 1, "train": e.train_accuracy, "validation": e.val_accuracy} for e in epochs])
alt.Chart(frame.melt("epoch", var_name="curve", value_name="accuracy")).mark_line(point=True).encode(
    x="epoch", y=alt.Y("accuracy").scale(zero=False), color="curve"
)"""
    return notebook(
        "Learning to tell pictures apart",
        "The same settings and the same seed give the same curve on one machine.",
        ("The settings of the run, and the pictures:", setup),
        ("Training, as the dashboard does it:", training),
        ("The accuracy after each epoch:", chart),
    )


def bring_back() -> None:
    """Weights from a file: the tabs beside this one then look at them instead of at a run."""
    file = st.file_uploader("A weights.npz", ["npz"], max_upload_size=MAX_BYTES // 2**20, key="weights_file")
    if file and is_new("weights_file", file.file_id):
        try:
            config, checkpoint = from_file(file.getvalue())
            restore_model(config, load(config.dataset), checkpoint)
        except (ValueError, DatasetError) as error:
            st.error(escape_markdown(str(error)), icon=":material/error:")
            return
        st.session_state["loaded_weights"] = (config, checkpoint)
    if "loaded_weights" in st.session_state:
        config, checkpoint = st.session_state["loaded_weights"]
        layers = ", ".join(map(str, config.hidden)) or "none"
        st.success(
            f"Loaded: a network for {config.dataset} with hidden layers {layers}. The tabs Mistakes, Inside and Your "
            "own picture now show it.",
            icon=":material/check_circle:",
        )
        with st.container(horizontal=True):
            st.button(
                "Train on from this file",
                icon=":material/model_training:",
                on_click=run_panel.try_action,
                args=[train_on, config, checkpoint],
                help="A new run with the settings in the file, which begins with its weights.",
            )
            st.button("Back to the run", on_click=forget, icon=":material/undo:")


def train_on(config: ClassifyConfig, weights: Checkpoint) -> None:
    """A run that begins with a file's weights. Raises ValueError where the teacher's rules forbid it."""
    run_panel.open_run("classify", run_panel.run_access().submit(config, weights=weights))
    forget()


def forget() -> None:
    st.session_state.pop("loaded_weights", None)
