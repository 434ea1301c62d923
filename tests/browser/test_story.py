"""A student's first lesson in a real browser."""

import re

from playwright.sync_api import Page, expect

from core.runs import Store
from pages.ui.run_bar import FULL, SLOW
from tests.browser.conftest import button, choose_pace, expect_drawn, outcome, record_drawn_texts, status
from tests.browser.table import select_first_row, select_row
from tests.runs import wait_for

CHART = "document.querySelector('.stVegaLiteChart canvas')?.toDataURL()"
CANVAS = ".stVegaLiteChart canvas"

# Checks at every change of the page that none of the places is empty; remembers those that were.
WATCH = """places => {
    window.missing = new Set();
    const check = () => places.filter(place => !document.querySelector(place)).forEach(place => missing.add(place));
    new MutationObserver(check).observe(document.body, {childList: true, subtree: true});
}"""


def epoch(page: Page) -> int:
    """Return the run's current epoch."""
    return int(status(page).inner_text().split("epoch ")[1].split()[0])


def type_sentence(page: Page, sentence: str) -> None:
    page.get_by_label("Sentence to memorise").fill(sentence)
    page.get_by_label("Sentence to memorise").press("Control+Enter")


def test_a_sentence_is_memorised_across_a_refresh_and_another_run_is_stopped(page: Page, server_url: str):
    page.goto(server_url)
    page.get_by_role("link", name="Memorize").first.click()
    expect(status(page)).to_have_text("Press Train to start.")
    type_sentence(page, "how long can a cell remember?")
    button(page, "Train").click()

    # by default, the chart grows at a pace that can be watched, without any interaction
    expect(status(page)).to_have_text(re.compile(r"Training · epoch \d+ of 300"))
    page.locator(CANVAS).first.wait_for()
    first = page.evaluate(CHART)
    page.wait_for_function(f"before => {CHART} !== before", arg=first)

    # a refresh during training shows the same run
    page.wait_for_url(re.compile("run="))
    url = page.url
    page.reload()
    expect(status(page)).to_have_text(re.compile(r"epoch \d+ of 300"))
    assert page.url == url
    expect(outcome(page)).to_contain_text("All 29 characters are correct")
    expect(page.locator(".reconstruction")).to_have_text("how long can a cell remember?")
    expect(status(page)).to_have_text("Finished · epoch 300 of 300")

    # another run is paused and stopped, keeps its progress, and nothing disappears meanwhile
    type_sentence(page, "another sentence")
    choose_pace(page, SLOW)
    page.evaluate(
        WATCH, [CANVAS, ".reconstruction", ".figures", ".st-key-timeline", "[role=tab]", ".st-key-memorize_train"]
    )
    button(page, "Train").click()
    expect(status(page)).to_have_text(re.compile(r"Training · epoch \d+ of 300"))
    button(page, "Pause").click()
    expect(status(page)).to_have_text(re.compile(r"Paused · epoch \d+ of 300"))
    before = epoch(page)
    button(page, "One epoch").click()
    wait_for(lambda: epoch(page) == before + 1)
    button(page, "Resume").click()
    wait_for(lambda: epoch(page) > before + 1)
    button(page, "Stop").click()
    expect(status(page)).to_have_text(re.compile(r"Stopped · epoch \d+ of 300"))
    expect(button(page, "Train")).to_be_enabled()
    assert page.evaluate("[...missing]") == []


def test_digits_are_learned_and_the_timeline_goes_back_to_the_first_predictions(page: Page, server_url: str):
    page.goto(f"{server_url}/classify?classify_epochs=8")
    expect(page.locator(".card.empty")).to_have_count(10)
    choose_pace(page, FULL)
    button(page, "Train").click()
    expect(status(page)).to_have_text("Finished · epoch 8 of 8")
    expect(outcome(page)).to_contain_text(re.compile(r"^✓\s*9\d\d of 1,000 test images are classified correctly"))
    cards = page.locator(".card.correct, .card.wrong")
    expect(cards).to_have_count(10)
    assert page.locator(".card.correct").count() >= 8
    expect(page.locator(CANVAS)).to_have_count(2)

    # back to the first epoch with the slider, step by step with the keyboard, and back to the present
    epochs = page.locator(".figure").filter(has=page.locator(".name", has_text="Validation")).locator(".value")
    latest, shown = epochs.inner_text(), page.get_by_role("slider", name="Epoch shown")
    shown.press("Home")
    expect(status(page)).to_have_text("Showing epoch 1 of 8")
    expect(epochs).not_to_have_text(latest)
    first = epochs.inner_text()
    page.get_by_role("button", name="One epoch forward").click()
    expect(status(page)).to_have_text("Showing epoch 2 of 8")
    expect(epochs).not_to_have_text(first)
    page.get_by_role("button", name="One epoch back").click()
    expect(epochs).to_have_text(first)
    page.get_by_role("button", name="Latest").click()
    expect(status(page)).to_have_text("Finished · epoch 8 of 8")
    expect(epochs).to_have_text(latest)

    # played again, it ends in the present
    page.get_by_role("button", name="Play again").click()
    expect(status(page)).to_have_text(re.compile("Showing epoch [1-8] of 8"))
    expect(status(page)).to_have_text("Finished · epoch 8 of 8")
    expect(epochs).to_have_text(latest)


def test_a_change_of_the_learning_rate_reaches_the_run_and_is_marked_in_the_chart(
    page: Page, server_url: str, store: Store
):
    record_drawn_texts(page)
    page.goto(f"{server_url}/memorize")
    expect(button(page, "Train")).to_be_enabled()
    button(page, "Train").click()
    expect(status(page)).to_have_text(re.compile(r"Training · epoch \d+ of 300"))
    slider = page.get_by_role("slider", name="Learning rate")
    slider.press("ArrowRight")
    expect(page.get_by_test_id("stSliderThumbValue").get_by_text("0.02", exact=True)).to_be_visible()
    page.wait_for_url(re.compile("run="))
    run_id = re.search(r"run=([\w-]+)", page.url)[1]
    wait_for(lambda: store.events(run_id, only=["Change"]))
    button(page, "Stop").click()
    expect(status(page)).to_have_text(re.compile(r"Stopped · epoch"))
    [(_, change)] = store.events(run_id, only=["Change"])
    assert (change.name, change.value) == ("lr", 0.02)
    expect_drawn(page, "learning rate 0.02")


def test_two_runs_are_selected_and_compared(page: Page, server_url: str):
    for rate in ("0.01", "0.05"):
        page.goto(f"{server_url}/memorize?class=PAIR&memorize_epochs=50&hidden_size=8&memorize_lr={rate}")
        choose_pace(page, FULL)
        button(page, "Train").click()
        expect(status(page)).to_have_text("Finished · epoch 50 of 50")
    page.goto(f"{server_url}/runs?class=PAIR")
    select_first_row(page)
    select_row(page, 1)
    expect(page.get_by_role("link", name="Open")).to_have_count(0)  # the details are those of a single run
    for title in ("Training accuracy", "Training loss (nats)"):
        expect(page.get_by_text(title).first).to_be_attached()
    expect(page.locator(".stVegaLiteChart .mark-line path")).to_have_count(4)
