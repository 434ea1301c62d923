"""Any formula: its graph, the two passes step by step, and its gradient checked three ways."""

import ast
import inspect
import textwrap

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
from pages.ui.autograd.errors import complain
from pages.ui.autograd.graph import name_of, short, show_graph
from pages.ui.charts import GREY, apply_theme
from pages.ui.code_view import show_code
from pages.ui.markdown import escape_markdown

DEFAULT = "(a**2*b + b)**2"
EXAMPLES = {
    "The report's": (DEFAULT, {"a": 2.0, "b": 3.0}),
    "A neuron": ("relu(w*x + b)", {"w": 0.5, "x": 3.0, "b": -1.0}),
    "A diamond": ("a*a + a", {"a": 3.0}),
    "Smooth maximum": ("log(exp(a) + exp(b))", {"a": 1.0, "b": 2.0}),
    "An LSTM's memory": ("sigmoid(f)*c + sigmoid(i)*tanh(g)", {"f": 1.0, "c": 0.5, "i": 0.0, "g": 1.0}),
}
START = {"a": 2.0, "b": 3.0}
WHAT_CAN_BE_TYPED = (
    "Numbers, names, `+ - * / **`, parentheses, and `abs cos exp log relu sigmoid sin sqrt step tanh pow_two`; "
    "or an operation by its name: `add sub mul div neg pow`."
)
SHOWN_STEPS = np.logspace(-14, 0, 57)


def show() -> None:
    expression = formula()
    if expression is None:
        return
    left, right = st.columns([1, 2], gap="large")
    with left:
        values = sliders(expression)
    graph = calculated(expression, values)
    if graph is None:
        return
    gradients = {name: float(leaf.grad) for name, leaf in graph.leaves.items()}
    with right:
        results(graph, values, gradients)
    if not gradients:
        st.info("There is no name in this formula, so there is nothing to differentiate by.", icon=":material/info:")
        return
    walk(graph)
    check(expression, values, gradients)
    show_code(Tensor.backward, Tensor.topological_order, *operations_of(graph), parse, backward_steps)


def formula() -> Expression | None:
    """The formula that was typed. None, and a sentence that points at the place, where it cannot be understood."""

    def choose(text: str, values: dict[str, float]) -> None:
        st.session_state["formula"] = text
        st.session_state.update({f"value_{name}": value for name, value in values.items()})

    text = st.text_input("Formula", DEFAULT, key="formula", bind="query-params", help=WHAT_CAN_BE_TYPED)
    with st.container(horizontal=True, gap="small"):
        for name, (example, values) in EXAMPLES.items():
            st.button(name, on_click=choose, args=[example, values])
    try:
        return parse(text)
    except ExpressionError as error:
        complain(error)
        return None


def sliders(expression: Expression) -> dict[str, float]:
    """A slider for each name."""
    return {
        name: st.slider(
            name, -5.0, 5.0, START.get(name, 1.0), 0.1, key=f"value_{name}", bind="query-params", persist_state="page"
        )
        for name in expression.names
    }


def calculated(expression: Expression, values: dict[str, float]) -> Graph | None:
    """Both passes done. None, and a sentence that points at the operation, where there is no value or no gradient."""
    try:
        graph = expression.graph(values)
        graph.backward()
        return graph
    except ExpressionError as error:
        complain(error)
        return None


def results(graph: Graph, values: dict[str, float], gradients: dict[str, float]) -> None:
    """The value and the gradient, large."""
    f = graph.expression.result_name
    with st.container(horizontal=True, gap="large"):
        st.metric(f"{f}({', '.join(map(short, values.values()))})", short(graph.result.item()), width="content")
        for name, gradient in gradients.items():
            st.metric(f"∂{f}/∂{name}", short(gradient), width="content")
    st.markdown(
        "The **value** is calculated from left to right. The **gradient** then flows back from right to left: each "
        "operation multiplies what arrives by its own derivative (the chain rule), and where several paths lead to one "
        "node, their contributions add up:"
    )
    st.latex(
        rf"\frac{{\partial {f}}}{{\partial v}} = \sum_{{u \,\text{{made from}}\, v}} "
        rf"\frac{{\partial {f}}}{{\partial u}} \cdot \frac{{\partial u}}{{\partial v}}"
    )


# The two passes, one operation at a time


@st.fragment
def walk(graph: Graph) -> None:
    """The graph as it is after as many steps as the slider says, and what the last of them did."""
    forward, backward = forward_steps(graph.result), backward_steps(graph.result)
    last = len(forward) + 1 + len(backward)
    key = f"step of {graph.expression}"

    def move(by: int) -> None:
        st.session_state[key] = min(max(st.session_state[key] + by, 0), last)

    st.subheader("Forward, then backward, step by step")
    at = st.slider(f"Step (of {last})", 0, last, last, key=key)
    with st.container(horizontal=True):
        st.button("First", icon=":material/first_page:", on_click=move, args=[-last], disabled=at == 0)
        st.button("Back", icon=":material/chevron_left:", on_click=move, args=[-1], disabled=at == 0)
        st.button("Next", icon=":material/chevron_right:", on_click=move, args=[1], disabled=at == last, type="primary")

    done = min(at, len(forward))
    gone_back = backward[: at - len(forward) - 1] if at > len(forward) else None
    at_work = gone_back[-1].tensor if gone_back else forward[done - 1] if 0 < at <= len(forward) else None
    show_graph(graph, done, gone_back, at_work)

    left, right = st.columns(2, gap="large")
    with left:
        explain(graph, at, forward, gone_back)
    with right:
        table(graph, at, forward, backward)


def explain(graph: Graph, at: int, forward: list[Tensor], gone_back: list[BackwardStep] | None) -> None:
    """What the current step did, and the lines that did it."""
    if at == 0:
        st.markdown("**The leaves** have their values. Nothing is calculated yet: press **Next**.")
    elif gone_back is None:
        tensor = forward[at - 1]
        st.markdown(f"**Forward, {at} of {len(forward)}.** {spelled(graph, tensor)}")
        show_lines(*forward_lines(getattr(F, tensor.operation)))
    elif not gone_back:
        f = graph.expression.result_name
        st.markdown("**Backward starts at the result.** It changes by exactly as much as itself:")
        st.latex(rf"\frac{{\partial {f}}}{{\partial {f}}} = 1")
    else:
        step = gone_back[-1]
        st.markdown(
            f"**Backward, {len(gone_back)} of {len(forward)}.** The gradient **{short(step.incoming)}** arrives at "
            f"`{name_of(graph, step.tensor)}`. Times the local derivative, it goes on:"
        )
        for part in step.contributions:
            st.markdown(
                f"- to `{name_of(graph, part.parent)}`: {short(step.incoming)} · {short(part.local)} = "
                f"**{short(part.amount)}**{sum_of(part, ', added to what came along another path: **', '**')}"
            )
        lines, first = inspect.getsourcelines(step.tensor.backward_rule)
        show_lines("".join(lines), first)


def sum_of(part: Contribution, before: str, after: str) -> str:
    """Where two paths meet, the sum of what they bring; else nothing."""
    if part.before is None:
        return ""
    return f"{before}{short(part.before)} + {short(part.amount)} = {short(part.after)}{after}"


def spelled(graph: Graph, tensor: Tensor) -> str:
    """An operation in numbers."""
    numbers = ", ".join(short(parent.item()) for parent in tensor.parents)
    return f"`{name_of(graph, tensor)}`: {tensor.operation}({numbers}) = **{short(tensor.item())}**"


def forward_lines(function) -> tuple[str, int]:
    """The lines of an operation that calculate its value, without docstring and backward; the first one's number."""
    text, first = source(function)
    body = syntax_tree(text).body[0].body
    working = [part for part in body if not isinstance(part, ast.FunctionDef | ast.Expr)]
    lines = [line for part in working for line in text.splitlines(keepends=True)[part.lineno - 1 : part.end_lineno]]
    return "".join(lines), first + working[0].lineno - 1


def show_lines(source: str, first: int) -> None:
    st.caption(f"`core/functional.py`, line {first}")
    st.code(textwrap.dedent(source), language="python")


def table(graph: Graph, at: int, forward: list[Tensor], backward: list[BackwardStep]) -> None:
    """All steps; the current one is marked."""
    rows = [("→", name_of(graph, tensor), f"{tensor.operation} = {short(tensor.item())}") for tensor in forward]
    f = graph.expression.result_name
    rows.append(("←", f, f"∂{f}/∂{f} = 1"))
    for step in backward:
        parts = (
            f"{short(step.incoming)} · {short(part.local)} → {name_of(graph, part.parent)}{sum_of(part, ' (', ')')}"
            for part in step.contributions
        )
        rows.append(("←", name_of(graph, step.tensor), "; ".join(parts)))
    frame = pd.DataFrame(rows, columns=["", "At", "What happens"], index=range(1, len(rows) + 1)).map(escape_markdown)
    marked = frame.style.apply(
        lambda row: ["background-color: #fdeee3; font-weight: 700" if row.name == at else ""] * len(row), axis=1
    )
    with st.container(height=430 if len(rows) > 9 else "content", border=False):
        st.table(marked)
    st.caption("→ forward: the value. ← backward: incoming gradient · local derivative → where it goes.")


# The check


def check(expression: Expression, values: dict[str, float], gradients: dict[str, float]) -> None:
    """The engine's gradient beside those by finite differences and by PyTorch."""
    st.subheader("Checked three ways")
    numeric, torch = central_differences(expression, values), pytorch_gradients(expression, values)
    labels = {name: f"∂{expression.result_name}/∂{name}" for name in gradients}
    numbers = {
        "Ours": [f"{gradients[name]:.10g}" for name in gradients],
        "PyTorch": [f"{torch[name]:.10g}" for name in gradients],
        "Finite differences": [f"{numeric[name]:.10g}" for name in gradients],
        "Ours − PyTorch": [difference(gradients[name] - torch[name]) for name in gradients],
        "Ours − finite": [difference(gradients[name] - numeric[name]) for name in gradients],
    }
    st.table(pd.DataFrame(numbers, index=list(labels.values())))
    if any(np.isnan(number) for number in numeric.values()):
        st.caption("nan: right beside these values the formula has no value, so there is no difference to take.")
    if any(abs(gradients[name] - numeric[name]) > 1e-3 * max(1, abs(gradients[name])) for name in gradients):
        st.caption(
            "Finite differences disagree here: the formula has a kink or a jump at these values (`relu` and `abs` at "
            "0, for instance), or it bends within h. At a kink they see the mean of the slopes on both sides; the "
            "engine and PyTorch settle on one value, 0."
        )
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.markdown("**Finite differences** move one name a little to both sides (above: by h = 10⁻⁶):")
        st.latex(r"\frac{\partial f}{\partial x} \approx \frac{f(x + h) - f(x - h)}{2h}")
        st.markdown(
            "Why 10⁻⁶ and not 10⁻¹²? A large step sees the curve bend: the error falls with h². A tiny step subtracts "
            "two numbers that are almost equal: of 16 digits only the last few are left, and the error grows with 1/h."
        )
    with right:
        curve = error_curve(expression, values, gradients, labels)
        if len(curve):
            st.altair_chart(error_chart(curve), width="stretch")
            st.caption("The dashed line: h = 10⁻⁶. Where a curve has a gap, the error is exactly 0.")


def difference(number: float) -> str:
    return f"{number:.1e}".replace("-", "−")  # a real minus, at which no line is broken


def error_curve(
    expression: Expression, values: dict[str, float], gradients: dict[str, float], labels: dict[str, str]
) -> pd.DataFrame:
    """The error of the finite differences for each step size and name; without zeros, which no logarithm can show."""
    numeric = central_differences(expression, values, SHOWN_STEPS)
    frame = pd.concat(
        pd.DataFrame({"h": SHOWN_STEPS, "error": np.abs(numeric[name] - gradients[name]), "name": labels[name]})
        for name in gradients
    )
    return frame[frame.error > 0]


def error_chart(curve: pd.DataFrame) -> alt.LayerChart:
    """Error against step size, both logarithmic."""
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
    return apply_theme(alt.layer(lines, rule).properties(height=340))


def operations_of(graph: Graph) -> list:
    """The engine's functions that this formula uses, each once."""
    return list(dict.fromkeys(getattr(F, tensor.operation) for tensor in forward_steps(graph.result)))
