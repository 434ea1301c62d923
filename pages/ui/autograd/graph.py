"""A formula's graph as a diagram: values and gradients in the nodes, local derivatives on the edges.

All nodes and labels have a fixed size, so that nothing moves from one step to the next.
"""

from html import escape

import streamlit as st

from core.autograd.expression import Graph
from core.autograd.steps import BackwardStep, backward_steps, forward_steps
from core.autograd.tensor import Tensor
from pages.ui.charts import BLUE, VERMILLION
from pages.ui.theme import is_projector_view

SYMBOLS = {"add": "+", "sub": "−", "mul": "×", "div": "÷", "neg": "−", "pow": "xʸ", "pow_two": "x²"}
TEXT, EDGE, CARD, LEAF_CARD, CURRENT_CARD = "#15202b", "#7d8894", "#ffffff", "#dcebf5", "#fdeee3"
FONT_SIZES = {"LR": 14, "TB": 11}  # in points, which a browser shows as 4/3 pixels; by Graphviz's rankdir
LINE_HEIGHT, CHARACTER_WIDTH = 1.2, 0.57  # relative to the font size
RANK_GAPS = {"LR": 0.25, "TB": 0.02}  # inches
BLANK = "\N{NO-BREAK SPACE}"
NARROW = 760  # pixels; a narrower place shows the graph from top to bottom
STYLE = f"""<style>
.st-key-graph {{ container-type: inline-size; }}
.st-key-graph .stGraphVizChart {{ overflow-x: auto; scrollbar-width: thin; max-width: 100%; }}
.st-key-graph .stGraphVizChart svg {{ max-width: none !important; height: auto !important; }}
.st-key-graph_right svg text {{ font-size: {FONT_SIZES["LR"]}px !important; }}
.st-key-graph_down svg text {{ font-size: {FONT_SIZES["TB"]}px !important; }}
@container (min-width: {NARROW}px) {{ .st-key-graph_down {{ display: none; }} }}
@container (max-width: {NARROW - 0.1}px) {{ .st-key-graph_right {{ display: none; }} }}
</style>"""
PROJECTOR_STYLE = "<style>.st-key-graph svg { zoom: 1.15; }</style>"  # its text has at least 20 pixels


def show_graph(
    graph: Graph, forward_done: int, backward_done: list[BackwardStep] | None, current: Tensor | None
) -> None:
    """Show the graph from left to right, or from top to bottom where there is little room.

    Both are on the page, and the browser hides one. A graph that is too wide in either way scrolls.
    """
    alt = describe(graph, forward_done, backward_done)
    with st.container(key="graph", gap=None):
        st.html(STYLE + (PROJECTOR_STYLE if is_projector_view() else ""))
        for key, direction in (("graph_right", "LR"), ("graph_down", "TB")):
            with st.container(key=key):
                dot = to_dot(graph, forward_done, backward_done, current, direction)
                st.graphviz_chart(dot, width="content", alt=alt)


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


def describe(graph: Graph, forward_done: int, backward_done: list[BackwardStep] | None) -> str:
    """Return what the diagram shows, in words."""
    known = [*graph.leaves.values(), *forward_steps(graph.result)[:forward_done]]
    values = ", ".join(f"{tensor_label(graph, tensor)} = {format_number(tensor.item())}" for tensor in known)
    text = f"Graph of {graph.expression}. Values: {values or 'none yet'}."
    if backward_done is None:
        return text
    gradients = ", ".join(
        f"{tensor_label(graph, tensor)}: {format_number(sum(parts))}"
        for tensor, parts in received(graph, backward_done).items()
    )
    return f"{text} Gradients: {gradients}."


def received(graph: Graph, steps: list[BackwardStep]) -> dict[Tensor, list[float]]:
    """Return the contributions that each Tensor has received in these steps of the backward pass."""
    contributions = {graph.result: [1.0]}
    for step in steps:
        for part in step.contributions:
            contributions.setdefault(part.parent, []).append(part.amount)
    return contributions


def to_dot(
    graph: Graph,
    forward_done: int,
    backward_done: list[BackwardStep] | None,
    current: Tensor | None,
    direction: str = "LR",
) -> str:
    """Return the graph in Graphviz's DOT language.

    Args:
        graph: The formula's graph.
        forward_done: Number of operations that have been computed.
        backward_done: The steps of the backward pass so far; None before it starts.
        current: The result of the current operation.
        direction: Graphviz's rankdir: "LR" from left to right, "TB" from top to bottom.
    """
    operations = forward_steps(graph.result)
    backward = backward_steps(graph.result)
    computed = set(operations[:forward_done])
    gradients = {} if backward_done is None else received(graph, backward_done)
    all_gradients = received(graph, backward)
    nodes: dict[Tensor, str] = {}
    size = FONT_SIZES[direction]
    font = f'fontname="Arial" fontsize={size}'
    lines = [
        "digraph { bgcolor=transparent; margin=0.03; nodesep=0.2;",
        f"rankdir={direction}; ranksep={RANK_GAPS[direction]};",
        f'node [shape=box style="rounded,filled" fixedsize=true fontcolor="{TEXT}" {font}];',
        f'edge [color="{EDGE}" penwidth=1.5 {font}];',
    ]
    for tensor in dict.fromkeys(
        t for operation in operations or [graph.result] for t in (*operation.parents, operation)
    ):
        nodes[tensor] = f"n{len(nodes)}"
        has_value = tensor in computed or not tensor.operation
        rows = node_rows(graph, tensor, has_value, gradients.get(tensor, []))
        all_rows = node_rows(graph, tensor, True, all_gradients.get(tensor, []))
        if direction == "TB":  # a phone is narrow, but has little height for a row per node of the longest path
            rows, all_rows = ([" = ".join(part[:2]), *part[2:]] for part in (rows, all_rows))
        lines.append(f"{nodes[tensor]} [{node_attributes(tensor, rows, all_rows, tensor is current, size)}];")
    done = {step.tensor for step in backward_done or []}
    locals_ = {step.tensor: [part.local for part in step.contributions] for step in backward}
    for operation in operations:
        remaining = iter(locals_.get(operation, []))
        for parent in operation.parents:
            local = next(remaining) if parent.requires_grad else None
            style = edge_attributes(local, operation in done, operation is current, backward_done is not None, size)
            lines.append(f"{nodes[parent]} -> {nodes[operation]} [{style}];")
    return "\n".join([*lines, "}"])


def node_rows(graph: Graph, tensor: Tensor, has_value: bool, contributions: list[float]) -> list[str]:
    """Return a node's rows: its title, its value, its gradient, and the sum that the gradient consists of."""
    if tensor.operation:
        title = SYMBOLS.get(tensor.operation, tensor.operation)
    else:
        title = tensor_label(graph, tensor) if tensor.requires_grad else "number"
    rows = [title, format_number(tensor.item()) if has_value else "…"]
    if contributions:
        rows.append(f"∂ {format_number(sum(contributions))}")
    if len(contributions) > 1:
        rows.append(f"= {' + '.join(map(format_number, contributions))}")
    return rows


def node_attributes(tensor: Tensor, rows: list[str], all_rows: list[str], current: bool, size: int) -> str:
    """Return a node's DOT attributes.

    Args:
        tensor: The node's Tensor.
        rows: The rows to show.
        all_rows: The rows after the last step, which determine the node's size.
        current: Whether the step is about this node.
        size: Size of the font, in points.
    """
    fill, border = (LEAF_CARD, BLUE) if tensor.requires_grad and not tensor.operation else (CARD, EDGE)
    if current:
        fill, border = CURRENT_CARD, VERMILLION
    label = r"\n".join([*rows, *[BLANK] * (len(all_rows) - len(rows))])
    width = max(len(row) for row in all_rows) * size * CHARACTER_WIDTH + 18
    height = len(all_rows) * size * LINE_HEIGHT + 8
    box = f"width={width / 72:.2f} height={height / 72:.2f}"
    return f'label="{label}" {box} fillcolor="{fill}" color="{border}" penwidth={4 if current else 1.5}'


def edge_attributes(local: float | None, done: bool, current: bool, backward: bool, size: int) -> str:
    """Return an edge's DOT attributes. Its label is the local derivative, once the gradient has passed.

    Args:
        local: The local derivative; None if no gradient passes.
        done: Whether the gradient has passed.
        current: Whether the step is about this edge.
        backward: Whether the backward pass has started.
        size: Size of the font, in points.
    """
    style = f'penwidth=4 color="{VERMILLION}"' if current and (done or not backward) else ""
    if local is None:
        return style
    text = f"· {format_number(local)}"
    card = f'BGCOLOR="{CURRENT_CARD if current else CARD}" COLOR="{VERMILLION if current else EDGE}"'
    label = f'<FONT COLOR="{TEXT}">{escape(text)}</FONT>' if done else ""
    width, height = (len(text) - 1) * size * CHARACTER_WIDTH + 6, size * LINE_HEIGHT + 2
    table = f'<TABLE BORDER="{int(done)}" CELLBORDER="0" CELLPADDING="0" {card if done else ""}'
    table += f' FIXEDSIZE="TRUE" WIDTH="{width:.0f}" HEIGHT="{height:.0f}">'
    direction = "dir=back" if current and done else ""
    pill = f"{table}<TR><TD>{label}</TD></TR></TABLE>"
    return f'{style} {direction} label=<<TABLE BORDER="0" CELLPADDING="{size - 10}"><TR><TD>{pill}</TD></TR></TABLE>>'
