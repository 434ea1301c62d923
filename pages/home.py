"""Home: a recorded run that plays on its own, and a link to each page."""

import streamlit as st

import pages.ui.streamlit_internals
from core.classify.datasets import DATASETS
from pages.ui.classroom.session import class_access, enter_code
from pages.ui.dataset_status import location_label
from pages.ui.home import player
from pages.ui.lessons.class_links import show_class_links
from pages.ui.theme import is_projector_view

PAGES = [
    ("memorize", ":material/short_text: Memorize", "Start here: teach a network your sentence."),
    ("classify", ":material/image: Classify", "A network learns to recognise images."),
    ("plane", ":material/scatter_plot: Points", "Watch a boundary bend around points."),
    ("autograd", ":material/account_tree: Autograd", "How gradients are computed, step by step."),
]
# Each whole card is a link: the link's area covers its card.
STYLE = """<style>
.st-key-doors [data-testid="stVerticalBlock"] { position: relative; gap: 0; }
.st-key-doors .stElementContainer:has(.stPageLink) { position: static; }
.st-key-doors .stPageLink a { padding: 0; background: none; }
.st-key-doors .stPageLink a::after { content: ""; position: absolute; z-index: 1; inset: 0; border-radius: 0.5rem; }
.st-key-doors .stPageLink a:hover::after { border: 3px solid currentColor; }
.st-key-doors .stPageLink a:focus-visible { box-shadow: none; outline: none; }
.st-key-doors .stPageLink a:focus-visible::after { outline: 3px solid currentColor; outline-offset: 2px; }
.st-key-doors .stPageLink p { font-size: 1.6rem; font-weight: 700; line-height: 1.3; }
.st-key-doors .stMarkdown p { font-size: 1.06rem; }
.st-key-doors .stElementContainer:has(.stSkeleton) { height: 28px; overflow: hidden; } /* as high as a link */
/* The player's height, measured: what is below it must not move when it appears, or a click misses its link. */
.st-key-player_place { --rest: min(160px, 131px + (100vw - 1280px) * 0.075);
                       min-height: calc(var(--rest) + clamp(150px, 100vh - 500px, 520px)); }
@media (max-width: 1199px) { .st-key-player_place { --rest: 147px; } }
@media (max-width: 760px) { .st-key-player_place { min-height: 348px; } }
</style>"""
PROJECTOR_STYLE = "<style>.stMainBlockContainer { padding-top: 4.2rem; }</style>"  # the header covers no tabs here

pages.ui.streamlit_internals.ensure_run_from_app()
st.html(STYLE + (PROJECTOR_STYLE if is_projector_view() else ""))
with st.container(key="player_place"):
    player.show()
with st.container(key="doors"):
    for column, (page, label, text) in zip(st.columns(len(PAGES), gap="small"), PAGES, strict=True):
        with column.container(border=True, height="stretch"):
            st.page_link(f"pages/{page}.py", label=label)
            st.markdown(text)
with st.container(horizontal=True, vertical_alignment="center"):  # the place for whatever concerns the whole class
    st.page_link("pages/lessons.py", label="Lessons", icon=":material/menu_book:", width="content")
    st.page_link("pages/runs.py", label="Everyone's runs", icon=":material/leaderboard:", width="content")
    if not class_access().visitor.classroom:
        st.text_input(
            "Class code",
            key="home_code",
            placeholder="Class code",
            label_visibility="collapsed",
            width=180,
            on_change=enter_code,
            args=["home_code"],
            max_chars=24,
        )
show_class_links()
with st.expander("Datasets", icon=":material/database:"):
    st.table(
        [
            {
                "Dataset": info.title,
                "Images": f"{info.train_size:,} for training, {info.test_size:,} for testing",
                "Location": location_label(info),
            }
            for info in DATASETS.values()
        ]
    )
