"""A student's first lesson in a real browser."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import button
from tests.browser.table import select_first_row, select_row
from tests.runs import wait_for

CHART = "document.querySelector('.stVegaLiteChart canvas')?.toDataURL()"


def curve(page: Page) -> str:
    """Return the SVG path of an ended run's curve."""
    return page.locator(".stVegaLiteChart .mark-line path").first.get_attribute("d") or ""


def epoch(page: Page) -> int:
    """Return the run's current epoch."""
    return int(page.get_by_text(re.compile(r"epoch \d+ of")).first.inner_text().split("epoch ")[1].split()[0])


def slow_motion(page: Page) -> None:
    """Choose 0.1 s per step, which leaves time to watch, refresh and change settings."""
    page.get_by_role("slider", name="Slow motion").press("ArrowRight")
    expect(page.get_by_text("0.1 s per step")).to_be_visible()


def test_a_sentence_is_memorised_across_a_refresh_and_another_run_is_stopped(page: Page, server_url: str):
    page.goto(server_url)
    page.get_by_role("link", name="Memorize").first.click()
    expect(page.get_by_role("heading", name="Memorize")).to_be_visible()
    sentence = page.get_by_label("Sentence to memorise")
    sentence.fill("how long can a cell remember?")
    sentence.press("Control+Enter")
    slow_motion(page)
    button(page, "Train").click()

    # the chart grows without any interaction
    expect(page.get_by_text(re.compile(r"epoch \d+ of 300")).first).to_be_visible()
    page.locator(".stVegaLiteChart canvas").first.wait_for()
    first = page.evaluate(CHART)
    page.wait_for_function(f"before => {CHART} !== before", arg=first)

    # a refresh during training shows the same run
    assert "run=" in page.url
    url = page.url
    page.reload()
    expect(page.get_by_text(re.compile(r"epoch \d+ of 300")).first).to_be_visible()
    assert page.url == url
    expect(page.get_by_text("All 29 characters are correct")).to_be_visible()
    expect(page.locator(".reconstruction")).to_have_text("how long can a cell remember?")
    assert curve(page).count("L") > 20

    # another run is stopped and keeps its progress
    page.get_by_label("Sentence to memorise").fill("another sentence")
    page.get_by_label("Sentence to memorise").press("Control+Enter")
    slow_motion(page)
    button(page, "Train again").click()
    expect(page.get_by_text(re.compile(r"Training epoch \d+ of 300"))).to_be_visible()
    button(page, "Stop").click()
    expect(page.get_by_text(re.compile(r"Stopped epoch \d+ of 300"))).to_be_visible()
    expect(button(page, "Train again")).to_be_enabled()


def test_digits_are_learned_and_predictions_shown(page: Page, server_url: str):
    page.goto(f"{server_url}/classify")
    button(page, "Train").click()
    samples = page.locator(".samples").first.locator(".sample")  # the mistakes are further down
    expect(samples).to_have_count(10)
    expect(page.get_by_text(re.compile(r"Test accuracy 9\d\.\d\d%"))).to_be_visible()
    assert page.locator(".samples").first.locator(".sample.correct").count() >= 8
    expect(page.get_by_text("Accuracy (fraction correct)").first).to_be_attached()


def test_a_change_of_the_learning_rate_reaches_the_run_and_is_marked_in_the_chart(page: Page, server_url: str):
    page.goto(f"{server_url}/memorize")
    slow_motion(page)
    button(page, "Train").click()
    expect(page.get_by_text(re.compile(r"Training epoch \d+ of 300"))).to_be_visible()
    slider = page.get_by_role("slider", name="Learning rate")
    slider.press("ArrowRight")
    expect(page.get_by_test_id("stSliderThumbValue").get_by_text("0.02", exact=True)).to_be_visible()
    before = epoch(page)
    wait_for(lambda: epoch(page) >= before + 5)
    button(page, "Stop").click()
    expect(page.get_by_text(re.compile(r"Stopped epoch"))).to_be_visible()
    expect(page.get_by_text("learning rate 0.02", exact=False).first).to_be_attached()


def test_two_runs_are_selected_and_compared(page: Page, server_url: str):
    for rate in ("0.01", "0.05"):
        page.goto(f"{server_url}/memorize?class=PAIR&memorize_epochs=50&hidden_size=8&memorize_lr={rate}")
        button(page, "Train").click()
        expect(page.get_by_text("Finished epoch 50 of 50")).to_be_visible()
    page.goto(f"{server_url}/runs?class=PAIR")
    select_first_row(page)
    select_row(page, 1)
    expect(page.get_by_role("link", name="Open")).to_have_count(0)  # the details are those of a single run
    for title in ("Training accuracy (fraction correct)", "Training loss (nats)"):
        expect(page.get_by_text(title).first).to_be_attached()
    expect(page.locator(".stVegaLiteChart .mark-line path")).to_have_count(4)
