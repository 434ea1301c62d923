"""What only a browser shows of a run's page: nothing moves or disappears, the timeline, keys, and accessibility."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import button, status, wait_until_complete

PAGES = {
    "memorize": "memorize_epochs=50&hidden_size=8",
    "classify": "classify_epochs=2&train_size=200&hidden=",
    "plane": "plane_epochs=50",
}
RESULT = {"memorize": ".reconstruction", "classify": ".cards", "plane": ".plane .map"}
CHART = {"memorize": ".stVegaLiteChart", "classify": ".stVegaLiteChart", "plane": ".plane .map"}
CLICK_AFTER_WORK = """button => new Promise(done => {  // timers that redraw the page are due before the click is sent
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => done(button.click());
  port2.postMessage(null);
  const end = performance.now() + 1500;
  while (performance.now() < end);
})"""
SIZES = [(1280, 720), (1920, 1080), (420, 860)]
PLACES = """() => Object.fromEntries(
  ['.figures', '%s', '.stVegaLiteChart', '.st-key-plane_stage', '[class*="st-key-"][class*="_train"] button',
   '.stMain [role=tab]'].map(
    name => { const box = document.querySelector(name)?.getBoundingClientRect();
              return [name, box ? [Math.round(box.top), Math.round(box.height)] : null]; }))"""


def start(page: Page, server_url: str, kind: str, pace: str, extra: str = "") -> None:
    """Open the page with a small run's settings, and choose the pace."""
    page.goto(f"{server_url}/{kind}?{PAGES[kind]}{extra}")
    expect(button(page, "Train")).to_be_enabled()
    page.get_by_test_id("stBottom").get_by_text(pace, exact=True).click()


def ink(page: Page, selector: str) -> float:
    """Return how much of an element is painted: the standard deviation of its pixels' brightness."""
    box = page.locator(selector).first.bounding_box()
    assert box is not None, selector
    picture = Image.open(io.BytesIO(page.screenshot(clip=box))).convert("L")
    return float(np.asarray(picture, dtype=float).std())


@pytest.mark.parametrize("kind", PAGES)
def test_nothing_moves_or_disappears_while_a_run_starts_goes_on_and_ends(page: Page, server_url: str, kind: str):
    page.set_viewport_size({"width": 1280, "height": 720})
    start(page, server_url, kind, "Watch")
    page.locator(f"{CHART[kind]} canvas").first.wait_for()
    places, blank = page.evaluate(PLACES % RESULT[kind]), ink(page, CHART[kind])
    button(page, "Train").click()
    running = False
    while "Finished" not in status(page).inner_text():
        assert page.evaluate(PLACES % RESULT[kind]) == places
        assert ink(page, CHART[kind]) > blank / 2, "the chart disappeared"
        assert "NaN" not in page.get_by_test_id("stMain").inner_text()
        running = running or "epoch" in status(page).inner_text()
        page.wait_for_timeout(60)
    for _ in range(10):  # the end
        assert page.evaluate(PLACES % RESULT[kind]) == places
        assert ink(page, CHART[kind]) > blank / 2, "the chart disappeared"
    assert running, "no picture was taken while the network learned"


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", PAGES)
def test_result_curve_and_buttons_are_visible_together_without_scrolling(page, server_url, kind, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    start(page, server_url, kind, "Full speed")
    button(page, "Train").click()
    expect(status(page)).to_contain_text("Finished")
    bottom = page.get_by_test_id("stBottom").bounding_box()
    curve = ".plane .curves" if kind == "plane" else CHART[kind]
    for selector in (".figures", RESULT[kind], curve):
        box = page.locator(selector).first.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= bottom["y"] + 2, selector
    for name in ("Train", "Pause", "Stop", "One epoch"):
        box = button(page, name).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= size[1]


def box_of(page: Page, selector: str) -> dict:
    box = page.locator(selector).first.bounding_box()
    assert box is not None, selector
    return box


@pytest.mark.parametrize("kind", ["memorize", "classify"])
def test_the_curves_are_as_high_as_a_high_window_allows(page: Page, server_url: str, kind: str):
    page.set_viewport_size({"width": 1920, "height": 1080})
    start(page, server_url, kind, "Full speed")
    button(page, "Train").click()
    expect(status(page)).to_contain_text("Finished")
    expect(page.get_by_role("button", name="Use its settings")).to_be_visible()
    wait_until_complete(page)
    for curve in page.locator(f"{CHART[kind]} canvas").all():
        assert curve.bounding_box()["height"] > 400
    main = page.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollHeight <= main.clientHeight"), "what is below them is visible, too"


SMALLEST_TYPE = """() => Math.min(...[...document.querySelectorAll('.reconstruction *, .figures *, .card *')]
  .filter(each => each.innerText?.trim()).map(each => parseFloat(getComputedStyle(each).fontSize)))"""


@pytest.mark.parametrize("kind", ["memorize", "classify"])
def test_the_projector_shows_high_curves_and_large_type(page: Page, server_url: str, kind: str):
    page.set_viewport_size({"width": 1280, "height": 720})
    start(page, server_url, kind, "Full speed", "&view=projector")
    button(page, "Train").click()
    expect(status(page)).to_contain_text("Finished")
    wait_until_complete(page)
    box, bar = box_of(page, f"{CHART[kind]} canvas"), page.get_by_test_id("stBottom").bounding_box()
    assert box["height"] > 230
    assert box["y"] + box["height"] <= bar["y"]
    assert page.evaluate(SMALLEST_TYPE) >= 20


LINES = """() => {  // the text of each line
  const lines = {}, texts = document.createTreeWalker(document.querySelector('.reconstruction'), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) for (let at = 0; at < texts.currentNode.length; at++) {
    const range = document.createRange();
    range.setStart(texts.currentNode, at);
    range.setEnd(texts.currentNode, at + 1);
    const bottom = Math.round(range.getBoundingClientRect().bottom);
    lines[bottom] = (lines[bottom] ?? '') + range.toString();
  }
  return Object.values(lines).map(line => line.length);
}"""


def test_the_generated_text_breaks_where_the_words_of_the_sentence_end(page: Page, server_url: str):
    page.set_viewport_size({"width": 1280, "height": 720})
    start(page, server_url, "memorize", "Full speed", "&view=projector")
    expected = [len("hello pytorch, how long can a rnn cell remember? "), len("show me your limit!")]
    assert page.evaluate(LINES) == expected, "before the run"
    button(page, "Train").click()
    expect(status(page)).to_contain_text("Finished")
    assert page.evaluate(LINES)[0] == expected[0], "whatever was generated"


@pytest.mark.parametrize("after_a_run", [False, True])
def test_an_error_in_a_setting_moves_nothing(page: Page, server_url: str, after_a_run: bool):
    page.set_viewport_size({"width": 1280, "height": 720})
    start(page, server_url, "memorize", "Full speed")
    if after_a_run:
        button(page, "Train").click()
        expect(status(page)).to_contain_text("Finished")
        wait_until_complete(page)
    places, bar = page.evaluate(PLACES % RESULT["memorize"]), box_of(page, "[data-testid=stBottom]")
    sentence = page.get_by_label("Sentence to memorise")
    sentence.fill("")
    sentence.press("Control+Enter")
    expect(page.get_by_text("There is nothing to memorise yet.")).to_be_visible()
    expect(button(page, "Train")).to_be_disabled()
    wait_until_complete(page)
    assert page.evaluate(PLACES % RESULT["memorize"]) == places
    assert box_of(page, "[data-testid=stBottom]") == bar


def test_the_curves_of_the_cell_comparison_are_visible_without_scrolling(page: Page, server_url: str):
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(f"{server_url}/memorize?tab=Cell comparison&memorize_epochs=50&hidden_size=8")
    curves = page.locator(".stVegaLiteChart canvas")
    expect(curves).to_be_visible()
    wait_until_complete(page)
    assert curves.bounding_box()["height"] > 550
    page.set_viewport_size({"width": 1280, "height": 720})
    page.wait_for_function("document.querySelector('.stVegaLiteChart canvas').getBoundingClientRect().height < 400")
    before = curves.bounding_box()
    assert before["y"] + before["height"] <= page.get_by_test_id("stBottom").bounding_box()["y"]
    button(page, "Train all cells").click()
    expect(page.get_by_text("Whole sentence after").first).to_be_visible()
    assert box_of(page, ".stVegaLiteChart") == pytest.approx(before, abs=1)
    button(page, "Stop all cells").click()


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "runs"), [("memorize", 100), ("classify", 100), ("plane", 20)])
def test_many_short_runs_in_a_row_leave_the_page_whole(page: Page, server_url: str, store, kind: str, runs: int):
    before = store.limits("")
    store.set_limits(replace(before, max_starts_per_minute=10_000), "")
    start(page, server_url, kind, "Full speed")
    run = ""
    for _ in range(runs):
        button(page, "Train").click()
        expect(page).to_have_url(re.compile(f"run=(?!{re.escape(run) or '$'})"))
        run = re.search("run=([^&]*)", page.url)[1]
        shown = page.get_by_test_id("stBottom").locator(f'.timeline[data-run="{run}"] .text')
        expect(shown).to_contain_text("Finished")
        expect(page.locator(".figures")).to_be_visible()
        expect(page.locator(f"{CHART[kind]} canvas").first).to_be_visible()
    store.set_limits(before, "")
    # the fixture `page` fails on any error of the page


def test_the_timeline_goes_back_plays_and_returns(page: Page, server_url: str):
    start(page, server_url, "memorize", "Full speed")
    button(page, "Train").click()
    expect(status(page)).to_contain_text("Finished")
    figures = page.locator(".figures")
    expect(figures).to_contain_text("50 of 50")
    page.get_by_role("slider", name="Epoch shown").press("Home")
    expect(figures).to_contain_text("1 of 50")
    expect(status(page)).to_have_text("Showing epoch 1 of 50")
    page.get_by_role("button", name="One epoch forward").click()
    expect(figures).to_contain_text("2 of 50")
    page.get_by_role("button", name="Play again").click()
    expect(status(page)).to_contain_text("Finished")
    expect(figures).to_contain_text("50 of 50")


def test_keys_pause_step_and_go_back_but_not_while_somebody_types(page: Page, server_url: str):
    start(page, server_url, "memorize", "Slow")
    button(page, "Train").click()
    expect(status(page)).to_contain_text(re.compile(r"Training · epoch [1-9]"))
    page.locator(".figures").click()  # nothing that takes keys has the focus
    page.keyboard.press("Space")
    expect(status(page)).to_contain_text("Paused")
    expect(button(page, "Resume")).to_be_enabled()
    epoch = int(re.search(r"epoch (\d+)", status(page).inner_text())[1])
    page.keyboard.press("ArrowRight")
    expect(status(page)).to_have_text(f"Paused · epoch {epoch + 1} of 50")
    page.keyboard.press("ArrowLeft")
    expect(status(page)).to_have_text(f"Showing epoch {epoch} of 50")
    page.keyboard.press("p")
    expect(page).to_have_url(re.compile("view=projector"))
    page.keyboard.press("p")
    expect(page).not_to_have_url(re.compile("view=projector"))
    sentence = page.get_by_label("Sentence to memorise")
    sentence.fill("a")
    sentence.press("End")
    page.keyboard.type(" rp ")
    expect(sentence).to_have_value("a rp ")
    expect(button(page, "Resume")).to_be_enabled()
    expect(page).not_to_have_url(re.compile("view=projector"))


def test_a_click_in_a_busy_browser_acts_once(page: Page, server_url: str):
    start(page, server_url, "memorize", "Slow")
    button(page, "Train").click()
    for _ in range(3):
        expect(status(page)).to_contain_text("Training · epoch")
        button(page, "Pause").evaluate(CLICK_AFTER_WORK)
        expect(status(page)).to_contain_text("Paused")
        button(page, "Resume").evaluate(CLICK_AFTER_WORK)
    button(page, "Stop").click()


def test_settings_are_there_again_after_the_browsers_back(page: Page, server_url: str):
    page.goto(f"{server_url}/memorize")
    sentence = page.get_by_label("Sentence to memorise")
    sentence.fill("my own words")
    sentence.press("Control+Enter")
    expect(page).to_have_url(re.compile("sentence=my"))
    page.get_by_role("link", name="Runs").first.click()
    expect(page).to_have_url(re.compile("/runs"))
    while "/memorize" not in page.url:  # Streamlit may have added several entries for one page
        page.go_back()
    expect(page.get_by_label("Sentence to memorise")).to_have_value("my own words")
    page.reload()
    expect(page.get_by_label("Sentence to memorise")).to_have_value("my own words")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "memorize", "classify", "plane", "autograd", "lessons", "runs"])
def test_no_page_has_a_serious_accessibility_violation(new_page, server_url: str, path: str, scheme: str):
    page = new_page(color_scheme=scheme)
    page.goto(f"{server_url}/{path}")
    if path in PAGES:
        page.goto(f"{server_url}/{path}?{PAGES[path]}")
        button(page, "Train").click()
        expect(status(page)).to_contain_text("Finished", timeout=180_000)
    else:
        page.get_by_test_id("stMain").locator("h1, h2, h3, [role=tab], p").first.wait_for()
    wait_until_complete(page)
    found = Axe().run(page).response["violations"]
    serious = [
        f"{each['id']}: {[(node['html'][:200], node['failureSummary']) for node in each['nodes'][:3]]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert not serious, "\n".join(serious)
