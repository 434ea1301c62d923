"""The frame of every page: the line of the visitor's class, and the page or what covers it."""

from typing import Any

from pages.ui import lesson_link
from pages.ui.classroom import cover, follow, line
from pages.ui.classroom.session import CLASS_PAGE, class_access, enter_class


def run_page(page: Any) -> None:
    """Run the page that st.navigation has returned, as far as the visitor's class allows it."""
    access, address = class_access(), page.url_path
    if access.member() and not access.settings().eyes_up:
        follow.notice(access, address)
    line.show(address)
    covered = cover.find_cover(access, address)
    cover.keep_tab(address, covered is not None)
    if covered:
        if access.member() and access.settings().eyes_up:
            access.hold_runs()
        cover.show_cover(covered)
        return
    lesson_link.run_page(page)
    if address != CLASS_PAGE:
        follow.publish(access, address)


def closed_pages() -> set[str]:
    """Find out the visitor's class. Return the addresses of pages that it has closed."""
    enter_class()
    return {name for name in class_access().settings().closed if "/" not in name}
