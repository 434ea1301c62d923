"""Runs at a glance: table rows, export, differing settings and leaderboards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, NamedTuple

from core.classify.presets import PRESETS
from core.runs.models import Run
from core.text import escape_csv_formula

CUSTOM = "custom settings"


class LeaderboardKey(NamedTuple):
    """Leaderboard key: results are comparable only for the same dataset, features and preset.

    Attributes:
        dataset: name of the dataset.
        features: what the network receives, "pixels" or "patches".
        preset: name in PRESETS, or CUSTOM.
    """

    dataset: str
    features: str
    preset: str


def current_settings(run: Run) -> dict[str, Any]:
    """Return the run's current settings by name; {} if this version of the program cannot read its config."""
    try:
        config = run.config
    except ValueError:
        return {}
    return {field.name: getattr(config, field.name) for field in fields(config)} | run.changes


def table_row(run: Run) -> dict[str, Any]:
    """Return the run's row in the table of runs. Times are in UTC."""
    settings, metrics = current_settings(run), run.metrics
    return {
        "id": run.id,
        "name": run.title or str(settings.get("sentence") or settings.get("dataset") or "")[:80],
        "by": run.nickname,
        "kind": run.kind,
        "status": run.status.value,
        "epochs": metrics.get("epochs"),
        "loss": metrics.get("loss"),
        "accuracy": metrics.get("accuracy"),
        "test accuracy": metrics.get("test_accuracy"),
        "parameters": metrics.get("parameters"),
        "seconds": round(run.train_seconds, 1),
        "started": datetime.fromtimestamp(run.created_at, UTC),
        "note": run.note,
    }


def export_row(run: Run) -> dict[str, Any]:
    """Return the run's row in the CSV export: its table row and all settings, with formulas escaped."""
    row = {**table_row(run), **{f"setting {name}": value for name, value in current_settings(run).items()}}
    return {name: escape_csv_formula(value) for name, value in row.items()}


def differing_settings(runs: Iterable[Run]) -> dict[str, list[Any]]:
    """Return the settings that differ between the runs, each with its value in every run.

    A run that does not have a setting has None there.
    """
    all_settings = [current_settings(run) for run in runs]
    names = dict.fromkeys(name for settings in all_settings for name in settings)
    columns = {name: [settings.get(name) for settings in all_settings] for name in names}
    return {name: values for name, values in columns.items() if any(value != values[0] for value in values)}


def leaderboards(runs: Iterable[Run]) -> dict[LeaderboardKey, list[Run]]:
    """Return, for each leaderboard, the best run per nickname, best test accuracy first.

    Ties go to the run with fewer parameters, then to the earlier one.
    """
    best: dict[LeaderboardKey, dict[str, Run]] = defaultdict(dict)
    for run in sorted(runs, key=_rank):
        settings = current_settings(run)
        if run.kind == "classify" and run.nickname and settings and "test_accuracy" in run.metrics:
            key = LeaderboardKey(settings["dataset"], settings["features"], matching_preset(run))
            best[key].setdefault(run.nickname.casefold(), run)
    return {key: list(by_nickname.values()) for key, by_nickname in sorted(best.items())}


def matching_preset(run: Run) -> str:
    """Return the preset that a classify run used unchanged from start to end, with any seed; else CUSTOM."""
    config = run.config
    for name, preset in PRESETS.items():
        if not run.changes and preset.config(config.dataset, config.features, config.seed) == config:
            return name
    return CUSTOM


def _rank(run: Run) -> tuple[float, float, float]:
    metrics = run.metrics
    return -metrics.get("test_accuracy", 0.0), metrics.get("parameters", 0), run.created_at
