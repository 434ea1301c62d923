"""A button with which a teacher asks the class a ready question, on the page that the question is about."""

import math

import streamlit as st

from core.autograd.faults import Fault
from core.classify import ClassifyConfig
from core.classroom import CHOICE, CURVE, Axes, Question
from core.memorize import Alphabet, MemorizeConfig
from core.plane import PlaneConfig
from core.plane.datasets import make
from pages.ui.classroom.session import ask, class_access

Config = MemorizeConfig | ClassifyConfig | PlaneConfig


def show(label: str, question: Question, key: str) -> None:
    """Show the button, for teachers in an open class only."""
    if may_ask():
        st.button(
            label,
            key=key,
            icon=":material/help:",
            on_click=ask,
            args=[question],
            help="Covers the students' pages with this question until they have answered. The answers are on the page "
            "Class, tab Question.",
        )


def may_ask() -> bool:
    """Return whether the visitor is a teacher in an open class."""
    access = class_access()
    return access.is_teacher and access.state() is not None


def show_for_run(config: Config | None) -> None:
    """Show the button that asks for the loss curve of a run with this config, before it is trained."""
    if config is not None and may_ask():
        text = "How will the loss change during training? Draw the curve."
        show("Ask for the loss curve", Question(CURVE, text, axes=loss_axes(config)), "ask_for_curve")


def loss_axes(config: Config) -> Axes:
    """Return axes for the loss curve of a run, with room for the loss of guessing."""
    title = "Loss"
    if isinstance(config, MemorizeConfig):
        guessing = math.log(len(Alphabet(config.sentence)))
    elif isinstance(config, ClassifyConfig):
        guessing = math.log(10)
    elif config.task == "classification":
        guessing = math.log(config.classes)
    else:
        title, guessing = "Mean squared error", float((make(config).targets ** 2).mean())  # of the output 0
    return Axes("Epoch", title, config.epochs, max(math.ceil(12 * guessing) / 10, 0.1))


def show_for_fault(fault: Fault) -> None:
    """Show the button that asks the question of a case of the Break-it lab."""
    asked = fault.question
    options = tuple(asked.replies)
    question = Question(CHOICE, asked.text, options, truth=options.index(asked.answer))
    show("Ask the class this question", question, f"ask_{fault.name}")
