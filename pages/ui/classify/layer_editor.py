"""The architecture editor: hidden layers as a line of text, or added, removed and resized one by one."""

import streamlit as st

from core.classify import ClassifyConfig, parameter_counts
from core.classify.datasets import DatasetInfo
from pages.ui.markdown import escape_markdown

MAX_WIDTH = 4_096


def editor(default: str) -> str:
    """The hidden layers as a text that `sizes` reads, and a popover to edit them in."""
    text = st.text_input(
        "Hidden layers",
        default,
        key="hidden",
        bind="query-params",
        help="Units of each hidden layer, from the pictures on, with commas between them. Empty: none at all.",
    )
    with st.popover("Edit layers", icon=":material/layers:"):
        try:
            widths = sizes(text)
        except ValueError as error:
            st.caption(escape_markdown(str(error)))
            return text
        for number, width in enumerate(widths):
            st.session_state[f"layer_{number}"] = min(max(width, 1), MAX_WIDTH)
            with st.container(horizontal=True, vertical_alignment="bottom"):
                st.number_input(
                    f"Units of layer {number + 1}", 1, MAX_WIDTH, key=f"layer_{number}", on_change=resize, args=[number]
                )
                st.button(
                    "Remove",
                    key=f"remove_layer_{number}",
                    icon=":material/delete:",
                    on_click=write,
                    args=[(*widths[:number], *widths[number + 1 :])],
                )
        st.button("Add a layer", icon=":material/add:", on_click=write, args=[(*widths, (64, *widths)[-1])])
    return text


def count(config: ClassifyConfig, info: DatasetInfo | None) -> None:
    """How many parameters this network has for these pictures."""
    if info:
        layers = [config.input_size(info.image_shape), *config.hidden, len(info.classes)]
        total = sum(parameter_counts(config, info.image_shape, len(info.classes)))
        st.caption(f"{' → '.join(f'{units:,}' for units in layers)}: **{total:,} parameters**")


def sizes(text: str) -> tuple[int, ...]:
    """ "256, 128" -> (256, 128). Raises ValueError with a sentence for a student."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        raise ValueError(f"Hidden layers must be whole numbers with commas between them, like 256, 128. It is: {text}")
    return tuple(map(int, parts))


def write(widths: tuple[int, ...]) -> None:
    """Callback: these are the hidden layers now."""
    st.session_state["hidden"] = ", ".join(map(str, widths))


def resize(number: int) -> None:
    """Callback of a layer's number."""
    widths = list(sizes(st.session_state["hidden"]))
    widths[number] = st.session_state[f"layer_{number}"]
    write(tuple(widths))
