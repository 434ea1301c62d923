"""The formula and the values of its variables, in the sidebar of two tabs."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core.autograd.expression import Expression, ExpressionError, Graph, parse
from pages.ui.autograd.errors import show_formula_error
from pages.ui.kept import keep

DEFAULT = "(a**2*b + b)**2"
EXAMPLES = {
    "Two variables": (DEFAULT, {"a": 2.0, "b": 3.0}),
    "Neuron": ("relu(w*x + b)", {"w": 0.5, "x": 3.0, "b": -1.0}),
    "Two paths": ("a*a + a", {"a": 3.0}),
    "Smooth maximum": ("log(exp(a) + exp(b))", {"a": 1.0, "b": 2.0}),
    "LSTM cell state": ("sigmoid(f)*c + sigmoid(i)*tanh(g)", {"f": 1.0, "c": 0.5, "i": 0.0, "g": 1.0}),
}
INITIAL_VALUES = {"a": 2.0, "b": 3.0}
SYNTAX_HELP = (
    "Use numbers, names, `+ - * / **`, parentheses and the functions `abs cos exp log relu sigmoid sin sqrt step tanh "
    "pow_two`. Operators can also be written as functions: `add sub mul div neg pow`."
)


@dataclass(frozen=True)
class Computed:
    """A formula with values for its variables, after both passes.

    Attributes:
        expression: The formula.
        values: The value of each variable.
        graph: The formula's graph.
        gradients: The derivative of the result with respect to each variable.
    """

    expression: Expression
    values: dict[str, float]
    graph: Graph
    gradients: dict[str, float]


def show_settings() -> Computed | None:
    """Show the formula's field, the examples and the sliders. Returns None, and shows why, if there is no gradient."""
    try:
        with st.sidebar:
            expression = parse(formula())
            values = sliders(expression)
        graph = expression.graph(values)
        gradients = graph.backward()
    except ExpressionError as error:
        show_formula_error(error)
        return None
    if not gradients:
        st.info(
            f"This formula has no variables, so it has no gradient. Its value is {graph.result.item():.5g}.",
            icon=":material/info:",
        )
        return None
    return Computed(expression, values, graph, gradients)


def formula() -> str:
    """Show the formula's field and the examples, and return the formula."""
    with keep({"formula": DEFAULT}):
        text = st.text_input("Formula", DEFAULT, key="formula", bind="query-params", help=SYNTAX_HELP)
    st.session_state["example"] = next((name for name, (example, _) in EXAMPLES.items() if example == text), None)
    st.pills("Examples", list(EXAMPLES), key="example", on_change=choose_example)
    return text


def choose_example() -> None:
    """Take over the formula and the values of the chosen example."""
    if name := st.session_state["example"]:
        text, values = EXAMPLES[name]
        st.session_state["formula"] = text
        st.session_state.update({f"value_{variable}": value for variable, value in values.items()})


def sliders(expression: Expression) -> dict[str, float]:
    """Show a slider for each variable and return their values."""
    defaults = {f"value_{name}": INITIAL_VALUES.get(name, 1.0) for name in expression.names}
    with keep(defaults):
        return {
            name: st.slider(name, -5.0, 5.0, defaults[f"value_{name}"], 0.1, key=f"value_{name}", bind="query-params")
            for name in expression.names
        }
