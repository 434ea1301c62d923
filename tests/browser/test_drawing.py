"""A drawing on the Classify page survives a look at another tab or page."""

from playwright.sync_api import Page, expect

from tests.browser.drawing import draw
from tests.runs import wait_for

INK = """canvas => {
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let dark = 0;
    for (let i = 0; i < data.length; i += 4) dark += data[i + 3] > 127 && data[i] < 100;
    return dark;
}"""


def ink(page: Page) -> int:
    """Return how many pixels of the canvas are drawn on."""
    return max(page.locator("canvas").evaluate_all(f"canvases => canvases.map({INK})"), default=0)


def network_input(page: Page) -> str:
    return page.get_by_alt_text("network input").get_attribute("src")


def test_a_drawing_is_still_there_after_another_tab_or_page(page: Page, server_url: str):
    page.goto(f"{server_url}/classify?classify_epochs=2")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_test_id("stBottom").locator(".text")).to_have_text("Finished · epoch 2 of 2")
    page.get_by_role("tab", name="Own image").click()
    expect(page.locator("canvas").last).to_be_visible()
    draw(page, [(140, 50), (140, 230)])
    expect(page.get_by_text("Prediction:")).to_be_visible()
    drawn, seen = ink(page), network_input(page)
    assert drawn > 1_000

    page.get_by_role("tab", name="Compare runs").click()
    expect(page.get_by_text("Prediction:")).to_have_count(0)
    page.get_by_role("tab", name="Own image").click()
    expect(page.get_by_text("Prediction:")).to_be_visible()
    wait_for(lambda: ink(page) == drawn)
    assert network_input(page) == seen

    page.get_by_role("link", name="Runs").first.click()
    expect(page.get_by_text("Prediction:")).to_have_count(0)
    page.get_by_role("link", name="Classify").first.click()
    page.get_by_role("tab", name="Own image").click()
    expect(page.get_by_text("Prediction:")).to_be_visible()
    wait_for(lambda: ink(page) == drawn)
    assert network_input(page) == seen

    draw(page, [(140, 50), (220, 50)])  # the drawing goes on
    wait_for(lambda: network_input(page) != seen)
    assert ink(page) > drawn
