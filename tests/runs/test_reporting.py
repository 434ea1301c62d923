"""Runs at a glance: rows, what differs, leaderboards, and a CSV that no spreadsheet computes."""

import json

import pytest

from core.classify import ClassifyConfig
from core.memorize import MemorizeConfig
from core.runs.identity import Visitor
from core.runs.reporting import OWN, Board, differing_settings, export_row, leaderboards, table_row


@pytest.fixture
def keep(store):
    def keep(config, nickname="", changes=None, **results):
        run = store.run(store.create(config, by=Visitor("", nickname)))
        run.metrics_json = json.dumps(results)
        run.setting_changes_json = json.dumps(changes or {})
        return run

    return keep


def test_a_row_tells_what_a_run_is_and_has_reached(keep):
    run = keep(MemorizeConfig("hello"), "Ann", epochs=3, loss=0.5, accuracy=0.25, parameters=99)
    row = table_row(run)
    assert (row["name"], row["by"], row["kind"], row["status"]) == ("hello", "Ann", "memorize", "waiting")
    assert (row["epochs"], row["loss"], row["accuracy"], row["test accuracy"]) == (3, 0.5, 0.25, None)
    assert row["started"].timestamp() == pytest.approx(run.created_at)


def test_what_differs_is_told_with_the_changes_made_on_the_way(keep):
    runs = [keep(ClassifyConfig()), keep(ClassifyConfig(hidden=(9,))), keep(ClassifyConfig(), changes={"lr": 0.3})]
    assert differing_settings(runs) == {"hidden": [(256, 128), (9,), (256, 128)], "lr": [0.05, 0.05, 0.3]}
    assert differing_settings(runs[:1]) == {}
    mixed = differing_settings([keep(MemorizeConfig("a")), keep(ClassifyConfig())])
    assert mixed["sentence"] == ["a", None]


def test_a_leaderboard_has_the_best_run_of_every_nickname(keep):
    good = keep(ClassifyConfig(), "Ann", test_accuracy=0.9, parameters=10)
    runs = [
        keep(ClassifyConfig(), "ann", test_accuracy=0.8, parameters=10),
        good,
        keep(ClassifyConfig(), "Bob", test_accuracy=0.95, parameters=20),
        keep(ClassifyConfig(), "Cam", test_accuracy=0.95, parameters=10),
        keep(ClassifyConfig(), "", test_accuracy=0.99),
        keep(ClassifyConfig(), "Dan", accuracy=0.99),
        keep(ClassifyConfig(dataset="mnist"), "Ann", test_accuracy=0.7),
        keep(ClassifyConfig(hidden=(9,)), "Ann", test_accuracy=0.7),
        keep(ClassifyConfig(seed=3), "Eve", changes={"lr": 0.3}, test_accuracy=0.6),
        keep(ClassifyConfig(seed=3), "Eve", test_accuracy=0.5),
        keep(MemorizeConfig("a"), "Ann", accuracy=1.0),
    ]
    boards = leaderboards(runs)
    digits = Board("mnist-5k", "pixels", "baseline")
    assert list(boards) == [Board("mnist", "pixels", "baseline"), digits, digits._replace(preset=OWN)]
    assert [run.nickname for run in boards[digits]] == ["Cam", "Bob", "Ann", "Eve"]
    assert boards[digits][2] is good
    assert [run.nickname for run in boards[digits._replace(preset=OWN)]] == ["Ann", "Eve"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_a_spreadsheet_computes_nothing_that_a_student_typed(keep, text):
    run = keep(MemorizeConfig("x" + text))
    run.title = run.note = run.nickname = text
    row = export_row(run)
    assert {row["name"], row["note"], row["by"]} == {f"'{text}"}
    assert export_row(keep(MemorizeConfig(f"={text.strip()}")))["setting sentence"].startswith("'=")


def test_a_run_that_is_no_longer_understood_still_has_its_row(keep):
    run = keep(MemorizeConfig("a"))
    run.config_json = '{"words": 3}'
    assert table_row(run)["name"] == ""
    assert leaderboards([run]) == {}
