"""Lesson links: what they contain survives the way through an address."""

from urllib.parse import parse_qs, urlsplit

import pytest

from core.lessons import LessonLink

LINK = LessonLink(
    "classify",
    {"preset": "overfit", "augment": ("shift", "rotate")},
    task="Find the epoch at which the validation loss turns. Why does it turn?",
    tabs=("Training", "Confusion matrix"),
    controls=("classify_lr",),
    solutions=False,
)


def query_of(link: LessonLink) -> dict[str, list[str]]:
    return parse_qs(urlsplit(link.address).query)


def test_an_address_contains_all_parts_of_a_link():
    assert urlsplit(LINK.address).path == "classify"
    assert query_of(LINK) == {
        "preset": ["overfit"],
        "augment": ["shift", "rotate"],
        "task": [LINK.task],
        "tabs": ["Training,Confusion matrix"],
        "controls": ["classify_lr"],
        "solutions": ["closed"],
    }


@pytest.mark.parametrize(
    "link",
    [
        LINK,
        LessonLink("memorize"),
        LessonLink("memorize", tabs=(), controls=()),
        LessonLink("autograd", task="50 % & more? <b>#1</b> [x](y)"),
    ],
)
def test_a_link_is_read_back_from_its_address(link):
    query = {name: values[0] for name, values in query_of(link).items()}
    assert LessonLink.from_query(link.page, query, link.settings) == link


def test_an_address_without_parts_is_the_page():
    assert LessonLink("memorize").address == "memorize"


@pytest.mark.parametrize(
    "task", ["", "One sentence", "Look at epoch 0.5. Then stop!", "Is it 1.5? Yes.", "“Why?” Say it."]
)
def test_a_task_of_at_most_two_sentences_is_accepted(task):
    assert LessonLink("memorize", task=task).task == task


@pytest.mark.parametrize(
    ("task", "message"),
    [("One. Two. Three.", "two sentences, but this one has 3"), ("a" * 241, "240 characters, but this one has 241")],
)
def test_a_longer_task_is_refused(task, message):
    with pytest.raises(ValueError, match=message):
        LessonLink("memorize", task=task)


def test_line_breaks_in_a_task_become_spaces():
    assert LessonLink("memorize", task=" Train.\n Watch. ").task == "Train. Watch."
