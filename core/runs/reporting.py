"""Runs at a glance: table rows, export, differing settings and leaderboards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from core.classify.presets import PRESETS
from core.runs.models import Run
from core.text import escape_csv_formula

CUSTOM = "custom settings"


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
        "network": network_label(settings),
        "rate": settings.get("lr"),
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


def network_label(settings: dict[str, Any]) -> str:
    """Return the size of a run's layers, such as "256, 128" or, for an LSTM of two layers, "2 × 64"."""
    if "num_layers" in settings:
        return f"{settings['num_layers']} × {settings['hidden_size']}"
    return ", ".join(map(str, settings.get("hidden", ()))) or ("no hidden layer" if settings else "")


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


def leaderboard_rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the rows of one leaderboard, with a place for each run; runs with equal results share a place.

    runs: sorted by validation accuracy, best first, as Store.leaderboards returns them. Only validation accuracy
        counts, because test images must not choose between runs.
    """
    scores = [run.metrics.get("accuracy", 0.0) for run in runs]
    return [
        {
            "place": scores.index(score) + 1,
            **table_row(run),
            "input": run.config.features,
            "preset": matching_preset(run),
        }
        for score, run in zip(scores, runs, strict=True)
    ]


def matching_preset(run: Run) -> str:
    """Return the title of the preset that a classify run used unchanged, with any seed; else CUSTOM."""
    config = run.config
    for preset in PRESETS.values():
        if not run.changes and preset.config(config.dataset, config.features, config.seed) == config:
            return preset.title
    return CUSTOM
