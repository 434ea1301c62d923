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
    expect(page.get_by_role("heading", name="Autograd", exact=True)).to_be_visible()


def metric(page: Page, label: str) -> Locator:
    return page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue")


def graph(page: Page) -> Locator:
    """The SVG of the graph."""
    return page.get_by_test_id("stGraphVizChart").locator("svg")


def wait_until_rendered(page: Page) -> None:
    """Wait until the script has finished: until then, widgets of an earlier run may still be shown."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def type_into(page: Page, label: str, text: str) -> None:
    field = page.get_by_role("textbox", name=label, exact=True)
    field.fill(text)
    field.press("Enter")


def test_a_formula_can_be_typed_corrected_and_varied(page: Page):
    for label, value in {"f(2, 3)": "225", "∂f/∂a": "360", "∂f/∂b": "150"}.items():
        expect(metric(page, label)).to_have_text(value)
    expect(graph(page)).to_contain_text("∂ 360")

    type_into(page, "Formula", "relu(w*x + )")
    expect(page.get_by_test_id("stAlert")).to_contain_text("wrong place")
    expect(page.get_by_text("relu(w*x + )\n           ^")).to_be_visible()
    type_into(page, "Formula", "relu(w*x + b)")
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
    expect(metric(page, "f(1, 1, 3)")).to_have_text("4")
    page.get_by_role("group", name="x", exact=True).get_by_role("slider").press("ArrowRight")
    expect(metric(page, "∂f/∂w")).to_have_text("1.1")

    # the URL contains formula and values
    expect(page).to_have_url(re.compile(r"formula=relu.*value_x=1.1"))
    page.reload()
    expect(metric(page, "f(1, 1.1, 3)")).to_have_text("4.1")
    expect(page.get_by_test_id("stVegaLiteChart").locator(".mark-line path").first).to_be_attached()


def test_both_passes_can_be_followed_step_by_step(page: Page):
    page.get_by_role("button", name="First").click()
    expect(graph(page)).to_contain_text("…")
    expect(graph(page)).not_to_contain_text("225")
    explanation = page.get_by_text(re.compile(r"(Forward|Backward), \d of 4|Backward starts"))
    for step in range(1, 10):
        page.get_by_role("button", name="Next").click()
        pass_, at = ("Forward", step) if step <= 4 else ("Backward", step - 5)
        expect(explanation).to_contain_text(f"{pass_}, {at} of 4" if at else "Backward starts")
        if step == 4:
            expect(graph(page)).to_contain_text("225")
            expect(graph(page)).not_to_contain_text("∂")
        if step == 8:
            expect(graph(page)).to_contain_text("∂ 30 + 120 = 150")
            expect(graph(page)).to_contain_text("30 · 3 = 90")
    expect(graph(page)).to_contain_text("∂ 360")
    expect(page.get_by_role("button", name="Next")).to_be_disabled()


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

    page.get_by_text("g₁", exact=True).click()
    expect(page.get_by_text("Incorrect. Look at the symptom again")).to_be_visible()
    page.get_by_text("Hint", exact=True).click()
    expect(page.get_by_text("What is there at the second step?")).to_be_visible()
    page.get_by_text("g₁ + g₂ + g₃", exact=True).click()
    expect(page.get_by_text("backward() accumulates")).to_be_visible()
    page.get_by_text("Solution", exact=True).click()
    expect(page.get_by_text("-        network.zero_grad()")).to_be_visible()

    # the solution of the next case is closed
    choose_case(page, "The product whose gradient")
    expect(page.get_by_text("✗ −3")).to_be_visible()
    wait_until_rendered(page)
    expect(page.get_by_text("as_tensors").filter(visible=True)).to_have_count(0)
    page.get_by_text("Solution", exact=True).click()
    expect(page.get_by_text("as_tensors").filter(visible=True)).to_have_count(1)


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
    expect(page.get_by_text("Solved: this is the backward rule of mul")).to_be_visible()


def test_no_tab_is_wider_than_a_phone(page: Page):
    page.set_viewport_size({"width": 420, "height": 900})
    for tab in ("Formula", "Training step", "Network", "Break-it lab", "Exercises"):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("tabpanel", name=tab).get_by_role("paragraph").first).to_be_visible()
        assert page.locator(".stMain").evaluate("main => main.scrollWidth <= main.clientWidth"), tab
