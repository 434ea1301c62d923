"""What it gets wrong: which classes it takes for which, and its most confident mistakes."""

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core.classify import Samples
from core.classify.diagnostics import confusion, worst_mistakes
from core.runs import Run
from pages.ui.charts import BLUE, apply_theme
from pages.ui.classify.images import samples_html
from pages.ui.classify.snapshot import Learned, look
from pages.ui.markdown import escape_markdown

SHOWN = 12
READABLE = 20  # classes: of more, the counts in the cells could not be read


def show(run: Run | None) -> None:
    look(run, draw)


def draw(learned: Learned) -> None:
    labels, classes = learned.dataset.y_test, learned.dataset.classes
    answers = learned.probabilities.argmax(axis=1)
    wrong = int((answers != labels).sum())
    st.markdown(
        f"Of {len(labels):,} test pictures it gets **{wrong:,} wrong** ({wrong / len(labels):.2%}). A row is what the "
        "pictures are, a column what they were taken for. **Click a cell** to see its pictures."
    )
    matrix, cell = st.columns(2, gap="large")
    with matrix:
        event = st.altair_chart(
            confusion_chart(confusion(labels, answers, len(classes)), classes),
            width="stretch",
            on_select="rerun",
            key="confusion",
        )
    with cell:
        chosen = event.selection.get("cell", []) if event else []
        if chosen:
            truth, answer = classes.index(chosen[0]["truth"]), classes.index(chosen[0]["answer"])
            numbers = np.flatnonzero((labels == truth) & (answers == answer))
            numbers = numbers[np.argsort(-learned.probabilities[numbers, answer], kind="stable")]
            which = f"{escape_markdown(classes[truth])} taken for {escape_markdown(classes[answer])}"
            st.markdown(f"**{which}**: {len(numbers):,} pictures, the surest first")
        else:
            numbers = worst_mistakes(labels, learned.probabilities, SHOWN)
            st.markdown("**Its worst mistakes**, the most confident first")
        if len(numbers):
            shown = numbers[:SHOWN]
            samples = Samples(learned.dataset.x_test[shown], labels[shown], learned.probabilities[shown])
            st.html(samples_html(samples, classes))
        else:
            st.caption("There is none.")


def confusion_chart(counts: np.ndarray, classes: tuple[str, ...]) -> alt.LayerChart:
    """A cell for each truth and answer. Right answers are grey: they would outshine all that is wrong."""
    frame = pd.DataFrame(
        {
            "truth": np.repeat(classes, len(classes)),
            "answer": np.tile(classes, len(classes)),
            "pictures": counts.ravel(),
            "wrong": np.where(np.eye(len(classes), dtype=bool), 0, counts).ravel(),
            "right": np.eye(len(classes), dtype=bool).ravel(),
        }
    )
    click = alt.selection_point(name="cell", fields=["truth", "answer"], on="click", clear="dblclick")
    base = alt.Chart(frame).encode(
        x=alt.X(
            "answer:N", title="Taken for", sort=list(classes), axis=alt.Axis(labelAngle=-45 if wide(classes) else 0)
        ),
        y=alt.Y("truth:N", title="It is", sort=list(classes)),
    )
    cells = base.mark_rect(stroke="white").encode(
        tooltip=["truth", "answer", "pictures"],
        color=alt.condition(
            "datum.right",
            alt.value("#d5dade"),
            alt.Color("wrong:Q", scale=alt.Scale(range=["#f7fbff", BLUE], domainMin=0)).title("Wrong").legend(None),
        ),
        strokeWidth=alt.condition(click, alt.value(3), alt.value(1), empty=False),
        stroke=alt.condition(click, alt.value("#d55e00"), alt.value("white"), empty=False),
    )
    layers = [cells.add_params(click)]
    if len(classes) <= READABLE:
        dark = max(1, frame["wrong"].max()) / 2
        layers.append(
            base.mark_text(fontSize=14).encode(
                text=alt.condition("datum.pictures > 0", "pictures:Q", alt.value("")),
                color=alt.condition(f"datum.wrong > {dark}", alt.value("white"), alt.value("#15202b")),
            )
        )
    return apply_theme(alt.layer(*layers).properties(height=480))


def wide(classes: tuple[str, ...]) -> bool:
    """Whether the classes' names are too long to stand side by side."""
    return max(map(len, classes)) > 2
