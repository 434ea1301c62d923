"""A formula: its graph, and the forward and backward pass step by step."""

import ast
import inspect
import math
import textwrap
from collections.abc import Callable

import pandas as pd
import streamlit as st

from core.autograd import functional as F
from core.autograd.expression import ExpressionError, Graph, parse
from core.autograd.steps import BackwardStep, Contribution, backward_steps, forward_steps
from core.autograd.tensor import Tensor
from core.source import source
from pages.ui.autograd.formula_settings import Computed, show_settings
from pages.ui.autograd.graph import CURRENT_CARD, TEXT, format_number, show_graph, tensor_label
from pages.ui.code_view import show_code, source_location
from pages.ui.kept import keep
from pages.ui.markdown import escape_markdown

SMALL_CHANGE = 0.001
STYLE = """<style>
.st-key-step_text { min-height: 3.3rem; }
@media (max-width: 640px) { .st-key-step_slider { display: none; } .st-key-step_text { min-height: 5.2rem; } }
.st-key-results [data-testid="stMetricValue"] { font-size: 1.6rem; line-height: 1.2; }
</style>"""
MARKED = f"background-color: {CURRENT_CARD}; color: {TEXT}; font-weight: 700"


def show() -> None:
    """Show the graph after the chosen number of steps, and explain the last of them."""
    computed = show_settings()
    if computed is None:
        return
    graph = computed.graph
    forward, backward = forward_steps(graph.result), backward_steps(graph.result)
    with st.bottom:
        text = st.container(key="step_text")
        at = step_controls(graph, len(forward) + 1 + len(backward))
    done = min(at, len(forward))
    backward_done = backward[: at - len(forward) - 1] if at > len(forward) else None
    text.markdown(
        f"**Step {at} of {len(forward) + 1 + len(backward)}.** {step_text(computed, forward[:done], backward_done)}"
    )
    current = backward_done[-1].tensor if backward_done else forward[done - 1] if 0 < at <= len(forward) else None
    results(computed, done == len(forward), backward_done is not None and len(backward_done) == len(backward))
    show_graph(graph, done, backward_done, current)
    left, right = st.columns(2, gap="medium") if at else (st.container(), st.container())
    with left:
        explain(computed, forward[:done], backward_done, at == len(forward) + 1 + len(backward))
    with right:
        table(graph, at, forward, backward)
    show_code(Tensor.backward, Tensor.topological_order, *used_operations(graph), parse, backward_steps)


def step_controls(graph: Graph, last: int) -> int:
    """Show the buttons and the slider, and return the number of the step. A new formula starts at step 0."""
    if st.session_state.setdefault("step_formula", str(graph.expression)) != str(graph.expression):
        st.session_state.update(step=0, step_formula=str(graph.expression))

    def move(by: int) -> None:
        st.session_state["step"] = min(max(st.session_state["step"] + by, 0), last)

    with st.container(horizontal=True, gap="small", vertical_alignment="center"), keep({"step": 0}):
        buttons = st.container(horizontal=True, gap="small", width="content")
        st.session_state["step"] = min(st.session_state.get("step", 0), last)
        with st.container(key="step_slider", width=420):
            at = st.slider("Step", 0, last, 0, key="step", bind="query-params", label_visibility="collapsed")
        with buttons:
            st.button("First", on_click=move, args=[-last], disabled=at == 0)
            st.button("Back", icon=":material/chevron_left:", on_click=move, args=[-1], disabled=at == 0)
            st.button(
                "Next", icon=":material/chevron_right:", on_click=move, args=[1], disabled=at == last, type="primary"
            )
            st.button("Last", on_click=move, args=[last], disabled=at == last)
    return at


def results(computed: Computed, value_known: bool, gradient_known: bool) -> None:
    """Show the value and the gradient in large type as soon as they are computed."""
    f = computed.expression.result_name
    values = ", ".join(map(format_number, computed.values.values()))
    st.html(STYLE)
    with st.container(horizontal=True, gap="medium", key="results"):
        value = format_number(computed.graph.result.item()) if value_known else "…"
        st.metric(f"{f}({values})", value, width="content")
        for name, gradient in computed.gradients.items():
            st.metric(f"∂{f}/∂{name}", format_number(gradient) if gradient_known else "…", width="content")


def step_text(computed: Computed, forward_done: list[Tensor], backward_done: list[BackwardStep] | None) -> str:
    """Return what the current step does, in a sentence."""
    graph, f = computed.graph, computed.expression.result_name
    if backward_done:
        step = backward_done[-1]
        incoming = format_number(step.incoming)
        parts = "; ".join(contribution_text(graph, incoming, part) for part in step.contributions)
        return f"Backward: the gradient {incoming} arrives at `{tensor_label(graph, step.tensor)}`. {parts}."
    if backward_done is not None:
        return f"The backward pass starts at the result: ∂{f}/∂{f} = **1**."
    if forward_done:
        return f"Forward: {operation_text(graph, forward_done[-1])}."
    name = computed.expression.names[0]
    return f"∂{f}/∂{name} says how fast {f} changes when {name} grows a little. Press **Next** to compute it."


def contribution_text(graph: Graph, incoming: str, part: Contribution) -> str:
    """Return which node receives which gradient."""
    total = accumulation_text(part, ", which now has ", "")
    product = f"{incoming} · {format_number(part.local)} = **{format_number(part.amount)}**"
    return f"{product} goes to `{tensor_label(graph, part.parent)}`{total}"


def explain(
    computed: Computed, forward_done: list[Tensor], backward_done: list[BackwardStep] | None, finished: bool
) -> None:
    """Explain the current phase, or show the lines of code that the current step ran."""
    f, name = computed.expression.result_name, computed.expression.names[0]
    if finished:
        st.markdown(small_change(computed))
    if backward_done:
        rule = backward_done[-1].tensor.backward_rule
        lines, first = inspect.getsourcelines(rule)
        show_lines(rule, "".join(lines), first)
    elif backward_done is not None:
        st.markdown(
            "From here back to the leaves, each operation multiplies the gradient that arrives by its **local "
            "derivative** (the factor on the arrow) and passes it on: the **chain rule**. Gradients that reach a node "
            "along several paths are added."
        )
    elif forward_done:
        show_forward_lines(getattr(F, forward_done[-1].operation))
    else:
        st.markdown(
            "Each box is a **node**. The blue ones are **leaves**: the variables, whose values you choose. The others "
            f"are operations. The **forward pass** computes {f}. The **backward pass** then computes the **gradient**: "
            f"∂{f}/∂{name}, and likewise for every variable."
        )


def small_change(computed: Computed) -> str:
    """Return what the first derivative means, in numbers; empty where a small change is not small enough to show it."""
    (name, gradient), *_ = computed.gradients.items()
    f, before = computed.expression.result_name, computed.graph.result.item()
    try:
        moved = computed.expression.graph({**computed.values, name: computed.values[name] + SMALL_CHANGE})
    except ExpressionError:
        return ""
    change, predicted = moved.result.item() - before, gradient * SMALL_CHANGE
    if not math.isclose(change, predicted, rel_tol=0.02, abs_tol=1e-12):
        return ""
    return (
        f"In numbers: if {name} grows by {SMALL_CHANGE}, {f} changes by {format_number(change)}, which is about "
        f"∂{f}/∂{name} · {SMALL_CHANGE} = {format_number(predicted)}."
    )


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
    (function,) = ast.parse(text).body
    body = function.body if isinstance(function, ast.FunctionDef) else []
    statements = [part for part in body if not isinstance(part, ast.FunctionDef | ast.Expr)]
    lines = [line for part in statements for line in text.splitlines(keepends=True)[part.lineno - 1 : part.end_lineno]]
    show_lines(operation, "".join(lines), first + statements[0].lineno - 1)


def show_lines(function: Callable, lines: str, first: int) -> None:
    """Show lines of a function. first: the number of the first one."""
    st.caption(source_location(function, first))
    st.code(textwrap.dedent(lines), language="python")


def table(graph: Graph, at: int, forward: list[Tensor], backward: list[BackwardStep]) -> None:
    """Show the steps so far in a table, the current one first and marked."""
    if at == 0:
        return
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
    marked = frame[:at][::-1].style.apply(lambda row: [MARKED if row.name == at else ""] * len(row), axis=1)
    with st.container(height=230 if at > 4 else "content", border=False):
        st.table(marked)
    st.caption("→ forward: the value. ← backward: incoming gradient · local derivative → the node that receives it.")


def used_operations(graph: Graph) -> list[Callable]:
    """Return the operations that this formula uses, each once."""
    return list(dict.fromkeys(getattr(F, tensor.operation) for tensor in forward_steps(graph.result)))
