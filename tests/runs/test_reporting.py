"""Table rows, differing settings, leaderboards, and CSV export without formulas."""

import json

import pytest

from core.classify import ClassifyConfig
from core.classify.presets import PRESETS
from core.memorize import MemorizeConfig
from core.runs.identity import Visitor
from core.runs.models import Status
from core.runs.reporting import CUSTOM, differing_settings, export_row, leaderboard_rows, table_row
from tests.runs import claim_run, sync

BASELINE = next(iter(PRESETS))  # the preset with the defaults of ClassifyConfig


@pytest.fixture
def make_run(store):
    def make_run(config, nickname="", changes=None, **results):
        run = store.run(store.create(config, by=Visitor("", nickname)))
        run.metrics_json = json.dumps(results)
        run.setting_changes_json = json.dumps(changes or {})
        return run

    return make_run


def test_a_table_row_shows_the_run_and_its_results(make_run):
    run = make_run(MemorizeConfig("hello"), "Ann", epochs=3, loss=0.5, accuracy=0.25, parameters=99)
    row = table_row(run)
    assert (row["name"], row["by"], row["kind"], row["status"]) == ("hello", "Ann", "memorize", "waiting")
    assert (row["epochs"], row["loss"], row["accuracy"], row["test accuracy"]) == (3, 0.5, 0.25, None)
    assert (row["network"], row["rate"]) == ("2 × 64", run.config.lr)
    assert row["started"].timestamp() == pytest.approx(run.created_at)


def test_differing_settings_include_changes_during_training(make_run):
    runs = [
        make_run(ClassifyConfig()),
        make_run(ClassifyConfig(hidden=(9,))),
        make_run(ClassifyConfig(), changes={"lr": 0.3}),
    ]
    assert differing_settings(runs) == {"hidden": [(256, 128), (9,), (256, 128)], "lr": [0.05, 0.05, 0.3]}
    assert differing_settings(runs[:1]) == {}
    mixed = differing_settings([make_run(MemorizeConfig("a")), make_run(ClassifyConfig())])
    assert mixed["sentence"] == ["a", None]


@pytest.fixture
def finish_run(store):
    """Return finish_run(config, nickname, ...), which stores a finished run with these results and returns it."""

    def finish_run(config, nickname="", changes=None, classroom="7B", **results):
        by = Visitor(f"owner of {nickname}", nickname, classroom)
        run = claim_run(store, store.create(config, by=by))
        if changes:
            store.steer(run.id, **changes)
        sync(store, run, metrics=results)
        store.finish(run, Status.FINISHED)
        return store.run(run.id)

    return finish_run


def test_a_leaderboard_ranks_by_validation_accuracy_and_shows_test_accuracy(store, finish_run):
    lucky = finish_run(ClassifyConfig(seed=1), "Ann", accuracy=0.90, test_accuracy=0.99, parameters=10)
    chosen = finish_run(ClassifyConfig(), "ann", accuracy=0.92, test_accuracy=0.91, parameters=10)
    bob = finish_run(ClassifyConfig(seed=2), "Bob", accuracy=0.91, test_accuracy=0.98, parameters=20)
    finish_run(ClassifyConfig(), "", accuracy=0.99, test_accuracy=0.99)
    finish_run(ClassifyConfig(), "Dan", accuracy=0.99)
    finish_run(MemorizeConfig("a"), "Ann", accuracy=1.0)
    boards = store.leaderboards("7B")
    assert {dataset: [run.id for run in runs] for dataset, runs in boards.items()} == {"mnist-5k": [chosen.id, bob.id]}
    rows = leaderboard_rows(boards["mnist-5k"])
    assert [(row["place"], row["by"], row["test accuracy"]) for row in rows] == [(1, "ann", 0.91), (2, "Bob", 0.98)]
    store.delete(chosen.id)
    assert [run.id for run in store.leaderboards("7B")["mnist-5k"]] == [bob.id, lucky.id]


def test_equal_results_share_a_place(store, finish_run):
    for number, (name, accuracy) in enumerate(
        [("Ann", 0.9), ("Bob", 0.945), ("Cam", 0.945), ("Dan", 0.945), ("Eve", 0.8)]
    ):
        finish_run(ClassifyConfig(), name, accuracy=accuracy, test_accuracy=0.5 + number / 10, parameters=10 - number)
    rows = leaderboard_rows(store.leaderboards("7B")["mnist-5k"])
    assert [(row["place"], row["by"]) for row in rows] == [(1, "Dan"), (1, "Cam"), (1, "Bob"), (4, "Ann"), (5, "Eve")]


def test_there_is_one_leaderboard_per_dataset_with_the_settings_as_columns(store, finish_run):
    results = {"accuracy": 0.9, "test_accuracy": 0.8}
    finish_run(ClassifyConfig(), "Ann", **results)
    finish_run(ClassifyConfig(hidden=(9,), lr=0.5), "Bob", **results)
    finish_run(ClassifyConfig(features="patches", hidden=()), "Cam", **results)
    finish_run(ClassifyConfig(), "Dan", changes={"lr": 0.3}, **results)
    finish_run(ClassifyConfig(dataset="mnist"), "Eve", classroom="8A", **results)
    boards = store.leaderboards()
    assert list(boards) == ["mnist", "mnist-5k"]
    assert list(store.leaderboards("8A")) == ["mnist"]
    rows = {row["by"]: row for row in leaderboard_rows(boards["mnist-5k"])}
    assert {
        name: (row["network"], row["rate"], row["preset"] == CUSTOM, row["input"]) for name, row in rows.items()
    } == {
        "Ann": ("256, 128", 0.05, False, "pixels"),
        "Bob": ("9", 0.5, True, "pixels"),
        "Cam": ("no hidden layer", 0.05, False, "patches"),
        "Dan": ("256, 128", 0.3, True, "pixels"),
    }
    assert rows["Ann"]["preset"] == PRESETS[BASELINE].title


def test_a_leaderboard_lists_at_most_so_many_players_and_one_run_of_each(store, finish_run):
    for number in range(12):
        finish_run(ClassifyConfig(seed=number), f"P{number % 6}", accuracy=number / 20, test_accuracy=0.5)
    [board] = store.leaderboards("7B", size=3).values()
    assert [run.nickname for run in board] == ["P5", "P4", "P3"]
    assert [run.metrics["accuracy"] for run in board] == [0.55, 0.5, 0.45]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_exported_text_is_not_evaluated_as_a_formula(make_run, text):
    run = make_run(MemorizeConfig("x" + text))
    run.title = run.note = run.nickname = text
    row = export_row(run)
    assert {row["name"], row["note"], row["by"]} == {f"'{text}"}
    assert export_row(make_run(MemorizeConfig(f"={text.strip()}")))["setting sentence"].startswith("'=")


def test_a_run_with_an_unreadable_config_still_has_a_row(make_run):
    run = make_run(MemorizeConfig("a"))
    run.config_json = '{"words": 3}'
    row = table_row(run)
    assert (row["name"], row["network"], row["rate"]) == ("", "", None)
