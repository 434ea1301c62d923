"""Large figures in a row, and one line about how a run ended. Both always take the same space."""

from html import escape
from typing import NamedTuple

import streamlit as st

STYLE = """<style>
.figures { display: flex; gap: 1.6rem; align-items: flex-start; height: 4.4rem; overflow: hidden; }
.figure { flex: none; }
.figure .value { font-size: 1.9rem; font-weight: 700; line-height: 1.2; font-variant-numeric: tabular-nums; }
.figure .name { font-size: 1rem; font-weight: 600; margin-right: 0.35rem; }
.figure .note { font-size: 0.9rem; line-height: 1.2; opacity: 0.85; }
.outcome { flex: 1 1 0; min-width: 0; max-height: 100%; overflow-y: auto; font-size: 0.95rem; line-height: 1.2;
           padding-top: 0.2rem; }
.outcome b { margin-right: 0.3rem; }
@media (max-width: 640px) { .figures { flex-wrap: wrap; gap: 0 0.7rem; height: 4.6rem; overflow-y: auto; }
  .figure .value { font-size: 1.15rem; } .figure .name { font-size: 0.85rem; margin-right: 0.2rem; }
  .figure .note { display: none; } .outcome { flex: 1 0 100%; height: 2.6rem; padding: 0; } }
</style>"""
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
        f'{STYLE}<div class="figures">{cells}'
        f'<div class="outcome {kind}" role="status" tabindex="0">{mark}{escape(outcome)}</div></div>'
    )
