"""The Autograd page in a real browser: a formula, both passes, a fault and an exercise."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect


@pytest.fixture(autouse=True)
def open_autograd(page: Page, server_url: str) -> None:
    """Open the home page and follow its link to the Autograd page."""
    page.goto(server_url)
    expect(page.get_by_role("heading", name="How networks learn")).to_be_visible()  # and so is app.py's navigation
    page.get_by_role("link", name="Autograd").first.click()
    expect(page.get_by_role("tab", name="Formula")).to_be_visible()
    wait_until_rendered(page)


def metric(page: Page, label: str) -> Locator:
    return page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue")


def graph(page: Page) -> Locator:
    """The SVG of the graph that is shown: from left to right, or from top to bottom on a narrow screen."""
    return page.get_by_test_id("stGraphVizChart").locator("svg:has(g.graph)").locator("visible=true")


def wait_until_rendered(page: Page) -> None:
    """Wait until the script has finished: until then, widgets of an earlier run may still be shown."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def step_button(page: Page, name: str) -> Locator:
    return page.get_by_test_id("stBottom").get_by_role("button", name=name, exact=True)


def step_text(page: Page, start: str) -> Locator:
    return page.locator(".st-key-step_text").get_by_text(start)


def to_step(page: Page, steps: int, last: int = 9) -> None:
    """Press Next until this step."""
    for step in range(1, steps + 1):
        step_button(page, "Next").click()
        expect(step_text(page, f"Step {step} of {last}.")).to_be_visible()


def type_into(page: Page, label: str, text: str) -> None:
    field = page.get_by_role("textbox", name=label, exact=True)
    field.fill(text)
    field.press("Enter")


def slider(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name=name, exact=True).get_by_role("slider")


def test_a_formula_can_be_typed_corrected_and_varied(page: Page):
    step_button(page, "Last").click()
    for label, value in {"f(2, 3)": "225", "∂f/∂a": "360", "∂f/∂b": "150"}.items():
        expect(metric(page, label)).to_have_text(value)
    expect(graph(page)).to_contain_text("∂ 360")

    type_into(page, "Formula", "relu(w*x + )")
    expect(page.get_by_test_id("stAlert")).to_contain_text("wrong place")
    expect(page.get_by_text("relu(w*x + )\n           ^")).to_be_visible()
    type_into(page, "Formula", "relu(w*x + b)")
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
    expect(metric(page, "f(1, 1, 3)")).to_have_text("…")
    step_button(page, "Last").click()
    expect(metric(page, "f(1, 1, 3)")).to_have_text("4")
    slider(page, "x").press("ArrowRight")
    expect(metric(page, "∂f/∂w")).to_have_text("1.1")

    # the URL contains formula, values and step
    expect(page).to_have_url(re.compile(r"formula=relu.*value_x=1.1"))
    page.reload()
    expect(metric(page, "f(1, 1.1, 3)")).to_have_text("4.1")
    page.get_by_role("tab", name="Gradient check").click()
    expect(page.get_by_test_id("stVegaLiteChart").locator(".mark-line path").first).to_be_attached()


def node_boxes(page: Page) -> list:
    return graph(page).evaluate(
        """svg => [...svg.querySelectorAll("g.node")].map(node => {
            const {x, y, width, height} = node.querySelector("path, polygon").getBoundingClientRect();
            return [node.querySelector("title").textContent, ...[x, y, width, height].map(Math.round)];
        })"""
    )


def test_both_passes_can_be_followed_and_no_node_moves(page: Page):
    expect(graph(page)).to_contain_text("…")
    expect(graph(page)).not_to_contain_text("225")
    before = node_boxes(page)
    assert len(before) == 6
    for step in range(1, 10):
        step_button(page, "Next").click()
        expect(step_text(page, f"Step {step} of 9.")).to_be_visible()
        shown = {1: "4", 4: "225", 5: "∂ 1", 6: "∂ 30", 8: "= 30 + 120", 9: "∂ 360"}.get(step, "")
        expect(graph(page)).to_contain_text(shown)
        if step == 4:
            expect(graph(page)).not_to_contain_text("∂")
        assert node_boxes(page) == before
    expect(graph(page)).to_contain_text("· 4")
    expect(step_button(page, "Next")).to_be_disabled()
    expect(page.get_by_role("figure", name=re.compile(r"Gradients: .*a: 360"))).to_be_visible()


def choose_case(page: Page, title: str) -> None:
    wait_until_rendered(page)
    case = page.get_by_label("Case")
    case.scroll_into_view_if_needed()  # scrolling would close the list
    case.fill(title)
    page.get_by_role("option", name=title).click()


def test_a_fault_can_be_found(page: Page):
    page.get_by_role("tab", name="Break-it lab").click()
    choose_case(page, "The descent that climbs up")
    expect(page.get_by_text("Then one of them cannot stop")).to_be_visible()
    expect(page.get_by_test_id("stVegaLiteChart").locator(".mark-line path")).to_have_count(2)
    wait_until_rendered(page)

    # a student points at a line
    page.get_by_role("radio", name="losses = []").check(force=True)
    expect(page.get_by_text("does what it should. The fault is further down")).to_be_visible()
    page.get_by_role("radio", name="loss.backward()").check(force=True)
    expect(page.get_by_text("Yes, this is where it goes wrong")).to_be_visible()

    page.get_by_text("g₁", exact=True).click()
    expect(page.get_by_text("each call changes the gradient. How?")).to_be_visible()
    page.get_by_text("Hint", exact=True).click()
    expect(page.get_by_text("What is there at the second step?")).to_be_visible()
    page.get_by_text("g₁ + g₂ + g₃", exact=True).click()
    expect(page.get_by_text("backward() accumulates")).to_be_visible()
    expect(page.get_by_text("Solved: 1 of 9")).to_be_visible()
    page.get_by_text("The repair", exact=True).click()
    expect(page.get_by_text("+        network.zero_grad()")).to_be_visible()
    expect(page.get_by_text("deletes the gradients of the previous step")).to_be_visible()

    # the repair of the next case opens when it is solved
    choose_case(page, "The product whose gradient")
    expect(page.get_by_text("✗ −3")).to_be_visible()
    wait_until_rendered(page)
    repair = page.get_by_text("+        return grad * b.data, grad * a.data")
    page.get_by_text("The repair", exact=True).click()
    expect(page.get_by_text("Opens after 3 wrong tries. So far: 0.")).to_be_visible()
    expect(repair).to_have_count(0)
    page.get_by_role("radio", name="return grad + b.data, grad + a.data").check(force=True)
    page.get_by_text("g · b", exact=True).click()
    expect(repair.filter(visible=True)).to_have_count(1)


def test_an_exercise_can_be_solved(page: Page):
    page.get_by_role("tab", name="Exercises").click()
    page.get_by_role("radio", name="mul").click()
    expect(page.get_by_text("A product of two numbers")).to_be_visible()
    wait_until_rendered(page)
    type_into(page, "Gradient of a", "grad*a")
    expect(page.get_by_text("the gradient of a should be 0.77, but this gives −1.26")).to_be_visible()
    type_into(page, "Gradient of a", "grad*b")
    expect(page.get_by_text("Correct: it matches finite differences at 50 random points")).to_be_visible()
    type_into(page, "Gradient of b", "a*grad")
    expect(page.get_by_text("Solved: mul.")).to_be_visible()


def test_answers_and_solved_marks_survive_another_page_and_a_refresh(page: Page):
    page.get_by_role("tab", name="Exercises").click()
    type_into(page, "Gradient of a", "grad")
    type_into(page, "Gradient of b", "grad")
    expect(page.get_by_text("Solved: 1 of 12 (add)")).to_be_visible()
    page.get_by_role("link", name="Home").first.click()
    expect(page.get_by_role("heading", name="How networks learn")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("Solved: 1 of 12 (add)")).to_be_visible()
    expect(page.get_by_role("textbox", name="Gradient of b")).to_have_value("grad")
    page.reload()
    expect(page.get_by_text("Solved: 1 of 12 (add)")).to_be_visible()
    expect(page.get_by_role("textbox", name="Gradient of a")).to_have_value("grad")


def test_formula_values_and_step_survive_tabs_pages_back_and_a_refresh(page: Page):
    type_into(page, "Formula", "a*b")
    expect(step_text(page, "Step 0 of 3.")).to_be_visible()
    slider(page, "a").press("ArrowRight")
    expect(metric(page, "f(2.1, 3)")).to_be_visible()
    to_step(page, 2, last=3)

    def check() -> None:
        expect(page.get_by_role("textbox", name="Formula")).to_have_value("a*b")
        expect(metric(page, "f(2.1, 3)")).to_have_text("6.3")
        expect(step_text(page, "Step 2 of 3.")).to_be_visible()
        wait_until_rendered(page)

    page.get_by_role("tab", name="Training step").click()
    expect(page.get_by_text("TestModel has two parameters")).to_be_visible()
    wait_until_rendered(page)
    page.reload()  # on another tab
    expect(page.get_by_text("TestModel has two parameters")).to_be_visible()
    page.get_by_role("tab", name="Formula").click()
    check()
    page.get_by_role("link", name="Home").first.click()
    expect(page.get_by_role("heading", name="How networks learn")).to_be_visible()
    page.go_back()
    check()
    page.get_by_role("link", name="Home").first.click()
    expect(page.get_by_role("heading", name="How networks learn")).to_be_visible()
    page.get_by_role("link", name="Autograd").first.click()
    check()
    page.reload()
    check()


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (420, 860)], ids=str)
def test_graph_step_and_buttons_are_visible_together(page: Page, size):
    width, height = size
    page.set_viewport_size({"width": width, "height": height})
    for step in (1, 5, 8):
        page.goto(re.sub(r"\?.*", "", page.url) + f"?step={step}")
        expect(step_text(page, f"Step {step} of 9.")).to_be_visible()
        expect(graph(page)).to_be_visible()
        wait_until_rendered(page)
        svg, bottom = graph(page).bounding_box(), page.get_by_test_id("stBottom").bounding_box()
        assert svg["x"] >= 0
        assert svg["x"] + svg["width"] <= width
        assert svg["y"] + svg["height"] <= bottom["y"] + 1, (step, svg, bottom)
        assert bottom["y"] + bottom["height"] <= height + 1
        for name in ("First", "Back", "Next", "Last"):
            box = step_button(page, name).bounding_box()
            assert 0 <= box["x"] <= box["x"] + box["width"] <= width, name


def test_the_graph_can_be_read_from_the_back_of_the_room(page: Page):
    page.set_viewport_size({"width": 1280, "height": 720})
    size = "text => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a"
    assert graph(page).locator("text").first.evaluate(size) >= 18


def test_a_wide_graph_scrolls_on_a_small_screen(page: Page):
    type_into(page, "Formula", "(a+b)*(c+d)*(a+c)*(b+d) + exp(a*b)*sin(c*d)")
    page.set_viewport_size({"width": 420, "height": 860})
    expect(graph(page)).to_contain_text("exp")
    box = page.get_by_test_id("stGraphVizChart").locator("visible=true")
    assert box.evaluate("box => box.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX == 'auto'")
    assert page.locator(".stMain").evaluate("main => main.scrollWidth <= main.clientWidth")


def test_no_tab_is_wider_than_a_phone(page: Page):
    page.set_viewport_size({"width": 420, "height": 900})
    for tab in ("Formula", "Gradient check", "Training step", "Network", "Break-it lab", "Exercises"):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("tabpanel", name=tab).get_by_role("paragraph").first).to_be_visible()
        assert page.locator(".stMain").evaluate("main => main.scrollWidth <= main.clientWidth"), tab
