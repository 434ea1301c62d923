"""Autograd: the engine opened. A formula and its gradient, a network, and a lab of faults to find, and exercises."""

import streamlit as st

from pages.ui import streamlit_internals
from pages.ui.autograd import break_it_lab, exercises, formula, network, training_step

TABS = {
    "A formula": formula.show,
    "A step": training_step.show,
    "A network": network.show,
    "Break-it lab": break_it_lab.show,
    "Exercises": exercises.show,
}

streamlit_internals.ensure_run_from_app()
st.title("Autograd")
for tab, show in zip(st.tabs(list(TABS), key="tab", bind="query-params"), TABS.values(), strict=True):
    if tab.open:
        with tab:
            show()
