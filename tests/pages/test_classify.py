"""The Classify page: presets and layers set the widgets, and every tab works on a trained run."""

import io
import re
import zipfile

import numpy as np
import pytest
from PIL import Image

from core.classify import ClassifyConfig, Result, Step
from core.classify.datasets import DATASETS
from core.classify.inputs import FEATURES
from core.classify.presets import PRESETS
from core.training import Control
from pages.ui.classify.settings import WIDGET_KEYS
from tests.pages.conftest import button, figure, outcome, run_until, stop_run
from tests.runs import wait_for


def texts(app) -> str:
    """Return all texts on the page, HTML included."""
    elements = [*app.markdown, *app.caption, *app.info, *app.success, *app.error, *app.warning]
    return " ".join([*(str(element.value) for element in elements), *(html.proto.body for html in app.get("html"))])


@pytest.fixture(scope="module")
def finished(data_folder):
    """The id of a finished run: two hidden layers, two epochs."""
    from core.runs import get_dispatcher

    dispatcher = get_dispatcher()
    run_id = dispatcher.submit(ClassifyConfig(hidden=(32, 16), epochs=2, dropout=0.1))
    wait_for(lambda: dispatcher.store.run(run_id).status.is_terminal, timeout=120)
    return run_id


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("dataset", DATASETS)
def test_every_setting_of_best_can_be_shown(open_page, dataset, features):
    config = PRESETS["best"].config(dataset, features)
    app = open_page("classify", preset="best", dataset=dataset, features=features)
    shown = shown_config(app)
    assert ("patches" in shown) == (features == "patches")
    expected = {**vars(config), "hidden": ", ".join(map(str, config.hidden))}
    assert shown == {name: expected[name] for name in shown}


def test_unusual_numbers_of_a_run_can_be_shown_and_changed(open_page):
    from core.runs import get_dispatcher

    unusual = {"lr": 0.04, "weight_decay": 3e-5, "batch_size": 128, "train_size": 300}
    run_id = get_dispatcher().submit(ClassifyConfig(hidden=(8,), epochs=1, **unusual))
    app = open_page("classify", run=run_id)
    button(app, "Use its settings").click().run()
    assert not app.exception
    assert unusual.items() <= shown_config(app).items()
    app.select_slider(key="batch_size").set_value(200).run()
    assert shown_config(app)["batch_size"] == 200
    again = open_page("classify", weight_decay="3e-05", classify_lr="0.04", batch_size="128")
    assert (shown_config(again)["lr"], shown_config(again)["weight_decay"]) == (0.04, 3e-5)
    assert shown_config(again)["batch_size"] == 128
    assert shown_config(open_page("classify", batch_size="1e9"))["batch_size"] == ClassifyConfig.batch_size


def shown_config(app) -> dict[str, object]:
    """Return the values of the page's widgets, by the names of the config's fields."""
    keys = {name: WIDGET_KEYS.get(name, name) for name in vars(ClassifyConfig())}
    values = {name: app.session_state[key] for name, key in keys.items() if key in app.session_state}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_every_widget(open_page, name):
    app = open_page("classify")
    app.selectbox(key="preset").set_value(name).run()
    assert not app.exception
    assert not app.error
    preset = PRESETS[name]
    config = preset.config(preset.dataset or "mnist-5k", preset.features or "pixels")
    assert app.selectbox(key="dataset").value == config.dataset
    assert app.session_state["features"] == config.features
    assert app.text_input(key="hidden").value == ", ".join(map(str, config.hidden))
    assert app.select_slider(key="classify_lr").value == config.lr
    assert app.slider(key="classify_epochs").value == config.epochs
    assert app.selectbox(key="activation").value == config.activation
    assert app.selectbox(key="initialisation").value == config.initialisation
    assert app.select_slider(key="train_size").value == config.train_size
    assert app.toggle(key="shuffled_labels").value == config.shuffled_labels
    assert PRESETS[name].text in texts(app)


def test_another_dataset_changes_only_what_the_preset_sets_for_it(open_page):
    app = open_page("classify")
    app.selectbox(key="preset").set_value("best").run()
    app.slider(key="momentum").set_value(0.5).run()
    app.selectbox(key="dataset").set_value("fashion-mnist").run()
    assert app.slider(key="momentum").value == 0.5
    assert "flip" in app.get("button_group")[1].value
    app.selectbox(key="dataset").set_value("cifar10").run()
    assert app.select_slider(key="classify_lr").value == PRESETS["best"].config("cifar10").lr


def test_an_address_can_contain_a_preset_and_differences_from_it(open_page):
    app = open_page("classify", preset="overfit", classify_epochs="7")
    assert app.selectbox(key="preset").value == "overfit"
    assert app.select_slider(key="train_size").value == 200
    assert app.slider(key="classify_epochs").value == 7
    app.selectbox(key="dataset").set_value("mnist").run()
    assert dict(app.query_params) | {"preset": "overfit", "dataset": "mnist"} == dict(app.query_params)


def test_layers_are_added_resized_and_removed(open_page):
    app = open_page("classify")
    assert "784 → 256 → 128 → 10: **235,146 parameters**" in texts(app)
    button(app, "Add a layer").click().run()
    assert app.text_input(key="hidden").value == "256, 128, 128"
    app.number_input(key="layer_1").set_value(30).run()
    assert app.text_input(key="hidden").value == "256, 30, 128"
    app.button(key="remove_layer_0").click().run()
    assert app.text_input(key="hidden").value == "30, 128"
    app.text_input(key="hidden").set_value("9").run()
    assert app.number_input(key="layer_0").value == 9
    app.button(key="remove_layer_0").click().run()
    assert "784 → 10: **7,850 parameters**" in texts(app)


def test_too_many_layers_in_the_address_are_refused_before_they_are_drawn(open_page):
    app = open_page("classify", hidden=",".join(["1"] * 2_000))
    assert any("There may be at most 20 hidden layers, but these are 2,000" in error.value for error in app.error)
    assert len(app.number_input) < 5


def test_a_run_with_weights_that_do_not_fit_is_explained_in_every_tab(open_page, finished, data_folder):
    from core.runs import get_dispatcher
    from core.runs.models import CheckpointRow

    dispatcher = get_dispatcher()
    other = dispatcher.submit(ClassifyConfig(hidden=(8,), epochs=1))
    wait_for(lambda: dispatcher.store.run(other).status.is_terminal, timeout=120)
    with dispatcher.store._session.begin() as session:  # as runs of earlier versions could be
        session.get(CheckpointRow, other).payload = dispatcher.store.checkpoint(finished).to_bytes()
    for tab in ("Confusion matrix", "Diagnostics", "Own image"):
        app = open_page("classify", run=other, tab=tab)
        assert "belong to another network" in app.error[0].value


@pytest.mark.parametrize(
    "settings", [{"features": "patches", "patches": 10, "threshold": 1.0}, {"features": "whitened"}]
)
def test_the_tabs_use_the_inputs_that_the_run_was_trained_with(open_page, settings):
    from core.runs import get_dispatcher

    dispatcher = get_dispatcher()
    run_id = dispatcher.submit(
        ClassifyConfig(hidden=(16,), epochs=1, train_size=500, lr=0.01, average=("mirror",), **settings)
    )
    wait_for(lambda: dispatcher.store.run(run_id).status.is_terminal, timeout=300)
    result = next(event for _, event in dispatcher.store.events(run_id) if isinstance(event, Result))
    wrong = 1_000 - round(1_000 * result.accuracy)
    assert f"**{wrong} of 1,000 test images are misclassified**" in texts(
        open_page("classify", run=run_id, tab="Confusion matrix")
    )
    said = texts(open_page("classify", run=run_id, tab="Diagnostics"))
    assert ("**Patches**" in said) == (settings["features"] == "patches")
    assert ("**Whitening**" in said) == (settings["features"] == "whitened")
    averaged = f"With predictions averaged over mirror images: {result.averaged_accuracy:.2%}."
    assert averaged in texts(open_page("classify", run=run_id))


def test_confusion_matrix_and_worst_mistakes_are_shown(open_page, finished):
    app = open_page("classify", run=finished, tab="Confusion matrix")
    said = texts(app)
    assert re.search(r"\*\*\d+ of 1,000 test images are misclassified\*\*", said)
    assert "Worst mistakes" in said
    assert said.count('class="sample wrong"') >= 10
    assert b"Predicted class" in charts(app)


def test_mistakes_are_on_validation_images_until_the_run_has_ended(open_page):
    from core.runs import Status, get_dispatcher

    dispatcher = get_dispatcher()
    run_id = dispatcher.submit(ClassifyConfig(hidden=(8,), epochs=500))
    wait_for(lambda: dispatcher.store.events(run_id), timeout=120)
    dispatcher.store.pause(run_id)
    wait_for(lambda: dispatcher.store.run(run_id).status is Status.PAUSED)
    assert "of 400 validation images are misclassified" in texts(
        open_page("classify", run=run_id, tab="Confusion matrix")
    )
    dispatcher.store.stop(run_id)
    wait_for(lambda: dispatcher.store.run(run_id).status.is_terminal)
    assert "of 1,000 test images are misclassified" in texts(open_page("classify", run=run_id, tab="Confusion matrix"))


def test_diagnostics_show_weights_layers_and_principal_components(open_page, finished):
    app = open_page("classify", run=finished, tab="Diagnostics")
    said = texts(app)
    assert "one per unit of the first hidden layer" in said
    assert "400 validation images as represented by hidden layer 2" in said
    drawn = charts(app)
    for title in (b"Gradient norm / weight norm", b"Dead units", b"First direction"):
        assert title in drawn
    app.select_slider(key="pca_layer").set_value(1).run()
    assert "400 validation images as represented by hidden layer 1" in texts(app)


def test_an_uploaded_image_is_classified(open_page, finished):
    app = open_page("classify", run=finished, tab="Own image")
    app.button_group(key="source_True").set_value("Upload").run()
    page = Image.new("L", (200, 260), 240)
    page.paste(30, (95, 40, 115, 220))  # the digit 1
    app.file_uploader(key="custom_image").set_value(("one.png", png(page), "image/png")).run()
    assert not app.exception
    assert "Prediction: 1**" in texts(app)
    assert "Hidden layer 2:" in texts(app)
    app.file_uploader(key="custom_image").set_value(("one.png", b"only text", "image/png")).run()
    assert "one.png is not a readable image" in app.error[0].value


def test_runs_are_compared(open_page, finished):
    app = open_page("classify", run=finished, tab="Compare runs")
    assert list(app.multiselect(key="compared").value) == ["Run 1"]
    app.slider(key="classify_epochs").set_value(1)
    app.select_slider(key="classify_lr").set_value(0.02).run()
    button(app, "Train").click().run()
    app.run()  # the run bar has started it after the tabs were drawn
    table = app.dataframe[0].value
    assert app.multiselect(key="compared").value == ["Run 1", "Run 2"], "without a visit to the Training tab"
    assert table["Run"].tolist() == ["Run 1", "Run 2"]
    assert table["Learning rate"].tolist() == ["0.05", "0.02"]
    assert set(table["Input"]) == {"pixels"}
    assert "Momentum" not in table.columns


def test_recorded_runs_are_shown_and_their_settings_used(open_page):
    app = open_page("classify", tab="Compare runs")
    assert "Ablation study on CIFAR-10" in [element.value for element in app.subheader]
    assert list(app.multiselect(key="recorded_variants").value) == ["Starting point", "Whitened pixels"]
    assert app.dataframe[0].value["Run"].tolist() == ["Starting point", "Whitened pixels"]
    button(app, "Use the settings of “Whitened pixels”").click().run()
    assert not app.exception
    assert app.selectbox(key="dataset").value == "cifar10"
    assert app.session_state["features"] == "whitened"
    assert app.text_input(key="hidden").value == "1024, 512"
    assert app.slider(key="classify_epochs").value == 20
    app.multiselect(key="recorded_variants").set_value([]).run()
    assert not app.dataframe


def test_weights_can_be_downloaded_and_loaded(open_page, finished):
    app = open_page("classify", run=finished, tab="Download")
    labels = [element.proto.label for element in app.get("download_button")]
    assert {"weights.npz", "history.csv", "run.ipynb", "PNG", "SVG"} <= set(labels)

    from core.classify.weights_file import to_file
    from core.runs import get_dispatcher

    store = get_dispatcher().store
    weights = to_file(store.run(finished).config, store.checkpoint(finished))
    app = open_page("classify", tab="Download")
    app.file_uploader(key="weights_file").set_value(("weights.npz", weights, "application/zip")).run()
    assert "hidden layers 32, 16" in app.success[0].value
    button(app, "Continue training").click().run()
    app = open_page("classify", run=app.session_state["classify_run"])
    run_until(app, lambda: "test images are classified correctly" in outcome(app)[1])
    first = next(event for _, event in store.events(app.session_state["classify_run"]) if isinstance(event, Step))
    assert first.loss < 1.5, "new weights would give ln 10 = 2.3"
    app = open_page("classify", tab="Download")
    app.file_uploader(key="weights_file").set_value(("weights.npz", b"no weights", "application/zip")).run()
    assert "not a weights.npz" in app.error[0].value


def test_a_custom_dataset_is_selected_as_soon_as_it_is_uploaded(open_page):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(20):
            archive.writestr(f"red/{number}.png", png(Image.new("RGB", (40, 40), (200 + number, 0, 0))))
            archive.writestr(f"blue/{number}.png", png(Image.new("RGB", (40, 40), (0, 0, 200 + number))))
        archive.writestr("green/1.heic", b"not read")
    app = open_page("classify")
    app.file_uploader(key="custom_file").set_value(("colours.zip", buffer.getvalue(), "application/zip")).run()
    assert not app.exception
    assert app.selectbox(key="dataset").value.startswith("own-")
    notes = [warning.value.replace("\\", "") for warning in app.warning]
    assert any("1 file was left out" in note and "green/1.heic" in note for note in notes), notes
    assert any("so they are not classes" in note and "green" in note for note in notes), notes
    assert not app.error
    assert "The batch size is 7 instead of 100, because there are only 29 training images." in texts(app)
    app.select_slider(key="classify_lr").set_value(0.001).run()
    assert "3,072 → 256 → 128 → 2" in texts(app)
    button(app, "Train").click().run()
    run_until(app, lambda: outcome(app)[0] == "success")
    assert outcome(app)[1] == "8 of 8 test images are classified correctly."
    assert figure(app, "Test") == "100.00%"

    app.file_uploader(key="custom_file").set_value(("colours.zip", b"no zip at all", "application/zip")).run()
    assert "zip cannot be read" in app.error[0].value


def test_fashion_mnist_works_like_mnist(open_page, data_folder):
    rng = np.random.default_rng(0)
    patterns, labels = rng.integers(0, 256, (10, 28, 28)), np.arange(600) % 10
    noisy = (0.5 * patterns[labels] + rng.integers(0, 128, (600, 28, 28))).astype(np.uint8)
    arrays = {"x_train": noisy[:500], "y_train": labels[:500], "x_test": noisy[500:], "y_test": labels[500:]}
    np.savez(data_folder / "fashion-mnist.npz", **arrays)
    try:
        app = open_page("classify", dataset="fashion-mnist", preset="fast", tab="Confusion matrix")
        assert "784 → 64 → 10" in texts(app)
        button(app, "Train").click().run()
        run_until(app, lambda: b"Ankle boot" in charts(app))
        for tab in ("Diagnostics", "Own image"):
            app = open_page("classify", run=app.query_params["run"], tab=tab)
            assert not app.error
    finally:
        (data_folder / "fashion-mnist.npz").unlink()


def charts(app) -> bytes:
    """Return all charts of the page as bytes, data included."""
    return b" ".join(
        chart.proto.SerializeToString()
        for kind in ("vega_lite_chart", "arrow_vega_lite_chart")
        for chart in app.get(kind)
    )


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_weight_images_are_white_where_weights_are_zero():
    from pages.ui.classify.diagnostics import diverging_image

    image = diverging_image(np.array([[0.0, 1.0], [-1.0, 0.5]]))
    assert image[0, 0].tolist() == [255, 255, 255]
    assert image[0, 1].tolist() == [0, 114, 178]
    assert image[1, 0].tolist() == [213, 94, 0]


def test_rewind_restarts_a_run_and_training_can_start_from_its_weights(open_page, finished):
    app = open_page("classify", run=finished)
    button(app, "Rewind the shown run").click().run()
    assert not app.exception
    rewound = app.query_params["run"]
    assert rewound != finished
    stop_run(app)

    app = open_page("classify", run=finished)
    app.text_input(key="hidden").set_value("32, 16")
    app.slider(key="classify_epochs").set_value(1)
    app.toggle(key="classify_continue").set_value(True).run()
    button(app, "Train").click().run()

    from core.runs import get_dispatcher

    store = get_dispatcher().store
    assert app.query_params["run"] != finished
    run_until(app, lambda: store.run(app.query_params["run"]).status.is_terminal)
    assert store.run(rewound).config == store.run(finished).config
    [epoch] = [event for _, event in store.events(app.query_params["run"]) if type(event).__name__ == "Epoch"]
    first = next(event for _, event in store.events(finished) if type(event).__name__ == "Epoch")
    assert epoch.train_loss < first.train_loss / 2


def test_training_does_not_start_from_weights_that_do_not_fit(open_page, finished):
    from core.runs import get_dispatcher

    app = open_page("classify", run=finished)
    app.text_input(key="hidden").set_value("7")
    app.toggle(key="classify_continue").set_value(True).run()
    before = len(get_dispatcher().store.list_runs(limit=None))
    next(button for button in app.button if button.label.startswith("Train")).click().run()
    assert not app.exception
    assert any("belong to another network" in error.value for error in app.error)
    assert len(get_dispatcher().store.list_runs(limit=None)) == before


@pytest.mark.slow
def test_the_notebook_repeats_the_run(tmp_path):
    import nbformat
    from nbclient import NotebookClient

    from core import classify
    from core.classify import datasets
    from core.classify.notebook import build_notebook
    from core.training import Change
    from tests.pages.conftest import PROJECT

    config = classify.ClassifyConfig(hidden=(8,), epochs=1)
    book = nbformat.reads(build_notebook(config, [Change(20, "lr", 0.001)]), as_version=4)
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(PROJECT)}}).execute()
    said = "".join(output.get("text", "") for cell in book.cells if cell.cell_type == "code" for output in cell.outputs)
    control = Control()
    for event in classify.fit(config, datasets.load(config.dataset), control):
        if isinstance(event, classify.Step) and event.step == 19:
            control.changes = {"lr": 0.001}
        if isinstance(event, classify.Result):
            assert f"test accuracy {event.accuracy:.2%}" in said
