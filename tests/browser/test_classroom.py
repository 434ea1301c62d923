"""Ownership of runs, and their survival when tabs, browsers and servers disappear, in a real browser."""

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from core.runs import Limits, Status, Store
from pages.ui.run_bar import SLOW
from tests.browser.conftest import (
    ACTION_TIMEOUT,
    PASSWORD,
    Server,
    button,
    choose_pace,
    expect_drawn,
    record_drawn_texts,
    status,
    wait_until_complete,
)
from tests.browser.table import select_first_row
from tests.runs import wait_for

TRAINING = re.compile(r"Training · (.*run · )?epoch \d+ of")
STOPPED = re.compile(r"Stopped · epoch \d+ of")


def start(page: Page, server_url: str, classroom: str = "") -> str:
    """Start a slow run and return its id."""
    page.goto(f"{server_url}/memorize?hidden_size=8&memorize_epochs=1000&class={classroom}")
    choose_pace(page, SLOW)
    button(page, "Train").click()
    expect(status(page)).to_have_text(TRAINING)
    page.wait_for_function("document.cookie.includes('learner=')")
    return re.search(r"run=([\w-]+)", page.url)[1]


def test_only_the_owner_and_a_teacher_can_change_a_run(new_page, server_url: str, store: Store):
    ann, bob = new_page(), new_page()
    run_id = start(ann, server_url, "OWNERS")
    cookies = ann.context.storage_state()

    # another browser can view it but not change it
    bob.goto(f"{server_url}/memorize?run={run_id}&class=OWNERS")
    expect(status(bob)).to_have_text(TRAINING)
    expect(status(bob)).to_have_text(re.compile("somebody else's run"))
    for name in ("Pause", "Stop"):
        expect(button(bob, name)).to_be_disabled()
    bob.goto(f"{server_url}/runs?class=OWNERS")
    select_first_row(bob)
    expect(bob.get_by_label("Name", exact=True)).to_have_count(0)
    expect(bob.get_by_role("button", name="Save")).to_have_count(0)
    expect(bob.get_by_role("button", name="Delete")).to_have_count(0)

    # the owner's browser is closed and opened again
    ann.context.close()
    again = new_page(storage_state=cookies)
    again.goto(f"{server_url}/memorize?run={run_id}")
    expect(button(again, "Stop")).to_be_enabled()
    button(again, "Pause").click()
    expect(button(again, "Resume")).to_be_enabled()
    assert store.run(run_id).pause_requested

    # the teacher's password lets the other browser change it
    bob.get_by_text("Teacher panel").click()
    bob.get_by_label("Password", exact=True).fill(PASSWORD)
    bob.get_by_label("Password", exact=True).press("Enter")
    expect(button(bob, "Pause new runs of class OWNERS")).to_be_visible()
    bob.get_by_label("Name", exact=True).fill("renamed by the teacher")
    button(bob, "Save").click()
    wait_for(lambda: store.run(run_id).title == "renamed by the teacher")
    button(bob, "Stop all runs of class OWNERS").click()
    bob.get_by_role("button", name="Stop them").click()  # in a popover, outside the main area
    wait_for(lambda: store.run(run_id).status is Status.STOPPED)
    assert store.run(run_id).message == "Stopped by the teacher."
    bob.get_by_role("button", name="Delete", exact=True).click()
    bob.get_by_role("button", name="Delete this run").click()  # in a popover, outside the main area
    wait_for(lambda: store.run(run_id) is None)
    button(bob, "Log out").click()
    expect(bob.get_by_label("Password", exact=True)).to_be_visible()


def test_two_tabs_control_the_same_run(new_page, server_url: str, store: Store):
    one = new_page()
    record_drawn_texts(one)
    run_id = start(one, server_url)
    two = one.context.new_page()
    two.goto(one.url)
    expect(status(two)).to_have_text(TRAINING)
    button(one, "Pause").click()
    expect(button(two, "Resume")).to_be_enabled()
    two.get_by_role("slider", name="Learning rate").press("ArrowRight")
    wait_for(lambda: store.run(run_id).changes)
    button(two, "Resume").click()
    expect(button(one, "Pause")).to_be_enabled()
    wait_for(lambda: store.events(run_id, only=["Change"]))
    button(one, "Stop").click()
    expect(status(two)).to_have_text(STOPPED)
    expect_drawn(one, f"learning rate {store.run(run_id).changes['lr']:g}")
    epochs = [event.epoch for _, event in store.events(run_id, only=["MemorizeEpoch"])]
    assert epochs == list(range(len(epochs)))


@pytest.fixture
def short_idle_pause(store: Store):
    """Pause runs that nobody views after six seconds."""
    before = store.limits()
    store.set_limits(replace(before, idle_pause_minutes=0.1))
    yield
    store.set_limits(before)


def test_a_run_is_paused_when_its_browser_disappears_and_resumed_when_it_returns(
    new_page, server_url, store, short_idle_pause
):
    page = new_page()
    run_id = start(page, server_url)
    cookies = page.context.storage_state()
    page.context.close()
    wait_for(lambda: store.run(run_id).status is Status.PAUSED and store.run(run_id).claimed_by == "")
    paused = store.run(run_id)
    assert paused.auto_paused
    events = store.events(run_id)
    assert [seq for seq, _ in events] == list(range(len(events)))

    stranger = new_page()
    stranger.goto(f"{server_url}/memorize?run={run_id}")
    expect(status(stranger)).to_have_text(re.compile("because nobody was viewing it"))
    assert store.run(run_id).auto_paused

    store.set_limits(Limits())
    back = new_page(storage_state=cookies)
    back.goto(f"{server_url}/memorize?run={run_id}")
    expect(status(back)).to_have_text(TRAINING)
    wait_for(lambda: len(store.events(run_id)) > len(events))
    assert store.run(run_id).attempt == paused.attempt + 1
    button(back, "Stop").click()
    expect(status(back)).to_have_text(STOPPED)


def test_a_page_continues_with_its_run_after_its_server_was_killed_and_restarted(browser, tmp_path):
    server = Server(tmp_path)
    context = browser.new_context()  # not new_page(): its console shows errors while the server is down
    try:
        page = context.new_page()
        page.set_default_timeout(ACTION_TIMEOUT)
        run_id = start(page, server.url)
        store = Store(f"sqlite:///{server.data}/runs.sqlite")
        before = len(wait_for(lambda: store.events(run_id)[5:] and store.events(run_id)))
        server.kill()
        assert not store.run(run_id).status.is_terminal
        server.start()
        wait_for(lambda: store.run(run_id).attempt == 2 and len(store.events(run_id)) > before)
        expect(status(page)).to_have_text(TRAINING)
        button(page, "Stop").click()
        wait_for(lambda: store.run(run_id).status is Status.STOPPED)
        expect(status(page)).to_have_text(STOPPED)
        epochs = [event.epoch for _, event in store.events(run_id)]
        assert epochs == list(range(len(epochs)))
        store.close()
    finally:
        context.close()
        server.close()


def test_the_first_visitors_of_a_new_server_may_open_any_page(browser, tmp_path):
    """They come while the server is still importing the project, in as many threads, through different files."""
    server = Server(tmp_path)
    context = browser.new_context()  # not new_page(): it is closed after the server, and shows errors in its console
    try:
        pages = {path: context.new_page() for path in ("memorize", "", "classroom", "classify", "plane", "runs")}
        for path, page in pages.items():
            page.goto(f"{server.url}/{path}", wait_until="commit")
        for page in pages.values():
            expect(page.get_by_test_id("stTopNavLink").first).to_be_visible()
            wait_until_complete(page)
            expect(page.get_by_test_id("stException")).to_have_count(0)
        assert "Traceback" not in server.log.read_text()
    finally:
        context.close()
        server.close()
