"""One step of gradient descent, call by call: backward(), update(), zero_grad()."""

import pandas as pd
import streamlit as st

from core.autograd.examples import TestModel
from core.autograd.nn import Module
from core.autograd.tensor import Tensor
from pages.ui.autograd.graph import short
from pages.ui.code_view import show_code

LEARNING_RATES = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005]


class Story:
    """A TestModel and what has been done to it so far. One row a call: the call, a, b, the loss, both gradients."""

    def __init__(self, lr: float):
        self.model = TestModel()
        self.rows: list[tuple] = []
        self.note("TestModel()")
        self.backward()
        self.update(lr)
        self.zero_grad()

    def note(self, call: str) -> None:
        model = self.model
        self.rows.append((call, model.a.item(), model.b.item(), model().item(), model.a.grad, model.b.grad))

    def backward(self) -> None:
        self.model().backward()
        self.note("loss.backward()")

    def update(self, lr: float) -> None:
        self.model.update(lr)
        self.note(f"update({lr:g})")

    def zero_grad(self) -> None:
        self.model.zero_grad()
        self.note("zero_grad()")


def show() -> None:
    st.markdown(
        "`TestModel` has two parameters, a and b, and the loss $(a^2 b + b)^2$. One step of training is three calls: "
        "`loss.backward()` finds the gradient, `update(lr)` moves every parameter against its gradient, and "
        "`zero_grad()` forgets the gradient, so that the next step starts from nothing."
    )
    st.latex(r"p \leftarrow p - \text{lr} \cdot \frac{\partial\,\text{loss}}{\partial p}")
    lr = st.select_slider("Learning rate", LEARNING_RATES, 0.001, format_func=lambda lr: f"{lr:g}", key="step_lr")
    story = st.session_state.setdefault("step_story", None) or Story(lr)
    st.session_state["step_story"] = story
    with st.container(horizontal=True):
        st.button("loss.backward()", on_click=story.backward)
        st.button("update(lr)", on_click=story.update, args=[lr])
        st.button("zero_grad()", on_click=story.zero_grad)
        st.button(
            "Start over", icon=":material/restart_alt:", on_click=st.session_state.update, args=[{"step_story": None}]
        )
    columns = ["After the call", "a", "b", "loss", "∂loss/∂a", "∂loss/∂b"]
    shown = [
        [call, *("None" if number is None else short(float(number)) for number in row)] for call, *row in story.rows
    ]
    st.table(pd.DataFrame(shown, columns=columns, index=range(len(shown))))
    st.markdown(
        "Press `loss.backward()` twice without `zero_grad()` between: the second gradient is **added** to the "
        "first, and `update()` then goes about twice as far as it should."
    )
    show_code(TestModel, Module.update, Module.zero_grad, Tensor.backward)
