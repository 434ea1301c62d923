"""This session's runs over one another, and a table that says what was different."""

import altair as alt
import pandas as pd
import streamlit as st

from core import classify
from core.classify import Epoch, Result
from core.runs import Run
from pages.ui import run_panel
from pages.ui.charts import apply_theme
from pages.ui.classify.training import EPOCH, events_of_type, feature_label

MEASURES = {"Validation accuracy": "val_accuracy", "Validation loss": "val_loss", "Training loss": "train_loss"}
MOST = 6  # runs in one chart; more colours could not be told apart
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#8a6d00"]


def remember(run: Run | None) -> None:
    """Note which runs this session has seen, and in what order."""
    seen = st.session_state.setdefault("classify_runs", [])
    if run and run.id not in seen:
        seen.append(run.id)


def show(run: Run | None) -> None:
    store = run_panel.dispatcher().store
    runs = {
        f"Run {number}": kept
        for number, run_id in enumerate(st.session_state.get("classify_runs", []), start=1)
        if (kept := store.run(run_id)) is not None
    }
    if not runs:
        st.info("Press **Train**: each run of this session can be compared here.", icon=":material/compare_arrows:")
        return
    if st.session_state.get("compared_of") != list(runs):  # a run has come since: it is compared, too
        st.session_state.update(compared_of=list(runs), compared=list(runs)[-MOST:])
    names = st.multiselect("Runs", list(runs), max_selections=MOST, key="compared", help="The newest are chosen.")
    measure = st.segmented_control(
        "Measure", list(MEASURES), default="Validation accuracy", required=True, key="measure"
    )
    if not names:
        return
    events = {name: [event for _, event in store.events(runs[name].id)] for name in names}
    epochs = {name: events_of_type(Epoch, events[name]) for name in names}
    if any(epochs.values()):
        st.altair_chart(curves(epochs, measure), width="stretch")
    else:
        st.caption("The curves begin with the first epoch that is finished.")
    st.dataframe(differences_table({name: runs[name] for name in names}, events), width="stretch", hide_index=True)
    if len({runs[name].config.features for name in names}) > 1:
        st.caption("Some of these see raw pixels and some see patch features: the two are different tasks.")


def curves(epochs: dict[str, list[Epoch]], measure: str) -> alt.Chart:
    """One measure of several runs over the epochs."""
    column, names = MEASURES[measure], list(epochs)
    frame = pd.DataFrame(
        [
            {"epoch": epoch.epoch + 1, "run": name, "value": getattr(epoch, column)}
            for name, of_run in epochs.items()
            for epoch in of_run
        ],
        columns=["epoch", "run", "value"],
    )
    percent = column.endswith("accuracy")
    title = f"{measure} ({'share right' if percent else 'nats per picture'})"
    colour = {"sort": names, "scale": alt.Scale(domain=names, range=COLOURS[: len(names)])}
    legend = alt.Legend(title=None, orient="top", symbolType="stroke")
    return apply_theme(
        alt.Chart(frame)
        .mark_line(strokeWidth=3, point=alt.OverlayMarkDef(size=50))
        .encode(
            x=alt.X("epoch:Q", title=EPOCH, axis=alt.Axis(tickMinStep=1, format="~s")),
            y=alt.Y(
                "value:Q", title=title, axis=alt.Axis(format=".1%" if percent else "~g"), scale=alt.Scale(zero=False)
            ),
            color=alt.Color("run:N", **colour).legend(legend),
            strokeDash=alt.StrokeDash("run:N", sort=names, scale=alt.Scale(domain=names)).legend(legend),
            tooltip=["run", "epoch", alt.Tooltip("value:Q", format=".4g", title=measure)],
        )
        .properties(height=380)
    )


def differences_table(runs: dict[str, Run], events: dict[str, list[classify.Event]]) -> pd.DataFrame:
    """A row a run: the settings in which the runs differ, those that were changed by hand, and what came of it."""
    settings = {name: vars(run.config) for name, run in runs.items()}
    differing = [
        field
        for field in next(iter(settings.values()))
        if field != "features" and len({config[field] for config in settings.values()}) > 1
    ]
    rows = []
    for name, run in runs.items():
        result = next(iter(events_of_type(Result, events[name])), None)
        epochs = events_of_type(Epoch, events[name])
        rows.append(
            {"Run": name, "Sees": feature_label(run.config)}
            | {field.replace("_", " ").capitalize(): format_setting(settings[name][field]) for field in differing}
            | {
                "Changed by hand": ", ".join(f"{field} {format_setting(value)}" for field, value in run.changes.items())
                or "–",
                "Epochs done": len(epochs),
                "Validation": f"{epochs[-1].val_accuracy:.2%}" if epochs else "–",
                "Test": f"{result.accuracy:.2%}" if result else "–",
                "Seconds": f"{run.train_seconds:.1f}",
            }
        )
    return pd.DataFrame(rows)


def format_setting(value: object) -> str:
    """A setting as a student writes it."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
