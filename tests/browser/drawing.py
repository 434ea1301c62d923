"""Drawing with the mouse on the Classify page's canvas."""

from playwright.sync_api import Page

Stroke = list[tuple[float, float]]


def draw(page: Page, *strokes: Stroke) -> None:
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
