"""A formula's graph as a picture, left to right: values and gradients in the nodes, the current step in orange."""

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
    graph: Graph, forward_done: int, backward_done: list[BackwardStep] | None, at_work: Tensor | None
) -> None:
    """The graph on the page, in its natural size: where it is wider than the page it is scrolled, not shrunk."""
    st.html(STYLE)
    picture = dot(graph, forward_done, backward_done, at_work)
    st.graphviz_chart(picture, width="content", alt=f"The graph of {graph.expression}")


def short(number: float) -> str:
    """A number as it fits into a node."""
    return f"{number:.5g}".replace("-", "−").replace("e+", "e")


def name_of(graph: Graph, tensor: Tensor) -> str:
    """What a Tensor is called: its name, its number, or its part of the formula."""
    for name, leaf in graph.leaves.items():
        if tensor is leaf:
            return name
    if place := graph.places.get(tensor):
        return graph.expression.text[place.start : place.end]
    return short(tensor.item())


def dot(graph: Graph, forward_done: int, backward_done: list[BackwardStep] | None, at_work: Tensor | None) -> str:
    """The graph in Graphviz's language.

    forward_done: how many operations have their value. backward_done: the steps of the backward pass so far, None
    before it starts. at_work: the operation whose turn it is.
    """
    operations = forward_steps(graph.result)
    known = set(operations[:forward_done])
    gradients = {} if backward_done is None else {graph.result: short(1)}
    for step in backward_done or []:
        for part in step.contributions:
            adds_up = step.tensor is at_work and part.before is not None
            sum_ = f"{short(part.before)} + {short(part.amount)} = " if adds_up else ""
            gradients[part.parent] = sum_ + short(part.after)
    going_back = bool(backward_done) and backward_done[-1].tensor is at_work
    flows = backward_done[-1].contributions if going_back else ()

    nodes: dict[Tensor, str] = {}
    lines = [
        "digraph { rankdir=LR; nodesep=0.3; ranksep=0.55;",
        f'node [shape=box style="rounded,filled" margin="0.16,0.09" {FONT}]; edge [color="{GREY}" {FONT}];',
    ]
    for tensor in dict.fromkeys(
        t for operation in operations or [graph.result] for t in (*operation.parents, operation)
    ):
        nodes[tensor] = f"n{len(nodes)}"
        box = node(graph, tensor, tensor in known or not tensor.operation, gradients.get(tensor), tensor is at_work)
        lines.append(f"{nodes[tensor]} [{box}];")
    for operation in operations:
        shares = iter(flows if operation is at_work else ())
        for parent in operation.parents:
            style = ""
            if operation is at_work and going_back and parent.requires_grad:
                share = next(shares)
                factors = f"{short(backward_done[-1].incoming)} · {short(share.local)} = {short(share.amount)}"
                style = f'dir=back penwidth=3 color="{VERMILLION}" fontcolor="#a04400" label=" {factors} "'
            elif operation is at_work and not going_back:
                style = f'penwidth=3 color="{VERMILLION}"'
            lines.append(f"{nodes[parent]} -> {nodes[operation]} [{style}];")
    return "\n".join([*lines, "}"])


def node(graph: Graph, tensor: Tensor, has_value: bool, gradient: str | None, at_work: bool) -> str:
    """A box with what the Tensor is, its value if that is known yet, and its gradient if one has arrived."""
    if tensor.operation:
        title = f"{SYMBOLS.get(tensor.operation, '')} {tensor.operation}".strip()
        fill, border = "#ffffff", GREY
    elif tensor.requires_grad:
        title, fill, border = name_of(graph, tensor), "#dcebf5", BLUE
    else:
        title, fill, border = "number", "#f0f0f0", GREY
    if at_work:
        fill, border = "#fdeee3", VERMILLION
    rows = [title, short(tensor.item()) if has_value else "…", *([f"∂ {gradient}"] if gradient else [])]
    label = "\\n".join(rows)
    return f'label="{label}" fillcolor="{fill}" color="{border}" penwidth={3 if at_work else 1}'
