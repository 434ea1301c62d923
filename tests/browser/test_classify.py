"""What only a browser shows of the Classify page: drawing with the mouse, and a click on the confusion matrix."""

import math
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from core.classify import ClassifyConfig
from core.runs import Store
from tests.browser.drawing import draw
from tests.runs import wait_for


def at_rest(page: Page, mark: Locator) -> dict[str, float]:
    """The mark's box, once the page above it has stopped growing and it has stayed in its place."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    mark.scroll_into_view_if_needed()

    def still() -> dict[str, float] | None:
        before = mark.bounding_box()
        page.wait_for_timeout(300)
        return before if before and before == mark.bounding_box() else None

    return wait_for(still)


def test_a_digit_is_drawn_and_recognised_and_a_cell_of_the_confusion_is_opened(page: Page, server_url: str):
    page.goto(f"{server_url}/classify")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_text(re.compile(r"Test accuracy 9\d\.\d\d%"))).to_be_visible()

    page.get_by_role("tab", name="Mistakes").click()
    expect(page.get_by_text("Its worst mistakes")).to_be_visible()
    cells = page.locator(".stVegaLiteChart .mark-rect path")
    expect(cells.first).to_be_visible()
    cell = at_rest(page, cells.nth(11))  # the second row's second cell: ones that were taken for ones
    page.mouse.click(cell["x"] + cell["width"] / 2, cell["y"] + cell["height"] / 2)
    expect(page.get_by_text("1 taken for 1")).to_be_visible()

    page.get_by_role("tab", name="Your own picture").click()
    expect(page.locator("canvas").last).to_be_visible()
    draw(page, [(140, 50), (140, 230)])
    expect(page.get_by_text("It says: 1")).to_be_visible()


def arc(x: float, y: float, width: float, height: float, first: float, last: float) -> list[tuple[int, int]]:
    """Points on an ellipse around (x, y), from one angle to another in degrees; 0 is right, 90 is down."""
    angles = [math.radians(first + (last - first) * i / 12) for i in range(13)]
    return [(round(x + width * math.cos(angle)), round(y + height * math.sin(angle))) for angle in angles]


DIGITS = {
    "0": [arc(140, 140, 55, 90, -90, 270)],
    "1": [[(140, 45), (140, 235)]],
    "3": [arc(130, 92, 50, 44, -150, 90), arc(130, 184, 58, 48, -90, 150)],
    "4": [[(105, 50), (80, 150), (195, 150)], [(180, 55), (170, 235)]],
    "7": [[(75, 60), (200, 60), (120, 235)]],
}


@pytest.fixture(scope="module")
def trained(server, store: Store) -> str:
    """A run that has learned digits with the augmentation of the preset `best`, for a shorter time."""
    run_id = store.create(ClassifyConfig(hidden=(256,), augment=("shift", "rotate", "elastic"), epochs=10))
    wait_for(lambda: store.run(run_id).status.ended)
    return run_id


def test_plainly_drawn_digits_are_recognised(page: Page, server_url: str, trained: str):
    said = {}
    for digit, strokes in DIGITS.items():
        page.goto(f"{server_url}/classify?run={trained}&look=Your+own+picture")
        expect(page.locator("canvas").last).to_be_visible()
        at_rest(page, page.locator("canvas").last)
        draw(page, *strokes)
        answer = page.get_by_text("It says:")
        expect(answer).to_be_visible()
        page.wait_for_timeout(1_000)  # each stroke has its answer
        said[digit] = re.search(r"It says: (\d)", answer.inner_text())[1]
    assert said == {digit: digit for digit in DIGITS}
