"""Training from a terminal: the output of every command, and errors for invalid arguments."""

import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.__main__ import main
from core.classify.weights_file import from_file
from core.memorize import EXAMPLE_SENTENCE
from core.plane.weights_file import from_file as plane_from_file
from core.terminal.output import sparkline

PROJECT = Path(__file__).parents[1]


@pytest.fixture
def run(capsys):
    """run("memorize", "hello") -> (exit status, standard output, standard error) of the command in this process."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main(arguments)
        except SystemExit as end:  # raised by argparse
            status = end.code
        return status, *capsys.readouterr()

    return run


def test_the_example_sentence_is_memorised_in_a_real_terminal():
    done = subprocess.run(
        [sys.executable, "-m", "core", "memorize", EXAMPLE_SENTENCE, "--json"],
        cwd=PROJECT,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    result = json.loads(done.stdout.splitlines()[-1])
    assert result.keys() >= {
        *("sentence", "reconstruction", "char_accuracy", "final_loss", "epochs", "train_seconds", "losses")
    }
    assert result["sentence"] == result["reconstruction"] == EXAMPLE_SENTENCE
    assert result["char_accuracy"] == 1
    assert result["epochs"] == len(result["losses"]) == 300
    assert result["final_loss"] == result["losses"][-1] <= 0.01
    assert result["losses"][0] > 2
    assert result["train_seconds"] > 0


def test_options_change_the_run(run):
    options = ["--hidden-size", "8", "--num-layers", "1", "--lr", "0.02", "--epochs", "4", "--seed", "3", "--json"]
    status, out, _ = run("memorize", "abc 안녕 👋🏽", *options)
    first = json.loads(out.splitlines()[-1])
    assert status == 0
    assert len(first["losses"]) == first["epochs"] == 4
    assert first["sentence"] == "abc 안녕 👋🏽"
    again = json.loads(run("memorize", "abc 안녕 👋🏽", *options)[1].splitlines()[-1])
    assert again["losses"] == first["losses"]
    options[9] = "4"
    assert json.loads(run("memorize", "abc 안녕 👋🏽", *options)[1].splitlines()[-1])["losses"] != first["losses"]


def test_without_json_the_result_is_printed_as_text(run):
    status, out, _ = run("memorize", "aaa", "--hidden-size", "8", "--epochs", "150")
    assert status == 0
    assert "Generated   aaa\n" in out
    assert "100.0% correct: the whole sentence" in out
    status, out, _ = run("memorize", "a sentence", "--hidden-size", "2", "--epochs", "1")
    assert status == 0
    assert "Try more epochs" in out


def test_images_are_classified(run):
    options = ["--hidden", "32", "--epochs", "3", "--batch-size", "200", "--lr", "0.1", "--momentum", "0.8"]
    status, out, _ = run("classify", "--dataset", "mnist-5k", *options, "--seed", "1", "--json")
    result = json.loads(out.splitlines()[-1])
    assert status == 0
    assert result.keys() >= {
        "dataset",
        "test_accuracy",
        "epochs",
        "train_seconds",
        "train_size",
        "test_size",
        "history",
    }
    assert (result["dataset"], result["epochs"], result["train_size"], result["test_size"]) == (
        "mnist-5k",
        3,
        3600,
        1000,
    )
    assert result["test_accuracy"] > 0.85
    assert [epoch["epoch"] for epoch in result["history"]] == [0, 1, 2]
    assert result["history"][-1].keys() >= {"train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr"}

    status, out, _ = run("classify", *options)
    assert status == 0
    assert "Test accuracy" in out
    assert out.count("%") >= 7


def test_points_in_a_plane_are_classified(run, tmp_path):
    options = [
        "--dataset",
        "spiral",
        "--hidden",
        "8,8",
        "--epochs",
        "30",
        "--features",
        "x,y,sin_x",
        "--n-points",
        "100",
    ]
    status, out, _ = run("classify", *options, "--json", "--save", str(tmp_path / "weights.npz"))
    result = json.loads(out.splitlines()[-1])
    assert status == 0
    assert (result["dataset"], result["features"], result["epochs"]) == ("spiral", ["x", "y", "sin_x"], 30)
    assert (result["train_size"], result["test_size"]) == (70, 500)
    assert [epoch["epoch"] for epoch in result["history"]] == list(range(31))
    assert result["history"][-1]["train_loss"] < result["history"][0]["train_loss"]
    config, checkpoint = plane_from_file((tmp_path / "weights.npz").read_bytes())
    assert config.hidden == (8, 8)
    assert checkpoint.parameter_count == config.parameter_count

    status, out, _ = run("classify", *options)
    assert status == 0
    assert "70 training points, 30 validation points, 500 test points; input: x, y, sin_x" in out
    assert "Test accuracy" in out


def test_a_function_of_x_is_learned(run):
    status, out, _ = run("classify", "--dataset", "sine", "--epochs", "20")
    assert status == 0
    assert "input: x\n" in out
    assert "Test accuracy" not in out
    assert "Test loss" in out


def test_own_points_are_read_from_a_file(run, tmp_path):
    (tmp_path / "points.csv").write_text("x;y;colour\n1,5;2;red\n-1;2;red\n100;3;blue\n2;2;blue\n1;-2;blue\n")
    arguments = ["classify", "--dataset", "own", "--points", str(tmp_path / "points.csv"), "--epochs", "3"]
    status, out, err = run(*arguments)
    assert status == 0
    assert "3 training points, 2 validation points, 0 test points" in out
    assert "x was scaled: -1 became -5 and 100 became 5." in err
    (tmp_path / "points.csv").write_text("1,2,a\n1,nan,b\n")
    status, _, err = run(*arguments)
    assert (status, err.count("\n")) == (2, 1)
    assert "Line 2: y must be a number" in err


def test_a_dataset_in_the_data_folder_is_used(run, tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 28, 28), np.uint8), np.arange(60) % 10
    np.savez(tmp_path / "fashion-mnist.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    status, out, _ = run(
        "classify", "--dataset", "fashion-mnist", "--hidden", "none", "--epochs", "1", "--json", "--batch-size", "54"
    )
    assert status == 0
    assert json.loads(out.splitlines()[-1])["train_size"] == 54
    assert "on this machine" in next(
        line for line in run("datasets")[1].splitlines() if line.startswith("fashion-mnist")
    )


def test_datasets_are_listed_with_their_location(run, tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    status, out, _ = run("datasets")
    assert status == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == ["mnist-5k", "mnist", "fashion-mnist", "cifar10"]
    assert lines[0].endswith("built in")
    assert lines[3].endswith("download, 170 MB")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "COMMAND"),
        (["memorise", "abc"], "invalid choice"),
        (["memorize"], "TEXT"),
        (["memorize", ""], "nothing to memorise yet"),
        (["memorize", "x" * 5000], "5,000 characters and at most 2,000 are allowed"),
        (["memorize", "a\x1bb"], "invisible control character (U+001B)"),
        (["memorize", "abc", "--lr", "fast"], "--lr: expected a number, not 'fast'"),
        (["memorize", "abc", "--lr", "nan"], "learning rate must be a number"),
        (["memorize", "abc", "--epochs", "1.5"], "--epochs: expected a whole number, not '1.5'"),
        (["memorize", "abc", "--hidden-size", "0"], "hidden size must be a whole number from 1"),
        (["memorize", "abc", "--colour", "red"], "unrecognized arguments"),
        (["classify", "--dataset", "minst"], "Unknown dataset 'minst'"),
        (["classify", "--hidden", "256;128"], "--hidden: expected sizes such as 256,128"),
        (["classify", "--hidden", "1000000"], "size of a hidden layer must be a whole number from 1 to 4,096"),
        (["classify", "--batch-size", "4000"], "batch size must be at most 3,600"),
        (["classify", "--noise", "0.1"], "--noise is for points in a plane, but mnist-5k is a dataset of images"),
        (
            ["classify", "--dataset", "xor", "--dropout", "0.1"],
            "--dropout is for images, but xor is a dataset of points",
        ),
        (["classify", "--dataset", "xor", "--preset", "fast"], "--preset fast is for images"),
        (["classify", "--dataset", "xor", "--classes", "3"], "number of classes of xor must be a whole number from 2"),
        (["classify", "--dataset", "own"], "at least 4 points to learn from, but there are 0 points"),
        (["classify", "--dataset", "formula", "--formula", "1/x"], "has no value at x = 0"),
        (["classify", "--save", "/no/such/folder/weights.npz"], "the folder /no/such/folder does not exist"),
    ],
)
def test_invalid_arguments_print_one_line_and_exit_with_status_2(run, arguments, says):
    status, out, err = run(*arguments)
    assert status == 2
    assert says in err
    assert err.count("\n") == 1
    assert out == "" or "training images" in out


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_diverging_loss_prints_only_an_error_message(run):
    status, _, err = run("classify", "--lr", "10", "--momentum", "0.99", "--hidden", "64,64,64,64", "--json")
    assert status == 1
    assert "Try a learning rate well below 10, for example 1." in err


def test_a_sparkline_falls_as_the_loss_falls():
    line = sparkline([1.2**-i for i in range(100)], width=8)
    assert line == "█▇▆▅▄▃▂▁"
    assert sparkline([1.0, 1.0]) == "▁▁"


def test_a_preset_sets_the_defaults_of_the_other_options(run):
    status, out, _ = run("classify", "--preset", "no-hidden-layer", "--epochs", "2", "--json")
    linear = json.loads(out.splitlines()[-1])
    assert (status, linear["epochs"]) == (0, 2)
    status, out, _ = run("classify", "--hidden", "none", "--epochs", "2", "--json")
    assert json.loads(out.splitlines()[-1])["history"] == linear["history"]
    status, _, err = run("classify", "--preset", "magic")
    assert status == 2
    assert "baseline" in err


def test_the_long_preset_uses_patch_features_of_cifar10_unless_told_otherwise(run, tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    images = np.random.default_rng(0).integers(0, 256, (300, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(300) % 10
    np.savez(tmp_path / "cifar10.npz", x_train=images, y_train=labels, x_test=images[:50], y_test=labels[:50])
    small = ["--preset", "long", "--hidden", "8", "--epochs", "1"]
    status, out, _ = run("classify", *small, "--patches", "10")
    assert status == 0
    assert "cifar10: 270 training images" in out
    assert "test images, from patch features" in out
    status, out, _ = run("classify", *small, "--dataset", "mnist-5k", "--features", "pixels", "--train-size", "200")
    assert status == 0
    assert "mnist-5k: 200 training images" in out
    assert "input: pixels" in out


def test_the_output_names_patch_features_and_rejects_other_augmentations(run, tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    options = ["--features", "patches", "--patches", "10", "--epochs", "1", "--train-size", "500", "--augment", "flip"]
    status, out, _ = run("classify", *options)
    assert status == 0
    assert "500 training images" in out
    assert "test images, from patch features" in out
    assert "including the patch features" in out
    status, _, err = run("classify", *options[:2], "--augment", "shift,elastic")
    assert status == 2
    assert "with shift and flip only, but not with elastic" in err


def test_weights_are_saved_with_the_save_option(run, tmp_path):
    status, *_ = run("classify", "--hidden", "20", "--epochs", "1", "--save", str(tmp_path / "weights.npz"))
    config, checkpoint = from_file((tmp_path / "weights.npz").read_bytes())
    assert status == 0
    assert config.hidden == (20,)
    assert checkpoint.section("model")["layers.modules.0.weight"].shape == (784, 20)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("{folder}", "{folder} is a folder. Name a file in it, such as {folder}/weights.npz"),
        ("{folder}/", "{folder} is a folder. Name a file in it, such as {folder}/weights.npz"),
        ("", ". is a folder. Name a file in it, such as weights.npz"),
        ("{folder}/missing/weights.npz", "the folder {folder}/missing does not exist"),
        ("{folder}/file/weights.npz", "the folder {folder}/file does not exist"),
        ("{folder}/" + 300 * "x", "File name too long"),
        ("{folder}/locked", "{folder}/locked cannot be written. Choose another file"),
        ("{folder}/locked-folder/new", "{folder}/locked-folder/new cannot be written. Choose another file"),
    ],
)
def test_a_file_that_cannot_be_saved_is_reported_before_training(run, tmp_path, monkeypatch, path, says):
    def training_would_begin(*arguments, **options):
        pytest.fail("Training began.")

    real_access = os.access
    monkeypatch.setattr("core.classify.fit", training_would_begin)
    monkeypatch.setattr("os.access", lambda path, mode: "locked" not in str(path) and real_access(path, mode))
    (tmp_path / "file").touch()
    (tmp_path / "locked").touch()
    (tmp_path / "locked-folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    status, out, err = run("classify", "--save", path.format(folder=tmp_path))
    assert (status, out) == (2, "")
    assert says.format(folder=tmp_path) in err
    assert err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_full_disk_is_reported_in_one_line(run):
    status, _, err = run("classify", "--hidden", "none", "--epochs", "1", "--save", "/dev/full")
    assert status == 2
    assert "No space left on device" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("streams", [">&-", ">&- 2>&-", "</dev/null"])
@pytest.mark.parametrize("command", ["memorize abc --epochs 2", "classify --hidden none --epochs 1", "datasets"])
def test_closed_streams_do_not_stop_training(command, streams):
    shell = ["sh", "-c", f"exec {shlex.quote(sys.executable)} -m core {command} {streams}"]
    done = subprocess.run(shell, cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


def test_a_reader_that_stops_reading_ends_the_command_without_a_traceback():
    for command in ("datasets", "classify --hidden none --epochs 1"):
        process = subprocess.Popen(
            [sys.executable, "-m", "core", *command.split()],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        process.stdout.close()
        with process.stderr:
            assert "Traceback" not in process.stderr.read()
        assert process.wait(timeout=300) == 1


class Notebook(io.StringIO):
    """An output stream without `reconfigure`, such as Jupyter's."""


@pytest.mark.parametrize("stream", [None, Notebook()])
def test_commands_run_where_the_output_is_not_a_terminal_s(monkeypatch, stream):
    monkeypatch.setattr("sys.stdout", stream)
    assert main(["memorize", "abc", "--epochs", "2"]) == 0
    assert main(["classify", "--hidden", "none", "--epochs", "1"]) == 0
    assert main(["datasets"]) == 0
    assert stream is None or "Test accuracy" in stream.getvalue()


def test_labels_are_shuffled_with_the_shuffled_labels_option(run):
    status, out, _ = run("classify", "--shuffled-labels", "--epochs", "2", "--json")
    assert status == 0
    assert json.loads(out.splitlines()[-1])["test_accuracy"] < 0.3


def test_help_is_shown_at_once_because_nothing_large_is_imported():
    code = """
import sys
from core.__main__ import main
try:
    main(["--help"])
except SystemExit:
    print({"numpy", "torch", "numba"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert "memorize" in done.stdout
    assert done.stdout.endswith("set()\n")
