"""Dependencies: how strongly each prediction depends on every earlier character."""

from html import escape

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core.memorize.connectivity import affordable_steps, connectivity
from core.runs import Run
from pages.ui.charts import apply_theme, show_live_chart
from pages.ui.code_view import show_code
from pages.ui.downloads import chart_download_buttons
from pages.ui.formatting import count
from pages.ui.memorize.heatmap import INPUT_TITLE, heat_map, visible_range
from pages.ui.memorize.model_cache import cached_connectivity
from pages.ui.memorize.snapshot import Snapshot, load_snapshot
from pages.ui.memorize.symbols import as_code, input_symbols, target_symbols
from pages.ui.theme import colors

LINE = "sizes[:, s] = above.norm(dim=1)"


def show(run: Run | None) -> None:
    """Show the tab."""
    snapshot = load_snapshot(run)
    if snapshot is None:
        return
    left, right = st.columns([3, 2], vertical_alignment="center")
    left.markdown(
        "How much would the loss of **one prediction** change if an **earlier character** were slightly different? "
        "The answer is the size of a gradient. Backpropagation through time computes it, step by step back from the "
        "prediction."
    )
    right.latex(r"\left\lVert \frac{\partial\,\text{loss}_t}{\partial\,x_s} \right\rVert, \qquad s \le t")
    right.code(LINE, language="python")
    steps = visible_range(len(target_symbols(snapshot.sentence)), "dependencies")
    back = affordable_steps(snapshot.model, len(steps)) - len(steps)
    with st.spinner("Backpropagating through time …", show_time=True):
        sizes = cached_connectivity(
            snapshot.model, snapshot.alphabet, snapshot.sentence, steps.start, steps.stop, max_steps_back=back
        )
    if back < steps.start:
        st.caption(
            f"This network is large, so the gradients are computed only as far as {count(back, 'character')} before "
            "the first character that is shown."
        )
    if not np.isfinite(sizes[:, steps.start : steps.stop]).all():
        st.error(
            "The gradients of this network are not finite: its weights have overflowed. Train again with a lower "
            "learning rate.",
            icon=":material/error:",
        )
        return
    prediction = selected_prediction(steps)
    sentence_row(snapshot, sizes[prediction - steps.start], prediction)
    heatmap(snapshot, sizes, steps, prediction)
    decay_chart(snapshot, sizes, steps)
    show_code(connectivity)


def prediction_labels(snapshot: Snapshot, steps: range) -> list[str]:
    """Return the predictions' labels: their numbers and correct characters."""
    return [f"{step + 1}: {target}" for step, target in enumerate(target_symbols(snapshot.sentence)) if step in steps]


def selection_key(steps: range) -> str:
    """Return the key of the slider in `selected_prediction`."""
    return f"prediction of {steps.start} to {steps.stop}"


def selected_prediction(steps: range) -> int:
    """Show a slider, which a click in the heat map also moves, and return the selected prediction."""
    key = selection_key(steps)
    if key not in st.session_state:
        st.session_state[key] = steps.start + len(steps) // 2 + 1
    if len(steps) == 1:
        return steps.start
    return st.slider("Prediction", steps.start + 1, steps.stop, key=key) - 1


def sentence_row(snapshot: Snapshot, sizes: np.ndarray, prediction: int) -> None:
    """Show the sentence, each character shaded by how strongly the prediction depends on it."""
    inputs, targets = input_symbols(snapshot.sentence), target_symbols(snapshot.sentence)
    largest = np.nanmax(sizes) or 1.0
    spans = []
    for step, character in enumerate([*inputs, targets[-1]]):
        if step > prediction or np.isnan(sizes[step]):
            kind, title = ("target", "to predict") if step == prediction + 1 else ("unused", "not computed")
            title = "later" if step > prediction + 1 else title
            spans.append(f'<span class="{kind}" title="{title}">{escape(character)}</span>')
            continue
        fraction = float(sizes[step] / largest)
        spans.append(
            f'<span style="background: rgb(0 114 178 / {fraction:.1%}); '
            f'{"color: #fff" if fraction > 0.85 else ""}" title="{step}: {sizes[step]:.2e}">{escape(character)}</span>'
        )
    st.html(f'<div class="dependencies" dir="auto">{"".join(spans)}</div>')
    strongest = int(np.nanargmax(sizes[: prediction + 1]))
    distance = prediction - strongest + 1
    where = "the character just before it" if distance == 1 else f"{distance} characters before it"
    st.caption(
        f"Framed: the character to predict, {as_code(targets[prediction])}. Darker: its loss depends more on that "
        f"character. It depends most on {as_code(inputs[strongest])}, {where} ({sizes[strongest]:.2g} nats per unit "
        f"of input). After {count(snapshot.epochs, 'epoch')}."
    )


def heatmap(snapshot: Snapshot, sizes: np.ndarray, steps: range, prediction: int) -> None:
    """Show all predictions, one row each, scaled by the row's maximum. The selected one is framed."""
    labels = prediction_labels(snapshot, steps)
    key = f"dependency map from {steps.start}"

    def select() -> None:
        if rows := st.session_state[key].selection.row:
            st.session_state[selection_key(steps)] = int(rows[0]["row"].split(":")[0])

    fractions = sizes / np.maximum(np.nanmax(sizes, axis=1, keepdims=True), 1e-30)
    past = np.arange(sizes.shape[1]) <= np.arange(steps.start, steps.stop)[:, None]
    chart = heat_map(
        np.where(past, fractions, np.nan)[:, steps.start : steps.stop],
        input_symbols(snapshot.sentence)[steps.start : steps.stop],
        labels,
        x_title=INPUT_TITLE,
        y_title="Prediction",
        value_title="Gradient (fraction of the row's maximum)",
        low=0,
        high=1,
        first=steps.start,
        height=min(600, 150 + 9 * len(labels)),
        row_labels=True,
        selected=labels[prediction - steps.start],
    )
    alt_text = (
        f"Heat map of how strongly each of {len(steps)} predictions depends on each earlier character, after "
        f"{count(snapshot.epochs, 'epoch')}. Prediction {prediction + 1} is framed."
    )
    show_live_chart(chart, snapshot.final, key=key, on_select=select, alt=alt_text)
    st.caption(
        "One row per prediction, from the first to the last. The diagonal is the character read just before it; dark "
        "squares far to the left are long-term dependencies. Click a row to show that prediction above; it is framed."
    )
    chart_download_buttons(chart, "dependency map")


def decay_chart(snapshot: Snapshot, sizes: np.ndarray, steps: range) -> None:
    """Show how the mean gradient decays with distance."""
    back = np.arange(steps.start, steps.stop)[:, None] - np.arange(sizes.shape[1])
    known = ~np.isnan(sizes)
    means = [
        (lag, float(sizes[known & (back == lag)].mean()))
        for lag in range(min(steps.stop, 200))
        if (known & (back == lag)).any()
    ]
    frame = pd.DataFrame([(lag, mean) for lag, mean in means if mean > 0], columns=["back", "size"])
    if len(frame) < 2:
        return
    chart = apply_theme(
        alt.Chart(frame)
        .mark_line(strokeWidth=3, color=colors().palette[0], point=alt.OverlayMarkDef(size=30))
        .encode(
            x=alt.X("back:Q", title="Characters back (0: the character just read)", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y(
                "size:Q",
                title="Mean gradient (nats per unit)",
                scale=alt.Scale(type="log"),
                axis=alt.Axis(format=".0e", tickCount=6),
            ),
            tooltip=["back:Q", alt.Tooltip("size:Q", format=".2e")],
        )
        .properties(height=280)
    )
    st.markdown(
        "**How fast the dependency decays.** On a logarithmic scale, a *vanishing* gradient is a straight line "
        "downwards: each step back multiplies it by the same factor. An open forget gate keeps that factor close to 1."
    )
    alt_text = (
        f"Line chart of the mean gradient over the distance, after {count(snapshot.epochs, 'epoch')}: "
        f"{frame['size'].iloc[0]:.1e} nats per unit at the character just read, {frame['size'].iloc[-1]:.1e} at "
        f"{count(int(frame['back'].iloc[-1]), 'character')} back."
    )
    show_live_chart(chart, snapshot.final, alt=alt_text)
    chart_download_buttons(chart, "gradient by distance")
