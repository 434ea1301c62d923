"""Redraws take turns, so that whole pages are drawn soon while a class watches its runs.

What a click does is done before its redraw waits.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pages.ui import streamlit_internals

REDRAWS_AT_ONCE = 2  # of all sessions; Python computes one at a time, while the other waits for the database
PATIENCE = 0.5  # seconds after which a redraw no longer waits for others, which may compute something large
_places = threading.BoundedSemaphore(REDRAWS_AT_ONCE)


@contextmanager
def redraw_turn() -> Iterator[None]:
    """Wait for a turn before the block if only fragments are redrawn; a whole page never waits."""
    has_place = streamlit_internals.is_fragment_redraw() and _places.acquire(timeout=PATIENCE)
    try:
        yield
    finally:
        if has_place:
            _places.release()
