"""Handwritten digits: found in photographs, and centred like MNIST's."""

import numpy as np
import pytest
from PIL import Image

from benchmarks.photographs import KINDS, photograph
from core.classify import ClassifyConfig, fit, predict, restore_model
from core.classify.datasets import load
from core.classify.handwriting import center_digit, find_digit, find_ink
from core.classify.images import ImageError, read_image
from core.classify.inputs import Pixels


def centre_of_mass(image: np.ndarray) -> tuple[float, float]:
    y, x = np.indices(image.shape)
    return float((y * image).sum() / image.sum()), float((x * image).sum() / image.sum())


@pytest.mark.parametrize("place", [(0, 0), (150, 20), (180, 199)])
@pytest.mark.parametrize("extent", [(100, 30), (20, 90), (60, 60), (5, 5)])
def test_a_drawing_is_scaled_to_the_box_and_centred_by_its_mass(place, extent):
    ink = np.zeros((300, 300), np.float32)
    ink[place[0] : place[0] + extent[0], place[1] : place[1] + extent[1]] = 1
    digit = center_digit(ink)
    assert digit.shape == (28, 28)
    assert digit.dtype == np.uint8
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    assert max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1 == 20
    assert digit.max() == 255
    assert np.allclose(centre_of_mass(digit), 14, atol=0.51)


def test_the_centre_of_mass_is_centred_and_not_the_bounding_box():
    ink = np.zeros((100, 100), np.float32)
    ink[10:90, 45:55] = 1
    ink[10:20, 35:65] = 1  # a bar at the top, as in a 7
    assert np.allclose(centre_of_mass(center_digit(ink)), 14, atol=0.51)


def test_digits_of_mnist_hardly_change():
    overlaps = []
    for digit in load("mnist-5k").x_test[:200]:
        again = center_digit(digit.astype(np.float32) / 255)
        overlaps.append(np.minimum(digit, again).sum() / np.maximum(digit, again).sum())
        assert np.allclose(centre_of_mass(digit), centre_of_mass(again), atol=1.1)
    assert np.median(overlaps) > 0.99


def test_an_empty_drawing_is_explained():
    with pytest.raises(ImageError, match="no drawing"):
        center_digit(np.zeros((280, 280)))


@pytest.mark.parametrize("paper", [0, 255, 180])
def test_ink_differs_from_the_paper(paper):
    page = Image.new("RGB", (60, 60), (paper,) * 3)
    page.paste((255 - paper if paper != 180 else 20,) * 3, (27, 10, 33, 50))
    ink = find_ink(page)
    assert ink[128, 128] > 0.9
    assert ink[0, 0] == 0


@pytest.fixture(scope="module")
def classifier():
    """Return a function that classifies one image of the size of MNIST's."""
    dataset, config = load("mnist-5k"), ClassifyConfig(epochs=5)
    *_, checkpoint = fit(config, dataset)
    model, inputs = restore_model(config, dataset, checkpoint), Pixels(dataset)
    return lambda image: predict(model, inputs.encode(image[None]))[0].argmax()


@pytest.fixture(scope="module")
def digits(classifier):
    """Return one test image of each digit, which is recognised."""
    dataset = load("mnist-5k")
    right = [i for i in range(200) if classifier(center_digit(dataset.x_test[i])) == dataset.y_test[i]]
    return [dataset.x_test[next(i for i in right if dataset.y_test[i] == digit)] for digit in range(10)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_photographed_digits_are_recognised(classifier, digits, kind):
    rng = np.random.default_rng(3)
    photos = [read_image(photograph(digit, kind, rng)) for digit in digits]
    assert sum(classifier(find_digit(photo)) == digit for digit, photo in enumerate(photos)) >= 9


@pytest.mark.parametrize("kind", ["even light", "lined", "squared", "corners 20 % darker", "six specks", "noise 10"])
def test_nothing_is_found_on_an_empty_sheet(kind):
    photo = read_image(photograph(np.zeros((28, 28), np.uint8), kind, np.random.default_rng(0)))
    with pytest.raises(ImageError, match="No digit was found"):
        find_digit(photo)


@pytest.mark.parametrize("size", [(1, 1), (1, 512), (512, 1), (3, 2), (512, 512)])
def test_an_image_of_any_size_without_a_digit_is_explained(size):
    with pytest.raises(ImageError, match="No digit was found"):
        find_digit(Image.new("RGB", size, "white"))
