"""The entry point: `streamlit run app.py`. Sets up the app and runs the chosen page."""

import streamlit as st

from pages.ui import (
    address,
    errors,
    kept_settings,
    lesson_link,
    process,
    run_panel,
    streamlit_internals,
    style,
    theme,
    visitor,
)
from pages.ui.classroom import frame

PAGES = [
    ("memorize", "Memorize", ":material/short_text:"),
    ("classify", "Classify", ":material/image:"),
    ("plane", "Points", ":material/scatter_plot:"),
    ("autograd", "Autograd", ":material/account_tree:"),
    ("lessons", "Lessons", ":material/menu_book:"),
    ("runs", "Runs", ":material/leaderboard:"),
    ("classroom", "Class", ":material/groups:"),
]


def main() -> None:
    """Run the page that the browser asks for."""
    process.configure_process()
    streamlit_internals.retain_downloads()
    streamlit_internals.keep_page_updates()
    streamlit_internals.keep_clicks_and_updates()
    theme.read_projector_view()
    st.set_page_config(
        page_title="How networks learn",
        page_icon="🎓",
        layout="wide",
        initial_sidebar_state="collapsed" if theme.is_projector_view() else "auto",
    )
    visitor.identify_visitor()
    closed: set[str] = set()
    with errors.show_store_errors():
        closed = frame.closed_pages()
    pages = [
        st.Page("pages/home.py", title="Home", icon=":material/home:", default=True),
        *(
            st.Page(f"pages/{name}.py", title=title, icon=icon, visibility="hidden" if name in closed else "visible")
            for name, title, icon in PAGES
        ),
    ]
    page = st.navigation(pages, position="top")
    kept_settings.note_page(page.url_path)
    style.inject_css()
    address.note_address(page.url_path)
    lesson_link.read_link(page.url_path)
    with errors.show_store_errors():
        run_panel.dispatcher()  # start the workers while the first page is being read
        frame.run_page(page)
    visitor.set_visitor_cookie()


if __name__ == "__main__":  # training processes re-import this file and must not draw pages
    main()
