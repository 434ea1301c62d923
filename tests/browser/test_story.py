"""A student's whole story in a real browser."""

import re

from playwright.sync_api import Page, expect

from tests.runs import wait_for

CHART = "document.querySelector('.stVegaLiteChart canvas')?.toDataURL()"


def curve(page: Page) -> str:
    """The curve of a run that has ended, as it is drawn: an SVG path."""
    return page.locator(".stVegaLiteChart .mark-line path").first.get_attribute("d") or ""


def epoch(page: Page) -> int:
    """The epoch that a run is at."""
    return int(page.get_by_text(re.compile(r"epoch \d+ of")).first.inner_text().split("epoch ")[1].split()[0])


def slow_motion(page: Page) -> None:
    """A tenth of a second a step: there is time to watch, to refresh and to steer."""
    page.get_by_role("slider", name="Slow motion").press("ArrowRight")
    expect(page.get_by_text("0.1 s a step")).to_be_visible()


def test_a_sentence_is_typed_trained_refreshed_stopped_and_comes_back(page: Page, server_url: str):
    page.goto(server_url)
    page.get_by_role("link", name="Memorize").first.click()
    expect(page.get_by_role("heading", name="Memorize")).to_be_visible()
    sentence = page.get_by_label("Sentence to memorise")
    sentence.fill("how long can a cell remember?")
    sentence.press("Control+Enter")
    slow_motion(page)
    page.get_by_role("button", name="Train").click()

    # it grows unaided
    expect(page.get_by_text(re.compile(r"epoch \d+ of 300")).first).to_be_visible()
    page.locator(".stVegaLiteChart canvas").first.wait_for()
    first = page.evaluate(CHART)
    page.wait_for_function(f"before => {CHART} !== before", arg=first)

    # a refresh in the middle finds the run again
    assert "run=" in page.url
    address = page.url
    page.reload()
    expect(page.get_by_text(re.compile(r"epoch \d+ of 300")).first).to_be_visible()
    assert page.url == address
    expect(page.get_by_text("All 29 characters are correct")).to_be_visible()
    expect(page.locator(".reconstruction")).to_have_text("how long can a cell remember?")
    assert curve(page).count("L") > 20

    # another run is stopped; what was learned so far stays
    page.get_by_label("Sentence to memorise").fill("another sentence")
    page.get_by_label("Sentence to memorise").press("Control+Enter")
    slow_motion(page)
    page.get_by_role("button", name="Train again").click()
    expect(page.get_by_text(re.compile(r"Learning epoch \d+ of 300"))).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text(re.compile(r"Stopped epoch \d+ of 300"))).to_be_visible()
    expect(page.get_by_role("button", name="Train again")).to_be_enabled()


def test_digits_are_learned_and_predicted(page: Page, server_url: str):
    page.goto(f"{server_url}/classify")
    page.get_by_role("button", name="Train").click()
    shown = page.locator(".samples").first.locator(".sample")  # further down are its mistakes
    expect(shown).to_have_count(10)
    expect(page.get_by_text(re.compile(r"Test accuracy 9\d\.\d\d%"))).to_be_visible()
    assert page.locator(".samples").first.locator(".sample.correct").count() >= 8
    expect(page.get_by_text("Accuracy (fraction correct)").first).to_be_attached()


def test_a_change_of_the_learning_rate_reaches_the_run_and_is_marked(page: Page, server_url: str):
    page.goto(f"{server_url}/memorize")
    slow_motion(page)
    page.get_by_role("button", name="Train").click()
    expect(page.get_by_text(re.compile(r"Learning epoch \d+ of 300"))).to_be_visible()
    slider = page.get_by_role("slider", name="Learning rate")
    slider.press("ArrowRight")
    expect(page.get_by_test_id("stSliderThumbValue").get_by_text("0.02", exact=True)).to_be_visible()
    before = epoch(page)
    wait_for(lambda: epoch(page) >= before + 5)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text(re.compile(r"Stopped epoch"))).to_be_visible()
    expect(page.get_by_text("learning rate 0.02", exact=False).first).to_be_attached()
