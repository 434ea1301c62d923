"""The page Lessons, and every link of every lesson: it opens a page that is set as the lesson says."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from core.classroom import ClassAccess
from core.classroom import Question as ClassQuestion
from core.classroom.questions import check_question
from core.lessons import LessonLink, load_lessons
from core.runs import Visitor, get_dispatcher
from core.runs.identity import hash_token
from pages.ui.address import CONTROLS, means
from pages.ui.classroom.session import class_store
from pages.ui.lessons.plan import class_question
from pages.ui.markdown import escape_markdown
from tests.pages.conftest import PROJECT, button, html_of

LESSONS = load_lessons()
LINKS = {f"{lesson.name}: {name}": link for lesson in LESSONS.values() for name, link in lesson.links.items()}
QUESTIONS = {f"{lesson.name}: {name}": asked for lesson in LESSONS.values() for name, asked in lesson.questions.items()}
PASSWORD = "correct horse"


@pytest.mark.parametrize("link", LINKS.values(), ids=list(LINKS))
def test_a_link_opens_its_page_as_it_says(open_page, link: LessonLink):
    app = open_page(link.page, **link.query)
    assert not app.exception
    assert not app.error
    assert not [warning.value for warning in app.warning]
    state = app.session_state
    for name, value in link.settings.items():
        assert name in state, f"{name} is not a setting of the tab that is open"
        if isinstance(value, tuple):
            assert tuple(state[name]) == value
        else:
            assert means(value, state[name]), (name, value, state[name])
    tabs = [tab.label for tab in app.tabs if tab.label in (link.tabs or ())]
    assert link.tabs is None or sorted(tabs) == sorted(link.tabs)
    assert link.tabs is None or link.settings.get("tab", link.tabs[0]) in link.tabs
    if link.task:
        assert any("**Task.**" in each.value for each in app.markdown)
    hidden = set() if link.controls is None else set(CONTROLS[link.page]) - set(link.controls)
    style = html_of(app)
    for name in CONTROLS[link.page]:
        rule = f'[class*="st-key-{name}"]' if name.endswith("_") else f".st-key-{name}, "
        assert (rule in style) == (name in hidden)


@pytest.mark.parametrize("asked", QUESTIONS.values(), ids=list(QUESTIONS))
def test_every_question_can_be_asked_in_a_class(asked):
    question = class_question(asked)
    assert check_question(question) == question
    assert question.truth is not None
    if asked.kind == "choice":
        assert asked.options[question.truth] == asked.truth


def test_the_page_can_be_the_first_that_a_new_server_opens():
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=120).run()
    app.switch_page("pages/lessons.py").run()
    assert app.title[0].value == next(iter(LESSONS.values())).title
    assert "stMainBlockContainer" in html_of(app), "app.py adds its style"


def links_on(app) -> list[str]:
    """Return the addresses of all link buttons."""
    return [json.loads(repr(element.proto.url).replace("'", '"')) for element in app.get("link_button")]


@pytest.fixture
def password(open_page):
    """Give the server a teacher password."""
    auth = get_dispatcher().teacher_auth
    auth.password = PASSWORD
    yield auth
    auth.password = ""


def log_in(app) -> None:
    visitor_id = hash_token(app.session_state["token"])
    get_dispatcher().teacher_auth.login(visitor_id, PASSWORD)
    app.run()


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=list(LESSONS))
def test_a_plan_shows_all_parts_links_and_questions(open_page, lesson):
    app = open_page("lessons", lesson=lesson.title)
    assert app.title[0].value == lesson.title
    assert [part.title for part in lesson.parts] == [each.value.partition(" :gray")[0] for each in app.subheader]
    addresses = [urlsplit(url) for url in links_on(app)]
    found = [(address.path.rpartition("/")[2], parse_qs(address.query)) for address in addresses]
    for link in lesson.links.values():
        expected = {key: [value] if isinstance(value, str) else list(value) for key, value in link.query.items()}
        assert (link.page, expected) in found
    texts = " ".join(each.value for each in app.markdown)
    for asked in lesson.questions.values():
        assert escape_markdown(asked.text) in texts
    assert {each.label for each in app.get("download_button")} >= {"Worksheet", "Answer key"}


def test_a_student_sees_no_plan_no_answers_and_no_key(open_page, password):
    lesson = next(iter(LESSONS.values()))
    app = open_page("lessons", lesson=lesson.title)
    everything = str(app.main) + html_of(app)
    assert not app.subheader
    assert [each.label for each in app.get("download_button")] == ["Worksheet"]
    for asked in lesson.questions.values():
        assert asked.why not in everything
    for link in lesson.links.values():
        assert any(link.page in url for url in links_on(app))
    log_in(app)
    assert [each.label for each in app.get("download_button")] == ["Worksheet", "Answer key"]
    assert app.subheader


def test_a_student_cannot_make_links(open_page, password):
    app = open_page("memorize")
    assert not [each for each in app.button if each.key == "lesson_link"]
    log_in(app)
    assert [each for each in app.button if each.key == "lesson_link"]


@pytest.fixture
def conducted(open_page, password):
    """Return a teacher's page Lessons with the open class LESSON, and its access."""
    app = open_page("lessons", **{"class": "LESSON"})
    log_in(app)
    dispatcher = get_dispatcher()
    visitor = Visitor(hash_token(app.session_state["token"]), classroom="LESSON", teacher=True)
    access = ClassAccess(dispatcher, visitor, class_store())
    access.open_class("LESSON", "Physics")
    app.run()
    yield app, access
    access.delete_class()


def test_a_teacher_asks_a_question_of_the_lesson(conducted):
    app, access = conducted
    name, asked = next(iter(next(iter(LESSONS.values())).questions.items()))
    app.button(key=f"ask_{name}").click().run()
    question = access.question()
    assert (question.text, question.options) == (asked.text, asked.options)
    assert isinstance(question, ClassQuestion)


def test_a_link_that_is_given_to_the_class_is_opened_by_its_members(conducted, open_page):
    app, access = conducted
    name, link = next(iter(next(iter(LESSONS.values())).links.items()))
    app.button(key=f"give_{name}").click().run()
    assert [(each.name, each.address) for each in access.settings().links or access.state().settings.links] == [
        ("Today", link.address)
    ]
    stranger = open_page("home", **{"class": "LESSON"})
    assert not links_on(stranger)
    member_id = hash_token(stranger.session_state["token"])
    class_store().join("LESSON", member_id, "Ada")
    stranger.run()
    assert [url.rpartition("/")[2].partition("?")[0] for url in links_on(stranger)] == [link.page]
    assert not [each for each in stranger.button if each.label == "Remove"], "only its teacher removes it"
    app.run()
    button(app, "Remove").click().run()
    stranger.run()
    assert not links_on(stranger)


def test_only_the_teacher_of_an_open_class_downloads_its_answers(conducted, open_page):
    app, _ = conducted
    assert "Answers as CSV" in [each.label for each in app.get("download_button")]
    student = open_page("lessons", **{"class": "LESSON"})
    assert "Answers as CSV" not in [each.label for each in student.get("download_button")]


@pytest.mark.parametrize(("controls", "is_open"), [("train_size", True), ("hidden", False)])
def test_an_expander_is_open_if_the_link_leaves_one_of_its_settings(open_page, controls, is_open):
    app = open_page("classify", controls=controls)
    assert {each.label: each.proto.expanded for each in app.expander}["Training data"] == is_open
