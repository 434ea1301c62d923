"""The Cell tab in a real browser: stepped, played, by mouse and by keyboard."""

import re
import urllib.parse

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_memorize import open_tab
from tests.runs import wait_for

SETTINGS = {"sentence": "abc abd", "memorize_epochs": 50, "hidden_size": 16, "tab": "Cell"}


@pytest.fixture(scope="module")
def run_url(browser, server_url: str, store) -> str:
    """Return the address of a finished run, with the Cell tab open."""
    page = browser.new_page()
    page.goto(f"{server_url}/memorize?{urllib.parse.urlencode(SETTINGS)}")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page).to_have_url(re.compile("run="))
    run_id = urllib.parse.parse_qs(urllib.parse.urlsplit(page.url).query)["run"][0]
    wait_for(lambda: store.run(run_id).status.is_terminal)
    page.close()
    return f"{server_url}/memorize?tab=Cell&run={run_id}"


def diagram(page: Page) -> Locator:
    return page.get_by_role("slider", name="Diagram of the cell")


def text_sizes(page: Page) -> list[float]:
    """Return the sizes in pixels of all texts in the diagram as they are shown."""
    return page.locator(".diagram svg").evaluate(
        "svg => [...svg.querySelectorAll('text')].filter(text => text.textContent)"
        ".map(text => parseFloat(getComputedStyle(text).fontSize) * svg.getScreenCTM().a)"
    )


def test_the_cell_is_stepped_by_keyboard_and_played_without_the_server(page: Page, run_url: str):
    sent = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.goto(run_url)
    cell = diagram(page)
    expect(cell).to_have_attribute("aria-valuenow", "1")
    expect(cell).to_have_attribute("aria-valuemax", "32")
    frames = len(sent)

    cell.focus()
    for title in ("Forget", "Write", "Show"):
        page.keyboard.press("ArrowRight")
        expect(page.locator(".says .title")).to_have_text(f"{title}.")
    expect(cell).to_have_attribute("aria-valuetext", re.compile(r"^Character 1 of 8: ▶\. Show\..*The network predicts"))
    expect(page.locator(".code mark")).to_have_text("h = torch.sigmoid(o) * torch.tanh(c)")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".code mark")).to_have_text("torch.sigmoid(i) * torch.tanh(g)")
    page.keyboard.press("Shift+ArrowRight")
    expect(cell).to_have_attribute("aria-valuetext", re.compile("^Character 2 of 8: a. Read."))
    page.keyboard.press("End")
    expect(cell).to_have_attribute("aria-valuenow", "32")
    page.keyboard.press("Home")
    expect(cell).to_have_attribute("aria-valuenow", "1")

    page.keyboard.press("Space")
    expect(cell).to_have_attribute("aria-valuenow", "3")
    page.locator(".cell").get_by_role("button", name="Pause").click()
    now = cell.get_attribute("aria-valuenow")
    page.get_by_role("button", name="Previous step").click()
    expect(cell).to_have_attribute("aria-valuenow", str(int(now) - 1))

    page.get_by_label("Step by", exact=True).select_option("character")
    expect(cell).to_have_attribute("aria-valuemax", "8")
    page.get_by_role("button", name="Next step").click()
    expect(cell).to_have_attribute("aria-valuetext", re.compile("^Character 2 of 8: a. The network predicts"))
    expect(page.locator(".code mark")).to_have_count(5)
    page.locator(".diagram [data-unit='3']").first.click()
    expect(page.get_by_label("Unit", exact=True)).to_have_value("3")
    expect(page.locator(".formula")).to_have_text(re.compile("^Unit 3: c = .* ≈ "))
    assert len(sent) == frames, "stepping and playing cost the server nothing"

    open_tab(page, "Gates")
    expect(page.get_by_text("Click a row to show that unit")).to_be_visible()
    open_tab(page, "Cell")
    expect(diagram(page)).to_have_attribute("aria-valuenow", "2")  # the position is remembered


@pytest.mark.parametrize(("width", "height", "smallest"), [(1280, 720, 18), (420, 860, 16)])
def test_the_diagram_is_legible_on_a_projector_and_a_phone(
    page: Page, run_url: str, width: int, height: int, smallest: float
):
    page.set_viewport_size({"width": width, "height": height})
    page.goto(run_url)
    diagram(page).press("End")
    expect(page.locator(".diagram text").filter(has_text=re.compile("next: "))).to_be_visible()
    expect(page.locator(".diagram svg")).to_have_attribute("viewBox", re.compile(r"-2 -2 (1004|412) "))
    assert min(text_sizes(page)) >= smallest
    main = page.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollWidth - main.clientWidth") <= 24, "the page does not scroll sideways"
