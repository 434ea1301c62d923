"""Large figures in a row, and one line about how a run ended. Both always take the same space."""

from html import escape
from typing import NamedTuple

import streamlit as st

MARKS = {"success": "✓", "warning": "!", "error": "✗", "": ""}


class Figure(NamedTuple):
    """One large figure.

    Attributes:
        name: what it is.
        value: the number with its unit.
        note: what it means, in a few words.
    """

    name: str
    value: str
    note: str = ""


def show_figures(figures: list[Figure], kind: str = "", outcome: str = "") -> None:
    """Show the figures, and below them how the run ended.

    kind: "success", "warning" or "error"; "" while there is nothing to say. outcome: plain text.
    """
    cells = "".join(
        f'<div class="figure"><span class="name">{escape(figure.name)}</span>'
        f'<span class="value">{escape(figure.value)}</span><div class="note">{escape(figure.note)}</div></div>'
        for figure in figures
    )
    mark = f"<b>{MARKS[kind]}</b>" if kind else ""
    st.html(
        f'<div class="figures">{cells}'
        f'<div class="outcome {kind}" role="status" tabindex="0">{mark}{escape(outcome)}</div></div>'
    )
