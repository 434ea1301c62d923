"""Values of widgets that are kept when a visitor opens another tab or page, goes back, or reloads the page.

Streamlit keeps a widget's value in the URL (`bind="query-params"`), but only while the widget is shown, and forgets it
when the visitor returns with the browser's Back (https://github.com/streamlit/streamlit/issues/9279). So the server's
memory keeps the values of the last visitors.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

import streamlit as st

MAX_VISITORS = 1000
MAX_VALUES = 100  # per visitor
MAX_CHARACTERS = 500  # longer texts are not kept
RESTORED = "restored values"


class KeptValues:
    """The values of the last visitors, by the key of the widget. The longest unused ones are forgotten first."""

    def __init__(self) -> None:
        self.visitors: OrderedDict[str, OrderedDict[str, Any]] = OrderedDict()
        self.lock = Lock()

    def get(self, visitor: str) -> dict[str, Any]:
        """Return a copy of a visitor's values."""
        with self.lock:
            return dict(self.visitors.get(visitor, {}))

    def update(self, visitor: str, values: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        """Store a visitor's values. Those that equal the default are removed instead."""
        with self.lock:
            kept = self.visitors.setdefault(visitor, OrderedDict())
            self.visitors.move_to_end(visitor)
            for key, value in values.items():
                kept.pop(key, None)
                if value != defaults[key] and len(str(value)) <= MAX_CHARACTERS:
                    kept[key] = value
            while len(kept) > MAX_VALUES:
                kept.popitem(last=False)
            while len(self.visitors) > MAX_VISITORS:
                self.visitors.popitem(last=False)


@st.cache_resource(show_spinner=False)
def all_kept_values() -> KeptValues:
    """Return the server's KeptValues."""
    return KeptValues()


def kept_values() -> dict[str, Any]:
    """Return a copy of the present visitor's values, by the key of the widget. app.py has set the token."""
    return all_kept_values().get(st.session_state["token"])


@contextmanager
def keep(defaults: Mapping[str, Any], *, bound: bool = True) -> Iterator[None]:
    """Keep the values of the widgets that are created inside the `with` block.

    A URL that contains one of the keys is a link that determines all of them, so nothing is restored then.

    Args:
        defaults: The widgets' keys and default values.
        bound: Whether the widgets are bound to query parameters.
    """
    state = st.session_state
    kept, restored = kept_values(), state.setdefault(RESTORED, {})
    again = {key: restored.pop(key) for key in defaults if key in restored}
    linked = bound and any(key in st.query_params for key in defaults)
    expected = {}
    for key in defaults:
        if key in again:
            state[key] = again[key]
        elif key in kept and key not in st.query_params:
            if key not in state and not linked:
                state[key] = kept[key]
            elif bound and state.get(key) == kept[key]:
                expected[key] = kept[key]  # the URL lacks the value of this session: the visitor went back
    yield
    lost = {key: value for key, value in expected.items() if state[key] != value}
    if lost:
        restored.update(lost)
        st.rerun()
    all_kept_values().update(st.session_state["token"], {key: state[key] for key in defaults if key in state}, defaults)
