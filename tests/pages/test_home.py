"""The home page: the recorded run, the doors, and what is below them."""

import json

from core.memorize import recording
from core.text import graphemes


def test_home_plays_the_recorded_run_above_its_doors(open_page):
    app = open_page("home")
    (player,) = app.get("bidi_component")
    data = json.loads(player.proto.json)
    recorded = recording.load()
    assert data["sentence"] == graphemes(recorded.sentence)
    assert data["losses"] == recorded.losses
    assert ["".join(text) for text in data["texts"]] == recorded.texts
    assert 3 < data["guessing"] < 3.2
    labels = [link.proto.label for link in app.get("page_link")]
    assert [label.split()[-1] for label in labels[:4]] == ["Memorize", "Classify", "Points", "Autograd"]
    assert labels[4:] == ["Lessons", "Everyone's runs"]


def test_home_has_no_title_as_high_as_the_player(open_page):
    assert not open_page("home").title
