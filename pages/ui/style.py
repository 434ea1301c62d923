"""The style that Streamlit's theme options cannot express, and the part of a page that fills the window."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui.theme import DARK, colors, is_projector_view

# Streamlit's status widget is hidden because its Stop button stops the page's script, not the training run.
# Progress bars jump: animating them repaints the page continuously and takes a third of the cost of a redraw.
# Elements that wait for their update keep their colours: fading them makes a page that redraws often flicker.
# The navigation gives up its icons before it hides a page, where a sidebar leaves it little space.
# A window-high part takes what tabs and run bar leave, and in a high window leaves room for the lines below it; its
# charts take what the rest of it leaves. On a phone, where charts stand below each other, they have a fixed height.
# A high curve grows with the window, too, and leaves room for some lines below it.
STYLE = """<style>
[data-testid="stHeader"] { container: header / inline-size; }
@container header (max-width: 59rem) { [data-testid="stTopNavLink"] > span:first-child { display: none; } }
.stMainBlockContainer { padding: 3.9rem 2.2rem 1rem; }
[data-testid="stBottomBlockContainer"] { padding: 0.4rem 2.2rem 0.5rem; }
[data-testid="stBottom"] [data-testid="stVerticalBlock"] { gap: 0.3rem; }
[data-testid="stSidebarUserContent"] [data-testid="stVerticalBlock"] { gap: 0.6rem; }
[class*="_pause"] button { min-width: 7.2rem; }
[data-stale="true"] { opacity: 1 !important; transition: none !important; }
[data-testid="stCaptionContainer"] * { color: inherit; opacity: 1; }
[data-testid="stCaptionContainer"] { color: inherit !important; opacity: 0.85 !important; }
.stStatusWidget { display: none; }
.stProgress [role="progressbar"] * { transition: none !important; }
.st-key-window_high { --top: 7.4rem; --bottom: 8.3rem; }
@media (min-width: 641px) {
  .st-key-window_high { flex: none;
    height: max(min(100vh - var(--top) - var(--bottom), 26rem), 100vh - var(--top) - 17.4rem); }
  .st-key-window_high > :has(.stVegaLiteChart) { flex: 1 1 0; min-height: 9rem; }
  .st-key-window_high .stHorizontalBlock,
  .st-key-window_high .stHorizontalBlock :has(.stVegaLiteChart) { height: 100%; }
  .st-key-high_curve .stElementContainer { height: max(21rem, 100vh - 27rem); }
}
@media (max-width: 640px) {
  .st-key-high_curve .stElementContainer { height: 21rem; }
  .st-key-window_high .stElementContainer:has(.stVegaLiteChart) { flex: none; height: 13.8rem; }
  .stMainBlockContainer { padding-left: 0.8rem; padding-right: 0.8rem; }
  [data-testid="stBottomBlockContainer"] { padding-left: 0.8rem; padding-right: 0.8rem; }
  [data-testid="stBottom"] .stButton button { padding: 0.1rem 0.5rem; min-height: 2rem; }
}
</style>"""
PROJECTOR_STYLE = """<style>
html { font-size: 21px; }
.stMainBlockContainer { padding-top: 3.2rem; }
.st-key-window_high { --top: 6.7rem; --bottom: 5.9rem; gap: 0.4rem; }
.figure .note, .outcome, .card .probability, .card .long { font-size: 1rem !important; }
.reconstruction.large { line-height: 1.4; }
@media (min-width: 641px) {
  .figures { height: 3.9rem; }
  .card { min-height: 5.5rem; padding: 0.1rem; }
  .card img { width: 2.4rem; height: 2.4rem; }
}
</style>"""


# Streamlit writes white on the primary colour, which in the dark theme is bright.
DARK_STYLE = '<style>[data-testid="stBaseButton-primary"]:enabled { color: #0f1720; }</style>'


def inject_css() -> None:
    """Add the style to the page."""
    st.html(STYLE + (PROJECTOR_STYLE if is_projector_view() else "") + (DARK_STYLE if colors() is DARK else ""))


def window_high() -> DeltaGenerator:
    """Return a container that is as high as the window allows. Charts in it need the height "stretch"."""
    return st.container(key="window_high")


def high_curve() -> DeltaGenerator:
    """Return a container for one chart that is higher in a high window. The chart needs the height "stretch"."""
    return st.container(key="high_curve")
