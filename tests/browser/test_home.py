"""The home page in a real browser: the recorded run plays on its own, and everything is visible at once."""

import re

import pytest
from playwright.sync_api import Page, expect

from core.memorize import recording

SIZES = [(1280, 720), (420, 860)]


def epoch_of(page: Page) -> int:
    return int(re.search(r"Epoch (\d+)", page.locator(".epoch").inner_text()).group(1))


def test_the_recording_plays_pauses_and_sends_nothing_to_the_server(page: Page, server_url: str):
    sent = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.goto(server_url)
    expect(page.locator(".epoch")).to_have_text(re.compile(r"Epoch \d+, loss 2\.\d\d"))
    frames = len(sent)
    expect(page.locator(".epoch")).to_have_text(re.compile(r"Epoch \d+, loss 0\.\d\d"))
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    paused = epoch_of(page)
    line = page.locator(".curve .line").get_attribute("points")
    assert len(line.split()) == paused
    written = "".join(page.locator(".text span").all_text_contents()).rstrip()
    assert written == recording.load().texts[paused - 1].rstrip()
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".epoch")).not_to_have_text(re.compile(f"Epoch {paused},"))
    assert len(sent) == frames, "playing costs the server nothing"


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_player_and_doors_are_visible_without_scrolling(page: Page, server_url: str, width: int, height: int):
    page.set_viewport_size({"width": width, "height": height})
    page.goto(server_url)
    expect(page.locator(".curve .line")).to_be_visible()
    for name in ("Memorize", "Classify", "Autograd"):
        card = page.locator(".st-key-doors [data-testid='stColumn']").filter(has_text=name)
        box = card.bounding_box()
        assert box["y"] + box["height"] <= height
        assert box["x"] + box["width"] <= width
    assert page.locator(".player").bounding_box()["y"] >= 0
    before = page.locator(".st-key-doors").bounding_box()["y"]
    expect(page.locator(".epoch")).to_have_text(re.compile(r"loss 0\.\d\d"))
    assert page.locator(".st-key-doors").bounding_box()["y"] == before, "nothing moves while it plays"


def test_reduced_motion_shows_the_end(new_page, server_url: str):
    page = new_page(reduced_motion="reduce")
    page.goto(server_url)
    expect(page.locator(".epoch")).to_have_text(re.compile(f"^Epoch {recording.EPOCHS}, "))
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    assert "".join(page.locator(".text span").all_text_contents()).strip() == recording.load().sentence


RECORD_PLACES = """() => {
  window.places = [];
  const record = () => {
    const link = document.querySelector(".st-key-doors .stPageLink a");  // of any card: they appear one by one
    if (link && getComputedStyle(link, "::after").position === "absolute")  // it covers its card
      window.places.push([...document.querySelectorAll(".st-key-doors .stColumn")].at(-1).getBoundingClientRect().y);
    requestAnimationFrame(record);
  };
  record();
}"""


@pytest.mark.parametrize("size", [(1280, 720), (420, 860)], ids=str)
def test_the_cards_keep_their_place_while_the_player_above_them_loads(page: Page, server_url: str, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 4})  # it loads in several frames
    page.goto(server_url, wait_until="commit")
    page.evaluate(RECORD_PLACES)
    expect(page.locator(".curve .point")).to_be_visible()
    page.wait_for_function("window.places.length > 30")
    places = page.evaluate("window.places")
    assert max(places) - min(places) < 20, "a click would miss its card"


def test_the_whole_card_is_the_door(page: Page, server_url: str):
    page.goto(server_url)
    expect(page.locator(".curve .point")).to_be_visible()  # the player above the doors has its height
    page.get_by_text("A network learns to recognise images.").click(force=True)  # the link covers the text
    page.wait_for_url(re.compile("/classify"))
