"""The ablation study: recorded runs that show which changes raise accuracy on CIFAR-10."""

from functools import cache

import altair as alt
import pandas as pd
import streamlit as st

from core.classify import ablation
from core.classify.ablation import Variant
from core.training import changed_fields
from pages.ui.charts import apply_theme, learning_curves, show_live_chart
from pages.ui.classify.settings import use_settings_of
from pages.ui.formatting import format_setting, percentage, setting_label
from pages.ui.theme import colors

SINGLE, AVERAGED = "single image", "averaged"
ROW_HEIGHT, FRAME_HEIGHT = 56, 130  # pixels: of a variant, and of axis and legend
MAX_CURVES = 4


@cache
def variants() -> dict[str, Variant]:
    """Return the recorded variants by name."""
    return {variant.name: variant for variant in ablation.load()}


def show() -> None:
    """Show the accuracy of all variants, and the curves and settings of the chosen ones."""
    recorded = variants()
    names = list(recorded)
    st.subheader("Ablation study on CIFAR-10")
    st.caption(
        f"Recorded runs of {ablation.BASE.epochs} epochs with {len(ablation.SEEDS)} seeds. Each row keeps the settings "
        "of the row above and adds a change. Points are single runs; lines and numbers are their medians. Averaged: "
        "predictions are averaged over each image and its mirror image."
    )
    st.altair_chart(accuracy_chart(list(recorded.values())), width="stretch")
    chosen = st.multiselect(
        "Recorded runs", names, [names[0], names[-1]], max_selections=MAX_CURVES, key="recorded_variants"
    )
    if not chosen:
        return
    left, right = st.columns(2)
    for column, source, measure in ((left, "Training", "train_accuracies"), (right, "Validation", "val_accuracies")):
        curves = {name: median_curve(recorded[name], measure) for name in chosen}
        chart = learning_curves(curves, "Epoch", f"{source} accuracy (median)", percent=True, zero=False)
        with column:
            show_live_chart(chart, ended=True)
    st.dataframe(table([recorded[name] for name in chosen]), width="stretch", hide_index=True)
    with st.container(horizontal=True):
        for name in chosen:
            st.button(
                f"Use the settings of “{name}”",
                key=f"use_recorded_{names.index(name)}",
                on_click=use_settings_of,
                args=[recorded[name].config],
                help="Copies them into the sidebar, so that you can train the network yourself.",
            )


def accuracy_chart(shown: list[Variant]) -> alt.LayerChart:
    """Draw the test accuracy of every run, single and averaged, and the medians, a row per variant."""
    rows = [
        {"variant": variant.name, "prediction": prediction, "accuracy": getattr(run, measure), "seed": run.seed}
        for variant in shown
        for run in variant.runs
        for prediction, measure in ((SINGLE, "test_accuracy"), (AVERAGED, "averaged_test_accuracy"))
    ]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        y=alt.Y("variant:N", sort=[variant.name for variant in shown], title=None, axis=alt.Axis(labelLimit=300)),
        color=alt.Color(
            "prediction:N",
            sort=[SINGLE, AVERAGED],
            title=None,
            legend=alt.Legend(orient="top", columns=1, labelLimit=400),
        ),
        yOffset=alt.YOffset("prediction:N", sort=[SINGLE, AVERAGED]),
    )
    accuracy = alt.X("accuracy:Q", title="Test accuracy", scale=alt.Scale(zero=False), axis=alt.Axis(format=".0%"))
    points = base.mark_point(size=90, filled=True).encode(
        x=accuracy,
        shape=alt.Shape("prediction:N", sort=[SINGLE, AVERAGED], legend=None),
        tooltip=["variant:N", "prediction:N", "seed:Q", alt.Tooltip("accuracy:Q", format=".2%")],
    )
    medians = base.mark_tick(thickness=3, size=18).encode(x=alt.X("median(accuracy):Q", title="Test accuracy"))
    labels = base.mark_text(align="left", dx=14, fontSize=15).encode(
        x=alt.X("max(accuracy):Q", title="Test accuracy"),
        text=alt.Text("median(accuracy):Q", format=".1%"),
        color=alt.value(colors().text),
    )
    layers = alt.LayerChart(layer=[points, medians, labels], height=ROW_HEIGHT * len(shown) + FRAME_HEIGHT)
    return apply_theme(layers)


def median_curve(variant: Variant, measure: str) -> pd.DataFrame:
    """Return the median over the runs after each epoch: columns x and y."""
    curves = pd.DataFrame([getattr(run, measure) for run in variant.runs])
    return pd.DataFrame({"x": range(1, curves.shape[1] + 1), "y": curves.median()})


def table(shown: list[Variant]) -> pd.DataFrame:
    """Return one row per variant: its settings in which it differs from the first one, and its test accuracies."""
    return pd.DataFrame(
        [
            {
                "Run": variant.name,
                "Test accuracy": ", ".join(percentage(run.test_accuracy) for run in variant.runs),
                "Averaged": ", ".join(percentage(run.averaged_test_accuracy) for run in variant.runs),
                "Settings, compared with the starting point": ", ".join(
                    f"{setting_label(name)} {format_setting(value)}"
                    for name, value in changed_fields(ablation.BASE, variant.config).items()
                    if name != "average"
                )
                or "–",
            }
            for variant in shown
        ]
    )
