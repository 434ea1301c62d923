"""Editor for the hidden layers: as text, or added, removed and resized one at a time."""

import streamlit as st

from core.classify import ClassifyConfig, parameter_counts
from core.classify.config import MAX_LAYERS
from core.classify.datasets import DatasetInfo
from pages.ui.markdown import escape_markdown

MAX_WIDTH = 4_096


def editor(default: str, key: str = "hidden", new_layer: int = 64) -> str:
    """Show the hidden layers as text, for `parse_layers`, and a popover to edit them in.

    key: of the text. new_layer: units of a first hidden layer that is added.
    """
    text = st.text_input(
        "Hidden layers",
        default,
        key=key,
        bind="query-params",
        help="Units per hidden layer, input first, separated by commas. Leave it empty for no hidden layer.",
    )
    with st.popover("Edit layers", key="note_hidden_editor", icon=":material/layers:"):
        try:
            widths = parse_layers(text)
        except ValueError as error:
            st.caption(escape_markdown(str(error)))
            return text
        for number, width in enumerate(widths):
            st.session_state[f"layer_{number}"] = min(max(width, 1), MAX_WIDTH)
            with st.container(horizontal=True, vertical_alignment="bottom"):
                st.number_input(
                    f"Units of layer {number + 1}",
                    *(1, MAX_WIDTH),
                    key=f"layer_{number}",
                    on_change=resize,
                    args=[key, number],
                )
                st.button(
                    "Remove",
                    key=f"remove_layer_{number}",
                    icon=":material/delete:",
                    on_click=set_layers,
                    args=[key, (*widths[:number], *widths[number + 1 :])],
                )
        st.button(
            "Add a layer",
            icon=":material/add:",
            on_click=set_layers,
            args=[key, (*widths, (new_layer, *widths)[-1])],
            disabled=len(widths) == MAX_LAYERS,
        )
    return text


def show_parameter_count(config: ClassifyConfig, info: DatasetInfo | None) -> None:
    """Show the sizes of all layers and the number of parameters, for the images of this dataset."""
    if info:
        layers = [config.input_size(info.image_shape), *config.hidden, len(info.classes)]
        total = sum(parameter_counts(config, info.image_shape, len(info.classes)))
        st.caption(f"{' → '.join(f'{units:,}' for units in layers)}: **{total:,} parameters**")


def parse_layers(text: str) -> tuple[int, ...]:
    """Parse the units per hidden layer, such as "256, 128" -> (256, 128). Raises ValueError with a sentence."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        raise ValueError(
            f"Hidden layers must be whole numbers separated by commas, such as 256, 128, but not: {text:.60}"
        )
    if len(parts) > MAX_LAYERS:
        raise ValueError(f"There may be at most {MAX_LAYERS} hidden layers, but these are {len(parts):,}. Remove some.")
    return tuple(map(int, parts))


def set_layers(key: str, widths: tuple[int, ...]) -> None:
    """Callback: set the text with this key to these hidden layers."""
    st.session_state[key] = ", ".join(map(str, widths))


def resize(key: str, number: int) -> None:
    """Callback: take over the new number of units of a layer."""
    widths = list(parse_layers(st.session_state[key]))
    widths[number] = st.session_state[f"layer_{number}"]
    set_layers(key, tuple(widths))
