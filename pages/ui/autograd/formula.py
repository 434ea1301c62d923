"""A formula: its graph, the forward and backward pass step by step, and a gradient check."""

import ast
import inspect
import textwrap
from collections.abc import Callable

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core.autograd import functional as F
from core.autograd.expression import Expression, ExpressionError, Graph, parse
from core.autograd.gradcheck import STEP, central_differences, pytorch_gradients
from core.autograd.steps import BackwardStep, Contribution, backward_steps, forward_steps
from core.autograd.tensor import Tensor
from core.source import source, syntax_tree
from pages.ui.autograd.errors import show_formula_error
from pages.ui.autograd.graph import format_number, show_graph, tensor_label
from pages.ui.charts import GREY, apply_theme
from pages.ui.code_view import show_code, source_location
from pages.ui.markdown import escape_markdown

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
STEP_SIZES = np.logspace(-14, 0, 57)


def show() -> None:
    """Show the formula, its value and gradient, the two passes and the gradient check."""
    expression = formula()
    if expression is None:
        return
    left, right = st.columns([1, 2], gap="large")
    with left:
        values = sliders(expression)
    try:
        graph = expression.graph(values)
        gradients = graph.backward()
    except ExpressionError as error:
        show_formula_error(error)
        return
    with right:
        results(graph, values, gradients)
    if not gradients:
        st.info("This formula has no variables, so it has no gradient.", icon=":material/info:")
        return
    step_through(graph)
    check(expression, values, gradients)
    show_code(Tensor.backward, Tensor.topological_order, *used_operations(graph), parse, backward_steps)


def formula() -> Expression | None:
    """Show the formula's field and the examples. Returns None, and shows an error, if the formula is invalid."""

    def choose(text: str, values: dict[str, float]) -> None:
        st.session_state["formula"] = text
        st.session_state.update({f"value_{name}": value for name, value in values.items()})

    text = st.text_input("Formula", DEFAULT, key="formula", bind="query-params", help=SYNTAX_HELP)
    with st.container(horizontal=True, gap="small"):
        for name, (example, values) in EXAMPLES.items():
            st.button(name, on_click=choose, args=[example, values])
    try:
        return parse(text)
    except ExpressionError as error:
        show_formula_error(error)
        return None


def sliders(expression: Expression) -> dict[str, float]:
    """Show a slider for each variable and return their values."""
    return {
        name: st.slider(
            name,
            -5.0,
            5.0,
            INITIAL_VALUES.get(name, 1.0),
            0.1,
            key=f"value_{name}",
            bind="query-params",
            persist_state="page",
        )
        for name in expression.names
    }


def results(graph: Graph, values: dict[str, float], gradients: dict[str, float]) -> None:
    """Show the value and the gradient in large type."""
    f = graph.expression.result_name
    with st.container(horizontal=True, gap="large"):
        st.metric(
            f"{f}({', '.join(map(format_number, values.values()))})",
            format_number(graph.result.item()),
            width="content",
        )
        for name, gradient in gradients.items():
            st.metric(f"∂{f}/∂{name}", format_number(gradient), width="content")
    st.markdown(
        "In the graph below, the **value** is computed from left to right. The **gradient** then flows back from right "
        "to left: each operation multiplies the incoming gradient by its local derivative (the chain rule). If a node "
        "is used more than once, the contributions are added:"
    )
    st.latex(
        rf"\frac{{\partial {f}}}{{\partial v}} = \sum_{{u \,\text{{made from}}\, v}} "
        rf"\frac{{\partial {f}}}{{\partial u}} \cdot \frac{{\partial u}}{{\partial v}}"
    )


# Forward and backward pass, one operation at a time


@st.fragment
def step_through(graph: Graph) -> None:
    """Show the graph after the number of steps chosen with a slider, and explain the last of them."""
    forward, backward = forward_steps(graph.result), backward_steps(graph.result)
    last = len(forward) + 1 + len(backward)
    key = f"step of {graph.expression}"

    def move(by: int) -> None:
        st.session_state[key] = min(max(st.session_state[key] + by, 0), last)

    st.subheader("Forward and backward pass, step by step")
    at = st.slider(f"Step (0 to {last})", 0, last, last, key=key)
    with st.container(horizontal=True):
        st.button("First", icon=":material/first_page:", on_click=move, args=[-last], disabled=at == 0)
        st.button("Back", icon=":material/chevron_left:", on_click=move, args=[-1], disabled=at == 0)
        st.button("Next", icon=":material/chevron_right:", on_click=move, args=[1], disabled=at == last, type="primary")

    done = min(at, len(forward))
    backward_done = backward[: at - len(forward) - 1] if at > len(forward) else None
    current = backward_done[-1].tensor if backward_done else forward[done - 1] if 0 < at <= len(forward) else None
    show_graph(graph, done, backward_done, current)

    left, right = st.columns(2, gap="large")
    with left:
        explain(graph, at, forward, backward_done)
    with right:
        table(graph, at, forward, backward)


def explain(graph: Graph, at: int, forward: list[Tensor], backward_done: list[BackwardStep] | None) -> None:
    """Explain the current step, and show the lines of code that it ran."""
    if at == 0:
        st.markdown("The **leaves** have their values. Nothing has been computed yet: press **Next**.")
    elif backward_done is None:
        tensor = forward[at - 1]
        st.markdown(f"**Forward, {at} of {len(forward)}.** {operation_text(graph, tensor)}")
        show_forward_lines(getattr(F, tensor.operation))
    elif not backward_done:
        f = graph.expression.result_name
        st.markdown("**Backward starts at the result.** Its derivative with respect to itself is 1:")
        st.latex(rf"\frac{{\partial {f}}}{{\partial {f}}} = 1")
    else:
        step = backward_done[-1]
        incoming = format_number(step.incoming)
        st.markdown(
            f"**Backward, {len(backward_done)} of {len(forward)}.** The gradient **{incoming}** arrives at "
            f"`{tensor_label(graph, step.tensor)}`. It is multiplied by the local derivative and passed on:"
        )
        for part in step.contributions:
            product = f"{incoming} · {format_number(part.local)} = **{format_number(part.amount)}**"
            accumulation = accumulation_text(part, ", added to the gradient from another path: **", "**")
            st.markdown(f"- to `{tensor_label(graph, part.parent)}`: {product}{accumulation}")
        lines, first = inspect.getsourcelines(step.tensor.backward_rule)
        show_lines(step.tensor.backward_rule, "".join(lines), first)


def accumulation_text(part: Contribution, before: str, after: str) -> str:
    """Return the sum of the contributions if this is not the first one, otherwise an empty text."""
    if part.before is None:
        return ""
    return f"{before}{format_number(part.before)} + {format_number(part.amount)} = {format_number(part.after)}{after}"


def operation_text(graph: Graph, tensor: Tensor) -> str:
    """Return an operation with the numbers it computed."""
    numbers = ", ".join(format_number(parent.item()) for parent in tensor.parents)
    return f"`{tensor_label(graph, tensor)}`: {tensor.operation}({numbers}) = **{format_number(tensor.item())}**"


def show_forward_lines(operation: Callable) -> None:
    """Show the lines of an operation that compute its value, without docstring and backward rule."""
    text, first = source(operation)
    (function,) = syntax_tree(text).body
    body = function.body if isinstance(function, ast.FunctionDef) else []
    statements = [part for part in body if not isinstance(part, ast.FunctionDef | ast.Expr)]
    lines = [line for part in statements for line in text.splitlines(keepends=True)[part.lineno - 1 : part.end_lineno]]
    show_lines(operation, "".join(lines), first + statements[0].lineno - 1)


def show_lines(function: Callable, lines: str, first: int) -> None:
    """Show lines of a function. first: the number of the first one."""
    st.caption(source_location(function, first))
    st.code(textwrap.dedent(lines), language="python")


def table(graph: Graph, at: int, forward: list[Tensor], backward: list[BackwardStep]) -> None:
    """Show all steps in a table; the current one is marked."""
    rows = [
        ("→", tensor_label(graph, tensor), f"{tensor.operation} = {format_number(tensor.item())}") for tensor in forward
    ]
    f = graph.expression.result_name
    rows.append(("←", f, f"∂{f}/∂{f} = 1"))
    for step in backward:
        parts = []
        for part in step.contributions:
            factors = f"{format_number(step.incoming)} · {format_number(part.local)}"
            parts.append(f"{factors} → {tensor_label(graph, part.parent)}{accumulation_text(part, ' (', ')')}")
        rows.append(("←", tensor_label(graph, step.tensor), "; ".join(parts)))
    frame = pd.DataFrame(rows, columns=["", "Node", "Computation"], index=range(1, len(rows) + 1)).map(escape_markdown)
    marked = frame.style.apply(
        lambda row: ["background-color: #fdeee3; font-weight: 700" if row.name == at else ""] * len(row), axis=1
    )
    with st.container(height=430 if len(rows) > 9 else "content", border=False):
        st.table(marked)
    st.caption("→ forward: the value. ← backward: incoming gradient · local derivative → the node that receives it.")


# Gradient check


def check(expression: Expression, values: dict[str, float], gradients: dict[str, float]) -> None:
    """Compare the engine's gradient with PyTorch and finite differences."""
    st.subheader("Gradient check")
    numeric, torch = central_differences(expression, values), pytorch_gradients(expression, values)
    labels = {name: f"∂{expression.result_name}/∂{name}" for name in gradients}
    numbers = {
        "This engine": [f"{gradients[name]:.10g}" for name in gradients],
        "PyTorch": [f"{torch[name]:.10g}" for name in gradients],
        "Finite differences": [f"{numeric[name]:.10g}" for name in gradients],
        "Engine − PyTorch": [format_error(gradients[name] - torch[name]) for name in gradients],
        "Engine − finite": [format_error(gradients[name] - numeric[name].item()) for name in gradients],
    }
    st.table(pd.DataFrame(numbers, index=list(labels.values())))
    if any(np.isnan(number) for number in numeric.values()):
        st.caption("nan: the formula is undefined right next to these values, so there is no finite difference.")
    if any(abs(gradients[name] - numeric[name]) > 1e-3 * max(1, abs(gradients[name])) for name in gradients):
        st.caption(
            "Finite differences disagree here: the formula has a kink or a jump at these values (such as `relu` and "
            "`abs` at 0), or its slope changes strongly within h. At a kink, finite differences give the mean of the "
            "slopes on both sides, while the engine and PyTorch use 0."
        )
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.markdown(
            "**Finite differences** change one variable by a small step h in both directions (above: h = 10⁻⁶):"
        )
        st.latex(r"\frac{\partial f}{\partial x} \approx \frac{f(x + h) - f(x - h)}{2h}")
        st.markdown(
            "Why 10⁻⁶ and not 10⁻¹²? With a large step, higher derivatives matter: this error shrinks with h² (it is 0 "
            "if the formula is at most quadratic in the variable). A tiny step subtracts two almost equal numbers: "
            "only the last few of their 16 digits remain, and this error grows with 1/h."
        )
    with right:
        curve = error_curve(expression, values, gradients, labels)
        if len(curve):
            st.altair_chart(error_chart(curve), width="stretch")
            st.caption("Dashed line: h = 10⁻⁶. Gaps in a curve: the error is exactly 0.")


def format_error(number: float) -> str:
    """Return a number in scientific notation with two digits."""
    return f"{number:.1e}".replace("-", "−")  # lines are not broken at a real minus sign


def error_curve(
    expression: Expression, values: dict[str, float], gradients: dict[str, float], labels: dict[str, str]
) -> pd.DataFrame:
    """Return the error of finite differences per step size and variable, without zeros (for a logarithmic axis)."""
    numeric = central_differences(expression, values, STEP_SIZES)
    frame = pd.concat(
        pd.DataFrame({"h": STEP_SIZES, "error": np.abs(numeric[name] - gradients[name]), "name": labels[name]})
        for name in gradients
    )
    return frame[frame.error > 0]


def error_chart(curve: pd.DataFrame) -> alt.LayerChart:
    """Plot error against step size on logarithmic axes."""
    scale = alt.Scale(type="log")
    lines = (
        alt.Chart(curve)
        .mark_line(strokeWidth=3, point=alt.OverlayMarkDef(size=35))
        .encode(
            x=alt.X("h:Q", title="Step size h", scale=scale, axis=alt.Axis(format=".0e", tickCount=7)),
            y=alt.Y(
                "error:Q", title="Error of the finite difference", scale=scale, axis=alt.Axis(format=".0e", tickCount=6)
            ),
            color=alt.Color("name:N", sort=None, legend=alt.Legend(title=None, orient="top", symbolType="stroke")),
            strokeDash=alt.StrokeDash("name:N", sort=None, legend=None),
            tooltip=["name:N", alt.Tooltip("h:Q", format=".1e"), alt.Tooltip("error:Q", format=".1e")],
        )
    )
    rule = (
        alt.Chart(pd.DataFrame({"h": [STEP]})).mark_rule(color=GREY, strokeDash=[6, 4], strokeWidth=2).encode(x="h:Q")
    )
    return apply_theme(alt.LayerChart(layer=[lines, rule], height=340))


def used_operations(graph: Graph) -> list[Callable]:
    """Return the operations that this formula uses, each once."""
    return list(dict.fromkeys(getattr(F, tensor.operation) for tensor in forward_steps(graph.result)))
