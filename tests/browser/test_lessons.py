"""Lessons in a real browser: a link that sets a page, an exercise that stays solved, and the teacher's table."""

import csv
from pathlib import Path

from playwright.sync_api import Page, expect

from core.classroom.problems import PROBLEMS
from core.lessons import LessonLink
from tests.browser.conftest import CODE, button


def download(page: Page, name: str) -> Path:
    with page.expect_download() as started:
        page.get_by_role("button", name=name).click()
    return Path(started.value.path())


def test_an_exercise_stays_solved_and_the_teacher_downloads_the_answers(teacher: Page, new_page, server_url: str):
    ada = new_page()
    ada.goto(f"{server_url}/?class={CODE}")
    ada.get_by_role("textbox", name="Your nickname").fill("=Ada")
    button(ada, "Join").click()
    expect(ada.locator(".st-key-class_line")).to_contain_text("=Ada")

    # the teacher gives the class a link, which the student opens by its name
    teacher.goto(f"{server_url}/lessons?lesson=A+gradient+by+hand")
    teacher.locator(".st-key-link_exercises").get_by_role("button", name="Give to the class").click()
    with ada.context.expect_page() as opened:
        ada.get_by_role("link", name="Today").click()
    page = opened.value
    expect(page.get_by_text("Solve add, mul and pow_two, then relu.")).to_be_visible()
    expect(page.get_by_role("tab")).to_have_count(1)

    # a wrong answer, then the right one
    page.get_by_test_id("stSidebar").get_by_text("relu", exact=True).click()
    field = page.get_by_role("textbox", name="Gradient of a")
    expect(page.get_by_text("Negative inputs give 0")).to_be_visible()
    for text, reply in (("grad", "Wrong at a = "), ("grad*step(a)", "Correct: it matches")):
        field.fill(text)
        field.press("Enter")
        expect(page.get_by_text(reply)).to_be_visible()
    expect(page.get_by_text("Solved: 1 of 12 (relu)")).to_be_visible()
    page.reload()
    expect(field).to_have_value("grad*step(a)")
    expect(page.get_by_text("Solved: 1 of 12 (relu)")).to_be_visible()

    # another student sees nothing of it
    bob = new_page()
    bob.goto(f"{server_url}/?class={CODE}")
    bob.get_by_role("textbox", name="Your nickname").fill("Bob")
    button(bob, "Join").click()
    bob.goto(f"{server_url}/autograd?tab=Exercises&exercise=relu&solutions=open")
    expect(bob.get_by_role("textbox", name="Gradient of a")).to_have_value("")
    expect(bob.get_by_text("Solved: 0 of 12")).to_be_visible()
    bob.get_by_text("Solution", exact=True).click()
    expect(bob.get_by_text("Opens after 3 wrong tries. So far: 0.")).to_be_visible()

    table = download(teacher, "Answers as CSV").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(table.splitlines()))
    assert list(rows[0]) == ["student", *PROBLEMS]
    assert [(row["student"], row["relu"], row["mul"]) for row in rows] == [
        ("'=Ada", "solved, 2 tries", ""),
        ("Bob", "", ""),
    ]


def test_hidden_settings_are_invisible_and_keep_their_values(page: Page, server_url: str):
    link = LessonLink("classify", {"preset": "overfit", "momentum": "0.5"}, "Find the turn.", None, ("classify_lr",))
    page.goto(f"{server_url}/{link.address}")
    expect(page.get_by_text("Find the turn.")).to_be_visible()
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar.get_by_text("Learning rate", exact=True).first).to_be_visible()
    for hidden in ("Preset", "Dataset", "Epochs", "Training data", "With only 200 training images"):
        expect(sidebar.get_by_text(hidden, exact=hidden != "With only 200 training images").first).to_be_hidden()
    button(page, "Train").click()
    expect(page.get_by_text("train size 200", exact=False)).to_be_visible()
    expect(page.get_by_text("momentum 0.5", exact=False)).to_be_visible()
    page.get_by_role("button", name="Show everything").click()
    expect(sidebar.get_by_text("Preset", exact=True).first).to_be_visible()


def test_a_link_that_a_teacher_makes_opens_in_another_browser(teacher: Page, new_page, server_url: str):
    teacher.goto(f"{server_url}/memorize?hidden_size=8&sentence=abc")
    teacher.get_by_role("button", name="Lesson link").click()
    dialog = teacher.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Task").fill("Train it. What does it write?")
    dialog.get_by_role("textbox", name="Task").press("Control+Enter")
    dialog.get_by_role("button", name="Hidden size").click()
    code = dialog.get_by_test_id("stCode")
    expect(code).to_contain_text("task=")
    expect(code).to_contain_text("controls=")
    address = code.inner_text().strip()
    assert address.startswith(f"{server_url}/memorize?")
    student = new_page()
    student.goto(address)
    expect(student.get_by_text("Train it. What does it write?")).to_be_visible()
    expect(student.get_by_role("textbox", name="Sentence to memorise")).to_have_value("abc")
    expect(student.locator(".st-key-hidden_size")).to_be_hidden()
    expect(student.locator(".st-key-num_layers")).to_be_visible()
    expect(student.get_by_text("Part of the address is ignored")).to_have_count(0)


def test_the_worksheet_of_a_lesson_is_a_page_to_print(page: Page, server_url: str):
    page.goto(f"{server_url}/lessons?lesson=Overfitting")
    expect(page.get_by_role("heading", name="Overfitting")).to_be_visible()
    sheet = download(page, "Worksheet").read_text(encoding="utf-8")
    assert "<h1>Overfitting</h1>" in sheet
    assert "All 200" in sheet
    expect(page.get_by_role("button", name="Answer key")).to_have_count(0)
