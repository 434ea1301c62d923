"""The entry point: `streamlit run app.py`. Sets up the app and runs the chosen page."""

import streamlit as st

from pages.ui import (
    address,
    errors,
    kept_settings,
    lesson_link,
    malloc,
    run_panel,
    streamlit_internals,
    style,
    theme,
    visitor,
)


def main() -> None:
    """Run the page that the browser asks for."""
    malloc.configure_malloc()
    streamlit_internals.retain_downloads()
    streamlit_internals.keep_page_updates()
    theme.read_projector_view()
    st.set_page_config(
        page_title="How networks learn",
        page_icon="🎓",
        layout="wide",
        initial_sidebar_state="collapsed" if theme.is_projector_view() else "auto",
    )
    visitor.identify_visitor()
    page = st.navigation(
        [
            st.Page("pages/home.py", title="Home", icon=":material/home:", default=True),
            st.Page("pages/memorize.py", title="Memorize", icon=":material/short_text:"),
            st.Page("pages/classify.py", title="Classify", icon=":material/image:"),
            st.Page("pages/autograd.py", title="Autograd", icon=":material/account_tree:"),
            st.Page("pages/lessons.py", title="Lessons", icon=":material/menu_book:"),
            st.Page("pages/runs.py", title="Runs", icon=":material/leaderboard:"),
        ],
        position="top",
    )
    kept_settings.note_page(page.url_path)
    style.inject_css()
    address.note_address(page.url_path)
    lesson_link.read_link(page.url_path)
    problems = st.container()
    lesson_link.show_task(page.url_path)
    with errors.show_store_errors():
        run_panel.dispatcher()  # start the workers while the first page is being read
        page.run()
        address.report_problems(page.url_path, problems)
    visitor.set_visitor_cookie()


if __name__ == "__main__":  # training processes re-import this file and must not draw pages
    main()
