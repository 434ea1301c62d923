"""One step of gradient descent, call by call: backward(), update(), zero_grad()."""

import pandas as pd
import streamlit as st

from core.autograd.examples import TestModel
from core.autograd.nn import Module
from core.autograd.tensor import Tensor
from pages.ui.autograd.graph import format_number
from pages.ui.code_view import show_code

LEARNING_RATES = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005]
COLUMNS = ["After the call", "a", "b", "loss", "∂loss/∂a", "∂loss/∂b"]


class CallLog:
    """A TestModel and one row per call so far: the call, a, b, the loss and both gradients after it."""

    def __init__(self, lr: float):
        self.model = TestModel()
        self.rows: list[tuple] = []
        self.record("TestModel()")
        self.backward()
        self.update(lr)
        self.zero_grad()

    def record(self, call: str) -> None:
        """Add a row with the model's present state."""
        model = self.model
        self.rows.append((call, model.a.item(), model.b.item(), model().item(), model.a.grad, model.b.grad))

    def backward(self) -> None:
        """Compute the gradient of the loss."""
        self.model().backward()
        self.record("loss.backward()")

    def update(self, lr: float) -> None:
        """Take a step against the gradient."""
        self.model.update(lr)
        self.record(f"update({lr:g})")

    def zero_grad(self) -> None:
        """Reset the gradient."""
        self.model.zero_grad()
        self.record("zero_grad()")


def show() -> None:
    """Show a button for each call, and the table of all calls so far."""
    st.markdown(
        "`TestModel` has two parameters, a and b, and the loss $(a^2 b + b)^2$. One step of training is three calls: "
        "`loss.backward()` computes the gradient, `update(lr)` moves every parameter against its gradient, and "
        "`zero_grad()` resets the gradient, so that the next one is not added to it."
    )
    st.latex(r"p \leftarrow p - \text{lr} \cdot \frac{\partial\,\text{loss}}{\partial p}")
    lr = st.select_slider("Learning rate", LEARNING_RATES, 0.001, format_func=lambda lr: f"{lr:g}", key="step_lr")
    log = st.session_state.setdefault("step_calls", None) or CallLog(lr)
    st.session_state["step_calls"] = log
    with st.container(horizontal=True):
        st.button("loss.backward()", on_click=log.backward)
        st.button("update(lr)", on_click=log.update, args=[lr])
        st.button("zero_grad()", on_click=log.zero_grad)
        st.button(
            "Start over", icon=":material/restart_alt:", on_click=st.session_state.update, args=[{"step_calls": None}]
        )
    rows = [
        [call, *("None" if number is None else format_number(float(number)) for number in row)]
        for call, *row in log.rows
    ]
    st.table(pd.DataFrame(rows, columns=COLUMNS, index=range(len(rows))))
    st.markdown(
        "Try calling `loss.backward()` twice without `zero_grad()` in between: the second gradient is **added** to the "
        "first, so `update()` moves twice as far as it should."
    )
    show_code(TestModel, Module.update, Module.zero_grad, Tensor.backward)
