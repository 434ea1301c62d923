"""Pages of a class: joining, what covers them, what is closed and locked, and the Class page."""

import json
import math
from urllib.parse import parse_qsl, urlencode

import pytest
from streamlit.testing.v1 import AppTest

from app import PAGES
from core.autograd.faults import FAULTS
from core.classify import ClassifyConfig
from core.classroom import CHOICE, CURVE, NUMBER, Axes, ClassAccess, Lock, Question
from core.classroom.questions import check_answer, check_question
from core.memorize import MemorizeConfig
from core.plane import PlaneConfig
from core.runs import PermissionDenied, RunAccess, Visitor, get_dispatcher
from core.runs.identity import hash_token, new_token
from pages.ui.classroom import ask_button, asking, places, results, tiles
from pages.ui.classroom.session import class_store
from tests.pages.conftest import PROJECT, button, html_of
from tests.runs import wait_for

CODE, PASSWORD = "PAGES", "correct horse"
CHOICES = Question(CHOICE, "What happens?", ("It falls", "It rises"), truth=1)


@pytest.fixture
def teacher():
    """The teacher of an open class."""
    dispatcher = get_dispatcher()
    dispatcher.teacher_auth.password = PASSWORD
    visitor = Visitor(hash_token(new_token()), classroom=CODE, teacher=True)
    dispatcher.teacher_auth.login(visitor.id, PASSWORD)
    access = ClassAccess(dispatcher, visitor, class_store())
    access.open_class(CODE, "Physics")
    yield access
    access.delete_class()
    dispatcher.teacher_auth.logout(visitor.id)
    dispatcher.teacher_auth.password = ""


@pytest.fixture
def student(open_page, teacher):
    """student("memorize", nickname="Ann") opens a page as a new member of the class."""

    def student(name="memorize", nickname="Ann", **query):
        app = open_page(name, **{"class": CODE, **query})
        app.text_input(key="join_nickname").set_value(nickname)
        button(app, "Join").click()
        return app.run()

    return student


def headings(app):
    return [heading.value for heading in app.header]


def tab_labels(app):
    return [tab.label for tab in app.tabs]


def component_data(app, name):
    [component] = [each for each in app.get("bidi_component") if each.proto.component_name == f"dashboard.{name}"]
    return json.loads(component.proto.json)


def is_above_the_chart(app, label):
    """Return whether a button is visible however high the chart is."""
    order = [each.label if each.type == "button" else each.type for each in app.main]
    return order.index(label) < order.index("vega_lite_chart")


def owner_of(app):
    return hash_token(app.session_state["token"])


def log_in(app, teacher):
    """Make the visitor of the app a teacher, as the password does."""
    teacher.dispatcher.teacher_auth.login(owner_of(app), PASSWORD)
    return app.run()


# Joining


@pytest.mark.parametrize("name", ["home", "memorize", "classify", "plane", "autograd", "runs", "classroom"])
def test_every_page_asks_for_a_nickname_before_it_opens(open_page, teacher, name):
    app = open_page(name, **{"class": CODE})
    assert headings(app) == [f"Class {CODE}: Physics"]
    assert not app.tabs
    assert not app.slider


def test_a_student_joins_and_sees_the_page(student, teacher):
    app = student()
    assert "Training" in tab_labels(app)
    assert any(f"{CODE} · Ann" in text.value for text in app.markdown)
    assert [member.nickname for member in teacher.state().members.values()] == ["Ann"]


def test_a_taken_nickname_is_refused_with_a_reason(student, teacher):
    student(nickname="Ann")
    app = student(nickname="ANN")
    assert "called" in app.toast[0].value
    assert headings(app) == [f"Class {CODE}: Physics"]


def test_a_visitor_to_a_class_that_is_not_open_sees_the_page(open_page):
    app = open_page("memorize", **{"class": "NOBODY"})
    assert "Training" in tab_labels(app)
    assert app.session_state["classroom"] == "NOBODY"


def test_the_class_is_kept_by_the_browser(open_page, student, teacher):
    app = student()
    token = app.session_state["token"]
    again = open_page("home")
    again.session_state["token"] = token
    del again.session_state["kept_classroom"], again.session_state["classroom"]
    again.run()
    assert again.session_state["classroom"] == CODE
    assert any(f"{CODE} · Ann" in text.value for text in again.markdown)


def test_a_mistyped_class_loses_nothing(student):
    app = student()
    app.query_params["class"] = "NOBODY"
    app.run()
    assert app.session_state["classroom"] == CODE
    assert "You stay in class" in app.toast[0].value


def test_home_has_a_field_for_the_class_code(open_page, teacher):
    app = open_page("home")
    app.text_input(key="home_code").set_value(CODE.lower()).run()
    assert headings(app) == [f"Class {CODE}: Physics"]


def test_a_student_who_is_in_the_wrong_class_goes_on_without_one(open_page, teacher):
    app = open_page("memorize", **{"class": CODE})
    button(app, "This is not my class").click()
    app.run()
    assert "Training" in tab_labels(app)
    assert app.session_state["classroom"] == ""


def test_a_student_calls_for_help(student, teacher):
    app = student()
    button(app, "I need help").click()
    app.run()
    [member] = teacher.state().members.values()
    assert member.help_wanted
    button(app, "Help requested").click()
    app.run()
    [member] = teacher.state().members.values()
    assert not member.help_wanted


def test_a_new_nickname_is_on_the_student_s_next_runs(student, teacher):
    app = student()
    teacher.rename_member(owner_of(app), "Robin")
    app.run()
    assert app.session_state["nickname"] == "Robin"


def test_the_nickname_on_the_runs_page_is_unique_too(student, teacher):
    student(nickname="Ann")
    app = student("runs", nickname="Bob")
    app.text_input(key="nickname_typed").set_value("Ann").run()
    assert "called" in app.toast[0].value
    assert teacher.state().members[owner_of(app)].nickname == "Bob"


# Covers


@pytest.mark.parametrize("name", ["home", "memorize", "classify", "plane", "autograd", "runs", "classroom"])
def test_eyes_up_covers_every_page(student, teacher, name):
    app = student(name)
    teacher.cover()
    app.run()
    assert headings(app) == ["Eyes up"]
    assert not app.tabs
    teacher.uncover()
    app.run()
    assert headings(app) != ["Eyes up"]


def test_a_covered_page_keeps_its_settings_and_its_tab(student, teacher):
    app = student()
    app.select_slider(key="hidden_size").set_value(32)
    app.session_state["tab"] = "Gates"
    app.run()
    teacher.cover()
    app.run()
    app.run()
    teacher.uncover()
    app.run()
    assert app.select_slider(key="hidden_size").value == 32
    assert app.session_state["tab"] == "Gates"


def test_a_run_that_was_started_while_the_cover_was_on_its_way_is_held(student, teacher):
    app = student()
    teacher.cover()
    visitor = Visitor(owner_of(app), "Ann", CODE)
    run_id = RunAccess(teacher.dispatcher, visitor).submit(MemorizeConfig("hello", epochs=5_000))
    app.run()
    assert teacher.dispatcher.store.run(run_id).pause_requested
    teacher.uncover()
    assert not teacher.dispatcher.store.run(run_id).pause_requested
    teacher.dispatcher.store.stop(run_id)


@pytest.mark.parametrize("name", ["memorize", "classify", "plane", "autograd", "runs"])
def test_a_closed_page_cannot_be_opened_by_its_address(student, teacher, name):
    teacher.change_settings(closed=(name,))
    app = student(name)
    assert headings(app) == ["Closed"]
    assert not app.tabs


@pytest.mark.parametrize(
    ("name", "tab"), [("memorize", "Gates"), ("classify", "Diagnostics"), ("autograd", "Exercises")]
)
def test_a_closed_tab_cannot_be_opened_by_its_address(student, teacher, name, tab):
    teacher.change_settings(closed=(f"{name}/{tab}",))
    app = student(name, tab=tab)
    assert tab not in tab_labels(app)
    assert app.session_state["tab"] != tab


def test_a_closed_page_cannot_be_reached_through_another_class(student, teacher):
    teacher.open_class("FREE", "No rules")
    app = student("autograd")
    teacher.change_settings(closed=("autograd",))
    for code in ("FREE", "NOBODY"):
        app.query_params["class"] = code
        app.run()
        assert headings(app) == ["Closed"]
    teacher.classes.delete("FREE")


@pytest.mark.parametrize("page", ["memorize", "classify", "plane", "autograd"])
def test_the_teacher_s_list_of_tabs_is_that_of_the_page(open_page, page):
    app = open_page(page)
    labels = tab_labels(app)
    assert labels[1 : len(places.TABS[page]) + 1] == places.TABS[page]


def test_a_teacher_is_not_covered(student, teacher):
    app = log_in(student(), teacher)
    teacher.cover()
    teacher.change_settings(closed=("memorize",))
    app.run()
    assert "Training" in tab_labels(app)


# Leading


def destination(app):
    """Return the address that the browser is told to load; None if there is none."""
    found = [each for each in app.get("bidi_component") if each.proto.component_name == "go_to_address"]
    return json.loads(found[0].proto.json) if found else None


def load(app, address):
    """Load the address in the same browser, as a new session."""
    page, _, query = address.partition("?")
    fresh = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=120)
    fresh.session_state["token"] = app.session_state["token"]
    fresh.run()
    if page != "./":
        fresh.switch_page(f"pages/{page}.py")
    for name, value in parse_qsl(query):
        fresh.query_params[name] = value
    return fresh.run()


def test_a_member_follows_the_teacher_leaves_and_comes_back(student, teacher):
    app = student("autograd")
    teacher.lead("memorize", "hidden_size=16&tab=Cell")
    address = destination(app.run())
    assert address.startswith("memorize?hidden_size=16&tab=Cell&")
    assert not app.tabs
    app = load(app, address)
    assert (app.select_slider(key="hidden_size").value, app.session_state["tab"]) == (16, "Cell")
    assert destination(app) is None
    teacher.lead("memorize", "hidden_size=32")
    app = load(app, destination(app.run()))
    assert app.select_slider(key="hidden_size").value == 32
    button(app, "Stop following").click()
    app = load(app, destination(app.run()))
    assert tab_labels(app)[0] == "Formula"
    assert destination(app) is None
    button(app, "Follow the teacher").click()
    app = load(app, destination(app.run()))
    assert app.select_slider(key="hidden_size").value == 32
    teacher.stop_leading()
    assert "Stop following" not in {each.label for each in app.run().button}


@pytest.mark.parametrize(
    "back", ["https://example.com/?x", "javascript:alert(1)//?", "//example.com?", "\\\\example.com?"]
)
def test_leaving_never_opens_another_server(student, teacher, back):
    app = student("memorize")
    teacher.lead("memorize", "hidden_size=16")
    app = load(app, "memorize?" + urlencode({"class": CODE, "move": "1", "back": back}))
    button(app, "Stop following").click()
    assert destination(app.run()) is None
    assert "Training" in tab_labels(app)


def test_the_teacher_s_page_is_published_when_it_changes(open_page, teacher):
    app = log_in(open_page("memorize", **{"class": CODE}), teacher)
    button(app, "Follow me").click()
    app.run()
    assert teacher.state().settings.follow_page == "memorize"
    app.select_slider(key="hidden_size").set_value(32)
    app.query_params["hidden_size"] = "32"  # the browser sets it
    app.run()
    settings = teacher.state().settings
    assert (settings.follow_query, settings.follow_number) == ("hidden_size=32", 2)


def test_two_tabs_of_the_teacher_do_not_pull_the_class_back_and_forth(open_page, teacher):
    first = log_in(open_page("memorize", **{"class": CODE}), teacher)
    button(first, "Follow me").click()
    first.run()
    second = log_in(open_page("classify", **{"class": CODE}), teacher)
    second.run()
    moved = teacher.state().settings
    assert moved.follow_page == "classify"
    first.run()
    second.run()
    assert teacher.state().settings == moved


# Locks


def test_a_locked_control_keeps_the_class_s_value(student, teacher):
    teacher.change_settings(locks=(Lock("hidden_size", 16), Lock("memorize_lr", 0.05, hidden=True)))
    app = student(hidden_size="128", memorize_lr="0.5")
    assert (app.select_slider(key="hidden_size").value, app.select_slider(key="memorize_lr").value) == (16, 0.05)
    app.select_slider(key="hidden_size").set_value(256).run()  # forged: the browser does not let students do it
    assert app.select_slider(key="hidden_size").value == 16
    style = html_of(app)
    assert ".st-key-hidden_size { pointer-events: none" in style
    assert ".st-key-memorize_lr { display: none" in style


def test_every_control_that_can_be_locked_takes_its_default(student, teacher):
    teacher.change_settings(locks=tuple(Lock(key, control.default) for key, control in places.CONTROLS.items()))
    for page in ("memorize", "classify", "plane"):
        app = student(page, nickname=page)
        assert not app.exception
        for key, control in places.CONTROLS.items():
            if control.page == page:
                assert app.session_state[key] == control.default


# Questions


def test_a_question_covers_the_page_until_it_is_answered(student, teacher):
    app, other = student(), student(nickname="Bob")
    teacher.ask(CHOICES)
    for each in (app, other):
        each.run()
        assert headings(each) == ["What happens?"]
        assert not each.tabs
    app.radio[0].set_value(0)
    button(app, "Answer").click()
    app.run()
    assert "Training" in tab_labels(app)
    assert any("Answered" in text.value for text in app.markdown)
    assert headings(other) == ["What happens?"]
    teacher.reveal()
    for each in (app, other):
        each.run()
        assert any("It rises" in text.value for text in each.markdown)
        assert is_above_the_chart(each, "Continue")
        button(each, "Continue").click()
        each.run()
        assert "Training" in tab_labels(each)


def test_the_second_vote_covers_the_page_again(student, teacher):
    app = student()
    teacher.ask(CHOICES)
    for answer in (0, 1):
        app.run()
        app.radio[0].set_value(answer)
        button(app, "Answer").click()
        app.run()
        assert "Training" in tab_labels(app)
        if answer == 0:
            teacher.vote_again()
    teacher.reveal()
    app.run()
    assert teacher.results().rounds == ((0,), (1,))
    assert any("second vote: **It rises**" in text.value for text in app.caption)


def test_an_empty_answer_is_not_sent(student, teacher):
    app = student()
    teacher.ask(Question(NUMBER, "How many?"))
    app.run()
    button(app, "Answer").click()
    app.run()
    assert headings(app) == ["How many?"]
    assert teacher.answer_counts() == {}


def test_a_question_for_a_curve_shows_an_empty_chart(student, teacher):
    app = student()
    teacher.ask(Question(CURVE, "How will it fall?", axes=Axes("Step", "Loss", 50, 2)))
    app.run()
    assert component_data(app, "sketch")["x_title"] == "Step"


def test_an_answer_survives_a_new_session(student, open_page, teacher):
    app = student()
    teacher.ask(CHOICES)
    app.run()
    app.radio[0].set_value(0)
    button(app, "Answer").click()
    app.run()
    again = open_page("memorize")
    again.session_state["token"] = app.session_state["token"]
    del again.session_state["kept_classroom"], again.session_state["classroom"]
    again.run()
    assert "Training" in tab_labels(again)
    assert any("Answered" in text.value for text in again.markdown)


# The Class page


def test_a_teacher_logs_in_and_opens_a_class(open_page, teacher):
    app = open_page("classroom")
    assert not [each for each in app.button if each.label == "Open the class"]
    app.text_input(key="password_typed").set_value(PASSWORD).run()
    app.text_input(key="new_class_code").set_value("new1")
    app.text_input(key="new_class_name").set_value("Chemistry")
    button(app, "Open the class").click()
    app.run()
    assert teacher.classes.state("NEW1").name == "Chemistry"
    assert tab_labels(app) == ["Live", "Question", "Join", "Rules", "Members"]
    teacher.classes.delete("NEW1")


def test_a_teacher_who_was_logged_out_logs_in_again(open_page, teacher):
    app = open_page("classroom", **{"class": CODE})
    app.text_input(key="password_typed").set_value(PASSWORD).run()
    assert tab_labels(app) == ["Live", "Question", "Join", "Rules", "Members"]


@pytest.fixture
def class_page(open_page, teacher):
    """class_page(...) opens the Class page as a teacher."""

    def class_page(**query):
        app = log_in(open_page("classroom"), teacher)
        for name, value in {"class": CODE, **query}.items():
            app.query_params[name] = value
        return app.run()

    return class_page


def test_the_teacher_sees_a_tile_per_student(class_page, student, teacher, monkeypatch):
    monkeypatch.setattr("core.classroom.tiles.PRESENT_SECONDS", 3_600.0)  # however slow the machine is
    student("memorize", "Ann").run()
    student("autograd", "Bob").run()
    shown = component_data(class_page(), "tiles")
    assert {tile["name"] for tile in shown["tiles"]} == {"Ann", "Bob"}
    assert "2 here" in shown["summary"]


def test_a_student_who_calls_for_help_keeps_a_tile_while_away(class_page, student, teacher, monkeypatch):
    monkeypatch.setattr("core.classroom.tiles.PRESENT_SECONDS", 0.0)
    student("memorize", "Ann").run()
    student("autograd", "Bob").run()
    [ann] = [member for member in teacher.state().members.values() if member.nickname == "Ann"]
    teacher.classes.set_help(CODE, ann.owner, True)
    shown = component_data(class_page(), "tiles")
    assert [(tile["name"], tile["place"], tile["help"]) for tile in shown["tiles"]] == [("Ann", "Away", True)]
    assert "1 calling for help" in shown["summary"]


def test_tiles_name_the_pages_as_the_navigation_does():
    assert {address: title for address, title, _ in PAGES}.items() <= tiles.PAGES.items()


def test_names_are_hidden_on_the_projector_and_when_the_teacher_wants_it(class_page, student, teacher):
    student("memorize", "Ann").run()
    [member] = teacher.state().members.values()
    shown = json.dumps(component_data(class_page(view="projector"), "tiles"))
    assert "Ann" not in shown
    assert member.neutral_name in shown
    teacher.change_settings(hide_names=True)
    assert "Ann" not in json.dumps(component_data(class_page(), "tiles"))


@pytest.mark.parametrize("config", [MemorizeConfig("hello", epochs=5_000), ClassifyConfig(), PlaneConfig()])
def test_the_teacher_looks_at_a_run_without_changing_it(class_page, student, teacher, config):
    visitor = Visitor(owner_of(student("memorize", "Ann")), "Ann", CODE)
    run_id = RunAccess(teacher.dispatcher, visitor).submit(config)
    app = class_page()
    app.session_state[tiles.OPENED] = run_id
    app.run()
    assert any("**Ann**" in text.value for text in app.markdown)
    assert not tab_labels(app)
    assert [text.value for text in app.caption if text.value.startswith("This run:")]
    assert {each.label for each in app.button} & {"Train", "Pause", "Stop", "Use its settings"} == set()
    button(app, "Back to the class").click()
    app.run()
    assert tab_labels(app)
    teacher.dispatcher.store.stop(run_id)


def test_the_teacher_cannot_edit_the_network_of_a_run_that_a_tile_has_opened(class_page, student, teacher):
    """The page would change nothing, because edits go to the run of the page Points."""
    visitor = Visitor(owner_of(student("plane", "Ann")), "Ann", CODE)
    points = ((0.0, 0.0, 0), (1.0, 1.0, 1), (1.0, 0.0, 0), (0.0, 1.0, 1))
    run_id = RunAccess(teacher.dispatcher, visitor).submit(PlaneConfig(dataset="own", points=points, epochs=2_000))
    wait_for(lambda: teacher.dispatcher.store.events(run_id))
    app = class_page()
    app.session_state[tiles.OPENED] = run_id
    shown = component_data(app.run(), "network")
    assert (shown["run"], shown["canEdit"], shown["drawing"]) == (run_id, False, None)
    teacher.dispatcher.store.stop(run_id)


@pytest.mark.parametrize("tab", ["Live", "Question", "Join", "Rules", "Members"])
@pytest.mark.parametrize("view", ["", "projector"])
def test_every_tab_of_the_class_page_opens(class_page, student, teacher, tab, view):
    student("memorize", "Ann").run()
    app = class_page(class_tab=tab, view=view)
    assert not app.exception
    assert not app.error


def test_the_projector_never_shows_answers_before_the_reveal(class_page, student, teacher):
    app = student()
    teacher.ask(CHOICES)
    app.run()
    app.radio[0].set_value(0)
    button(app, "Answer").click()
    app.run()
    projector = class_page(class_tab="Question", view="projector")
    assert any("1 of 1 have answered" in text.value for text in projector.markdown)
    assert not projector.get("vega_lite_chart")
    button(projector, "Reveal").click()
    projector.run()
    assert is_above_the_chart(projector, "Second vote")
    assert is_above_the_chart(projector, "End the question")


def test_the_teacher_asks_a_typed_question(class_page, teacher):
    app = class_page(class_tab="Question")
    app.text_area(key="ask_text").set_value("Which way?")
    app.text_area(key="ask_options").set_value("Left\nRight").run()
    app.selectbox(key="ask_choice").set_value("Right")
    button(app, "Ask the class").click()
    app.run()
    state = teacher.state()
    assert (state.question.text, state.question.options, state.question.truth) == ("Which way?", ("Left", "Right"), 1)
    button(app, "End the question").click()
    app.run()
    assert teacher.question() is None


@pytest.mark.parametrize(
    ("page", "label", "kind"),
    [
        ("memorize", "Ask for the loss curve", CURVE),
        ("classify", "Ask for the loss curve", CURVE),
        ("plane", "Ask for the loss curve", CURVE),
        ("autograd", "Ask the class this question", CHOICE),
    ],
)
def test_the_teacher_asks_a_ready_question_from_its_page(open_page, teacher, page, label, kind):
    app = open_page(page, tab="Break-it lab", **{"class": CODE})
    assert label not in {each.label for each in app.button}
    log_in(app, teacher)
    button(app, label).click()
    app.run()
    assert teacher.state().question.kind == kind


@pytest.mark.parametrize(
    ("config", "title", "guessing"),
    [
        (PlaneConfig(), "Loss", math.log(2)),
        (PlaneConfig(dataset="blobs", classes=5), "Loss", math.log(5)),
        (PlaneConfig("regression", "surface", formula="10", noise=0.0), "Mean squared error", 100),
        (ClassifyConfig(), "Loss", math.log(10)),
    ],
)
def test_the_chart_for_a_loss_curve_has_room_for_guessing(config, title, guessing):
    axes = ask_button.loss_axes(config)
    assert axes.y_title == title
    assert guessing < axes.y_max < 1.5 * guessing


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_question_of_every_case_can_be_asked(fault):
    options = tuple(fault.question.replies)
    check_question(Question(CHOICE, fault.question.text, options, truth=options.index(fault.question.answer)))


def test_the_teacher_closes_pages_and_locks_controls(class_page, teacher):
    app = class_page(class_tab="Rules")
    button(app, "Close all but Memorize").click()
    app.run()
    assert set(teacher.state().settings.closed) == places.PAGES.keys() - {"memorize"}
    app.multiselect(key="conduct_locked").set_value(["hidden_size"]).run()
    app.toggle(key="conduct_board").set_value(True).run()
    settings = teacher.state().settings
    assert settings.locks == (Lock("hidden_size", places.CONTROLS["hidden_size"].default),)
    assert settings.leaderboard


def test_a_change_of_one_rule_keeps_what_another_tab_has_changed(class_page, teacher):
    app = class_page(class_tab="Rules")
    teacher.change_settings(closed=("autograd",), locks=(Lock("hidden_size", 16),))
    app.toggle(key="conduct_board").set_value(True).run()
    settings = teacher.state().settings
    assert (settings.closed, settings.locks, settings.leaderboard) == (("autograd",), (Lock("hidden_size", 16),), True)


def test_a_locked_sentence_is_shown_as_it_was_typed(class_page, teacher):
    teacher.change_settings(locks=(Lock("sentence", "![x](https://example.com/x.png)"),))
    shown = [text.value for text in class_page(class_tab="Rules").caption]
    assert not any("![x](" in text for text in shown)
    assert any("example" in text for text in shown)


def test_the_name_on_the_members_tab_is_that_of_the_class(class_page, teacher):
    app = class_page(class_tab="Members")
    teacher.open_class("OTHER", "Chemistry")
    app.query_params["class"] = "OTHER"
    app.run()
    assert [field.value for field in app.text_input if field.label == "Name of the class"] == ["Chemistry"]
    teacher.classes.delete("OTHER")


class ConductedClass:
    """Stands for a teacher's access to the class."""

    def __init__(self, losses):
        self.losses, self.revealed = losses, None

    def curve(self, run_id):
        return self.losses

    def reveal(self, truth):
        self.revealed = check_answer(Question(CURVE, "How?", axes=Axes()), truth)


def test_losses_above_the_chart_can_be_revealed(monkeypatch):
    conducted = ConductedClass([(1, 1e30), (50, 2.0)])
    monkeypatch.setattr(asking, "class_access", lambda: conducted)
    asking.reveal_run(Axes(), "run")
    assert max(height for height in conducted.revealed if height is not None) == 3.0


@pytest.mark.parametrize("losses", [[], [(1, 2.0)]])
def test_a_run_without_losses_cannot_be_revealed(monkeypatch, losses):
    monkeypatch.setattr(asking, "class_access", lambda: ConductedClass(losses))
    with pytest.raises(ValueError, match="This run has no loss curve"):
        asking.reveal_run(Axes(), "run")


def test_a_question_that_changes_while_its_answers_are_drawn_breaks_no_page(class_page, student, teacher, monkeypatch):
    app, projector = student(), class_page(class_tab="Question", view="projector")
    teacher.ask(CHOICES)
    teacher.reveal()

    def changed(access):
        raise PermissionDenied("The answers are covered until your teacher reveals them.")

    monkeypatch.setattr(ClassAccess, "results", changed)
    assert not app.run().exception
    assert not projector.run().exception


def test_a_long_choice_is_shown_as_a_whole():
    choice = "It stays where it is, because the gradients become ten times as small"
    chart = results.choice_chart(Question(CHOICE, "What?", ("It falls", choice), truth=1), ((1,), (0,))).to_dict()
    [bars, _] = chart["layer"]
    lines = bars["encoding"]["y"]["sort"][1].split("\n")
    assert " ".join(lines) == f"✓ {choice}"
    assert max(map(len, lines)) <= results.LABEL_WIDTH
    assert chart["height"] >= 2 * len(lines) * results.LINE_HEIGHT
    axis = bars["encoding"]["y"]["axis"]
    assert axis["labelExpr"] == results.LABEL_LINES
    assert axis["labelOverlap"] is False  # or Vega hides labels beside one of several lines


def test_the_bars_of_a_histogram_reach_down_to_0():
    question = Question(NUMBER, "How many?", truth=46.0)
    [bars, _] = results.number_chart(question, ((40.0, 45.0, 50.0, 60.0, 1e6),)).to_dict()["layer"]
    assert bars["encoding"]["y2"] == {"datum": 0}
    assert bars["encoding"]["x"]["scale"]["domain"][1] < 100  # without the outlier


def test_the_teacher_renames_a_member(class_page, student, teacher):
    app = student(nickname="Rude")
    page = class_page(class_tab="Members")
    page.text_input(key=f"member_name {owner_of(app)}").set_value("Robin")
    button(page, "Rename").click()
    page.run()
    assert teacher.state().members[owner_of(app)].nickname == "Robin"


def test_the_leaderboard_is_shown_if_the_class_has_one(student, teacher):
    app = student("runs")
    assert "Leaderboard" not in headings(app)
    teacher.change_settings(leaderboard=True)
    app.run()
    assert "Leaderboard" in headings(app)


def test_eyes_up_is_on_every_page_of_the_teacher(open_page, teacher):
    app = open_page("memorize", **{"class": CODE})
    log_in(app, teacher)
    button(app, "Eyes up").click()
    app.run()
    assert teacher.state().settings.eyes_up
    button(app, "Release").click()
    app.run()
    assert not teacher.state().settings.eyes_up


def test_a_student_sees_no_button_of_the_teacher(student):
    for page in ("memorize", "classroom"):
        labels = {each.label for each in student(page, nickname=page).button}
        assert not labels & {"Eyes up", "Follow me", "Reveal", "Open the class"}


def test_leaving_the_class_forgets_it(student, teacher):
    app = student("classroom")
    button(app, "Leave").click()
    app.run()
    assert app.session_state["classroom"] == ""
    assert not teacher.state().members
    assert teacher.dispatcher.store.visitor_class(owner_of(app)) == ""
