"""Inside the cell: every gate and state of every unit, at every character of the sentence."""

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
from pages.ui.memorize.heatmap import character_axis, heat_map, step_names, window
from pages.ui.memorize.snapshot import Learned, learned
from pages.ui.memorize.symbols import prepare_inputs

TITLES = {
    "forget": "Forget gate f",
    "input": "Input gate i",
    "output": "Output gate o",
    "candidate": "Candidate g",
    "cell": "Cell state c",
    "hidden": "Hidden state h",
}
# of each: its formula, the line of code that it is, and what to look for
EXPLANATIONS = {
    "forget": (
        r"f_t = \sigma(W_f x_t + U_f h_{t-1} + b_f)",
        "torch.sigmoid(f) * c",
        "How much of its memory a unit **keeps**: dark is 1, all of it; white is 0, wiped out. Look for a white "
        "column: a character at which many units start afresh.",
    ),
    "input": (
        r"i_t = \sigma(W_i x_t + U_i h_{t-1} + b_i)",
        "torch.sigmoid(i) * torch.tanh(g)",
        "How much of the candidate is **written** into the memory. Where forget is 1 and input is 0, a memory stands "
        "still.",
    ),
    "output": (
        r"o_t = \sigma(W_o x_t + U_o h_{t-1} + b_o)",
        "h = torch.sigmoid(o) * torch.tanh(c)",
        "How much of its memory a unit **shows**: to the layer above, and to all units at the next character.",
    ),
    "candidate": (
        r"g_t = \tanh(W_g x_t + U_g h_{t-1} + b_g)",
        "torch.tanh(g)",
        "What **could** be written: blue pulls the memory up, red down. The input gate decides how much of it is.",
    ),
    "cell": (
        r"c_t = f_t \odot c_{t-1} + i_t \odot g_t",
        "c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)",
        "The **memory** itself. A colour that stays the same over many characters is something remembered; units that "
        "grow steadily count how far the sentence has come.",
    ),
    "hidden": (
        r"h_t = o_t \odot \tanh(c_t)",
        "h = torch.sigmoid(o) * torch.tanh(c)",
        "What the linear layer sees when it chooses the next character. Two places that look alike here cannot be told "
        "apart.",
    ),
}
ORDERS = {
    "alike side by side": gates.order_by_similarity,
    "by their peak": gates.order_by_peak,
    "as numbered": gates.order_by_number,
}
MOST_UNITS = 48
TRACES = {  # colour and dash
    "forget": ("#0072b2", [1, 0]),
    "input": ("#009e73", [8, 3]),
    "output": ("#cc79a7", [3, 3]),
    "candidate": ("#e69f00", [10, 3, 2, 3]),
    "cell": ("#15202b", [1, 0]),
    "hidden": ("#d55e00", [6, 2]),
}


def show(run: Run | None) -> None:
    known = learned(run)
    if known is None:
        return
    activity = record(known.model, known.alphabet.one_hot([Alphabet.START, *known.alphabet.encode(known.sentence)]))
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        quantity = st.segmented_control(
            "What to see",
            QUANTITIES,
            default="cell",
            required=True,
            format_func=TITLES.get,
            key="quantity",
            bind="query-params",
        )
        layers = range(known.model.lstm.num_layers)
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
        order = st.selectbox("Units in order", list(ORDERS), key="unit_order", bind="query-params", width=220)
    formula, line, explanation = EXPLANATIONS[quantity]
    left, right = st.columns(2, gap="large", vertical_alignment="center")
    left.markdown(explanation)
    right.latex(formula)
    right.code(line, language="python")

    values = getattr(activity, quantity)[layer]  # (seq_len, hidden_size)
    units = ORDERS[order](values)
    if len(units) > MOST_UNITS:
        busiest = np.argsort(-values.std(axis=0))[:MOST_UNITS]
        units = units[np.isin(units, busiest)]
    steps = window(len(values), "inside")
    chart = map_of(known, quantity, layer, values, units, steps)
    key = f"map of {quantity}"
    show_live_chart(chart, known.final, key=key, on_select=lambda: choose_unit(key))
    some = f"the {MOST_UNITS} of {values.shape[1]} units that change most; " if values.shape[1] > MOST_UNITS else ""
    st.caption(f"After {known.epochs:,} epochs; {some}▶ is the start. Click on a row to follow that unit below.")
    chart_download_buttons(chart, f"{TITLES[quantity]} layer {layer + 1}")
    trace(known, activity, layer, steps)
    show_code(MyLSTMCell, record, bptt.run_forward, bptt.forward_steps, ORDERS[order])


def choose_unit(key: str) -> None:
    """A click on a row of the map chooses its unit."""
    if rows := st.session_state[key].selection.row:
        st.session_state["unit"] = int(rows[0]["row"])


def map_of(known: Learned, quantity: str, layer: int, values: np.ndarray, units: np.ndarray, steps: range) -> alt.Chart:
    gate = quantity in ("forget", "input", "output")
    reach = max(1.0, float(np.ceil(np.quantile(np.abs(values), 0.98))))  # the few beyond it are as dark as can be
    return heat_map(
        values[steps.start : steps.stop, units].T,
        prepare_inputs(known.sentence)[steps.start : steps.stop],
        [str(unit) for unit in units],
        x_title="Character that was just read",
        y_title=f"Unit of layer {layer + 1}",
        value_title=TITLES[quantity],
        low=0 if gate else -reach,
        high=1 if gate else reach,
        first=steps.start,
        height=min(600, 150 + 9 * len(units)),
    )


def trace(known: Learned, activity: Activity, layer: int, steps: range) -> None:
    """All six numbers of one unit over the sentence; the memory, which knows no bounds, on an axis of its own."""
    size = known.model.lstm.hidden_size
    if st.session_state.get("unit", 0) >= size:
        st.session_state["unit"] = 0
    unit = st.number_input("Unit to follow", 0, size - 1, 0, key="unit", width=200) if size > 1 else 0
    labels = step_names(prepare_inputs(known.sentence)[steps.start : steps.stop], steps.start)
    values = {name: getattr(activity, name)[layer, steps.start : steps.stop, unit].astype(float) for name in QUANTITIES}
    cell = values.pop("cell")
    chart = lines(values, labels, f"Unit {unit}")
    show_live_chart(chart, known.final)
    chart_download_buttons(chart, f"unit {unit} layer {layer + 1}")
    chart = lines({"cell": cell}, labels, "Cell state c", height=240)
    show_live_chart(chart, known.final)
    chart_download_buttons(chart, f"memory of unit {unit} layer {layer + 1}")


def lines(values: dict[str, np.ndarray], labels: list[str], title: str, height: int = 360) -> alt.Chart:
    """A line over the sentence for each quantity, with a colour and a dash of its own."""
    steps, names = range(len(labels)), [TITLES[name] for name in values]
    frame = pd.DataFrame(
        {  # categories travel to the browser once, and then a number a point
            "step": pd.Categorical.from_codes(np.tile(steps, len(names)), labels),
            "value": np.concatenate(list(values.values())),
            "quantity": pd.Categorical.from_codes(np.repeat(range(len(names)), len(labels)), names),
        }
    )
    styles = [TRACES[name] for name in values]
    legend = alt.Legend(title=None, orient="top", symbolType="stroke", columns=2) if len(names) > 1 else None
    return apply_theme(
        alt.Chart(frame)
        .mark_line(strokeWidth=2.5)
        .encode(
            x=character_axis(labels, "Character that was just read"),
            y=alt.Y("value:Q", title=title),
            color=alt.Color("quantity:N", sort=names).scale(domain=names, range=[c for c, _ in styles]).legend(legend),
            strokeDash=alt.StrokeDash("quantity:N", sort=names)
            .scale(domain=names, range=[dash for _, dash in styles])
            .legend(legend),
            tooltip=["quantity:N", "step:N", alt.Tooltip("value:Q", format=".4f")],
        )
        .properties(height=height)
    )
