"""Points: the boundary bends while the network learns; the network can be edited, and points can be drawn."""

import re
from itertools import pairwise

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from core.plane import PlaneEpoch, activations, from_text, scores_without
from core.runs import Run, Store
from pages.ui.plane.network import points_of
from tests.browser.conftest import button, choose_pace, status
from tests.runs import wait_for

SHORT = "plane_epochs=50"
FRAMES = """element => {
    window.frames = [element.dataset.steps];
    new MutationObserver(() => window.frames.push(element.dataset.steps))
        .observe(element, {attributes: true, attributeFilter: ["data-steps"]});
}"""


def plane(page: Page) -> Locator:
    return page.locator("section.plane")


def open_plane(page: Page, server_url: str, settings: str = SHORT) -> None:
    page.goto(f"{server_url}/plane?{settings}")
    expect(plane(page)).to_have_attribute("data-steps", "0")


def run_of(page: Page, store: Store) -> Run:
    expect(page).to_have_url(re.compile("run="))
    return store.run(re.search(r"run=([\w-]+)", page.url)[1])


def train(page: Page, store: Store) -> Run:
    """Train at full speed. Return the finished run."""
    choose_pace(page, "Full speed")
    button(page, "Train").click()
    expect(status(page)).to_contain_text("Finished")
    run = run_of(page, store)
    expect(plane(page)).to_have_attribute("data-steps", str(epochs_of(store, run)[-1].step))
    return run


def start_paused(page: Page, store: Store) -> Run:
    """Start a run that is paused after its first epoch."""
    button(page, "One epoch").click()
    expect(status(page)).to_contain_text("Paused · epoch 1 of")
    run = run_of(page, store)
    expect(plane(page)).to_have_attribute("data-steps", str(epochs_of(store, run)[-1].step))
    return run


def epochs_of(store: Store, run: Run) -> list[PlaneEpoch]:
    return [event for _, event in store.events(run.id) if isinstance(event, PlaneEpoch)]


def picture(page: Page, selector: str = ".map .field") -> str:
    """Return what a canvas shows."""
    return page.locator(selector).first.evaluate("canvas => canvas.toDataURL()")


def unit(page: Page, name: str) -> Locator:
    return plane(page).get_by_role("button", name=re.compile(rf"^{name}:"))


def number_field(page: Page, name: str) -> Locator:
    return plane(page).get_by_label(name, exact=True)


def map_position(page: Page, x: float, y: float) -> tuple[float, float]:
    """Return the pixel of a point of the plane: the field's edges are at -6 and 6."""
    box = page.locator(".map .field").bounding_box()
    return box["x"] + (x + 6) / 12 * box["width"], box["y"] + (6 - y) / 12 * box["height"]


def drawn_points(page: Page) -> list[tuple[float, ...]]:
    """Return the own points in the page's address."""
    found = re.search(r"plane_points=([^&]*)", page.evaluate("location.href"))
    return [tuple(map(float, point.split("_"))) for point in found[1].split("~")] if found else []


def test_the_boundary_and_the_units_move_while_the_network_learns(page: Page, server_url: str, store: Store):
    open_plane(page, server_url, "plane_epochs=200")
    before, unit_before = picture(page), picture(page, '.node[data-unit="2.0"] canvas')
    plane(page).evaluate(FRAMES)
    plane(page).evaluate("element => { element.dataset.mounted = 'once'; }")
    button(page, "Train").click()
    expect(status(page)).to_contain_text("Finished")
    expect(plane(page)).to_have_attribute("data-steps", str(epochs_of(store, run_of(page, store))[-1].step))
    frames = [int(steps) for steps in page.evaluate("window.frames")]
    assert len(set(frames)) > 2, "it moves while the network learns, not only at the end"
    assert all(earlier <= later for earlier, later in pairwise(frames)), "it never jumps back"
    assert picture(page) != before
    assert picture(page, '.node[data-unit="2.0"] canvas') != unit_before
    expect(plane(page)).to_have_attribute("data-mounted", "once")
    expect(page.locator(".figures")).to_contain_text("100%")


@pytest.mark.parametrize(
    "settings", ["", "&plane_dataset=spiral&plane_hidden=8,8,8,8&plane_classes=5"], ids=["small", "large"]
)
def test_network_map_and_curves_are_visible_together_without_scrolling(page: Page, server_url: str, store, settings):
    page.set_viewport_size({"width": 1280, "height": 720})
    open_plane(page, server_url, SHORT + settings)
    train(page, store)
    top = page.get_by_test_id("stBottom").bounding_box()["y"]
    for selector in (".figures", ".plane .network", ".plane .map", ".plane .curves"):
        box = page.locator(selector).bounding_box()
        assert box["y"] >= 0, selector
        assert box["y"] + box["height"] <= top + 2, selector
    boxes = [node.bounding_box() for node in page.locator(".node").all()]
    network = page.locator(".plane .network").bounding_box()
    assert len(boxes) == (12 if not settings else 39)
    for box in boxes:
        assert network["x"] <= box["x"]
        assert box["x"] + box["width"] <= network["x"] + network["width"]
        assert box["y"] + box["height"] <= network["y"] + network["height"]
    assert page.locator(".map .field").bounding_box()["width"] > 260


def test_on_a_phone_the_map_and_the_figures_are_visible_without_scrolling(page: Page, server_url: str, store: Store):
    page.set_viewport_size({"width": 420, "height": 860})
    open_plane(page, server_url)
    train(page, store)
    top = page.get_by_test_id("stBottom").bounding_box()["y"]
    for selector in (".figures", ".plane .map"):
        box = page.locator(selector).bounding_box()
        assert box["y"] >= 0, selector
        assert box["y"] + box["height"] <= top + 2, selector
    main = page.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollWidth - main.clientWidth") <= 24, "the page does not scroll sideways"


@pytest.mark.parametrize(
    "settings",
    [
        "&plane_dataset=spiral&plane_classes=3&plane_hidden=5,4&plane_activation=sigmoid&plane_features=x&plane_features=y"
        "&plane_features=x²&plane_features=y²&plane_features=x·y&plane_features=sin x&plane_features=sin y",
        "&plane_dataset=moons&plane_hidden=6&plane_activation=relu",
        "&plane_dataset=xor&plane_hidden=",
        "&plane_dataset=saddle&plane_hidden=4,4",
        "&plane_dataset=sine&plane_hidden=8&plane_features=x",
    ],
    ids=["all features", "relu", "no hidden layer", "regression", "function of x"],
)
def test_the_browser_computes_what_numpy_computes(page: Page, server_url: str, store: Store, settings: str):
    open_plane(page, server_url, SHORT + settings)
    run = train(page, store)
    points = np.random.default_rng(0).uniform(-6, 6, (200, 2))
    if run.config.dataset == "sine":
        points[:, 1] = 0
    computed = plane(page).evaluate("(element, [x, y]) => element.activationsAt(x, y)", points.T.tolist())
    expected = activations(run.config, epochs_of(store, run)[-1].weights, points)
    for layer, wanted in zip(computed[1:], [*expected.hidden, expected.output], strict=True):
        np.testing.assert_allclose(np.array(layer).T, wanted, rtol=1e-4, atol=1e-5)


def test_a_typed_weight_changes_the_map_at_once_and_training_goes_on_from_it(page, server_url: str, store: Store):
    open_plane(page, server_url, "plane_epochs=1000")
    run = start_paused(page, store)
    unit(page, "Class A").click()
    before = picture(page)
    number_field(page, "Bias").fill("25")
    assert picture(page) != before, "the browser draws it before the server knows"
    wait_for(lambda: [edit[2:] for edit in store.run(run.id).changes.get("edits", [])] == [["bias", 0, 25]])
    expect(number_field(page, "Bias")).to_have_value("25")
    steps = int(plane(page).get_attribute("data-steps"))
    page.keyboard.press("Escape")
    expect(unit(page, "Class A")).to_be_focused()
    button(page, "Resume").click()
    wait_for(lambda: int(plane(page).get_attribute("data-steps")) > steps)
    wait_for(lambda: any(type(event).__name__ == "Change" for _, event in store.events(run.id)))
    event = next(event for event in epochs_of(store, run) if event.step > steps)
    assert from_text(event.weights)[-2] > 5, "the network learns on from the typed bias"
    button(page, "Stop").click()
    expect(status(page)).to_contain_text("Stopped")


def test_switching_a_unit_off_shows_what_it_costs(page: Page, server_url: str, store: Store):
    open_plane(page, server_url, "plane_epochs=100&plane_hidden=4")
    run = train(page, store)
    data, weights = points_of(run.config), epochs_of(store, run)[-1].weights
    count = len(data.points)
    for number, (_, accuracy) in enumerate(scores_without(run.config, weights, data.points, data.targets)[0], start=1):
        unit(page, f"Layer 1, unit {number}").click()
        expect(plane(page).locator(".cost")).to_have_text(
            f"Correct: {count} of {count} points with this unit, {round(accuracy * count)} without it."
        )
        before = picture(page)
        plane(page).get_by_role("button", name="Switch off").click()
        assert picture(page) != before
        plane(page).get_by_role("button", name="Switch on").click()
        assert picture(page) == before
        plane(page).get_by_role("button", name="Back to the network").click()


def test_a_unit_is_switched_off_and_frozen_in_the_run(page: Page, server_url: str, store: Store):
    open_plane(page, server_url, "plane_epochs=1000")
    run = start_paused(page, store)
    unit(page, "Layer 1, unit 2").press("Enter")
    expect(plane(page).get_by_role("heading", name="Layer 1, unit 2")).to_be_focused()
    plane(page).get_by_role("button", name="Switch off").press("Enter")
    plane(page).get_by_role("button", name="Freeze").press("Enter")
    wait_for(lambda: store.run(run.id).changes.get("edits") == [[0, 1, "off", 0, 1], [0, 1, "frozen", 0, 1]])
    page.keyboard.press("Escape")
    expect(unit(page, "Layer 1, unit 2")).to_have_accessible_name(re.compile("switched off, frozen"))
    page.reload()
    expect(unit(page, "Layer 1, unit 2")).to_have_accessible_name(re.compile("switched off, frozen"))
    button(page, "Stop").click()
    expect(status(page)).to_contain_text("Stopped")


def test_changes_without_a_run_are_shown_and_can_be_undone(page: Page, server_url: str):
    open_plane(page, server_url)
    before = picture(page)
    unit(page, "Layer 1, unit 1").click()
    number_field(page, "Weight from x").fill("9")
    assert picture(page) != before
    page.keyboard.press("Escape")
    plane(page).get_by_role("button", name="Undo the changes").click()
    assert picture(page) == before


def test_the_timeline_shows_boundary_and_units_of_any_epoch(page: Page, server_url: str, store: Store):
    open_plane(page, server_url)
    run = train(page, store)
    end, epochs = picture(page), epochs_of(store, run)
    page.get_by_role("slider", name="Epoch shown").press("Home")
    expect(plane(page)).to_have_attribute("data-steps", str(epochs[1].step))
    assert picture(page) != end
    points = points_of(run.config).points[:20]
    computed = plane(page).evaluate("(element, [x, y]) => element.activationsAt(x, y).at(-1)", points.T.tolist())
    expected = activations(run.config, epochs[1].weights, points).output
    np.testing.assert_allclose(np.array(computed).T, expected, rtol=1e-4, atol=1e-5)
    expect(page.locator(".figures")).to_contain_text(f"Epoch{1}")
    page.get_by_role("button", name="Latest").click()
    expect(plane(page)).to_have_attribute("data-steps", str(epochs[-1].step))
    wait_for(lambda: picture(page) == end)


def test_points_are_drawn_with_the_mouse_erased_undone_and_learned(page: Page, server_url: str, store: Store):
    page.goto(f"{server_url}/plane?plane_dataset=own&plane_epochs=100")
    expect(page.get_by_text("A network needs at least 4 points")).to_be_visible()

    def stroke(choice: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        plane(page).get_by_role("radio", name=choice, exact=True).click()
        page.mouse.move(*map_position(page, *start))
        page.mouse.down()
        page.mouse.move(*map_position(page, *end), steps=30)
        page.mouse.up()

    stroke("A", (-4, 3), (4, 3))
    wait_for(lambda: len(drawn_points(page)) > 10)
    expect(page.get_by_text("are of one class")).to_be_visible()
    stroke("B", (-4, -3), (4, -3))
    wait_for(lambda: {label for *_, label in drawn_points(page)} == {0, 1})
    points = drawn_points(page)
    assert all(abs(y - (3 if label == 0 else -3)) < 0.1 for _, y, label in points)
    stroke("Erase", (-4, -3), (-3, -3))
    wait_for(lambda: len(drawn_points(page)) < len(points))
    assert min(x for x, _, label in drawn_points(page) if label == 1) > -3
    plane(page).get_by_role("button", name="Undo").click()
    wait_for(lambda: drawn_points(page) == points)
    run = train(page, store)
    assert [tuple(map(float, point)) for point in run.config.points] == points
    expect(page.locator(".figures")).to_contain_text("100%")
    plane(page).get_by_role("button", name="Clear all points").click()
    expect(page.get_by_text("A network needs at least 4 points")).to_be_visible()


def test_points_are_drawn_with_a_finger_and_with_the_keyboard(new_page, server_url: str):
    page = new_page(has_touch=True)
    page.set_viewport_size({"width": 420, "height": 860})
    page.goto(f"{server_url}/plane?plane_dataset=own")
    expect(plane(page).get_by_role("radio", name="A", exact=True)).to_be_visible()
    for choice, y in (("A", 3), ("B", -3)):
        plane(page).get_by_role("radio", name=choice, exact=True).tap()
        for x in (-2, 2):
            page.touchscreen.tap(*map_position(page, x, y))
    wait_for(lambda: len(drawn_points(page)) == 4)
    drag = page.context.new_cdp_session(page)
    first, last = map_position(page, -4, 0), map_position(page, 4, 0)
    drag.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": first[0], "y": first[1]}]})
    for part in range(1, 21):
        x, y = (a + (b - a) * part / 20 for a, b in zip(first, last, strict=True))
        drag.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y}]})
    drag.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    wait_for(lambda: len(drawn_points(page)) > 10)
    count = len(drawn_points(page))

    drawing = plane(page).get_by_role("application")
    drawing.focus()
    page.keyboard.press("3")
    for key in ("Shift+ArrowUp", "ArrowLeft", "Enter"):
        page.keyboard.press(key)
    wait_for(lambda: len(drawn_points(page)) == count + 1)
    assert drawn_points(page)[-1][2] == 2, "3 chooses the third class"
    page.keyboard.press("Delete")
    wait_for(lambda: len(drawn_points(page)) == count)


def test_the_points_in_an_address_are_there_again(page: Page, server_url: str):
    page.goto(f"{server_url}/plane?plane_dataset=own&plane_points=1_2_0~-1_2_0~1_-2_1~-1_-2_1~")
    expect(plane(page).get_by_role("application")).to_have_accessible_name(re.compile("with 4 points"))


def test_hovering_shows_numbers(page: Page, server_url: str):
    open_plane(page, server_url)
    page.locator(".map").hover()
    expect(plane(page).locator(".tip")).to_have_text(re.compile(r"^x −?0\.\d, y −?\d\.\d: A \d+ %, B \d+ %$"))
    unit(page, "Layer 2, unit 1").hover()
    expect(plane(page).locator(".tip")).to_have_text(re.compile(r"^Layer 2, unit 1: −?\d\.\d\d to −?\d\.\d\d$"))
    page.locator(".edges .hit").first.dispatch_event("pointerenter", {"clientX": 500, "clientY": 400})
    expect(plane(page).locator(".tip")).to_have_text(re.compile(r"^x → Layer 1, unit 1: weight −?\d\.\d\d\d$"))


def test_a_large_network_shows_only_its_map(page: Page, server_url: str, store: Store):
    open_plane(page, server_url, SHORT + "&plane_hidden=32,32")
    expect(
        plane(page).get_by_text("Networks with up to 8 units per layer are drawn here. This one has 32, 32.")
    ).to_be_visible()
    expect(page.locator(".node")).to_have_count(0)
    before = picture(page)
    train(page, store)
    assert picture(page) != before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["an opened unit", "own points"])
def test_no_serious_accessibility_violation(new_page, server_url: str, scheme: str, state: str):
    page = new_page(color_scheme=scheme)
    if state == "own points":
        page.goto(f"{server_url}/plane?plane_dataset=own&plane_points=1_2_0~-1_2_0~1_-2_1~-1_-2_1")
        expect(plane(page).get_by_role("application")).to_be_visible()
    else:
        open_plane(page, server_url)
        unit(page, "Layer 1, unit 1").click()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    found = Axe().run(page).response["violations"]
    serious = [
        f"{each['id']}: {[node['html'][:200] for node in each['nodes'][:3]]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert not serious, "\n".join(serious)
