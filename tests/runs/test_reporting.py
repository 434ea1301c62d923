"""Table rows, differing settings, leaderboards, and CSV export without formulas."""

import json

import pytest

from core.classify import ClassifyConfig
from core.classify.presets import PRESETS
from core.memorize import MemorizeConfig
from core.runs.identity import Visitor
from core.runs.reporting import CUSTOM, LeaderboardKey, differing_settings, export_row, leaderboards, table_row

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


def test_a_leaderboard_has_the_best_run_per_nickname(make_run):
    good = make_run(ClassifyConfig(), "Ann", test_accuracy=0.9, parameters=10)
    runs = [
        make_run(ClassifyConfig(), "ann", test_accuracy=0.8, parameters=10),
        good,
        make_run(ClassifyConfig(), "Bob", test_accuracy=0.95, parameters=20),
        make_run(ClassifyConfig(), "Cam", test_accuracy=0.95, parameters=10),
        make_run(ClassifyConfig(), "", test_accuracy=0.99),
        make_run(ClassifyConfig(), "Dan", accuracy=0.99),
        make_run(ClassifyConfig(dataset="mnist"), "Ann", test_accuracy=0.7),
        make_run(ClassifyConfig(hidden=(9,)), "Ann", test_accuracy=0.7),
        make_run(ClassifyConfig(seed=3), "Eve", changes={"lr": 0.3}, test_accuracy=0.6),
        make_run(ClassifyConfig(seed=3), "Eve", test_accuracy=0.5),
        make_run(MemorizeConfig("a"), "Ann", accuracy=1.0),
    ]
    boards = leaderboards(runs)
    digits = LeaderboardKey("mnist-5k", "pixels", "baseline")
    assert list(boards) == [LeaderboardKey("mnist", "pixels", "baseline"), digits, digits._replace(preset=CUSTOM)]
    assert [run.nickname for run in boards[digits]] == ["Cam", "Bob", "Ann", "Eve"]
    assert boards[digits][2] is good
    assert [run.nickname for run in boards[digits._replace(preset=CUSTOM)]] == ["Ann", "Eve"]


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
    assert table_row(run)["name"] == ""
    assert leaderboards([run]) == {}
