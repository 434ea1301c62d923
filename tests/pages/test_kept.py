"""Kept values: bounded, separate for each visitor, and only those that differ from the default."""

import pytest
from streamlit.testing.v1 import AppTest

from core.runs.identity import new_token
from pages.ui import kept
from pages.ui.kept import KeptValues


def test_a_default_value_is_not_kept():
    values = KeptValues()
    values.update("me", {"a": 1, "b": 2}, {"a": 0, "b": 2})
    assert values.get("me") == {"a": 1}
    values.update("me", {"a": 0}, {"a": 0})
    assert values.get("me") == {}


def test_visitors_have_separate_values():
    values = KeptValues()
    values.update("me", {"a": 1}, {"a": 0})
    assert values.get("you") == {}
    values.get("me")["a"] = 5
    assert values.get("me") == {"a": 1}, "a copy"


def test_the_longest_unused_visitors_and_values_are_forgotten(monkeypatch):
    monkeypatch.setattr(kept, "MAX_VISITORS", 2)
    monkeypatch.setattr(kept, "MAX_VALUES", 3)
    values = KeptValues()
    for visitor in ("a", "b", "a", "c"):
        values.update(visitor, {"x": visitor}, {"x": ""})
    assert set(values.visitors) == {"a", "c"}
    for number in range(5):
        values.update("a", {f"value {number}": 1}, {f"value {number}": 0})
    assert list(values.get("a")) == ["value 2", "value 3", "value 4"]


def test_long_texts_are_not_kept():
    values = KeptValues()
    values.update("me", {"a": "x" * 501, "b": "x" * 500}, {"a": "", "b": ""})
    assert set(values.get("me")) == {"b"}


def widgets() -> None:
    import streamlit as st

    from pages.ui.kept import keep

    if st.checkbox("shown", True, key="shown"):
        with keep({"free": "x"}, bound=False):
            st.text_input("Free", "x", key="free")
        with keep({"bound": 1}):
            st.slider("Bound", 0, 9, 1, key="bound", bind="query-params")


@pytest.fixture
def app():
    app = AppTest.from_function(widgets)
    app.session_state["token"] = new_token()
    app.run()
    return app


def test_values_return_with_their_widgets(app):
    app.text_input(key="free").set_value("mine").run()
    app.slider(key="bound").set_value(5).run()
    app.checkbox(key="shown").uncheck().run()
    app.checkbox(key="shown").check().run()
    assert (app.text_input(key="free").value, app.slider(key="bound").value) == ("mine", 5)


def test_a_value_can_be_set_back_to_its_default(app):
    app.slider(key="bound").set_value(5).run()
    app.slider(key="bound").set_value(1).run()
    assert app.slider(key="bound").value == 1
    app.run()
    assert app.slider(key="bound").value == 1
    assert not app.exception
