"""Gates: every gate and state of every unit, at every character of the sentence."""

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
from pages.ui.memorize.heatmap import INPUT_TITLE, character_axis, heat_map, step_labels, visible_range
from pages.ui.memorize.snapshot import Snapshot, load_snapshot
from pages.ui.memorize.symbols import START_SYMBOL, input_symbols

TITLES = {
    "forget": "Forget gate f",
    "input": "Input gate i",
    "output": "Output gate o",
    "candidate": "Candidate g",
    "cell": "Cell state c",
    "hidden": "Hidden state h",
}
# formula, the matching line of code, and what to look for
EXPLANATIONS = {
    "forget": (
        r"f_t = \sigma(W_f x_t + U_f h_{t-1} + b_f)",
        "torch.sigmoid(f) * c",
        "How much of its cell state a unit **keeps**. Dark is 1: all of it; white is 0: everything is erased. Look for "
        "a white column: a character at which many units reset.",
    ),
    "input": (
        r"i_t = \sigma(W_i x_t + U_i h_{t-1} + b_i)",
        "torch.sigmoid(i) * torch.tanh(g)",
        "How much of the candidate is **written** to the cell state. Dark is 1, white is 0. Where the forget gate is 1 "
        "and the input gate is 0, the cell state does not change.",
    ),
    "output": (
        r"o_t = \sigma(W_o x_t + U_o h_{t-1} + b_o)",
        "h = torch.sigmoid(o) * torch.tanh(c)",
        "How much of its cell state a unit **shows** in the hidden state: to the layer above, and to all units of its "
        "layer at the next character. Dark is 1, white is 0.",
    ),
    "candidate": (
        r"g_t = \tanh(W_g x_t + U_g h_{t-1} + b_g)",
        "torch.tanh(g)",
        "What **could** be written to the cell state: blue raises it, orange lowers it. The input gate decides how "
        "much of the candidate is written.",
    ),
    "cell": (
        r"c_t = f_t \odot c_{t-1} + i_t \odot g_t",
        "c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)",
        "The **memory** of the network: blue is positive, orange negative. A unit whose colour stays the same over "
        "many characters remembers something; a unit whose value grows steadily counts.",
    ),
    "hidden": (
        r"h_t = o_t \odot \tanh(c_t)",
        "h = torch.sigmoid(o) * torch.tanh(c)",
        "The **output** of the layer: blue is positive, orange negative. The linear layer predicts the next character "
        "from the last layer's column. If two columns are alike, so are the predictions.",
    ),
}
UNIT_ORDERS = {
    "by similarity": gates.order_by_similarity,
    "by peak": gates.order_by_peak,
    "by number": gates.order_by_number,
}
MAX_UNITS = 48
LINE_STYLES = {  # colour and dash
    "forget": ("#0072b2", [1, 0]),
    "input": ("#009e73", [8, 3]),
    "output": ("#cc79a7", [3, 3]),
    "candidate": ("#e69f00", [10, 3, 2, 3]),
    "cell": ("#15202b", [1, 0]),
    "hidden": ("#d55e00", [6, 2]),
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
        order = st.selectbox("Unit order", list(UNIT_ORDERS), key="unit_order", bind="query-params", width=220)
    formula, line, explanation = EXPLANATIONS[quantity]
    left, right = st.columns(2, gap="large", vertical_alignment="center")
    left.markdown(explanation)
    right.latex(formula)
    right.code(line, language="python")

    values = getattr(activity, quantity)[layer]  # (seq_len, hidden_size)
    units = UNIT_ORDERS[order](values)
    if len(units) > MAX_UNITS:
        most_active = np.argsort(-values.std(axis=0))[:MAX_UNITS]
        units = units[np.isin(units, most_active)]
    steps = visible_range(len(values), "gates")
    chart = gate_heatmap(snapshot, quantity, layer, values, units, steps)
    key = f"heat map of {quantity}"
    show_live_chart(chart, snapshot.final, key=key, on_select=lambda: select_unit(key))
    shown = f"Shown: the {MAX_UNITS} of {values.shape[1]} units that change most. " if len(units) == MAX_UNITS else ""
    st.caption(
        f"After {snapshot.epochs:,} epochs. {shown}{START_SYMBOL} is the start token. Click a row to show that unit "
        "below."
    )
    chart_download_buttons(chart, f"{TITLES[quantity]} layer {layer + 1}")
    unit_charts(snapshot, activity, layer, steps)
    show_code(MyLSTMCell, record, bptt.run_forward, bptt.forward_steps, UNIT_ORDERS[order])


def select_unit(key: str) -> None:
    """Select the unit of the clicked row (callback)."""
    if rows := st.session_state[key].selection.row:
        st.session_state["unit"] = int(rows[0]["row"])


def gate_heatmap(
    snapshot: Snapshot, quantity: str, layer: int, values: np.ndarray, units: np.ndarray, steps: range
) -> alt.Chart:
    """Draw one gate or state of a layer: a row per unit, a column per character."""
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
        height=min(600, 150 + 9 * len(units)),
    )


def unit_charts(snapshot: Snapshot, activity: Activity, layer: int, steps: range) -> None:
    """Show all six values of one unit over the sentence; the unbounded cell state has a chart of its own."""
    size = snapshot.model.lstm.hidden_size
    if st.session_state.get("unit", 0) >= size:
        st.session_state["unit"] = 0
    unit = st.number_input("Selected unit", 0, size - 1, 0, key="unit", width=200) if size > 1 else 0
    labels = step_labels(input_symbols(snapshot.sentence)[steps.start : steps.stop], steps.start)
    values = {name: getattr(activity, name)[layer, steps.start : steps.stop, unit].astype(float) for name in QUANTITIES}
    cell = values.pop("cell")
    chart = lines(values, labels, f"Unit {unit}")
    show_live_chart(chart, snapshot.final)
    chart_download_buttons(chart, f"unit {unit} layer {layer + 1}")
    chart = lines({"cell": cell}, labels, TITLES["cell"], height=240)
    show_live_chart(chart, snapshot.final)
    chart_download_buttons(chart, f"cell state of unit {unit} layer {layer + 1}")


def lines(values: dict[str, np.ndarray], labels: list[str], title: str, height: int = 360) -> alt.Chart:
    """Draw one line per quantity over the sentence."""
    steps, names = range(len(labels)), [TITLES[name] for name in values]
    frame = pd.DataFrame(
        {  # categories are sent to the browser once, then one number per point
            "step": pd.Categorical.from_codes(np.tile(steps, len(names)), labels),
            "value": np.concatenate(list(values.values())),
            "quantity": pd.Categorical.from_codes(np.repeat(range(len(names)), len(labels)), names),
        }
    )
    styles = [LINE_STYLES[name] for name in values]
    legend = alt.Legend(title=None, orient="top", symbolType="stroke", columns=2) if len(names) > 1 else None
    return apply_theme(
        alt.Chart(frame)
        .mark_line(strokeWidth=2.5)
        .encode(
            x=character_axis(labels, INPUT_TITLE),
            y=alt.Y("value:Q", title=title),
            color=alt.Color("quantity:N", sort=names).scale(domain=names, range=[c for c, _ in styles]).legend(legend),
            strokeDash=alt.StrokeDash("quantity:N", sort=names)
            .scale(domain=names, range=[dash for _, dash in styles])
            .legend(legend),
            tooltip=["quantity:N", "step:N", alt.Tooltip("value:Q", format=".4f")],
        )
        .properties(height=height)
    )
