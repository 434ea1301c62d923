"""Classify: a student chooses pictures and watches a multilayer perceptron learn to tell them apart."""

import altair as alt
import pandas as pd
import streamlit as st

from core import classify
from core.classify import MLP, ClassifyConfig, Epoch, Result, Step
from core.datasets import DATASETS
from core.functional import cross_entropy, linear, relu
from core.nn import CrossEntropyLoss, Linear, Module, ReLU, Sequential
from core.optim import SCHEDULES, SGD
from core.runs import Run
from core.tensor import Tensor
from core.training import Change
from pages.ui import controls, entry, live
from pages.ui.charts import change_marks, learning_curves, thin
from pages.ui.code import show_code
from pages.ui.data import fetch, where
from pages.ui.pictures import samples_html


def settings() -> ClassifyConfig | None:
    """The controls. None, and a sentence that says why, where they do not make a run."""
    dataset = st.selectbox(
        "Pictures",
        list(DATASETS),
        format_func=lambda name: f"{DATASETS[name].title} · {where(DATASETS[name])}",
        key="dataset",
        bind="query-params",
    )
    hidden = st.text_input(
        "Hidden layers",
        ", ".join(map(str, ClassifyConfig.hidden)),
        key="hidden",
        bind="query-params",
        help="Units of each hidden layer, from the pictures on, with commas between them. Empty: none at all.",
    )
    lr = controls.learning_rate("classify", ClassifyConfig.lr)
    left, right = st.columns(2)
    with left:
        momentum = st.slider(
            "Momentum",
            0.0,
            0.99,
            ClassifyConfig.momentum,
            0.01,
            key="momentum",
            bind="query-params",
            help="How much of the last step goes into the next one.",
        )
        epochs = st.slider("Epochs", 1, 60, ClassifyConfig.epochs, key="classify_epochs", bind="query-params")
        schedule = st.selectbox(
            "Schedule",
            list(SCHEDULES),
            list(SCHEDULES).index(ClassifyConfig.schedule),
            key="schedule",
            bind="query-params",
            help="How the learning rate goes on its own: constant, in steps to a tenth, or down along a cosine.",
        )
        weight_decay = st.select_slider(
            "Weight decay",
            [0.0, 1e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2],
            ClassifyConfig.weight_decay,
            format_func=lambda decay: f"{decay:g}",
            key="weight_decay",
            bind="query-params",
            help="How strongly every weight is pulled towards zero, so that it grows only where that pays.",
        )
    with right:
        batch_size = st.select_slider(
            "Batch size",
            [1, 10, 20, 50, 100, 200, 500, 1000],
            ClassifyConfig.batch_size,
            key="batch_size",
            bind="query-params",
            help="Pictures that are averaged over in each step.",
        )
        dropout = st.slider(
            "Dropout",
            0.0,
            0.9,
            ClassifyConfig.dropout,
            0.05,
            key="dropout",
            bind="query-params",
            help="Share of the hidden units that rest in each step, so that none can rely on another alone.",
        )
        seed = controls.seed("classify")
    try:
        return ClassifyConfig(
            dataset,
            layer_sizes(hidden),
            lr,
            momentum,
            weight_decay,
            dropout,
            schedule=schedule,
            batch_size=batch_size,
            epochs=epochs,
            seed=seed,
        )
    except ValueError as error:
        st.error(str(error), icon=":material/edit:")
        return None


def layer_sizes(text: str) -> tuple[int, ...]:
    """ "256, 128" -> (256, 128). Raises ValueError with a sentence for a student."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        raise ValueError(f"Hidden layers must be whole numbers with commas between them, like 256, 128. It is: {text}")
    return tuple(map(int, parts))


def draw(run: Run, events: list[classify.Event]) -> None:
    """The run so far: how far it is, its loss and accuracy, and what it makes of a few test pictures."""
    config = run.config
    steps = [event for event in events if isinstance(event, Step)]
    epochs = [event for event in events if isinstance(event, Epoch)]
    changes = [event for event in events if isinstance(event, Change)]
    result = next((event for event in events if isinstance(event, Result)), None)

    done = (len(epochs) + share_of_epoch(steps, epochs)) / config.epochs
    live.status_line(run, done, f"epoch {len(epochs)} of {config.epochs}, step {len(steps):,}" if steps else "")
    if not steps:
        return
    if result:
        st.success(
            f"**Test accuracy {result.accuracy:.2%}**: of {result.size:,} pictures that it had never learned from, "
            f"{round(result.accuracy * result.size):,} are right. Training took {run.train_seconds:.1f} seconds.",
            icon=":material/check_circle:",
        )
    loss_place, accuracy_place = st.columns(2)
    with loss_place:
        st.altair_chart(loss_chart(steps, epochs, changes), width="stretch")
    if epochs:
        with accuracy_place:
            st.altair_chart(accuracy_chart(epochs), width="stretch")
        st.markdown("**What it makes of ten test pictures**, with its three most probable answers")
        st.html(samples_html(epochs[-1].samples, DATASETS[config.dataset].classes))


def loss_chart(steps: list[Step], epochs: list[Epoch], changes: list[Change]) -> alt.LayerChart:
    x = [step.step for step in steps]
    curves = {"train": thin(pd.DataFrame({"x": x, "y": [step.loss for step in steps]}))}
    if epochs:
        curves["validation"] = pd.DataFrame({"x": [e.step for e in epochs], "y": [e.val_loss for e in epochs]})
    return learning_curves(
        curves,
        "Step (one batch each)",
        "Loss (nats per picture)",
        log=st.session_state.get("classify_log_scale", False),
        marks=change_marks(changes),
    )


def accuracy_chart(epochs: list[Epoch]) -> alt.LayerChart:
    number = [epoch.epoch + 1 for epoch in epochs]
    curves = {
        "train": pd.DataFrame({"x": number, "y": [epoch.train_accuracy for epoch in epochs]}),
        "validation": pd.DataFrame({"x": number, "y": [epoch.val_accuracy for epoch in epochs]}),
    }
    return learning_curves(curves, "Epoch (all pictures once)", "Accuracy (share right)", percent=True)


def share_of_epoch(steps: list[Step], epochs: list[Epoch]) -> float:
    """How much of the epoch that is going on is done, once the first one has shown how many steps that is."""
    if not epochs or not steps:
        return 0.0
    steps_an_epoch = epochs[0].step + 1
    return (steps[-1].step + 1 - len(epochs) * steps_an_epoch) / steps_an_epoch


entry.through_app()
st.title("Classify")
st.markdown(
    "A multilayer perceptron sees labelled pictures, **a batch at a time**, and moves its weights a little after each. "
    "Some training pictures are set aside to **validate** it; the **test** pictures are kept for the end."
)
left, right = st.columns([1, 2], gap="large")
run = live.current_run("classify")
with left:
    config = settings()
    live.buttons("classify", config, run, prepare=fetch)
with right:
    st.toggle("Logarithmic loss", key="classify_log_scale", help="Equal steps for equal ratios.")
    if run:
        live.panel(run, draw)
    else:
        st.info("Press **Train**: loss, accuracy and sample predictions will grow here.", icon=":material/timeline:")
show_code(
    MLP, classify.fit, Tensor, linear, relu, cross_entropy, Module, Linear, ReLU, Sequential, CrossEntropyLoss, SGD
)
