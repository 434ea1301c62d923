"""What the shown run was started with, and a button that copies it into the settings."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.runs import JOB_TYPES, Run
from core.training import changed_fields
from pages.ui.formatting import format_setting, setting_label
from pages.ui.markdown import escape_markdown


def show_settings_of(run: Run, use: Callable[[Any], None] | None) -> None:
    """Show the run's settings in one line. use: copies a config into the page's settings; None: no button."""
    differing = changed_fields(JOB_TYPES[run.kind].config(), run.config)
    shown = [
        f"{setting_label(name)} {format_setting(value)}" for name, value in differing.items() if name != "sentence"
    ]
    text = ", ".join(shown) or "the baseline's settings"
    if run.parent:
        text += ", starting from the weights of another run"

    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"This run: {escape_markdown(text)}.", width="content")
        if use is None:
            return

        def use_settings() -> None:
            use(run.config)
            st.rerun()

        st.button(
            "Use its settings",
            type="tertiary",
            key=f"{run.kind}_use_settings",
            on_click=use_settings,
            help="Copies the settings of this run into the sidebar.",
        )
