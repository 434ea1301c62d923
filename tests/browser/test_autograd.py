"""A student's hour on the Autograd page, in a real browser: a formula, both passes, a fault, an exercise."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect


@pytest.fixture(autouse=True)
def entered(page: Page, server_url: str) -> None:
    """The dashboard is entered by its home page, and the Autograd page by its link there."""
    page.goto(server_url)
    page.get_by_role("link", name="Autograd").first.click()
    expect(page.get_by_role("heading", name="Autograd", exact=True)).to_be_visible()


def metric(page: Page, label: str) -> Locator:
    return page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue")


def graph(page: Page) -> Locator:
    """The drawn graph."""
    return page.get_by_test_id("stGraphVizChart").locator("svg")


def wait_for_the_whole_page(page: Page) -> None:
    """Below what is there already, a widget of an earlier run may still stand where its successor will."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def type_into(page: Page, label: str, text: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Enter")


def test_a_formula_is_typed_mended_and_moved(page: Page):
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

    # the address remembers all of it
    expect(page).to_have_url(re.compile(r"formula=relu.*value_x=1.1"))
    page.reload()
    expect(metric(page, "f(1, 1.1, 3)")).to_have_text("4.1")
    expect(page.get_by_test_id("stVegaLiteChart").locator(".mark-line path").first).to_be_attached()


def test_both_passes_are_walked(page: Page):
    page.get_by_role("button", name="First").click()
    expect(graph(page)).to_contain_text("…")
    expect(graph(page)).not_to_contain_text("225")
    told = page.get_by_text(re.compile(r"(Forward|Backward), \d of 4|Backward starts"))
    for step in range(1, 10):
        page.get_by_role("button", name="Next").click()
        pass_, at = ("Forward", step) if step <= 4 else ("Backward", step - 5)
        expect(told).to_contain_text(f"{pass_}, {at} of 4" if at else "Backward starts")
        if step == 4:
            expect(graph(page)).to_contain_text("225")
            expect(graph(page)).not_to_contain_text("∂")
        if step == 8:
            expect(graph(page)).to_contain_text("∂ 30 + 120 = 150")
            expect(graph(page)).to_contain_text("30 · 3 = 90")
    expect(graph(page)).to_contain_text("∂ 360")
    expect(page.get_by_role("button", name="Next")).to_be_disabled()


def choose_case(page: Page, title: str) -> None:
    wait_for_the_whole_page(page)
    case = page.get_by_label("Case")
    case.scroll_into_view_if_needed()  # scrolling would close the list
    case.fill(title)
    page.get_by_role("option", name=title).click()


def test_a_fault_is_found(page: Page):
    page.get_by_role("tab", name="Break-it lab").click()
    choose_case(page, "The descent that climbs up")
    expect(page.get_by_text("Then one of them cannot stop")).to_be_visible()
    expect(page.get_by_test_id("stVegaLiteChart").locator(".mark-line path")).to_have_count(2)
    wait_for_the_whole_page(page)

    page.get_by_text("g₁", exact=True).click()
    expect(page.get_by_text("Not this one")).to_be_visible()
    page.get_by_text("A hint").click()
    expect(page.get_by_text("What is there at the second step?")).to_be_visible()
    page.get_by_text("g₁ + g₂ + g₃", exact=True).click()
    expect(page.get_by_text("backward() accumulates")).to_be_visible()
    page.get_by_text("The solution").click()
    expect(page.get_by_text("-        network.zero_grad()")).to_be_visible()

    # what was opened here does not tell on the next case
    choose_case(page, "The product whose gradient")
    expect(page.get_by_text("✗ −3")).to_be_visible()
    wait_for_the_whole_page(page)
    expect(page.get_by_text("as_tensors").filter(visible=True)).to_have_count(0)
    page.get_by_text("The solution").click()
    expect(page.get_by_text("as_tensors").filter(visible=True)).to_have_count(1)


def test_an_exercise_is_solved(page: Page):
    page.get_by_role("tab", name="Exercises").click()
    page.get_by_role("radio", name="mul").click()
    expect(page.get_by_text("A product of two numbers")).to_be_visible()
    wait_for_the_whole_page(page)
    type_into(page, "What goes on to a?", "grad*a")
    expect(page.get_by_text("should go 0.77, and this gives −1.26")).to_be_visible()
    type_into(page, "What goes on to a?", "grad*b")
    expect(page.get_by_text("Right: at 50 random places")).to_be_visible()
    type_into(page, "What goes on to b?", "a*grad")
    expect(page.get_by_text("Solved: this is the backward of mul")).to_be_visible()


def test_no_tab_is_wider_than_a_telephone(page: Page):
    page.set_viewport_size({"width": 420, "height": 900})
    for tab in ("A formula", "A step", "A network", "Break-it lab", "Exercises"):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("tabpanel", name=tab).get_by_role("paragraph").first).to_be_visible()
        assert page.locator(".stMain").evaluate("main => main.scrollWidth <= main.clientWidth"), tab
