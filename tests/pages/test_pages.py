"""Every page opens, trains with real workers, and explains invalid input."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from core.memorize import EXAMPLE_SENTENCE
from core.runs import get_dispatcher
from tests.pages.conftest import (
    PROJECT,
    button,
    chart_data,
    figure,
    html_of,
    open_code,
    outcome,
    run_of,
    run_until,
    status,
)


def texts(elements) -> str:
    return " ".join(str(element.value) for element in elements)


@pytest.mark.parametrize("name", ["home", "memorize", "classify", "plane", "autograd", "runs", "classroom"])
def test_every_page_opens_from_the_entry_point(open_page, name):
    app = open_page(name)
    assert name == "home" or title(app)
    assert not app.error


def title(app) -> str:
    """Return the page's title; a page with a run has no room for one, and starts with its tabs."""
    return app.title[0].value if app.title else app.tabs[0].label


@pytest.mark.slow
@pytest.mark.parametrize("name", ["home", "memorize", "classify", "plane", "autograd", "runs", "classroom"])
def test_the_first_page_that_a_new_server_opens_runs_from_the_entry_point(name):
    """Streamlit executes a page's file directly if `st.navigation` was never called."""
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=120).run()
    app.switch_page(f"pages/{name}.py").run()
    assert name == "home" or title(app)
    assert any("stMainBlockContainer" in html.proto.body for html in app.get("html")), "app.py adds its style"


def test_home_lists_the_available_datasets(open_page):
    app = open_page("home")
    table = app.table[0].value.to_string()
    assert "built in" in table
    assert "CIFAR-10" in table


@pytest.mark.parametrize("name", ["memorize", "classify", "plane", "autograd"])
def test_the_code_view_shows_the_source_that_runs(open_page, name):
    app = open_page(name)
    expected = {
        "memorize": "class MyLSTM",
        "classify": "def cross_entropy",
        "plane": "class PlaneNetwork",
        "autograd": "def topological_order",
    }[name]
    assert expected not in " ".join(code.value for code in app.code), "a closed Code view costs nothing"
    assert expected in " ".join(open_code(app))


def test_a_sentence_is_memorised_and_its_run_is_shown_again(open_page):
    app = open_page("memorize")
    app.text_area(key="sentence").set_value("abc abc")
    app.slider(key="memorize_epochs").set_value(100)
    app.run()
    button(app, "Train").click().run()
    assert run_of(app), "the run's id is in the URL"
    assert button(app, "Train").disabled
    run_until(app, lambda: outcome(app)[0] == "success")
    assert "All 7 characters are correct" in outcome(app)[1]
    assert status(app) == "Finished · epoch 100 of 100"
    assert not button(app, "Train").disabled
    assert button(app, "Stop").disabled
    assert "<u>abc abc</u>" in html_of(app).replace("<wbr>", "")

    again = open_page("memorize", run=run_of(app))
    assert "All 7 characters are correct" in outcome(again)[1]


def test_gradients_by_pytorch_and_by_hand_can_be_chosen_and_timed(open_page):
    app = open_page("memorize")
    app.text_area(key="sentence").set_value("ab")
    app.radio(key="backend").set_value("torch")
    app.slider(key="memorize_epochs").set_value(50).run()
    button(app, "Time both").click().run()
    assert re.search(r"\*\*[\d.]+ ms\*\* by PyTorch and \*\*[\d.]+ ms\*\* by hand", texts(app.caption))
    button(app, "Train").click().run()
    run_until(app, lambda: outcome(app)[0] == "success")
    assert get_dispatcher().store.run(run_of(app)).config.backend == "torch"


def test_a_run_can_be_paused_changed_resumed_and_stopped(open_page):
    app = open_page("memorize")
    app.text_area(key="sentence").set_value("long enough to be steered " * 70)
    app.slider(key="memorize_epochs").set_value(1000).run()
    button(app, "Train").click().run()
    run_until(app, lambda: "Training · epoch" in status(app))
    button(app, "Pause").click().run()
    run_until(app, lambda: any(b.label == "Resume" for b in app.button) and "Paused" in status(app))
    app.select_slider(key="memorize_lr").set_value(0.02).run()
    button(app, "Resume").click().run()
    run_until(app, lambda: marked_changes(app) == ["learning rate 0.02"])
    button(app, "Stop").click().run()
    run_until(app, lambda: "Stopped" in status(app))
    assert not button(app, "Train").disabled


def marked_changes(app) -> list[str]:
    """Return the labels of the changed settings in the first chart."""
    data = chart_data(app, 0)
    return data["marks"]["label"].tolist() if "marks" in data else []


@pytest.mark.parametrize(
    ("sentence", "says"),
    [
        ("", "nothing to memorise"),
        ("   ", "nothing to memorise"),
        ("x" * 5000, "5,000 characters"),
        ("a\x07b", "control character"),
    ],
)
def test_an_invalid_sentence_is_explained(open_page, sentence, says):
    app = open_page("memorize")
    app.text_area(key="sentence").set_value(sentence).run()
    assert says in app.sidebar.error[0].value, "it stands below the sentence"
    assert button(app, "Train").disabled
    assert status(app) == "Correct the setting that is marked in the sidebar."
    app.session_state["memorize_start"] = "train"  # a click on Train that came before its button was disabled
    app.run()
    assert not app.exception
    assert "run" not in app.query_params
    app.text_area(key="sentence").set_value(EXAMPLE_SENTENCE).run()
    assert not app.error
    assert not button(app, "Train").disabled
    assert "run" not in app.query_params, "the click while the sentence was invalid has been forgotten"


@pytest.mark.parametrize("sentence", ["x", "مرحبا بالعالم", "e\u0301a\u0308", "👩‍👩‍👧‍👦 👋🏽", "<b>&amp;</b>"])
def test_any_script_can_be_memorised(open_page, sentence):
    app = open_page("memorize")
    app.text_area(key="sentence").set_value(sentence)
    app.slider(key="memorize_epochs").set_value(100)
    app.run()
    button(app, "Train").click().run()
    run_until(app, lambda: outcome(app)[0] == "success")
    assert "correct, for the first time after" in outcome(app)[1]


@pytest.mark.parametrize("hidden", ["0", "1000000", "a", "-5", "12.5", "1" * 30, "²"])
def test_invalid_hidden_layers_are_explained(open_page, hidden):
    app = open_page("classify")
    app.text_input(key="hidden").set_value(hidden).run()
    assert len(app.error) == 1
    assert "hidden layer" in app.sidebar.error[0].value.lower()
    assert button(app, "Train").disabled
    app.text_input(key="hidden").set_value("").run()
    assert not app.error


def test_images_are_learned_and_tested(open_page):
    app = open_page("classify")
    app.slider(key="classify_epochs").set_value(5).run()
    button(app, "Train").click().run()
    run_until(app, lambda: outcome(app)[0] == "success")
    assert re.search(r"^[\d,]+ of 1,000 test images are classified correctly\.$", outcome(app)[1])
    assert float(figure(app, "Test").removesuffix("%")) > 85
    assert figure(app, "Test") == f"{int(outcome(app)[1].split()[0].replace(',', '')) / 10:.2f}%"


def test_an_exploding_loss_is_explained(open_page):
    app = open_page("classify")
    app.select_slider(key="classify_lr").set_value(10.0).run()
    button(app, "Train").click().run()
    run_until(app, lambda: outcome(app)[0] == "error")
    assert "Try a learning rate well below" in outcome(app)[1]
    assert status(app).startswith("Failed")
    assert not button(app, "Train").disabled


def test_an_unavailable_dataset_is_explained(open_page, monkeypatch):
    from core.classify import datasets

    def offline(*_):
        raise datasets.DatasetError("CIFAR-10 cannot be downloaded.")

    monkeypatch.setattr(datasets, "_download", offline)
    app = open_page("classify")
    app.selectbox(key="dataset").set_value("cifar10").run()
    button(app, "Train").click().run()
    assert "cannot be downloaded" in app.error[0].value
    assert "run" not in app.query_params
    app.selectbox(key="dataset").set_value("mnist-5k").run()
    assert not app.error


def test_an_unknown_run_in_the_url_is_explained(open_page):
    app = open_page("memorize", run="no-such-run")
    assert "no longer exists" in app.warning[0].value
