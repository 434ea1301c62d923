"""Gates: every gate and state of every unit, at every character of the sentence."""

from typing import NamedTuple

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core.memorize import Alphabet, bptt, gates
from core.memorize.gates import QUANTITIES, Activity, record
from core.memorize.lstm import MyLSTMCell
from core.runs import Run
from pages.ui.charts import apply_theme, show_live_chart
from pages.ui.code_view import show_code
from pages.ui.downloads import chart_download_buttons
from pages.ui.formatting import count
from pages.ui.memorize.heatmap import (
    INPUT_TITLE,
    character_axis,
    heat_map,
    split_steps,
    step_labels,
    step_tooltips,
    visible_range,
)
from pages.ui.memorize.snapshot import Snapshot, load_snapshot
from pages.ui.memorize.symbols import START_SYMBOL, input_symbols
from pages.ui.theme import colors

TITLES = {
    "forget": "Forget gate f",
    "input": "Input gate i",
    "output": "Output gate o",
    "candidate": "Candidate g",
    "cell": "Cell state c",
    "hidden": "Hidden state h",
}
# formula, the matching lines of bptt.forward_step, and what to look for
EXPLANATIONS = {
    "forget": (
        r"f_t = \sigma(W_f x_t + U_f h_{t-1} + b_f)",
        "f = sigmoid(z[1, k] + recurrent[1, k])",
        "How much of its cell state a unit **keeps**. Dark is 1: all of it; white is 0: everything is erased. Look for "
        "dark bands along a row: this unit keeps its cell state over many characters. At a white spot, it starts over.",
    ),
    "input": (
        r"i_t = \sigma(W_i x_t + U_i h_{t-1} + b_i)",
        "i = sigmoid(z[0, k] + recurrent[0, k])",
        "How much of the candidate is **written** to the cell state. Dark is 1: all of it; white is 0: nothing. After "
        "training, most input gates are open most of the time. At a white spot, the unit ignores the character.",
    ),
    "output": (
        r"o_t = \sigma(W_o x_t + U_o h_{t-1} + b_o)",
        "o = sigmoid(z[3, k] + recurrent[3, k])",
        "How much of its cell state a unit **shows** in the hidden state: to the layer above, and to all units of its "
        "layer at the next character. Dark is 1, white is 0.",
    ),
    "candidate": (
        r"g_t = \tanh(W_g x_t + U_g h_{t-1} + b_g)",
        "g = tanh(z[2, k] + recurrent[2, k])",
        "What **could** be written to the cell state: blue raises it, orange lowers it. The input gate decides how "
        "much of the candidate is written.",
    ),
    "cell": (
        r"c_t = f_t \odot c_{t-1} + i_t \odot g_t",
        "cell = f * c_before[k] + i * g",
        "The **memory** of the network: blue is positive, orange negative. A unit whose colour stays the same over "
        "many characters remembers something; a unit whose value grows steadily counts.",
    ),
    "hidden": (
        r"h_t = o_t \odot \tanh(c_t)",
        "shown = tanh(cell)\no * shown",
        "The **output** of the layer: blue is positive, orange negative. The linear layer predicts the next character "
        "from the last layer's column. If two columns are alike, so are the predictions.",
    ),
}
CODE_NOTE = "`z`: W x + b. `recurrent`: U h. `t`: step, `b`: sequence of the batch, `k`: unit."
UNIT_ORDERS = {
    "by similarity": gates.order_by_similarity,
    "by peak": gates.order_by_peak,
    "by number": gates.order_by_number,
}
MAX_UNITS = 48
LINE_STYLES = {  # place in the theme's palette, and dash
    "forget": (0, [1, 0]),
    "input": (2, [8, 3]),
    "output": (3, [3, 3]),
    "candidate": (4, [10, 3, 2, 3]),
    "cell": (0, [1, 0]),
    "hidden": (1, [6, 2]),
}


def show(run: Run | None) -> None:
    """Show the tab."""
    snapshot = load_snapshot(run)
    if snapshot is None:
        return
    model, alphabet, sentence = snapshot.model, snapshot.alphabet, snapshot.sentence
    activity = record(model, alphabet.one_hot([Alphabet.START, *alphabet.encode(sentence)]))
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        quantity = st.segmented_control(
            "Gate or state",
            QUANTITIES,
            default="cell",
            required=True,
            format_func=lambda quantity: TITLES[quantity],
            key="quantity",
            bind="query-params",
        )
        layers = range(model.lstm.num_layers)
        layer = 0
        if len(layers) > 1:
            layer = st.segmented_control(
                "Layer",
                layers,
                default=len(layers) - 1,
                required=True,
                format_func=lambda layer: f"{layer + 1}",
                key=f"layer of {len(layers)}",
            )
    heat_map_place = st.container()  # above its explanation, so that both fit on a screen
    formula, line, explanation = EXPLANATIONS[quantity]
    left, right = st.columns(2, gap="large", vertical_alignment="center")
    left.markdown(explanation)
    right.latex(formula)
    right.code(line, language="python")
    right.caption(CODE_NOTE)
    with left.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        order = st.selectbox(
            "Unit order",
            list(UNIT_ORDERS),
            key="unit_order",
            bind="query-params",
            width=220,
            help="The rows are sorted by the cell state. They keep their order through the whole run and for all "
            "gates, so that a unit can be followed.",
        )
        st.button(
            "Sort again",
            icon=":material/sort:",
            on_click=st.session_state.pop,
            args=["unit_rows", None],
            help="Sort the rows by the cell state as it is now.",
        )
    values = getattr(activity, quantity)[layer]  # (seq_len, hidden_size)
    size = values.shape[1]
    rows = unit_rows(snapshot, activity.cell[layer], layer, order)
    unit = min(st.session_state.get("unit", 0), size - 1)
    with heat_map_place:
        chart_place = st.container()
        steps = visible_range(len(values), "gates")
    chart = gate_heatmap(snapshot, quantity, layer, values, rows.units, steps, unit)
    key = f"heat map of {quantity}"
    alt_text = (
        f"Heat map of {TITLES[quantity]} after {count(snapshot.epochs, 'epoch')}: {len(rows.units)} units of layer "
        f"{layer + 1}, one row each, over {len(steps)} characters. Unit {unit} is framed."
    )
    with chart_place:
        show_live_chart(chart, snapshot.final, key=key, on_select=lambda: select_unit(key), alt=alt_text)
    shown = f"Shown: the {MAX_UNITS} of {size} units whose cell state changes most. " if size > MAX_UNITS else ""
    sorted_at = "" if order == "by number" else f"Rows: sorted {order} after {count(rows.epochs, 'epoch')}. "
    heat_map_place.caption(
        f"After {count(snapshot.epochs, 'epoch')}. {shown}{sorted_at}{START_SYMBOL} is the start token. Click a row to "
        "show that unit below; it is framed."
    )
    with heat_map_place:
        chart_download_buttons(chart, f"{TITLES[quantity]} layer {layer + 1}")
    unit_charts(snapshot, activity, layer, steps)
    show_code(bptt.forward_step, bptt.forward_layer, bptt.run_forward, record, MyLSTMCell, UNIT_ORDERS[order])


class UnitRows(NamedTuple):
    """The units that are shown, from top to bottom.

    Attributes:
        units: their numbers.
        epochs: epochs trained when they were sorted.
    """

    units: np.ndarray
    epochs: int


def unit_rows(snapshot: Snapshot, cell: np.ndarray, layer: int, order: str) -> UnitRows:
    """Return the rows of a layer: sorted when the layer is first shown, then the same for the rest of the run.

    cell: the layer's cell state (seq_len, hidden_size).
    """
    sorted_rows: dict[tuple[int, str], UnitRows] = {}
    run_id, kept = st.session_state.get("unit_rows") or ("", {})
    if run_id == snapshot.run_id:
        sorted_rows = kept
    else:
        st.session_state["unit_rows"] = snapshot.run_id, sorted_rows
    if (layer, order) not in sorted_rows:
        cell = np.nan_to_num(cell)  # overflowed weights
        units = UNIT_ORDERS[order](cell)
        most_active = np.argsort(-cell.std(axis=0), kind="stable")[:MAX_UNITS]
        sorted_rows[layer, order] = UnitRows(units[np.isin(units, most_active)], snapshot.epochs)
    return sorted_rows[layer, order]


def select_unit(key: str) -> None:
    """Select the unit of the clicked row (callback)."""
    if rows := st.session_state[key].selection.row:
        st.session_state["unit"] = int(rows[0]["row"])


def gate_heatmap(
    snapshot: Snapshot, quantity: str, layer: int, values: np.ndarray, units: np.ndarray, steps: range, selected: int
) -> alt.Chart:
    """Draw one gate or state of a layer: a row per unit, a column per character. The selected unit is framed."""
    is_gate = quantity in ("forget", "input", "output")
    limit = max(1.0, float(np.ceil(np.quantile(np.abs(values), 0.98))))  # the few values beyond are clamped
    return heat_map(
        values[steps.start : steps.stop, units].T,
        input_symbols(snapshot.sentence)[steps.start : steps.stop],
        [str(unit) for unit in units],
        x_title=INPUT_TITLE,
        y_title=f"Unit of layer {layer + 1}",
        value_title=TITLES[quantity],
        low=0 if is_gate else -limit,
        high=1 if is_gate else limit,
        first=steps.start,
        height=min(400, 130 + 6 * len(units)),
        selected=str(selected),
    )


def unit_charts(snapshot: Snapshot, activity: Activity, layer: int, steps: range) -> None:
    """Show all six values of one unit over the sentence; the unbounded cell state has a chart of its own."""
    size = snapshot.model.lstm.hidden_size
    if st.session_state.get("unit", 0) >= size:
        st.session_state["unit"] = 0
    unit = st.number_input("Selected unit", 0, size - 1, 0, key="unit", width=200) if size > 1 else 0
    symbols = input_symbols(snapshot.sentence)[steps.start : steps.stop]
    values = {name: getattr(activity, name)[layer, steps.start : steps.stop, unit].astype(float) for name in QUANTITIES}
    cell = values.pop("cell")
    where = f"of unit {unit} in layer {layer + 1} after {count(snapshot.epochs, 'epoch')}"
    chart = lines(values, symbols, steps.start, f"Unit {unit}")
    show_live_chart(chart, snapshot.final, alt=f"Line chart of the gates, candidate and hidden state {where}.")
    chart_download_buttons(chart, f"unit {unit} layer {layer + 1}")
    chart = lines({"cell": cell}, symbols, steps.start, TITLES["cell"], height=180)
    spread = f"from {np.nanmin(cell):.2g} to {np.nanmax(cell):.2g}" if np.isfinite(cell).any() else "not finite"
    show_live_chart(chart, snapshot.final, alt=f"Line chart of the cell state {where}: {spread}.")
    chart_download_buttons(chart, f"cell state of unit {unit} layer {layer + 1}")


def lines(values: dict[str, np.ndarray], symbols: list[str], first: int, title: str, height: int = 260) -> alt.Chart:
    """Draw one line per quantity over the sentence. symbols: the characters; the first one is at step `first`."""
    labels = step_labels(symbols, first)
    steps, names = range(len(labels)), [TITLES[name] for name in values]
    frame = pd.DataFrame(
        {  # categories are sent to the browser once, then one number per point
            "step": pd.Categorical.from_codes(np.tile(steps, len(names)), labels),
            "value": np.concatenate(list(values.values())),
            "quantity": pd.Categorical.from_codes(np.repeat(range(len(names)), len(labels)), names),
        }
    )
    palette = colors().palette
    strokes = alt.Scale(domain=names, range=[palette[LINE_STYLES[name][0]] for name in values])
    dashes = alt.Scale(domain=names, range=[LINE_STYLES[name][1] for name in values])
    legend = alt.Legend(title=None, orient="top", symbolType="stroke", columns=2) if len(names) > 1 else None
    return apply_theme(
        split_steps(alt.Chart(frame), first)
        .mark_line(strokeWidth=2.5)
        .encode(
            x=character_axis(symbols, INPUT_TITLE),
            y=alt.Y("value:Q", title=title),
            color=alt.Color("quantity:N", sort=names, scale=strokes).legend(legend),
            strokeDash=alt.StrokeDash("quantity:N", sort=names, scale=dashes).legend(legend),
            tooltip=["quantity:N", *step_tooltips(INPUT_TITLE), alt.Tooltip("value:Q", format=".4f")],
        )
        .properties(height=height)
    )
