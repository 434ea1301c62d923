"""What the class may open, change and see."""

import streamlit as st

from core.classroom import ClassSettings, Lock
from core.classroom.settings import SOLUTIONS
from pages.ui import run_panel
from pages.ui.classroom.places import CONTROLS, all_places, control_label, place_label
from pages.ui.classroom.session import class_access
from pages.ui.kept_settings import KEPT
from pages.ui.markdown import escape_markdown

CLOSED, HIDDEN, LOCKED = "conduct_closed", "conduct_hidden", "conduct_locked"
SOLUTION, BOARD = "conduct_solutions", "conduct_board"


def show() -> None:
    """Show what the teacher has chosen, to change it."""
    access = class_access()
    state = access.state()
    if state is None:
        return
    settings = state.settings
    st.session_state.update(
        {
            CLOSED: [place for place in settings.closed if place in all_places()],
            HIDDEN: [lock.key for lock in settings.locks if lock.hidden and lock.key in CONTROLS],
            LOCKED: [lock.key for lock in settings.locks if not lock.hidden and lock.key in CONTROLS],
            SOLUTION: settings.solutions,
            BOARD: settings.leaderboard,
        }
    )
    left, right = st.columns(2, gap="large")
    with left:
        st.multiselect(
            "Closed pages and tabs",
            all_places(),
            format_func=place_label,
            key=CLOSED,
            on_change=save,
            args=["closed"],
            placeholder="Everything is open",
            help="Students cannot open them, not even by typing the address.",
        )
        with st.container(horizontal=True):
            st.button("Open everything", on_click=change, args=[()])
            st.button("Close all but Memorize", on_click=close_all_but, args=["memorize"])
            st.button("Close all but Classify", on_click=close_all_but, args=["classify"])
        st.radio(
            "Solutions of exercises",
            list(SOLUTIONS),
            format_func=lambda name: SOLUTIONS[name].capitalize(),
            key=SOLUTION,
            horizontal=True,
            on_change=save,
            args=["solutions"],
        )
        st.toggle(
            "Leaderboard",
            key=BOARD,
            on_change=save,
            args=["leaderboard"],
            help="While this is off, students see no leaderboard on the Runs page.",
        )
    with right:
        for key, label, text in (
            (LOCKED, "Locked controls", "Students see them, but cannot change them."),
            (HIDDEN, "Hidden controls", "Students do not see them."),
        ):
            st.multiselect(
                label,
                list(CONTROLS),
                format_func=control_label,
                key=key,
                on_change=save,
                args=["locks"],
                placeholder="None",
                help=f"{text} They have the values that they have on your own page now.",
            )
        for lock in settings.locks:
            if lock.key in CONTROLS:
                st.caption(f":material/lock: {control_label(lock.key)}: {escape_markdown(str(lock.value)[:60])}")
        st.page_link("pages/runs.py", label="Limits of the class", icon=":material/speed:")


def save(setting: str) -> None:
    """Store what the widgets of one setting contain (callback). Another tab may have changed the others."""
    access = class_access()
    state = access.state()
    if state is None:
        return
    chosen = st.session_state
    hidden = list(chosen[HIDDEN])
    locked = [key for key in chosen[LOCKED] if key not in hidden]
    values = {
        "closed": tuple(chosen[CLOSED]),
        "locks": tuple(lock(key, state.settings, hidden=key in hidden) for key in (*locked, *hidden)),
        "solutions": chosen[SOLUTION],
        "leaderboard": chosen[BOARD],
    }
    run_panel.try_action(access.change_settings, **{setting: values[setting]})


def lock(key: str, settings: ClassSettings, hidden: bool) -> Lock:
    """Return the lock of a control, with the value that it has already or, if it is new, on the teacher's page."""
    old = settings.lock(key)
    value = old.value if old else st.session_state.get(KEPT, {}).get(key, CONTROLS[key].default)
    return Lock(key, value, hidden)


def change(closed: tuple[str, ...]) -> None:
    """Close these pages and tabs, and open all others (callback)."""
    run_panel.try_action(class_access().change_settings, closed=closed)


def close_all_but(page: str) -> None:
    """Close all pages except one, whose tabs stay as they are (callback)."""
    access = class_access()
    state = access.state()
    if state is not None:
        tabs = [place for place in state.settings.closed if place.startswith(f"{page}/")]
        change((*(place for place in all_places() if "/" not in place and place != page), *tabs))
