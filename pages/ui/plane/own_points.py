"""A student's own points: pasted as text, uploaded as CSV, and kept in the page's address."""

import math

import streamlit as st

from core.plane.config import DATASETS
from core.plane.features import LIMIT
from core.plane.pasted import MAX_BYTES, parse_points
from pages.ui.classify.custom_data import is_new_upload
from pages.ui.markdown import escape_markdown
from pages.ui.plane.network import CLASS_NAMES, DRAWN, set_points

ADDRESS = "plane_points"  # query parameter
MAX_IN_ADDRESS = 150  # points; browsers and chat programs cut longer addresses
BETWEEN_POINTS, BETWEEN_NUMBERS = "~", "_"
EXAMPLES = {"own": "1.5, 2, red\n-1, 0.5, blue", "own-values": "1.5, 2, 0.3\n-1, 0.5, -0.7"}
NOTES = "plane_points_notes"  # session state


def show_inputs(dataset: str) -> None:
    """Show how to enter points as text or as a file."""
    if dataset == "own":
        st.caption("Choose a class above the map, then click or drag on the map. Or enter points here:")
    with st.expander("Paste or upload points", icon=":material/content_paste:"):
        text = st.text_area(
            "One point per line: x, y and its class" if dataset == "own" else "One point per line: x, y and its value",
            key="plane_pasted",
            placeholder=EXAMPLES[dataset],
            height=120,
            max_chars=MAX_BYTES,
        )
        used = st.button("Use these points", disabled=not text.strip(), key="plane_use_pasted")
        file = st.file_uploader("CSV file", ["csv", "txt"], max_upload_size=1, key="plane_file")
        contents: str | bytes | None = text if used else None
        if file and is_new_upload("plane_file", file.file_id):
            contents = file.getvalue()
        if contents is not None:
            take(contents, dataset)
        for note in st.session_state.get(NOTES, ()):
            st.caption(escape_markdown(note))


def take(contents: str | bytes, dataset: str) -> None:
    """Replace the points by those in a text or file, or show why that is not possible."""
    try:
        parsed = parse_points(contents, DATASETS[dataset].task)
    except ValueError as error:
        st.error(escape_markdown(str(error)), icon=":material/edit:")
        return
    names = [f"class {CLASS_NAMES[number]} is {label}" for number, label in enumerate(parsed.labels)]
    st.session_state[NOTES] = [*parsed.notes, *([f"{', '.join(names).capitalize()}."] if names else [])]
    set_points(parsed.points)
    st.rerun()


def read_address() -> None:
    """Start with the points in the address."""
    text = st.query_params.get(ADDRESS)
    if text and DRAWN not in st.session_state:
        points = from_address(text)
        if points:
            set_points(points)


def write_address(is_own: bool) -> None:
    """Put the points into the address if they are used and not too many."""
    points = st.session_state.get(DRAWN, ())
    if is_own and 0 < len(points) <= MAX_IN_ADDRESS:
        text = to_address(points)
        if st.query_params.get(ADDRESS) != text:
            st.query_params[ADDRESS] = text
    else:
        st.query_params.pop(ADDRESS, None)


def to_address(points: tuple[tuple[float, float, float], ...]) -> str:
    """Return points as text for the address."""
    return BETWEEN_POINTS.join(BETWEEN_NUMBERS.join(f"{value:g}" for value in point) for point in points)


def from_address(text: str) -> list[tuple[float, float, float]]:
    """Return the points in an address; those that are no points of the plane are left out."""
    points = []
    for part in text[: 40 * MAX_IN_ADDRESS].split(BETWEEN_POINTS)[:MAX_IN_ADDRESS]:
        try:
            x, y, target = map(float, part.split(BETWEEN_NUMBERS))
        except ValueError:
            continue
        if abs(x) <= LIMIT and abs(y) <= LIMIT and math.isfinite(target):
            points.append((x, y, target))
    return points
