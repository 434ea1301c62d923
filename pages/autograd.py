"""Autograd: the engine opened. A formula and its gradient, a network, and a lab of faults to find, and exercises."""

import streamlit as st

from pages.ui import entry
from pages.ui.autograd import exercises, expression, lab, network, step

TABS = {
    "A formula": expression.show,
    "A step": step.show,
    "A network": network.show,
    "Break-it lab": lab.show,
    "Exercises": exercises.show,
}

entry.through_app()
st.title("Autograd")
for tab, show in zip(st.tabs(list(TABS), key="tab", bind="query-params"), TABS.values(), strict=True):
    if tab.open:
        with tab:
            show()
