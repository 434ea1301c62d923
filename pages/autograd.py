"""Autograd: a formula and its gradient, a training step, a small network, faults to find, and exercises."""

import streamlit as st

import pages.ui.streamlit_internals
from pages.ui import lesson_link, lesson_link_builder
from pages.ui.autograd import break_it_lab, exercises, formula, gradient_check, network, training_step
from pages.ui.classroom.session import open_tabs
from pages.ui.kept import keep

TABS = {
    "Formula": formula.show,
    "Gradient check": gradient_check.show,
    "Training step": training_step.show,
    "Network": network.show,
    "Break-it lab": break_it_lab.show,
    "Exercises": exercises.show,
}

pages.ui.streamlit_internals.ensure_run_from_app()
shown = lesson_link.shown_tabs("autograd", TABS, open_tabs("autograd", TABS))
with keep({"tab": next(iter(shown))}):
    tabs = st.tabs(list(shown), key="tab", bind="query-params")
for tab, show in zip(tabs, shown.values(), strict=True):
    if tab.open:
        with tab:
            show()
with st.sidebar:
    lesson_link_builder.show("autograd", list(TABS))
