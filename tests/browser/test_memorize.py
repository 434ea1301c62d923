"""The Memorize page's tabs in a real browser: clicks on charts, downloads, and a phone's narrow screen."""

import io
import json
import urllib.parse

import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from core.memorize.lstm import MyLSTM
from core.text import graphemes
from pages.ui.run_bar import FULL
from tests.browser.conftest import button, choose_pace, status

SENTENCES = {
    "example": "hello pytorch, how long can a rnn cell remember? show me your limit!",
    "paragraph": ("It had one wish: to remember. Every day someone showed it a sentence, letter by letter. " * 6)[:500],
    "korean": "안녕하세요, 얼마나 오래 기억할 수 있나요? 👋🏽",
}


def train(page: Page, server_url: str, sentence: str, tab: str) -> None:
    """Open the page with these settings in its URL, and train to the end."""
    settings = {"sentence": sentence, "memorize_epochs": 50, "hidden_size": 16, "tab": tab}
    page.goto(f"{server_url}/memorize?{urllib.parse.urlencode(settings)}")
    choose_pace(page, FULL)
    expect(button(page, "Train")).to_be_enabled()  # a server's first page takes longest
    button(page, "Train").click()
    expect(status(page)).to_have_text("Finished · epoch 50 of 50", timeout=300_000)
    expect(button(page, "Train")).to_be_enabled()  # the page no longer changes


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()
    expect(page.get_by_role("tab", name=name, exact=True)).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("sentence", SENTENCES.values(), ids=list(SENTENCES))
def test_every_tab_shows_its_charts_at_both_widths(page: Page, server_url: str, sentence: str):
    train(page, server_url, sentence, "Gates")
    rects = page.locator(".stVegaLiteChart .mark-rect path")
    expect(page.get_by_text("Click a row to show that unit")).to_be_visible()
    expect(rects.nth(16)).to_be_attached()  # a heat map, not only its legend
    open_tab(page, "Predictions")
    expect(page.locator(".predictions .position")).to_have_count(len(graphemes(sentence)) + 1)
    open_tab(page, "Dependencies")
    expect(page.locator(".dependencies .target")).to_have_count(1)
    expect(page.get_by_text("How fast the dependency decays.")).to_be_visible()
    open_tab(page, "Generate")
    expect(page.get_by_text("One wrong character")).to_be_visible()
    expect(page.locator(".reconstruction")).to_have_count(2)
    page.set_viewport_size({"width": 420, "height": 900})
    expect(page.get_by_text("One wrong character")).to_be_visible()
    expect(button(page, "Train")).to_be_in_viewport()
    main = page.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollWidth - main.clientWidth") <= 24, "the page does not scroll sideways"


def click(page: Page, mark: Locator) -> None:
    """Click a mark of a chart, which may be only a few pixels high, with the mouse."""
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_clicking_a_row_selects_its_unit_or_prediction(page: Page, server_url: str):
    train(page, server_url, "abc abd", "Gates")
    unit = page.get_by_label("Selected unit")
    expect(unit).to_have_value("0")
    cells = page.locator(".stVegaLiteChart .mark-rect path[aria-label*='Unit of layer']")
    label = cells.nth(40).get_attribute("aria-label")
    click(page, cells.nth(40))
    expect(unit).to_have_value(label.split("Unit of layer 2: ")[1].split(";")[0])

    open_tab(page, "Dependencies")
    slider = page.get_by_role("slider", name="Prediction")
    expect(slider).to_have_value("5")
    click(page, page.locator(".stVegaLiteChart .mark-rect path[aria-label*='Prediction: 3']").first)
    expect(slider).to_have_value("3")
    expect(page.locator(".dependencies .target")).to_have_text("c")


def test_weights_charts_and_the_notebook_are_downloaded(page: Page, server_url: str):
    train(page, server_url, "abc abd", "Download")

    def downloaded(button: str) -> bytes:
        with page.expect_download() as waiting:
            page.get_by_role("button", name=button, exact=True).first.click()
        with open(waiting.value.path(), "rb") as file:
            return file.read()

    saved = torch.load(io.BytesIO(downloaded("weights.pt")), weights_only=True)
    for cls in (MyLSTM, torch.nn.LSTM):
        cls(**saved["sizes"]).load_state_dict(saved["lstm"])
    assert downloaded("loss.csv").decode("utf-8-sig").startswith("epoch,loss,lr,reconstruction,char_accuracy")
    assert json.loads(downloaded("memorize.ipynb"))["nbformat"] == 4
    open_tab(page, "Gates")
    expect(page.get_by_text("Click a row to show that unit")).to_be_visible()
    assert downloaded("PNG").startswith(b"\x89PNG")
    assert downloaded("SVG").startswith(b"<svg")
