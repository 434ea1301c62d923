"""What it looks back at: how much each prediction's loss depends on every earlier character."""

from html import escape

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core.memorize.connectivity import connectivity
from core.runs import Run
from pages.ui.charts import BLUE, apply_theme
from pages.ui.code_view import show_code
from pages.ui.downloads import chart_download_buttons
from pages.ui.memorize.heatmap import heat_map, window
from pages.ui.memorize.snapshot import Learned, learned
from pages.ui.memorize.symbols import prepare_inputs, quoted, targets_of

LINE = "sizes[:, s] = above.norm(dim=1)"
STYLE = """<style>
.back { font-family: "Source Code Pro", monospace; font-size: 1.35rem; line-height: 2.2; overflow-wrap: anywhere; }
.back span { padding: 0.2rem 0.05rem; }
.back .predicted { outline: 3px solid #d55e00; border-radius: 3px; font-weight: 700; }
.back .later { color: #9aa5ad; }
</style>"""


def show(run: Run | None) -> None:
    known = learned(run)
    if known is None:
        return
    left, right = st.columns([3, 2], vertical_alignment="center")
    left.markdown(
        "How much would the loss of **one prediction** change if an **earlier character** were a little different? "
        "That is the size of a gradient. Backpropagation through time finds it, step by step from the prediction back."
    )
    right.latex(r"\left\lVert \frac{\partial\,\text{loss}_t}{\partial\,x_s} \right\rVert, \qquad s \le t")
    right.code(LINE, language="python")
    steps = window(len(targets_of(known.sentence)), "back")
    with st.spinner("Going back through time …", show_time=True):
        sizes = connectivity(known.model, known.alphabet, known.sentence, steps.start, steps.stop)
    place = chosen(known, steps)
    row(known, sizes[place - steps.start], place)
    whole_map(known, sizes, steps)
    distance(sizes, steps)
    show_code(connectivity)


def names_of(known: Learned, steps: range) -> list[str]:
    """The predictions, by number and the character that they are to say."""
    return [f"{step + 1}: {target}" for step, target in enumerate(targets_of(known.sentence)) if step in steps]


def chosen(known: Learned, steps: range) -> int:
    """The prediction whose row is shown: where the slider stands, which a click on the map moves."""
    key = f"back_place of {steps.start} to {steps.stop}"
    if key not in st.session_state:
        st.session_state[key] = steps.start + len(steps) // 2 + 1
    if len(steps) == 1:
        return steps.start
    return st.slider("Prediction", steps.start + 1, steps.stop, key=key) - 1


def row(known: Learned, sizes: np.ndarray, place: int) -> None:
    """The sentence, each character shaded by how much the prediction depends on it."""
    inputs, targets = prepare_inputs(known.sentence), targets_of(known.sentence)
    reach = sizes.max() or 1.0
    spans = []
    for step, character in enumerate([*inputs, targets[-1]]):
        size = sizes[step] if step <= place else 0.0
        kind = "predicted" if step == place + 1 else "later" if step > place else ""
        share = float(size / reach)
        spans.append(
            f'<span class="{kind}" style="background: rgb(0 114 178 / {share:.1%}); '
            f'{"color: #fff" if share > 0.85 else ""}" title="{step}: {size:.2e}">{escape(character)}</span>'
        )
    st.html(f'{STYLE}<div class="back" dir="auto">{"".join(spans)}</div>')
    most = int(sizes[: place + 1].argmax())
    where = "the one just before it" if most == place else f"{place - most + 1} characters before it"
    st.caption(
        f"Framed: the character that is predicted, {quoted(targets[place])}. The darker, the more its loss depends on "
        f"that character: most on {quoted(inputs[most])}, {where} ({sizes[most]:.2g} nats per unit). "
        f"After {known.epochs:,} epochs."
    )


def whole_map(known: Learned, sizes: np.ndarray, steps: range) -> None:
    """All predictions: a row each, shaded by its own largest value."""
    names = names_of(known, steps)
    key = f"map back {steps.start}"

    def choose() -> None:
        if rows := st.session_state[key].selection.row:
            place = int(rows[0]["row"].split(":")[0])
            st.session_state[f"back_place of {steps.start} to {steps.stop}"] = place

    shares = sizes / np.maximum(sizes.max(axis=1, keepdims=True), 1e-30)
    inside = np.where(np.arange(sizes.shape[1]) <= np.arange(steps.start, steps.stop)[:, None], shares, np.nan)
    chart = heat_map(
        inside[:, steps.start : steps.stop],
        prepare_inputs(known.sentence)[steps.start : steps.stop],
        names,
        x_title="Character that it depends on",
        y_title="Prediction",
        value_title="Gradient (share of its row's largest)",
        low=0,
        high=1,
        first=steps.start,
        height=min(600, 150 + 9 * len(names)),
        row_labels=True,
    )
    st.altair_chart(chart, width="stretch", key=key, on_select=choose)
    st.caption(
        "A row for each prediction, from the first to the last. The diagonal is the character just read; what stands "
        "far to its left is remembered from long ago. Click on a row to see it over the sentence."
    )
    chart_download_buttons(chart, "connectivity map")


def distance(sizes: np.ndarray, steps: range) -> None:
    """How the gradient fades with the distance, on average."""
    back = np.arange(steps.start, steps.stop)[:, None] - np.arange(sizes.shape[1])
    means = [(far, float(sizes[back == far].mean())) for far in range(min(steps.stop, 200))]
    frame = pd.DataFrame([(far, mean) for far, mean in means if mean > 0], columns=["back", "size"])
    if len(frame) < 2:
        return
    chart = apply_theme(
        alt.Chart(frame)
        .mark_line(strokeWidth=3, color=BLUE, point=alt.OverlayMarkDef(size=30))
        .encode(
            x=alt.X("back:Q", title="Characters back (0: the one just read)", axis=alt.Axis(tickMinStep=1)),
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
        "**How fast it fades.** On this logarithmic scale a straight line down is a gradient that *vanishes*: each "
        "step back multiplies it by the same factor. An open forget gate keeps that factor close to 1."
    )
    st.altair_chart(chart, width="stretch")
    chart_download_buttons(chart, "gradient by distance")
