"""Ticking on the Runs page, whose table is drawn on a canvas."""

from playwright.sync_api import Page, expect


def tick_first_row(page: Page) -> None:
    """Choose the newest run in the table."""
    expect(page.get_by_text("Tick some to compare")).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    canvas = page.get_by_test_id("data-grid-canvas").first
    expect(canvas).to_be_visible()
    page.wait_for_timeout(500)  # the canvas moves while it learns how wide it is
    box = canvas.bounding_box()
    page.mouse.click(box["x"] + 18, box["y"] + 52)
    expect(page.get_by_role("link", name="Open")).to_be_visible()
