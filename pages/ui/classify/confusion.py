"""Confusion matrix and worst mistakes: on the validation images, and on the test images once the run has ended."""

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core.classify import Samples
from core.classify.diagnostics import confusion, worst_mistakes
from core.runs import Run
from pages.ui.charts import BLUE, apply_theme
from pages.ui.classify.images import samples_html
from pages.ui.classify.snapshot import Snapshot, show_live
from pages.ui.markdown import escape_markdown

MAX_SAMPLES = 12
MAX_LABELLED_CLASSES = 20  # with more classes, the counts would not fit into the cells


def show(run: Run | None) -> None:
    """Show the tab for the run's current weights, or for loaded ones."""
    show_live(run, draw)


def draw(snapshot: Snapshot) -> None:
    """Draw the confusion matrix, and beside it the images of the selected cell or the worst mistakes."""
    labels, classes = snapshot.labels, snapshot.dataset.classes
    predictions = snapshot.probabilities.argmax(axis=1)
    wrong = int((predictions != labels).sum())
    st.markdown(
        f"**{wrong:,} of {len(labels):,} {snapshot.kind} images are misclassified** ({wrong / len(labels):.2%}). "
        "Rows: true class. Columns: predicted class. **Click a cell** to see its images."
    )
    left, right = st.columns(2, gap="large")
    with left:
        event = st.altair_chart(
            confusion_chart(confusion(labels, predictions, len(classes)), classes),
            width="stretch",
            on_select="rerun",
            key="confusion",
        )
    with right:
        selected = event.selection.get("cell", []) if event else []
        if selected:
            true, predicted = classes.index(selected[0]["true"]), classes.index(selected[0]["predicted"])
            indices = np.flatnonzero((labels == true) & (predictions == predicted))
            indices = indices[np.argsort(-snapshot.probabilities[indices, predicted], kind="stable")]
            pair = f"True class {escape_markdown(classes[true])}, predicted {escape_markdown(classes[predicted])}"
            count = "1 image" if len(indices) == 1 else f"{len(indices):,} images"
            first = f", the first {MAX_SAMPLES} shown" if len(indices) > MAX_SAMPLES else ""
            st.markdown(f"**{pair}**: {count}, most confident first{first}")
        else:
            indices = worst_mistakes(labels, snapshot.probabilities, MAX_SAMPLES)
            st.markdown("**Worst mistakes**, most confident first")
        shown = indices[:MAX_SAMPLES]
        if len(shown):
            samples = Samples(snapshot.images[shown], labels[shown], snapshot.probabilities[shown])
            st.html(samples_html(samples, classes))
        else:
            st.caption("No such images.")


def confusion_chart(counts: np.ndarray, classes: tuple[str, ...]) -> alt.LayerChart | alt.FacetChart:
    """Draw one cell per true and predicted class.

    Correct predictions are grey: on one colour scale with the mistakes, their large counts would hide these.
    """
    correct = np.eye(len(classes), dtype=bool)
    frame = pd.DataFrame(
        {
            "true": np.repeat(classes, len(classes)),
            "predicted": np.tile(classes, len(classes)),
            "images": counts.ravel(),
            "mistakes": np.where(correct, 0, counts).ravel(),
            "correct": correct.ravel(),
        }
    )
    click = alt.selection_point(name="cell", fields=["true", "predicted"], on="click", clear="dblclick")
    labelled = len(classes) <= MAX_LABELLED_CLASSES
    axis = alt.Axis(labelAngle=-45 if has_long_names(classes) else 0, labelOverlap=not labelled)
    base = alt.Chart(frame).encode(
        x=alt.X("predicted:N", title="Predicted class", sort=list(classes), axis=axis),
        y=alt.Y("true:N", title="True class", sort=list(classes)),
    )
    cells = base.mark_rect(stroke="white").encode(
        tooltip=["true", "predicted", "images"],
        color=alt.condition(
            "datum.correct",
            alt.value("#d5dade"),
            alt.Color("mistakes:Q", scale=alt.Scale(range=["#f7fbff", BLUE], domainMin=0)).legend(None),
        ),
        strokeWidth=alt.condition(click, alt.value(3), alt.value(1), empty=False),
        stroke=alt.condition(click, alt.value("#d55e00"), alt.value("white"), empty=False),
    )
    layers = [cells.add_params(click)]
    if labelled:
        dark = max(1, frame["mistakes"].max()) / 2
        layers.append(
            base.mark_text(fontSize=14).encode(
                text=alt.condition("datum.images > 0", "images:Q", alt.value("")),
                color=alt.condition(f"datum.mistakes > {dark}", alt.value("white"), alt.value("#15202b")),
            )
        )
    return apply_theme(alt.layer(*layers).properties(height=440))


def has_long_names(classes: tuple[str, ...]) -> bool:
    """Return whether the class names are too long to stand side by side."""
    return max(map(len, classes)) > 2
