"""What cannot be right gets a sentence, on the page, and what goes on meanwhile goes on."""

import io
import struct
import zlib

import numpy as np
import pytest

from core.classify import ClassifyConfig
from core.runs import Status, StoreUnavailable, get_dispatcher
from tests.pages.conftest import button, run_until

TROUBLE = "The store of all runs cannot be used now: the disk is full."


@pytest.fixture
def going(open_page):
    """going(look) opens a page with a run of its own that takes its time, and something to look into."""
    runs = []

    def going(look):
        app = open_page("classify", look=look)
        app.select_slider(key="classify_pace").set_value(0.1)
        button(app, "Train").click().run()
        runs.append(app.session_state["classify_run"])
        get_dispatcher().store.pause(runs[0])  # leaves a checkpoint
        run_until(app, lambda: get_dispatcher().store.checkpoint(runs[0]) is not None)
        get_dispatcher().resume(runs[0])
        run_until(app, lambda: the_run(app).status is Status.RUNNING)
        return app

    yield going
    for run in runs:
        get_dispatcher().store.stop(run)


def the_run(app):
    return get_dispatcher().store.run(app.session_state["classify_run"])


def widths(app, text):
    app.text_input(key="hidden").set_value(text).run()


def huge_picture() -> bytes:
    """A PNG of 200 megapixels in a few hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 10_000, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def with_objects() -> bytes:
    file = io.BytesIO()
    np.savez(file, x_train=np.array([{"an": "object"}], dtype=object), y_train=np.arange(1))
    return file.getvalue()


def own_picture(app, name, data):
    app.get("button_group")[-1].set_value("Upload").run()
    upload("own_picture", name, data)(app)


def upload(key, name, data):
    return lambda app: app.file_uploader(key=key).set_value((name, data, "application/octet-stream")).run()


@pytest.mark.parametrize(
    ("look", "act", "says"),
    [
        ("Mistakes", lambda app: widths(app, "0"), "must be"),
        ("Mistakes", lambda app: widths(app, "1000000"), "must be"),
        ("Mistakes", lambda app: widths(app, "4096, 4096, 4096"), "parameters"),
        ("Mistakes", upload("own_file", "pictures.npz", with_objects()), "holds pickled objects, which are not opened"),
        ("Your own picture", lambda app: own_picture(app, "text.png", b"only text"), "text.png is not a picture"),
        ("Your own picture", lambda app: own_picture(app, "huge.png", huge_picture()), "huge.png"),
        ("Take home", upload("weights_file", "weights.npz", with_objects()), "holds no network"),
    ],
)
def test_a_run_that_goes_on_is_not_touched(going, look, act, says):
    app = going(look)
    before = the_run(app)
    act(app)
    assert not app.exception
    assert any(says in error.value.replace("\\", "") for error in app.error), [error.value for error in app.error]
    now = the_run(app)
    assert (now.id, now.config, now.changes) == (before.id, before.config, before.changes)
    assert now.status is Status.RUNNING


@pytest.mark.parametrize("lr", [1e3, -1, float("nan")])
def test_a_learning_rate_beyond_reason_is_refused_everywhere(open_page, lr):
    with pytest.raises(ValueError, match="The learning rate must be"):
        ClassifyConfig(lr=lr)
    app = open_page("classify", classify_lr=str(lr))  # no value of the slider
    assert app.select_slider(key="classify_lr").value == ClassifyConfig().lr
    assert not app.error


def test_weights_that_are_none_are_refused(open_page, memorised):
    app = open_page("memorize", run=memorised, look="Take it home")
    app.file_uploader(key="weights_file").set_value(("weights.pt", b"no weights", "application/octet-stream")).run()
    assert not app.exception
    assert any("weights" in error.value for error in app.error)


@pytest.fixture
def memorised(open_page):
    app = open_page("memorize", sentence="ab", memorize_epochs="50")
    button(app, "Train").click().run()
    run_until(app, lambda: get_dispatcher().store.run(app.session_state["memorize_run"]).status.is_terminal)
    return app.session_state["memorize_run"]


@pytest.mark.parametrize("name", ["memorize", "classify", "runs"])
def test_a_store_that_fails_is_told_in_a_sentence_on_every_page(open_page, name, monkeypatch):
    app = open_page(name)
    store = get_dispatcher().store

    def fail(*_arguments, **_options):
        raise StoreUnavailable(TROUBLE)

    for method in ("run", "events", "checkpoint", "list_runs"):
        monkeypatch.setattr(store, method, fail)
    app.query_params["run"] = "whichever"
    app.run()
    assert not app.exception
    assert [error.value for error in app.error if TROUBLE in error.value]

    monkeypatch.undo()
    app.query_params.pop("run")
    app.run()
    assert not app.exception
    assert not [error.value for error in app.error if TROUBLE in error.value]
