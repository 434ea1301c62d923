"""Cell: a diagram of the LSTM cell, through which the sentence flows character by character."""

from typing import Any

import numpy as np
import streamlit as st

from core.memorize import gates
from core.memorize.cell_steps import MAX_CHARACTERS, MAX_UNITS, CellSteps, cell_steps, code_lines
from core.memorize.lstm import MyLSTMCell
from core.runs import Run
from core.text import graphemes
from pages.ui.browser_component import load_component
from pages.ui.code_view import show_code
from pages.ui.memorize.snapshot import load_snapshot
from pages.ui.memorize.symbols import END_SYMBOL, START_SYMBOL, display

DECIMALS = 1000  # values are sent as whole thousandths, which takes half the space of decimal numbers

diagram = load_component("cell_diagram")


def show(run: Run | None) -> None:
    """Show the tab."""
    snapshot = load_snapshot(run)
    if snapshot is None:
        return
    layers = range(snapshot.model.lstm.num_layers)
    picture = st.container()  # above the choice of the layer, so that a projector shows all of it
    layer = layers[-1]
    if len(layers) > 1:
        layer = st.segmented_control(
            "Layer",
            layers,
            default=layer,
            required=True,
            format_func=lambda layer: f"{layer + 1}",
            key=f"layer of {len(layers)}",
        )
    steps = cell_steps(snapshot.model, snapshot.alphabet, snapshot.sentence, layer)
    length = len(graphemes(snapshot.sentence))
    limits = [
        f"the first {MAX_UNITS} of {steps.units} units" if steps.units > MAX_UNITS else "",
        f"the first {MAX_CHARACTERS} of {length:,} characters" if length > MAX_CHARACTERS else "",
    ]
    shown = " and ".join(filter(None, limits))
    with picture:
        diagram(key="cell_diagram", data=browser_data(steps, is_last_layer=layer == layers[-1]))
        st.caption(
            f"After {snapshot.epochs:,} epochs. Each square is a unit: blue is positive, orange negative; the stronger "
            "the colour, the larger the value. The bold number belongs to the framed unit; avg is the average over the "
            "layer. "
            f"{f'Shown: {shown}. ' if shown else ''}"
            f"{START_SYMBOL} is the start token, {END_SYMBOL} the end token."
        )
    show_code(MyLSTMCell, cell_steps, gates.record)


def browser_data(steps: CellSteps, is_last_layer: bool) -> dict[str, Any]:
    """Return the steps as JSON for the diagram; values are whole thousandths, None if not finite."""
    return {
        "inputs": [display(character) or START_SYMBOL for character in steps.inputs],
        "targets": [display(character) or END_SYMBOL for character in steps.targets],
        "predictions": [display(character) or END_SYMBOL for character in steps.predictions],
        "probabilities": thousandths(steps.probabilities),
        "isLastLayer": is_last_layer,
        "units": steps.units,
        "values": {name: thousandths(array) for name, array in steps.values.items() if name != "cell_before"},
        "means": {name: thousandths(array) for name, array in steps.means.items()},
        "code": [line._asdict() for line in code_lines()],
    }


def thousandths(array: np.ndarray) -> list:
    """Round to whole thousandths, as nested lists; None stands for what is not finite."""
    finite = np.isfinite(array)
    rounded = np.full(array.shape, None, dtype=object)
    rounded[finite] = np.rint(array[finite].astype(np.float64) * DECIMALS).astype(np.int64)
    return rounded.tolist()
