"""The class, live: one tile per student who is present or calls for help."""

import time
from typing import Any

import streamlit as st

from core.classroom import ClassAccess, ClassSettings, Tile
from core.classroom.tiles import SmallCurves
from core.runs import Status
from pages.ui import run_panel
from pages.ui.browser_component import load_component
from pages.ui.classroom import places
from pages.ui.classroom.session import class_access
from pages.ui.errors import show_store_errors
from pages.ui.formatting import format_duration
from pages.ui.theme import is_projector_view

INTERVAL = 1.0  # seconds between redraws
CURVES, KEY = "small_curves", "tiles"
OPENED = "opened_run"  # session state: the id of the run that the teacher looks at
PAGES = {"home": "Home", "lessons": "Lessons", "classroom": "Class", **places.PAGES}
MAX_DOTS = 12  # exercises on one tile
component = load_component("tiles")


def names_are_hidden(settings: ClassSettings) -> bool:
    """Return whether tiles show neutral names: always on the projector."""
    return settings.hide_names or is_projector_view()


def shown_run_id() -> str:
    """Return the id of the run that stands in place of the tiles; "" if there is none.

    It is the one that the teacher has opened; on the projector, the starred one while no question is asked.
    """
    if not is_projector_view():
        return str(st.session_state.get(OPENED, ""))
    access = class_access()
    state = access.state()
    return state.settings.starred_run if state and not access.question() else ""


@st.fragment(run_every=INTERVAL)
def show() -> None:
    """Show all tiles, and the class in figures above them."""
    with show_store_errors():
        access = class_access()
        state = access.state()
        if state is None or not access.is_teacher or shown_run_id():
            st.rerun()
        tiles = access.tiles()
        shown = [tile for tile in tiles if tile.present or tile.help_wanted]
        hidden = names_are_hidden(state.settings)
        component(
            data={
                "summary": " · ".join(filter(None, [summary(tiles), answered(access, len(state.members))])),
                "tiles": [tile_data(tile, hidden, curve(access, tile)) for tile in shown],
                "starred": state.settings.starred_run,
                "empty": f"Nobody is here yet. Students join at the class's address with the code {state.code}.",
            },
            key=KEY,
            on_open_change=open_run,
            on_star_change=star,
            on_help_change=give_help,
            height="content",
        )
        small_curves().update(shown)


def small_curves() -> SmallCurves:
    """Return the session's small curves."""
    return st.session_state.setdefault(CURVES, SmallCurves())


def curve(access: ClassAccess, tile: Tile) -> list[tuple[int, float]]:
    """Return the small curve of a tile; its past is read when the tile is shown for the first time."""
    curves = small_curves()
    for run_id in curves.missing([tile]):
        curves.set_past(run_id, access.curve(run_id))
    return curves.points(tile.run_id)


def summary(tiles: list[Tile]) -> str:
    """Return the class in figures."""
    present = [tile for tile in tiles if tile.present]
    statuses = [tile.status for tile in present]
    counts = {
        "here": len(present),
        "away": len(tiles) - len(present),
        "training": statuses.count(Status.RUNNING),
        "waiting": statuses.count(Status.WAITING),
        "paused": statuses.count(Status.PAUSED),
        "finished": statuses.count(Status.FINISHED),
        "failed": statuses.count(Status.FAILED),
        "without progress": sum(tile.is_idle for tile in present),
        "calling for help": sum(tile.help_wanted for tile in tiles),
    }
    return " · ".join(f"{count} {name}" for name, count in counts.items() if count or name == "here")


def answered(access: ClassAccess, members: int) -> str:
    """Return how many have answered the open question; "" if there is none."""
    question = access.question()
    if question is None or not question.is_open:
        return ""
    return f"{access.answer_counts().get(question.round, 0)} of {members} have answered"


def tile_data(tile: Tile, hidden: bool, points: list[tuple[int, float]]) -> dict[str, Any]:
    """Return what the browser shows of a tile. It never contains the nickname while names are hidden."""
    idle = time.time() - tile.progress_at
    exercises = [(name, True) for name in tile.solved] + [(name, False) for name in tile.tried]
    return {
        "id": tile.neutral_name,
        "name": tile.neutral_name if hidden else tile.nickname,
        "place": " · ".join(filter(None, [PAGES.get(tile.page, tile.page), tile.tab])) if tile.present else "Away",
        "run": tile.run_id,
        "kind": tile.kind,
        "status": run_panel.STATUS_TEXTS[tile.status].rstrip(" …") if tile.status else "",
        "epochs": tile.epochs,
        "total": tile.total_epochs,
        "accuracy": tile.accuracy,
        "points": points,
        "exercises": exercises[:MAX_DOTS],
        "solved": len(tile.solved),
        "help": tile.help_wanted,
        "idle": idle,
        "idleText": f"No progress for {format_duration(idle)}" if tile.is_idle else "",
    }


def open_run() -> None:
    """Show a run in place of the tiles, to look at it without changing it (callback)."""
    st.session_state[OPENED] = st.session_state[KEY].get("open") or ""


def star() -> None:
    """Put a run on the projector, or take it away (callback)."""
    run_id = st.session_state[KEY].get("star") or ""
    access = class_access()
    state = access.state()
    if state is not None:
        chosen = "" if run_id == state.settings.starred_run else run_id
        run_panel.try_action(access.change_settings, starred_run=chosen)


def give_help() -> None:
    """Take back a student's call for help (callback)."""
    access, name = class_access(), st.session_state[KEY].get("help")
    state = access.state()
    for member in state.members.values() if state else ():
        if member.neutral_name == name:
            run_panel.try_action(access.help_given, member.owner)
