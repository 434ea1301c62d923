"""Break-it lab: the symptom of a fault first, then its code, a question, and finally the repair."""

import pandas as pd
import streamlit as st

from core.autograd.faults import FAULTS, Comparison, Curves, Fault, Row
from core.classroom import Answer
from core.classroom.problems import LINE, REPLY
from pages.ui.autograd import kept_answers
from pages.ui.autograd.graph import CURRENT_CARD, TEXT, format_number
from pages.ui.charts import learning_curves, show_live_chart
from pages.ui.classroom import ask_button
from pages.ui.code_view import source_location
from pages.ui.kept import keep

TITLES = {f"{number}. {fault.title}": fault for number, fault in enumerate(FAULTS.values(), 1)}
MARKED = f"background-color: {CURRENT_CARD}; color: {TEXT}; font-weight: 700"
STYLE = """<style>
.st-key-faulty_code label { padding: 0; margin: 0; }
.st-key-faulty_code [role="radiogroup"] { gap: 0.1rem; }
.st-key-faulty_code code { background: none; color: inherit; padding: 0; font-size: 0.95rem; overflow-wrap: anywhere; }
</style>"""


def show() -> None:
    """Show the chosen fault."""
    with st.sidebar:
        first = next(iter(TITLES))
        with keep({"fault": first}):
            fault = TITLES[st.selectbox("Case", list(TITLES), key="fault", bind="query-params")]
        progress = st.empty()
        st.markdown(
            "In each case, the same thing runs twice: once with correct code and once with a **faulty copy** that "
            "differs in a few lines. Look at what goes wrong, find the line, answer the question, and compare with the "
            "repair. The **loss** says how wrong the predictions are; an **epoch** is one pass through the training "
            "data."
        )
    st.markdown(f"**1. The symptom.** {fault.setting} **{fault.observation}**")
    with st.spinner("Running both versions …"):
        symptom = run_symptom(fault.name)
    if isinstance(symptom, Curves):
        curves(symptom)
    else:
        comparison(symptom)
    access = kept_answers.exercise_access()
    kept = access.own()
    answer = kept.get(fault.name, Answer())
    find_the_line(fault, answer)
    question(fault, answer)
    ask_button.show_for_fault(fault)
    solved = [str(number) for number, name in enumerate(FAULTS, 1) if name in kept and kept[name].solved]
    which = f" (number {', '.join(solved)})" if solved else ""
    progress.markdown(f"**Solved:** {len(solved)} of {len(FAULTS)}{which}")
    hint, repair = st.columns([1, 2], gap="medium")
    with hint.expander("Hint", key=f"hint_{fault.name}", icon=":material/lightbulb:"):
        st.markdown(fault.hint)
    with repair.expander("The repair", key=f"repair_{fault.name}", icon=":material/build:"):
        if reason := kept_answers.closed_because(access, fault.name, answer):
            st.markdown(reason)
            return
        st.markdown(fault.repair)
        st.code(fault.repair_diff(), language="diff", wrap_lines=True)
        st.caption(
            f"− faulty: {source_location(fault.faulty)}  \n\\+ correct: {source_location(fault.correct)}",
        )


@st.cache_data(show_spinner=False)
def run_symptom(name: str) -> Curves | Comparison:
    """Run both versions; the result is the same each time."""
    return FAULTS[name].symptom()


def curves(symptom: Curves) -> None:
    """Show the losses of both versions in one chart."""
    versions = {"correct": symptom.correct, "faulty": symptom.faulty}
    frames = {name: pd.DataFrame({"x": range(len(losses)), "y": losses}) for name, losses in versions.items()}
    ends = " and ".join(f"{losses[-1]:.3g} with the {name} code" for name, losses in versions.items())
    alt = f"{symptom.y_title} per {symptom.x_title.lower()}. It starts at {symptom.correct[0]:.3g} and ends at {ends}."
    chart = learning_curves(frames, symptom.x_title, symptom.y_title, height=230)
    show_live_chart(chart, ended=True, alt=alt)


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
    marks = frame.map(lambda text: MARKED if text.startswith("✗") else "")
    st.table(frame.style.apply(lambda _: marks, axis=None))


def format_value(value: float | str) -> str:
    """Return a number in short form, or a text in quotation marks."""
    return f"“{value}”" if isinstance(value, str) else format_number(value)


def find_the_line(fault: Fault, answer: Answer) -> None:
    """Show the faulty code, in which the student chooses a line, and say whether it is the right one."""
    st.html(STYLE)
    code, key = fault.code(), f"line_{fault.name}"
    lines = [number for number, line in enumerate(code) if line.strip()]
    kept_answers.restore(key, next((number for number in lines if str(number) == answer.texts.get(LINE)), None))
    with st.container(border=True, key="faulty_code"):
        number = st.radio(
            "**2. The faulty code.** Which line is wrong? If one is missing, choose a line beside the gap.",
            lines,
            format_func=lambda number: code_label(code[number]),
            index=None,
            key=key,
            on_change=kept_answers.submit,
            args=[fault.name, LINE, key],
        )
    if number is None:
        return
    if fault.is_faulty_line(number):
        st.success("Yes, this is where it goes wrong. Why? Answer the question below.", icon=":material/check:")
    else:
        first = min(line for line in range(len(code)) if fault.is_faulty_line(line))
        where = "further down" if number < first else "further up"
        st.error(f"`{code[number].strip()}` does what it should. The fault is {where}.", icon=":material/close:")


def code_label(line: str) -> str:
    """Return a line of code as Markdown in which the indentation is kept."""
    text = line.lstrip()
    indent = "\N{NO-BREAK SPACE}" * (len(line) - len(text))
    return f"`{indent}{text}`"


def question(fault: Fault, answer: Answer) -> None:
    """Show the question, and the reply to the chosen answer."""
    asked, key = fault.question, f"answer_{fault.name}"
    kept_answers.restore(key, next((reply for reply in asked.replies if reply == answer.texts.get(REPLY)), None))
    chosen = st.radio(
        f"**3. The question.** {asked.text}",
        list(asked.replies),
        index=None,
        key=key,
        on_change=kept_answers.submit,
        args=[fault.name, REPLY, key],
    )
    if chosen == asked.answer:
        st.success(asked.replies[chosen], icon=":material/check:")
    elif chosen:
        st.error(asked.replies[chosen], icon=":material/close:")
