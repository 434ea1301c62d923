"""The colours of charts and images in the light and the dark theme, and the projector view."""

from typing import NamedTuple

import streamlit as st


class Colors(NamedTuple):
    """Colours that readers with any kind of colour vision can tell apart (Okabe and Ito's, brighter on dark).

    Attributes:
        text: text and axes.
        grey: reference lines and secondary text.
        surface: neutral areas.
        palette: the curves of a chart, in this order; the first three are blue, vermillion and green.
    """

    text: str
    grey: str
    surface: str
    palette: tuple[str, ...]


LIGHT = Colors("#15202b", "#5b6770", "#d5dade", ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"))
DARK = Colors("#f2f5f7", "#a9b4bd", "#3a444d", ("#56b4e9", "#ff9248", "#2fc99a", "#e8a5cb", "#f0c04a", "#8fd0f5"))


def colors() -> Colors:
    """Return the colours of the theme that the browser shows."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def is_projector_view() -> bool:
    """Return whether the page is shown for a projector: large type, no sidebar."""
    return bool(st.session_state.get("projector_view"))


def read_projector_view() -> None:
    """Turn the projector view on or off as the URL says. Call it at the start of every page."""
    if "view" in st.query_params:
        st.session_state["projector_view"] = st.query_params["view"] == "projector"
    elif is_projector_view():
        st.query_params["view"] = "projector"  # links to other pages drop it from the URL


def projector_button() -> None:
    """Show the button that turns the projector view on or off."""
    st.button(
        "Leave the projector view" if is_projector_view() else "Projector view",
        icon=":material/present_to_all:",
        key="projector",
        on_click=toggle_projector_view,
        help="Large type, and this sidebar collapsed. Keys: Space pauses and resumes, → steps, ← goes back, R trains, "
        "P switches this view.",
    )


def toggle_projector_view() -> None:
    """Turn the projector view on or off (callback)."""
    st.session_state["projector_view"] = not is_projector_view()
    if is_projector_view():
        st.query_params["view"] = "projector"
    else:
        st.query_params.pop("view", None)
