"""Redraws take turns; whole pages do not wait."""

import threading
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui import redraw_turn, streamlit_internals


@pytest.fixture
def places(monkeypatch) -> threading.BoundedSemaphore:
    """Return two places that only this test uses."""
    places = threading.BoundedSemaphore(2)
    monkeypatch.setattr(redraw_turn, "_places", places)
    monkeypatch.setattr(redraw_turn, "PATIENCE", 0.01)
    return places


def free(places: threading.BoundedSemaphore) -> int:
    """Return how many places are free."""
    count = 0
    while places.acquire(blocking=False):
        count += 1
    if count:
        places.release(count)
    return count


def redraws(monkeypatch, value: bool) -> None:
    monkeypatch.setattr(streamlit_internals, "is_fragment_redraw", lambda: value)


def test_a_redraw_has_a_place_until_it_ends_even_with_an_error(places, monkeypatch):
    redraws(monkeypatch, True)
    with redraw_turn.redraw_turn():
        assert free(places) == 1
    assert free(places) == 2
    with pytest.raises(RuntimeError), redraw_turn.redraw_turn():
        raise RuntimeError
    assert free(places) == 2


def test_a_redraw_that_finds_no_place_goes_on_after_a_while_and_takes_nobody_s(places, monkeypatch):
    redraws(monkeypatch, True)
    with redraw_turn.redraw_turn(), redraw_turn.redraw_turn():
        with redraw_turn.redraw_turn():
            assert free(places) == 0
        assert free(places) == 0
    assert free(places) == 2


def test_a_whole_page_needs_no_place(places, monkeypatch):
    redraws(monkeypatch, False)
    with redraw_turn.redraw_turn():
        assert free(places) == 2


def page() -> None:
    import streamlit as st

    from pages.ui import streamlit_internals

    st.text(f"{streamlit_internals.is_fragment_redraw()}")


def test_a_redraw_is_told_from_a_whole_page(monkeypatch):
    assert not streamlit_internals.is_fragment_redraw(), "outside a page"
    app = AppTest.from_function(page).run()
    assert app.text[0].value == "False"
    context = SimpleNamespace(fragment_ids_this_run=["bar"])
    monkeypatch.setattr(streamlit_internals, "get_script_run_ctx", lambda: context)
    assert streamlit_internals.is_fragment_redraw()
