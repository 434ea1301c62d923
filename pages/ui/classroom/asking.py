"""Asking the class a question, and revealing the answers: the teacher's side."""

from typing import Any

import streamlit as st

from core.classroom import CHOICE, CURVE, KINDS, NUMBER, Axes, ClassAccess, Question
from core.classroom.questions import sample_curve
from pages.ui import run_panel
from pages.ui.classroom import results, sketch
from pages.ui.classroom.session import class_access
from pages.ui.errors import show_store_errors
from pages.ui.markdown import escape_markdown
from pages.ui.theme import is_projector_view

KIND, TEXT, OPTIONS, CHOICE_TRUTH, NUMBER_TRUTH = "ask_kind", "ask_text", "ask_options", "ask_choice", "ask_number"
AXES = {"x_title": "ask_x_title", "x_max": "ask_x_max", "y_title": "ask_y_title", "y_max": "ask_y_max"}
INTERVAL = 1.0  # seconds
STYLE = """<style>
.st-key-answer_count p { font-size: 2.6rem; font-weight: 700; line-height: 1.2; font-variant-numeric: tabular-nums; }
</style>"""


def show() -> None:
    """Show the question that is asked at the moment, or the form for the next one."""
    access = class_access()
    question = access.question()
    if question is None:
        if is_projector_view():
            st.info("No question is asked at the moment.")
        else:
            show_form()
        return
    st.header(escape_markdown(question.text), anchor=False)
    with st.container(horizontal=True):  # above the answers: visible however many there are
        if question.is_open:
            button("Reveal", "visibility", access.reveal, help="Shows all answers and the truth to everybody.")
        if question.round == 1:
            button(
                "Second vote",
                "how_to_vote",
                access.vote_again,
                help="Covers the answers. Everybody answers once more, after a discussion.",
            )
        button("End the question", "close", access.close_question, help="Students return to their pages.")
    if question.is_open:
        for option in question.options:
            st.markdown(f"* {escape_markdown(option)}")
        st.html(STYLE)
        answer_count()
        if question.kind == CURVE:
            choose_truth(access, question)
    else:
        results.show(access)


def button(label: str, icon: str, act: Any, help: str) -> None:
    """Show a button that changes the question."""
    st.button(label, icon=f":material/{icon}:", on_click=run_panel.try_action, args=[act], help=help)


@st.fragment(run_every=INTERVAL)
def answer_count() -> None:
    """Show how many have answered, and nothing about their answers."""
    with show_store_errors():
        access = class_access()
        question, state = access.question(), access.state()
        if question is None or state is None:
            return
        counts = access.answer_counts()
        with st.container(key="answer_count"):
            st.markdown(f"{counts.get(question.round, 0)} of {len(state.members)} have answered")
        if question.round == 2:
            st.caption(f"Second vote. {counts.get(1, 0)} answered in the first one.")


def show_form() -> None:
    """Show the form for a question."""
    kind = st.segmented_control(
        "Students answer with", list(KINDS), default=CHOICE, required=True, format_func=KINDS.__getitem__, key=KIND
    )
    st.text_area("Question", key=TEXT, height=80, max_chars=500, placeholder="What will happen to the loss?")
    if kind == CHOICE:
        typed = st.text_area("Choices, one per line", key=OPTIONS, height=120)
        st.selectbox(
            "Correct choice",
            parse_options(typed),
            index=None,
            key=CHOICE_TRUTH,
            placeholder="Unknown",
        )
    elif kind == NUMBER:
        st.number_input("Correct number", value=None, key=NUMBER_TRUTH, format="%g", placeholder="Unknown")
    else:
        show_curve_form()
    st.button("Ask the class", type="primary", icon=":material/help:", on_click=ask)


def show_curve_form() -> None:
    """Show the axes of the empty chart."""
    columns = st.columns(4)
    columns[0].text_input("Title of the x axis", Axes.x_title, key=AXES["x_title"], max_chars=60)
    columns[1].number_input("End of the x axis", 1e-6, 1e9, Axes.x_max, key=AXES["x_max"], format="%g")
    columns[2].text_input("Title of the y axis", Axes.y_title, key=AXES["y_title"], max_chars=60)
    columns[3].number_input("End of the y axis", 1e-6, 1e9, Axes.y_max, key=AXES["y_max"], format="%g")
    st.caption("Before you reveal the answers, you can draw the correct curve or take it from a run.")


def parse_options(text: str) -> list[str]:
    """Return the choices that were typed, one per line."""
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def typed_axes() -> Axes:
    """Return the axes that were typed."""
    return Axes(**{name: st.session_state[key] for name, key in AXES.items()})


def ask() -> None:
    """Ask the question that was typed (callback)."""
    typed = st.session_state
    kind, text = typed[KIND], typed[TEXT]
    if kind == CHOICE:
        options = parse_options(typed[OPTIONS])
        truth: Any = options.index(typed[CHOICE_TRUTH]) if typed[CHOICE_TRUTH] in options else None
        question = Question(CHOICE, text, tuple(options), truth=truth)
    elif kind == NUMBER:
        question = Question(NUMBER, text, truth=typed[NUMBER_TRUTH])
    else:
        question = Question(CURVE, text, axes=typed_axes())
    run_panel.try_action(class_access().ask, question)


def choose_truth(access: ClassAccess, question: Question) -> None:
    """Let the teacher take the truth from a run, or sketch it. Not in the projector view, which everybody sees."""
    if is_projector_view() or question.axes is None:
        return
    state = access.state()
    runs = {
        "My run on Memorize": st.session_state.get("memorize_run"),
        "My run on Classify": st.session_state.get("classify_run"),
        "My run on Points": st.session_state.get("plane_run"),
        "The starred run": state.settings.starred_run if state else "",
    }
    with st.expander("Correct curve", icon=":material/check:"):
        for label, run_id in runs.items():
            if run_id:
                st.button(
                    f"Reveal with the loss of: {label}",
                    key=f"truth {label}",
                    on_click=run_panel.try_action,
                    args=[reveal_run, question.axes, run_id],
                )
        sketch.show(
            question.axes,
            f"truth {question.id}",
            "Reveal with this curve",
            lambda curve: run_panel.try_action(class_access().reveal, curve),
        )


def reveal_run(axes: Axes, run_id: str) -> None:
    """Reveal the answers with the losses of a run as the truth. Raises ValueError if it has less than two of them."""
    access = class_access()
    sampled = sample_curve(access.curve(run_id), axes)
    curve = [None if loss is None else min(loss, axes.y_max) for loss in sampled]
    if sum(loss is not None for loss in curve) < 2:
        raise ValueError("This run has no loss curve on these axes. Choose another run, or draw the curve.")
    access.reveal(curve)
