"""The details of one run: a link to its page and, for its owner, its name, note and deletion."""

import streamlit as st

from core.runs import Run
from pages.ui import run_panel
from pages.ui.markdown import escape_markdown
from pages.ui.runs.table import run_label


def show_details(run: Run) -> None:
    """Show the run's heading and link, and what the visitor may read or change."""
    st.subheader(escape_markdown(run_label(run)))
    st.page_link(f"pages/{run.kind}.py", label="Open", icon=":material/open_in_new:", query_params={"run": run.id})
    access = run_panel.run_access()
    if not access.can_edit(run):
        if run.note:
            st.text(run.note)
        return
    st.text_input("Name", run.title, key=f"title {run.id}", max_chars=80)
    st.text_area("Note", run.note, key=f"note {run.id}", max_chars=2_000)
    with st.container(horizontal=True):
        st.button("Save", on_click=run_panel.try_action, args=[save_texts, run.id], icon=":material/save:")
        with st.popover("Delete", icon=":material/delete:"):
            st.write("This permanently deletes the run, its curve and its weights.")
            st.button("Delete this run", on_click=run_panel.try_action, args=[access.delete, run.id], type="primary")


def save_texts(run_id: str) -> None:
    """Save what the fields contain now, which may be newer than the last redraw."""
    access = run_panel.run_access()
    access.set_title(run_id, st.session_state[f"title {run_id}"])
    access.set_note(run_id, st.session_state[f"note {run_id}"])
