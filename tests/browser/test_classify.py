"""The Classify page in a browser: drawing with the mouse, and clicking on the confusion matrix."""

import math
import re
from collections.abc import Callable
from dataclasses import replace

from playwright.sync_api import Locator, Page, expect

from core.classify.presets import PRESETS
from core.runs import Store
from pages.ui.run_bar import FULL
from tests.browser.conftest import button, choose_pace, outcome
from tests.browser.drawing import Stroke, draw
from tests.runs import wait_for


def at_rest(page: Page, mark: Locator) -> dict[str, float]:
    """Return the mark's box, once the page above it has stopped growing and the mark no longer moves."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    mark.scroll_into_view_if_needed()

    def still() -> dict[str, float] | None:
        before = mark.bounding_box()
        page.wait_for_timeout(300)
        return before if before and before == mark.bounding_box() else None

    return wait_for(still)


def test_a_click_on_the_confusion_matrix_and_a_drawn_digit(page: Page, server_url: str):
    page.goto(f"{server_url}/classify")
    choose_pace(page, FULL)
    button(page, "Train").click()
    expect(outcome(page)).to_contain_text(re.compile(r"9\d\d of 1,000 test images are classified correctly"))

    page.get_by_role("tab", name="Confusion matrix").click()
    expect(page.get_by_text("Worst mistakes")).to_be_visible()
    cells = page.locator(".stVegaLiteChart .mark-rect path")
    expect(cells.first).to_be_visible()
    cell = at_rest(page, cells.nth(11))  # the second row's second cell: ones predicted as ones
    page.mouse.click(cell["x"] + cell["width"] / 2, cell["y"] + cell["height"] / 2)
    expect(page.get_by_text("True class 1, predicted 1")).to_be_visible()

    page.get_by_role("tab", name="Own image").click()
    expect(page.locator("canvas").last).to_be_visible()
    draw(page, [(140, 50), (140, 230)])
    expect(page.get_by_text("Prediction: 1")).to_be_visible()


def arc(x: float, y: float, width: float, height: float, first: float, last: float) -> Stroke:
    """Return points on an ellipse around (x, y), between two angles in degrees; 0 is right, 90 is down."""
    angles = [math.radians(first + (last - first) * i / 12) for i in range(13)]
    return [(x + width * math.cos(angle), y + height * math.sin(angle)) for angle in angles]


DIGITS: dict[str, list[Stroke]] = {
    "0": [arc(140, 140, 55, 90, -90, 270)],
    "2": [[*arc(138, 100, 52, 52, -160, 50), (80, 225), (205, 225)]],
    "3": [arc(130, 92, 50, 44, -150, 90), arc(130, 184, 58, 48, -90, 150)],
    "4": [[(105, 50), (80, 150), (195, 150)], [(180, 55), (170, 235)]],
    "7": [[(75, 60), (200, 60), (120, 235)]],
}

Point = tuple[float, float]
WAYS: dict[str, Callable[[float, float], Point]] = {
    "upright": lambda x, y: (x, y),
    "slanted": lambda x, y: (x - 0.3 * (y - 140), y),
    "small, in a corner": lambda x, y: (20 + 0.45 * x, 15 + 0.45 * y),
    "wide": lambda x, y: (140 + 1.4 * (x - 140), y),
    "tilted": lambda x, y: (140 + 0.98 * (x - 140) + 0.17 * (y - 140), 140 - 0.17 * (x - 140) + 0.98 * (y - 140)),
}


def network_input(page: Page) -> str | None:
    """Return the image that the network receives, as a data URL; None if there is none yet."""
    image = page.get_by_alt_text("network input")
    return image.get_attribute("src") if image.count() else None


def predict_drawing(page: Page, strokes: list[Stroke]) -> str:
    """Draw the strokes one after another; return the class predicted after the last one."""
    for stroke in strokes:
        before = network_input(page)
        draw(page, stroke)
        wait_for(lambda before=before: network_input(page) != before)
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    return re.search(r"Prediction: (\d)", page.get_by_text("Prediction:").inner_text())[1]


def test_digits_drawn_in_five_ways_are_recognised_by_the_best_preset(page: Page, server_url: str, store: Store):
    epochs = 15  # of 80: enough to recognise every digit here in every way with a probability above 0.9
    page.goto(f"{server_url}/classify?preset=best&classify_epochs={epochs}")
    choose_pace(page, FULL)
    button(page, "Train").click()
    page.wait_for_url(re.compile(r"run="))
    run_id = re.search(r"run=([\w-]+)", page.url)[1]
    assert store.run(run_id).config == replace(PRESETS["best"].config("mnist-5k"), epochs=epochs)
    wait_for(lambda: store.run(run_id).status.is_terminal, timeout=600)

    predictions = {}
    for digit, way in zip(DIGITS, WAYS, strict=True):
        page.goto(f"{server_url}/classify?run={run_id}&tab=Own+image")
        expect(page.locator("canvas").last).to_be_visible()
        at_rest(page, page.locator("canvas").last)
        strokes = [[WAYS[way](x, y) for x, y in stroke] for stroke in DIGITS[digit]]
        predictions[digit, way] = predict_drawing(page, strokes)
    assert predictions == {(digit, way): digit for digit, way in predictions}
