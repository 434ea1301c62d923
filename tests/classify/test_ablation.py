"""The recorded runs: each variant makes one change, and all runs are there and can be recorded again."""

import json
from itertools import pairwise

import pytest

from core.classify import ablation
from core.classify.ablation import BASE, CHANGES, SEEDS, configs, load, record_all
from core.training import changed_fields


def test_each_variant_makes_one_change():
    variants = list(configs().values())
    for before, after in pairwise(variants):
        assert len(changed_fields(before, after)) == 1
    assert all(config.average == ("mirror",) for config in variants)


def test_every_variant_has_a_complete_run_per_seed():
    variants = load()
    assert [variant.name for variant in variants] == list(CHANGES)
    for variant in variants:
        assert [run.seed for run in variant.runs] == list(SEEDS)
        for run in variant.runs:
            assert len(run.train_accuracies) == len(run.val_accuracies) == BASE.epochs
            accuracies = [*run.train_accuracies, *run.val_accuracies, run.test_accuracy, run.averaged_test_accuracy]
            assert all(0.1 < accuracy < 1 for accuracy in accuracies)


def test_the_validation_accuracy_is_near_the_test_accuracy_and_averaging_helps():
    for variant in load():
        for run in variant.runs:
            assert run.val_accuracies[-1] == pytest.approx(run.test_accuracy, abs=0.03)
        assert variant.median("averaged_test_accuracy") > variant.median("test_accuracy")


def test_recording_again_gives_the_same(monkeypatch):
    small = {"dataset": "mnist-5k", "hidden": (8,), "epochs": 2, "train_size": 200}
    monkeypatch.setattr(ablation, "CHANGES", {"Small": small | {"average": ("mirror",)}, "Wider": {"hidden": (16,)}})
    monkeypatch.setattr(ablation, "SEEDS", (0, 1))
    first, again = (list(record_all())[-1] for _ in range(2))
    assert first == again == json.loads(json.dumps(first))
    assert [len(runs) for runs in first.values()] == [2, 2]
    assert first["Small"][0]["val_accuracies"] != first["Small"][1]["val_accuracies"]
    assert len(first["Wider"][0]["train_accuracies"]) == 2
