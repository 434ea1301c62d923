"""Averaging predictions over copies of an image, against the definition."""

import numpy as np
import pytest

from core.autograd.functional import log_softmax
from core.classify import ClassifyConfig, Result, evaluate, fit, make_model
from core.classify.copies import copies
from core.classify.inputs import Pixels


def test_shifts_repeat_the_edge_and_mirrors_reverse_the_rows():
    image = np.array([[[1, 2, 3], [4, 5, 6]]])
    plain, down, up, right, left = copies(image, ["shifts"])
    np.testing.assert_array_equal(plain, image)
    np.testing.assert_array_equal(down, [[[1, 2, 3], [1, 2, 3]]])
    np.testing.assert_array_equal(up, [[[4, 5, 6], [4, 5, 6]]])
    np.testing.assert_array_equal(right, [[[1, 1, 2], [4, 4, 5]]])
    np.testing.assert_array_equal(left, [[[2, 3, 3], [5, 6, 6]]])
    assert [each.tolist() for each in copies(image, ["mirror"])] == [image.tolist(), [[[3, 2, 1], [6, 5, 4]]]]
    assert len(list(copies(image, ["mirror", "shifts"]))) == 10
    assert len(list(copies(image, []))) == 1


@pytest.mark.parametrize("average", [(), ("mirror",), ("shifts",), ("mirror", "shifts")])
def test_predictions_are_averaged_as_log_probabilities(make_dataset, average):
    dataset = make_dataset(test=40)
    model = make_model(ClassifyConfig(hidden=(8,)), dataset, np.random.default_rng(3))
    inputs = Pixels(dataset)
    loss, accuracy = evaluate(model, inputs, "test", np.arange(40), dataset.y_test, average)
    logs = [log_softmax(model(inputs.encode(copy)).data.astype(float)) for copy in copies(dataset.x_test, average)]
    mean = log_softmax(np.mean(logs, axis=0))
    assert accuracy == (mean.argmax(axis=1) == dataset.y_test).mean()
    assert loss == pytest.approx(-mean[np.arange(40), dataset.y_test].mean(), rel=1e-5)


def test_averaging_is_a_second_result_and_changes_nothing_else(make_dataset):
    dataset = make_dataset()
    config = ClassifyConfig(hidden=(8,), epochs=2, batch_size=20)
    plain = list(fit(config, dataset))
    averaged = list(fit(ClassifyConfig(**{**vars(config), "average": ("mirror",)}), dataset))
    result, both = (next(event for event in events if isinstance(event, Result)) for events in (plain, averaged))
    assert result.averaged_accuracy is None
    assert (result.loss, result.accuracy) == (both.loss, both.accuracy)
    assert isinstance(both.averaged_accuracy, float)
    np.testing.assert_array_equal(
        plain[-1].arrays["model.layers.modules.0.weight"], averaged[-1].arrays["model.layers.modules.0.weight"]
    )


def test_patch_features_can_only_be_mirrored():
    assert ClassifyConfig(features="patches", average=("mirror",)).average == ("mirror",)
    with pytest.raises(ValueError, match="not over shifts"):
        ClassifyConfig(features="patches", average=("shifts",))
    with pytest.raises(ValueError, match="Each kind of copy to average over"):
        ClassifyConfig(average=("rotated",))
