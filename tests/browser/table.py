"""Selecting rows of the table on the Runs page, which is drawn on a canvas."""

from playwright.sync_api import Page, expect

ROW_HEIGHT = 35  # pixels, as the header's
AT_REST = """element => new Promise(resolve => {
    let last = "", frames = 0;
    const compare = () => {
        const box = JSON.stringify(element.getBoundingClientRect());
        frames = box === last ? frames + 1 : 0;
        last = box;
        if (frames < 20) requestAnimationFrame(compare); else resolve();
    };
    compare();
})"""


def select_row(page: Page, row: int = 0) -> None:
    """Click the checkbox of a row; row 0 is the newest run."""
    expect(page.get_by_text("Select rows to compare them")).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    canvas = page.get_by_test_id("data-grid-canvas").first
    expect(canvas).to_be_visible()
    canvas.evaluate(AT_REST)  # it is resized while its columns find their widths
    box = canvas.bounding_box()
    page.mouse.click(box["x"] + 18, box["y"] + 1.5 * ROW_HEIGHT + row * ROW_HEIGHT)


def select_first_row(page: Page) -> None:
    """Select the newest run and wait for its details."""
    select_row(page)
    expect(page.get_by_role("link", name="Open")).to_be_visible()
