"""A formula's graph as a diagram, left to right: values and gradients in the nodes, the current step in orange."""

import streamlit as st

from core.autograd.expression import Graph
from core.autograd.steps import BackwardStep, forward_steps
from core.autograd.tensor import Tensor
from pages.ui.charts import BLUE, GREY, VERMILLION

SYMBOLS = {"add": "+", "sub": "−", "mul": "×", "div": "÷", "neg": "−", "pow": "xʸ", "pow_two": "x²"}
FONT = 'fontname="Arial" fontsize=14 fontcolor="#15202b"'
STYLE = """<style>
.stGraphVizChart { overflow-x: auto; }
.stGraphVizChart svg { max-width: none !important; height: auto !important; }
</style>"""


def show_graph(
    graph: Graph, forward_done: int, backward_done: list[BackwardStep] | None, current: Tensor | None
) -> None:
    """Show the graph in its natural size: if it is wider than the page, it scrolls instead of shrinking."""
    st.html(STYLE)
    dot = to_dot(graph, forward_done, backward_done, current)
    st.graphviz_chart(dot, width="content", alt=f"The graph of {graph.expression}")


def format_number(number: float) -> str:
    """Return a number with at most five digits, which fits into a node."""
    return f"{number:.5g}".replace("-", "−").replace("e+", "e")


def tensor_label(graph: Graph, tensor: Tensor) -> str:
    """Return the name of a variable, the value of a number, or the part of the formula that a Tensor stands for."""
    for name, leaf in graph.leaves.items():
        if tensor is leaf:
            return name
    if place := graph.places.get(tensor):
        return graph.expression.text[place.start : place.end]
    return format_number(tensor.item())


def to_dot(graph: Graph, forward_done: int, backward_done: list[BackwardStep] | None, current: Tensor | None) -> str:
    """Return the graph in Graphviz's DOT language.

    Args:
        graph: The formula's graph.
        forward_done: Number of operations that have been computed.
        backward_done: The steps of the backward pass so far; None before it starts.
        current: The result of the current operation.
    """
    operations = forward_steps(graph.result)
    computed = set(operations[:forward_done])
    gradients: dict[Tensor, str] = {} if backward_done is None else {graph.result: format_number(1)}
    current_step = None
    for step in backward_done or []:
        current_step = step if step.tensor is current else None
        for part in step.contributions:
            sum_ = ""
            if current_step and part.before is not None:
                sum_ = f"{format_number(part.before)} + {format_number(part.amount)} = "
            gradients[part.parent] = sum_ + format_number(part.after)

    nodes: dict[Tensor, str] = {}
    lines = [
        "digraph { rankdir=LR; nodesep=0.3; ranksep=0.55;",
        f'node [shape=box style="rounded,filled" margin="0.16,0.09" {FONT}]; edge [color="{GREY}" {FONT}];',
    ]
    for tensor in dict.fromkeys(
        t for operation in operations or [graph.result] for t in (*operation.parents, operation)
    ):
        nodes[tensor] = f"n{len(nodes)}"
        has_value = tensor in computed or not tensor.operation
        attributes = node_attributes(graph, tensor, has_value, gradients.get(tensor), tensor is current)
        lines.append(f"{nodes[tensor]} [{attributes}];")
    for operation in operations:
        contributions = iter(current_step.contributions if current_step else ())
        for parent in operation.parents:
            style = ""
            if operation is current and current_step is None:
                style = f'penwidth=3 color="{VERMILLION}"'
            elif operation is current and current_step and parent.requires_grad:
                part = next(contributions)
                product = " · ".join(map(format_number, (current_step.incoming, part.local)))
                label = f" {product} = {format_number(part.amount)} "
                style = f'dir=back penwidth=3 color="{VERMILLION}" fontcolor="#a04400" label="{label}"'
            lines.append(f"{nodes[parent]} -> {nodes[operation]} [{style}];")
    return "\n".join([*lines, "}"])


def node_attributes(graph: Graph, tensor: Tensor, has_value: bool, gradient: str | None, current: bool) -> str:
    """Return a node's DOT attributes: its title, its value if it has been computed, and its gradient so far."""
    if tensor.operation:
        title = f"{SYMBOLS.get(tensor.operation, '')} {tensor.operation}".strip()
        fill, border = "#ffffff", GREY
    elif tensor.requires_grad:
        title, fill, border = tensor_label(graph, tensor), "#dcebf5", BLUE
    else:
        title, fill, border = "number", "#f0f0f0", GREY
    if current:
        fill, border = "#fdeee3", VERMILLION
    rows = [title, format_number(tensor.item()) if has_value else "…", *([f"∂ {gradient}"] if gradient else [])]
    label = "\\n".join(rows)
    return f'label="{label}" fillcolor="{fill}" color="{border}" penwidth={3 if current else 1}'
