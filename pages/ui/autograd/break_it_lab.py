"""Break-it lab: a fault's symptom first, then a hint, a question, and at last the line that is wrong."""

import textwrap

import pandas as pd
import streamlit as st

from core.autograd.faults import FAULTS, Comparison, Curves, Fault, Row
from core.source import source
from pages.ui.autograd.graph import short
from pages.ui.charts import learning_curves

TITLES = {f"{number}. {fault.title}": fault for number, fault in enumerate(FAULTS.values(), 1)}


def show() -> None:
    st.markdown(
        "In each case the same thing runs twice: once with the right code, and once with a **twin** that is wrong in a "
        "line or two. Find the line: look at what happens, make a guess, then read."
    )
    fault = TITLES[st.selectbox("Case", list(TITLES), key="fault", bind="query-params")]
    st.subheader("What happens")
    st.markdown(f"{fault.setting} **{fault.look}**")
    with st.spinner("Running both twins …"):
        symptom = run(fault.name)
    if isinstance(symptom, Curves):
        curves(symptom)
    else:
        comparison(symptom)

    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("What do you think?")
        question(fault)
        with st.expander("A hint", key=f"hint_{fault.name}", icon=":material/lightbulb:"):
            st.markdown(fault.hint)
    with right:  # the keys: what was opened in one case does not tell on the next
        st.subheader("The code")
        with st.expander("The wrong twin", key=f"wrong_{fault.name}", icon=":material/search:"):
            st.code(textwrap.dedent(source(fault.wrong)[0]), language="python", wrap_lines=True)
        with st.expander("The solution", key=f"solution_{fault.name}", icon=":material/difference:"):
            st.caption(f"Right, with − where it differs: {where(fault.right)}.  \nWrong, with +: {where(fault.wrong)}.")
            st.code(fault.diff(), language="diff", wrap_lines=True)


@st.cache_data(show_spinner=False)
def run(name: str) -> Curves | Comparison:
    """A fault's symptom; it is the same at each run."""
    return FAULTS[name].symptom()


def curves(symptom: Curves) -> None:
    """Both twins' losses in one chart."""
    frames = {
        name: pd.DataFrame({"x": range(len(losses)), "y": losses})
        for name, losses in (("right twin", symptom.right), ("wrong twin", symptom.wrong))
    }
    st.altair_chart(learning_curves(frames, symptom.x_title, symptom.y_title), width="stretch")


def comparison(symptom: Comparison) -> None:
    """A row for each thing that was measured; what is not as expected is marked."""

    def cell(row: Row, got: float | str) -> str:
        return shown(got) if row.agrees(got) else f"✗ {shown(got)}"

    frame = pd.DataFrame(
        [(row.what, shown(row.expected), cell(row, row.right), cell(row, row.wrong)) for row in symptom.rows],
        columns=["", f"Expected ({symptom.source})", "Right twin", "Wrong twin"],
    ).set_index("")
    marks = frame.map(lambda text: "background-color: #fdeee3; font-weight: 700" if text.startswith("✗") else "")
    st.table(frame.style.apply(lambda _: marks, axis=None))


def shown(value: float | str) -> str:
    return f"“{value}”" if isinstance(value, str) else short(value)


def question(fault: Fault) -> None:
    """The question, and what the answer that was chosen is worth."""
    asked = fault.question
    answer = st.radio(asked.text, asked.options, index=None, key=f"answer_{fault.name}", persist_state="page")
    if answer is None:
        return
    if asked.options.index(answer) == asked.answer:
        st.success(asked.because, icon=":material/check:")
    else:
        st.error("Not this one. Look again at what happens, or open the hint.", icon=":material/close:")


def where(twin) -> str:
    """Where a twin's code stands."""
    return f"`{twin.__module__.replace('.', '/')}.py`, line {source(twin)[1]}"
