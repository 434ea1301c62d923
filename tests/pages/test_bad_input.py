"""Invalid input is explained on the page and leaves active runs untouched."""

import io
import struct
import zlib

import numpy as np
import pytest

from core.classify import ClassifyConfig
from core.runs import Status, StoreUnavailable, get_dispatcher
from pages.ui.run_bar import SLOW
from tests.pages.conftest import button, run_until

MESSAGE = "The run database is unavailable: the disk is full."


@pytest.fixture
def open_active_run(open_page):
    """Return open_active_run(look), which opens a page with a new, slow run that has a checkpoint."""
    runs, store = [], get_dispatcher().store

    def open_active_run(look):
        app = open_page("classify", tab=look)
        app.button_group(key="classify_pace").set_value(SLOW)
        button(app, "Train").click().run()
        runs.append(app.session_state["classify_run"])
        store.pause(runs[0])  # saves a checkpoint
        run_until(app, lambda: store.checkpoint(runs[0]) is not None)
        get_dispatcher().resume(runs[0])
        run_until(app, lambda: page_run(app).status is Status.RUNNING)
        return app

    yield open_active_run
    for run in runs:
        store.stop(run)


def page_run(app):
    return get_dispatcher().store.run(app.session_state["classify_run"])


def set_hidden(app, text):
    app.text_input(key="hidden").set_value(text).run()


def huge_image() -> bytes:
    """Return a PNG of 200 megapixels in a few hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 10_000, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def npz_with_objects() -> bytes:
    """Return an .npz file that contains a pickled object."""
    file = io.BytesIO()
    np.savez(file, x_train=np.array([{"an": "object"}], dtype=object), y_train=np.arange(1))
    return file.getvalue()


def upload_own_image(app, name, data):
    app.button_group(key="source_True").set_value("Upload").run()
    upload("custom_image", name, data)(app)


def upload(key, name, data):
    return lambda app: app.file_uploader(key=key).set_value((name, data, "application/octet-stream")).run()


@pytest.mark.parametrize(
    ("look", "act", "says"),
    [
        ("Confusion matrix", lambda app: set_hidden(app, "0"), "must be"),
        ("Confusion matrix", lambda app: set_hidden(app, "1000000"), "must be"),
        ("Confusion matrix", lambda app: set_hidden(app, "4096, 4096, 4096"), "parameters"),
        (
            "Confusion matrix",
            upload("custom_file", "pictures.npz", npz_with_objects()),
            "holds pickled objects, which are not opened",
        ),
        ("Own image", lambda app: upload_own_image(app, "text.png", b"only text"), "text.png is not a readable image"),
        ("Own image", lambda app: upload_own_image(app, "huge.png", huge_image()), "huge.png"),
        ("Download", upload("weights_file", "weights.npz", npz_with_objects()), "not a weights.npz"),
    ],
)
def test_invalid_input_leaves_the_active_run_unchanged(open_active_run, look, act, says):
    app = open_active_run(look)
    before = page_run(app)
    act(app)
    assert not app.exception
    assert any(says in error.value.replace("\\", "") for error in app.error), [error.value for error in app.error]
    now = page_run(app)
    assert (now.id, now.config, now.changes) == (before.id, before.config, before.changes)
    assert now.status is Status.RUNNING


@pytest.mark.parametrize("lr", [1e3, -1, float("nan")])
def test_an_invalid_learning_rate_is_refused_by_the_config_and_ignored_in_the_url(open_page, lr):
    with pytest.raises(ValueError, match="The learning rate must be"):
        ClassifyConfig(lr=lr)
    app = open_page("classify", classify_lr=str(lr))  # not a value of the slider
    assert app.select_slider(key="classify_lr").value == ClassifyConfig().lr
    assert not app.error


def test_a_file_without_weights_is_refused(open_page, trained_run):
    app = open_page("memorize", run=trained_run, tab="Download")
    app.file_uploader(key="weights_file").set_value(("weights.pt", b"no weights", "application/octet-stream")).run()
    assert not app.exception
    assert any("weights" in error.value for error in app.error)


@pytest.fixture
def trained_run(open_page):
    app = open_page("memorize", sentence="ab", memorize_epochs="50")
    button(app, "Train").click().run()
    run_until(app, lambda: get_dispatcher().store.run(app.session_state["memorize_run"]).status.is_terminal)
    return app.session_state["memorize_run"]


@pytest.mark.parametrize("name", ["memorize", "classify", "runs"])
def test_an_unavailable_database_is_explained_on_every_page(open_page, name, monkeypatch):
    app = open_page(name)
    store = get_dispatcher().store

    def fail(*_arguments, **_options):
        raise StoreUnavailable(MESSAGE)

    for method in ("run", "events", "checkpoint", "list_runs"):
        monkeypatch.setattr(store, method, fail)
    app.query_params["run"] = "any"
    app.run()
    assert not app.exception
    assert [error.value for error in app.error if MESSAGE in error.value]

    monkeypatch.undo()
    app.query_params.pop("run")
    app.run()
    assert not app.exception
    assert not [error.value for error in app.error if MESSAGE in error.value]
