"""One step of gradient descent, call by call: backward(), update(), zero_grad()."""

from collections import deque

import numpy as np
import pandas as pd
import streamlit as st

from core.autograd.examples import TestModel
from core.autograd.nn import Module
from core.autograd.tensor import Tensor
from pages.ui.autograd.graph import CURRENT_CARD, TEXT, format_number
from pages.ui.code_view import show_code
from pages.ui.kept import keep

LEARNING_RATES = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005]
DEFAULT_LEARNING_RATE = 0.001
COLUMNS = ["Call", "a", "b", "loss", "∂loss/∂a", "∂loss/∂b"]
MAX_ROWS = 100
CHANGED = f"background-color: {CURRENT_CARD}; color: {TEXT}; font-weight: 700"


class CallLog:
    """A TestModel and one row per call, up to MAX_ROWS: the call, a, b, the loss and both gradients after it."""

    def __init__(self) -> None:
        self.model = TestModel()
        self.rows: deque[list[str]] = deque(maxlen=MAX_ROWS)
        self.calls = 0
        self.record("TestModel()")

    def record(self, call: str) -> None:
        """Add a row with the model's present state."""
        model = self.model
        with np.errstate(all="ignore"):
            numbers = model.a.item(), model.b.item(), model().item(), model.a.grad, model.b.grad
        self.rows.append([call, *("None" if number is None else format_number(float(number)) for number in numbers)])
        self.calls += 1

    def backward(self) -> None:
        """Compute the gradient of the loss."""
        with np.errstate(all="ignore"):
            self.model().backward()
        self.record("loss.backward()")

    def update(self, lr: float) -> None:
        """Take a step against the gradient."""
        with np.errstate(all="ignore"):
            self.model.update(lr)
        self.record(f"update({lr:g})")

    def zero_grad(self) -> None:
        """Reset the gradient."""
        self.model.zero_grad()
        self.record("zero_grad()")

    @property
    def diverged(self) -> bool:
        """Whether a number is no longer finite."""
        return any(text in ("inf", "−inf", "nan") for text in self.rows[-1])


def show() -> None:
    """Show a button for each call, and the table of all calls so far."""
    with st.sidebar:
        lr = learning_rate()
        st.latex(r"p \leftarrow p - \text{lr} \cdot \frac{\partial\,\text{loss}}{\partial p}")
    log = st.session_state.get("step_calls") or CallLog()
    st.session_state["step_calls"] = log
    st.markdown(
        "`TestModel` has two **parameters** (numbers that training changes), a and b. Its **loss** (the number to be "
        "made small) is $(a^2 b + b)^2$. The **gradient** (∂loss/∂a, ∂loss/∂b) says how fast the loss grows with each "
        "parameter. One training step is three calls: `loss.backward()` computes the gradient, `update(lr)` moves each "
        "parameter against it, and `zero_grad()` resets it, because the next `loss.backward()` **adds** to it."
    )
    with st.bottom, st.container(horizontal=True, gap="small"):
        st.button("loss.backward()", on_click=log.backward, type="primary")
        st.button("update(lr)", on_click=log.update, args=[lr])
        st.button("zero_grad()", on_click=log.zero_grad)
        st.button(
            "Start over", icon=":material/restart_alt:", on_click=st.session_state.update, args=[{"step_calls": None}]
        )
    if log.diverged:
        st.warning(
            "The numbers have left the range of a float: the steps were too large. Start over with a smaller learning "
            "rate, or call zero_grad() in every step.",
            icon=":material/warning:",
        )
    table(log)
    st.markdown("Try calling `loss.backward()` twice without `zero_grad()`: `update(lr)` then moves twice as far.")
    show_code(TestModel, Module.update, Module.zero_grad, Tensor.backward)


def learning_rate() -> float:
    """Show the slider of the learning rate."""
    with keep({"step_lr": DEFAULT_LEARNING_RATE}):
        return st.select_slider(
            "Learning rate (lr)",
            LEARNING_RATES,
            DEFAULT_LEARNING_RATE,
            format_func=lambda lr: f"{lr:g}",
            key="step_lr",
            bind="query-params",
            help="How far a step moves each parameter: the learning rate times the parameter's gradient.",
        )


def table(log: CallLog) -> None:
    """Show the calls, the last one first, and mark the numbers that each has changed."""
    rows = list(log.rows)
    first = log.calls - len(rows)
    frame = pd.DataFrame(rows, columns=COLUMNS, index=range(first, log.calls))
    changed = (frame != frame.shift()) & (frame.index.to_series() > first).to_numpy()[:, None]
    changed["Call"] = False
    styles = changed.map(lambda marked: CHANGED if marked else "")
    with st.container(height=330 if len(rows) > 7 else "content", border=False):
        st.table(frame[::-1].style.apply(lambda _: styles[::-1], axis=None))
