"""Break-it lab: the symptom of a fault first, then a question and a hint, and finally the faulty code."""

import textwrap

import pandas as pd
import streamlit as st

from core.autograd.faults import FAULTS, Comparison, Curves, Fault, Row
from core.source import source
from pages.ui.autograd.graph import format_number
from pages.ui.charts import learning_curves
from pages.ui.code_view import source_location

TITLES = {f"{number}. {fault.title}": fault for number, fault in enumerate(FAULTS.values(), 1)}


def show() -> None:
    """Show the chosen fault."""
    st.markdown(
        "In each case, the same thing runs twice: once with correct code and once with a **faulty copy** that differs "
        "in one or two lines. Look at what goes wrong, make a guess, then find the fault in the code."
    )
    fault = TITLES[st.selectbox("Case", list(TITLES), key="fault", bind="query-params")]
    st.subheader("Symptom")
    st.markdown(f"{fault.setting} **{fault.observation}**")
    with st.spinner("Running both versions …"):
        symptom = run_symptom(fault.name)
    if isinstance(symptom, Curves):
        curves(symptom)
    else:
        comparison(symptom)

    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Question")
        question(fault)
        with st.expander("Hint", key=f"hint_{fault.name}", icon=":material/lightbulb:"):
            st.markdown(fault.hint)
    with right:  # the keys differ, so that an open expander is closed again in the next case
        st.subheader("Code")
        with st.expander("Faulty code", key=f"faulty_{fault.name}", icon=":material/search:"):
            st.code(textwrap.dedent(source(fault.faulty)[0]), language="python", wrap_lines=True)
        with st.expander("Solution", key=f"solution_{fault.name}", icon=":material/difference:"):
            st.caption(f"Correct (−): {source_location(fault.correct)}  \nFaulty (+): {source_location(fault.faulty)}")
            st.code(fault.diff(), language="diff", wrap_lines=True)


@st.cache_data(show_spinner=False)
def run_symptom(name: str) -> Curves | Comparison:
    """Run both versions; the result is the same each time."""
    return FAULTS[name].symptom()


def curves(symptom: Curves) -> None:
    """Show the losses of both versions in one chart."""
    frames = {
        name: pd.DataFrame({"x": range(len(losses)), "y": losses})
        for name, losses in (("correct", symptom.correct), ("faulty", symptom.faulty))
    }
    st.altair_chart(learning_curves(frames, symptom.x_title, symptom.y_title), width="stretch")


def comparison(symptom: Comparison) -> None:
    """Show a table with one row per measurement; values other than the expected ones are marked."""

    def cell(row: Row, got: float | str) -> str:
        return format_value(got) if row.agrees(got) else f"✗ {format_value(got)}"

    frame = pd.DataFrame(
        [
            (row.label, format_value(row.expected), cell(row, row.correct), cell(row, row.faulty))
            for row in symptom.rows
        ],
        columns=["", f"Expected ({symptom.source})", "Correct code", "Faulty code"],
    ).set_index("")
    marks = frame.map(lambda text: "background-color: #fdeee3; font-weight: 700" if text.startswith("✗") else "")
    st.table(frame.style.apply(lambda _: marks, axis=None))


def format_value(value: float | str) -> str:
    """Return a number in short form, or a text in quotation marks."""
    return f"“{value}”" if isinstance(value, str) else format_number(value)


def question(fault: Fault) -> None:
    """Show the question, and whether the chosen answer is correct."""
    asked = fault.question
    answer = st.radio(asked.text, asked.options, index=None, key=f"answer_{fault.name}", persist_state="page")
    if answer is None:
        return
    if asked.options.index(answer) == asked.answer:
        st.success(asked.explanation, icon=":material/check:")
    else:
        st.error("Incorrect. Look at the symptom again, or open the hint.", icon=":material/close:")
