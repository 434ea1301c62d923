"""What only a browser shows of the Classify page: drawing with the mouse, and a click on the confusion matrix."""

import re

from playwright.sync_api import Page, expect


def draw(page: Page, *strokes: list[tuple[int, int]]) -> None:
    """Draw strokes, lists of points from 0 to 280, on the canvas with the mouse."""
    canvas = page.locator("canvas").last
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    for (x, y), *others in strokes:
        page.mouse.move(box["x"] + x, box["y"] + y)
        page.mouse.down()
        for x, y in others:
            page.mouse.move(box["x"] + x, box["y"] + y, steps=8)
        page.mouse.up()


def test_a_digit_is_drawn_and_recognised_and_a_cell_of_the_confusion_is_opened(page: Page, server_url: str):
    page.goto(f"{server_url}/classify")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_text(re.compile(r"Test accuracy 9\d\.\d\d%"))).to_be_visible()

    page.get_by_role("tab", name="Mistakes").click()
    expect(page.get_by_text("Its worst mistakes")).to_be_visible()
    cells = page.locator(".stVegaLiteChart .mark-rect path")
    expect(cells.first).to_be_visible()
    cells.nth(11).scroll_into_view_if_needed()
    cell = cells.nth(11).bounding_box()  # the second row's second cell: ones that were taken for ones
    page.mouse.click(cell["x"] + cell["width"] / 2, cell["y"] + cell["height"] / 2)
    expect(page.get_by_text("1 taken for 1")).to_be_visible()

    page.get_by_role("tab", name="Your own picture").click()
    expect(page.locator("canvas").last).to_be_visible()
    draw(page, [(140, 50), (140, 230)])
    expect(page.get_by_text("It says: 1")).to_be_visible()
