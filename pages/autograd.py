"""Autograd: a formula and its gradient, a training step, a small network, faults to find, and exercises."""

import streamlit as st

from pages.ui import streamlit_internals
from pages.ui.autograd import break_it_lab, exercises, formula, network, training_step

TABS = {
    "Formula": formula.show,
    "Training step": training_step.show,
    "Network": network.show,
    "Break-it lab": break_it_lab.show,
    "Exercises": exercises.show,
}

streamlit_internals.ensure_run_from_app()
st.title("Autograd")
for tab, show in zip(st.tabs(list(TABS), key="tab", bind="query-params"), TABS.values(), strict=True):
    if tab.open:
        with tab:
            show()
