"""A button with which a teacher asks the class a ready question, on the page that the question is about."""

import math
from typing import Any

import streamlit as st

from core.autograd.faults import Fault
from core.classroom import CHOICE, CURVE, Axes, Question
from core.memorize import Alphabet, MemorizeConfig
from pages.ui.classroom.session import ask, class_access


def show(label: str, question: Question, key: str) -> None:
    """Show the button, for teachers in an open class only."""
    access = class_access()
    if access.is_teacher and access.state():
        st.button(
            label,
            key=key,
            icon=":material/help:",
            on_click=ask,
            args=[question],
            help="Covers the students' pages with this question until they have answered. The answers are on the page "
            "Class, tab Question.",
        )


def show_for_run(config: Any | None) -> None:
    """Show the button that asks for the loss curve of a run with this config, before it is trained."""
    if config is None:
        return
    guessing = math.log(len(Alphabet(config.sentence))) if isinstance(config, MemorizeConfig) else math.log(10)
    axes = Axes("Epoch", "Loss", config.epochs, math.ceil(1.2 * guessing))
    text = "How will the loss change during training? Draw the curve."
    show("Ask for the loss curve", Question(CURVE, text, axes=axes), "ask_for_curve")


def show_for_fault(fault: Fault) -> None:
    """Show the button that asks the question of a case of the Break-it lab."""
    asked = fault.question
    options = tuple(asked.replies)
    question = Question(CHOICE, asked.text, options, truth=options.index(asked.answer))
    show("Ask the class this question", question, f"ask_{fault.name}")
