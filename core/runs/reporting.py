"""Runs at a glance: as rows of a table, side by side, and as leaderboards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, NamedTuple

from core.classify.presets import PRESETS
from core.runs.models import Run

OWN = "own settings"
CSV_FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would compute what begins with these


class Board(NamedTuple):
    """What can be compared fairly: results on the same test pictures, from the same view of them and the same start.

    preset: the name in PRESETS of what was trained, OWN for other settings.
    """

    dataset: str
    features: str
    preset: str


def settings(run: Run) -> dict[str, Any]:
    """The run's settings as they are now, by name; none where this program no longer understands them."""
    try:
        config = run.config
    except ValueError:
        return {}
    return {field.name: getattr(config, field.name) for field in fields(config)} | run.changes


def table_row(run: Run) -> dict[str, Any]:
    """What a table of runs shows of this one. Times in UTC."""
    known, results = settings(run), run.metrics
    return {
        "id": run.id,
        "name": run.title or str(known.get("sentence") or known.get("dataset") or "")[:80],
        "by": run.nickname,
        "kind": run.kind,
        "status": run.status.value,
        "epochs": results.get("epochs"),
        "loss": results.get("loss"),
        "accuracy": results.get("accuracy"),
        "test accuracy": results.get("test_accuracy"),
        "parameters": results.get("parameters"),
        "seconds": round(run.train_seconds, 1),
        "started": datetime.fromtimestamp(run.created_at, UTC),
        "note": run.note,
    }


def export_row(run: Run) -> dict[str, Any]:
    """Everything for a spreadsheet: the table's row and all settings; text that would be a formula there is quoted."""
    row = {**table_row(run), **{f"setting {name}": value for name, value in settings(run).items()}}
    return {name: _harmless(value) for name, value in row.items()}


def differing_settings(runs: Iterable[Run]) -> dict[str, list[Any]]:
    """Of each setting that is not the same in all these runs, its values in their order; None where there is none."""
    all_settings = [settings(run) for run in runs]
    names = dict.fromkeys(name for some in all_settings for name in some)
    values = {name: [some.get(name) for some in all_settings] for name in names}
    return {name: some for name, some in values.items() if any(value != some[0] for value in some)}


def leaderboards(runs: Iterable[Run]) -> dict[Board, list[Run]]:
    """Of each board the best run of every nickname, best test accuracy first; fewer parameters decide a tie."""
    best: dict[Board, dict[str, Run]] = defaultdict(dict)
    for run in sorted(runs, key=_rank):
        known = settings(run)
        if run.kind == "classify" and run.nickname and known and "test_accuracy" in run.metrics:
            board = Board(known["dataset"], known["features"], matching_preset(run))
            best[board].setdefault(run.nickname.casefold(), run)
    return {board: list(of_nickname.values()) for board, of_nickname in sorted(best.items())}


def matching_preset(run: Run) -> str:
    """The name of the preset that a classify run went by from the beginning to the end, with any seed; else OWN."""
    config = run.config
    for name, preset in PRESETS.items():
        if not run.changes and preset.config(config.dataset, config.features, config.seed) == config:
            return name
    return OWN


def _rank(run: Run) -> tuple[float, float, float]:
    results = run.metrics
    return -results.get("test_accuracy", 0.0), results.get("parameters", 0), run.created_at


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(CSV_FORMULA_PREFIXES) else value
