"""Addresses: lesson links set a page and hide parts of it, and what a page does not know is reported."""

import ast
from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest

from core.lessons import LessonLink
from pages.ui.address import is_known
from pages.ui.markdown import WORD_JOINER
from tests.pages.conftest import PROJECT, html_of


def problems(app) -> list[str]:
    return [
        warning.value.replace("\\", "").replace(WORD_JOINER, "")
        for warning in app.warning
        if "address is ignored" in warning.value
    ]


def bound_keys() -> Iterator[tuple[str, str]]:
    """Yield page and key of every widget whose value is in the address, as far as the key is a constant."""
    for page in (PROJECT / "pages").glob("*.py"):
        folder = page.stem
        for path in (page, *(PROJECT / "pages" / "ui" / folder).glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                options = {option.arg: option.value for option in getattr(node, "keywords", ()) if option.arg}
                if isinstance(node, ast.Call) and "bind" in options and isinstance(options.get("key"), ast.Constant):
                    yield folder, options["key"].value


@pytest.mark.parametrize(("page", "key"), sorted(set(bound_keys())))
def test_every_bound_setting_is_a_known_name(page, key):
    assert is_known(key, page), f"add {key} to CONTROLS or OTHERS in pages/ui/address.py"


@pytest.mark.parametrize(
    ("page", "query", "reported"),
    [
        ("memorize", {"epochs": "40"}, "This page has no setting epochs. Did you mean memorize_epochs?"),
        ("memorize", {"lr": "0.1"}, "This page has no setting lr. Did you mean memorize_lr?"),
        ("memorize", {"hiden_size": "4"}, "This page has no setting hiden_size. Did you mean hidden_size?"),
        ("memorize", {"zzz": "1"}, "This page has no setting zzz."),
        ("memorize", {"memorize_epochs": "9999"}, "memorize_epochs cannot be 9999 here, so it is 300."),
        ("memorize", {"hidden_size": "700"}, "hidden_size cannot be 700 here, so it is 64."),
        ("memorize", {"tab": "Gate"}, "tab cannot be Gate here, so it is Training."),
        ("memorize", {"tabs": "Gates,Gate"}, "This page has no tab Gate."),
        ("memorize", {"controls": "sentence,epochs"}, "This page has no setting epochs to show."),
        ("memorize", {"task": "One. Two. Three."}, "A task may have at most two sentences, but this one has 3."),
        ("classify", {"preset": "xyz"}, "preset cannot be xyz here, so it is baseline."),
        ("classify", {"dataset": "foo"}, "dataset cannot be foo here, so it is mnist-5k."),
        ("classify", {"momentum": "2"}, "momentum cannot be 2 here, so it is 0.9."),
        ("classify", {"memorize_lr": "0.1"}, "This page has no setting memorize_lr."),
        ("autograd", {"exercise": "div"}, "This page has no setting"),
        ("home", {"epochs": "40"}, "This page has no setting epochs."),
    ],
)
def test_what_a_page_does_not_know_is_reported(open_page, page, query, reported):
    if "exercise" in query:
        query, reported = {"tab": "Exercises"} | query, "exercise cannot be div here, so it is add."
    app = open_page(page, **query)
    (problem,) = problems(app)
    assert problem.startswith(f"Part of the address is ignored. {reported}")
    app.run()
    assert problems(app) == [problem], "it stays until another address is opened"


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("memorize", {}),
        ("memorize", {"memorize_epochs": "300", "hidden_size": "64", "memorize_lr": "0.01", "num_layers": "2"}),
        ("memorize", {"class": "7B", "view": "projector", "tab": "Gates", "quantity": "cell", "embed": "true"}),
        ("classify", {"preset": "overfit", "train_size": "0", "shuffled_labels": "false", "classify_lr": "0.05"}),
        ("classify", {"augment": "shift", "hidden": "64,64", "momentum": "0.90"}),
        ("autograd", {"formula": "a*b", "value_a": "2", "step": "1"}),
        ("autograd", {"tab": "Break-it lab"}),
        ("runs", {"class": "7B"}),
        ("classroom", {"class_tab": "Question"}),
        ("plane", {"plane_task": "regression", "plane_dataset": "sine", "plane_features": "x"}),
    ],
)
def test_addresses_that_a_page_knows_are_not_reported(open_page, page, query):
    assert problems(open_page(page, **query)) == []


def test_an_address_with_many_mistakes_is_reported_briefly_and_as_text(open_page):
    app = open_page("memorize", **{"[a](http://b)": "1", "c" * 100: "2", "d": "3", "e": "4", "f": "5"})
    (problem,) = [warning.value for warning in app.warning if "address is ignored" in warning.value]
    assert "[a](" not in problem
    assert "c" * 41 not in problem
    assert "And 2 more." in problem


def test_an_address_with_thousands_of_names_costs_no_more_than_one_with_fifty(open_page):
    app = open_page("memorize", tabs=",".join(f"tab {number}" for number in range(5_000)))
    assert len(app.session_state["address_problems"]) == 50
    (problem,) = [warning.value for warning in app.warning if "address is ignored" in warning.value]
    assert "And 47 more." in problem


# Lesson links


def open_link(open_page, link: LessonLink):
    return open_page(link.page, **link.query)


def test_a_link_shows_its_task_as_text(open_page):
    link = LessonLink("memorize", task="Train [now](http://b). What is **new**?")
    app = open_link(open_page, link)
    (task,) = [each.value for each in app.markdown if "**Task.**" in each.value]
    assert "[now](" not in task
    assert not problems(app)


def test_a_link_leaves_only_its_tabs(open_page):
    app = open_link(open_page, LessonLink("memorize", {"tab": "Cell"}, tabs=("Gates", "Training")))
    assert [tab.label for tab in app.tabs] == ["Training", "Gates"]
    assert "tab cannot be Cell here" in problems(app)[0]
    app = open_link(open_page, LessonLink("autograd", {"tab": "Exercises"}, tabs=("Exercises",)))
    assert [tab.label for tab in app.tabs] == ["Exercises"]
    assert app.pills(key="exercise").value == "add"


def test_hidden_settings_have_the_values_of_the_address(open_page):
    settings = {"hidden_size": "4", "memorize_epochs": "100", "sentence": "abc"}
    app = open_link(open_page, LessonLink("memorize", settings, controls=("sentence",)))
    style = html_of(app)
    for key in ("hidden_size", "memorize_epochs", "memorize_lr", "memorize_preset", "seed_and_gradients"):
        assert f".st-key-{key}," in style
    assert ".st-key-sentence," not in style
    assert app.select_slider(key="hidden_size").value == 4
    app.text_area(key="sentence").set_value("abcd").run()
    assert app.select_slider(key="hidden_size").value == 4
    assert app.slider(key="memorize_epochs").value == 100
    assert app.query_params["controls"] == "sentence"


def test_an_expander_with_a_remaining_setting_is_not_hidden(open_page):
    style = html_of(open_link(open_page, LessonLink("classify", controls=("momentum",))))
    assert ".st-key-training_settings," not in style
    assert ".st-key-momentum," not in style
    assert ".st-key-network_settings," in style
    assert ".st-key-schedule," in style


def test_the_task_is_there_again_after_a_visit_to_another_page(open_page):
    app = open_link(open_page, LessonLink("memorize", {"hidden_size": "4"}, "Train it.", tabs=("Training",)))
    app.query_params.clear()  # as the navigation does
    app.switch_page("pages/runs.py").run()
    assert not [each for each in app.markdown if "**Task.**" in each.value]
    app.switch_page("pages/memorize.py").run()
    assert [each for each in app.markdown if "**Task.**" in each.value]
    assert [tab.label for tab in app.tabs] == ["Training"]
    assert app.select_slider(key="hidden_size").value == 4


def test_everything_can_be_shown_again(open_page):
    app = open_link(open_page, LessonLink("memorize", task="Train it.", tabs=("Training",), controls=()))
    app.button(key="leave_lesson_link").click().run()
    assert len(app.tabs) > 5
    assert ".st-key-sentence," not in html_of(app)
    assert "task" not in app.query_params
    assert not [each for each in app.markdown if "**Task.**" in each.value]


def test_closed_solutions_stay_closed_after_three_tries(open_page):
    link = LessonLink("autograd", {"tab": "Exercises", "exercise": "relu"}, solutions=False)
    app = open_link(open_page, link)
    for text in ("grad", "a", "b", "grad*a", "grad*step(a)"):
        app.text_input(key="answer_relu_a").set_value(text).run()
    assert any("Solutions are closed" in each.value for each in app.markdown)
    assert not any("a: grad*step(a)" in code.value for code in app.code)


# The builder


def open_builder(app, **values) -> None:
    """Open the dialog with these values; AppTest closes it at the next run, because it knows no fragments."""
    for key, value in values.items():
        app.session_state[key] = value
    app.button(key="lesson_link").click().run()


def test_a_teacher_makes_a_link_from_the_page_as_it_is(open_page):
    app = open_page("classify", preset="overfit", classify_epochs="30", augment=["shift", "rotate"], run="abc")
    open_builder(app, link_task="Find the turn.", link_tabs=["Training"], link_controls=["classify_lr"])
    address = next(code.value for code in app.code if "classify?" in code.value)
    expected = LessonLink(
        "classify",
        {"preset": "overfit", "classify_epochs": "30", "augment": ("shift", "rotate")},
        "Find the turn.",
        ("Training",),
        ("classify_lr",),
    )
    path, _, query = address.partition("?")
    assert path.endswith("/classify")
    assert parse_qs(query) == parse_qs(expected.address.partition("?")[2])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"link_task": "One. Two. Three."}, "at most two sentences"),
        ({"link_tabs": []}, "No tab is visible"),
    ],
)
def test_the_builder_says_what_is_wrong(open_page, values, message):
    app = open_page("memorize")
    open_builder(app, **values)
    assert message in app.error[0].value
    assert not any("memorize?" in code.value for code in app.code)
