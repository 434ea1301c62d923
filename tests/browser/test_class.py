"""A lesson: a teacher and five students in six browsers."""

import re

from playwright.sync_api import Page, expect

from core.classroom import ClassStore
from core.runs import Status, Store
from pages.ui.run_bar import SLOW
from tests.browser.conftest import CODE, button, choose_pace, status
from tests.runs import wait_for

NAMES = ("Ada", "Bob", "Chloé", "Dan", "Eve")


def join(page: Page, address: str, nickname: str) -> Page:
    """Open the class's address and join it."""
    page.goto(address)
    page.get_by_role("textbox", name="Your nickname").fill(nickname)
    button(page, "Join").click()
    expect(page.locator(".st-key-class_line")).to_contain_text(f"{CODE} · {nickname}")
    return page


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def cover(page: Page):
    """Return what stands in place of a student's page."""
    return page.locator(".st-key-cover")


def answer(page: Page, choice: str) -> None:
    cover(page).get_by_text(choice, exact=True).click()
    button(page, "Answer").click()
    expect(cover(page)).to_have_count(0)


def test_a_lesson(teacher: Page, new_page, server_url: str, store: Store):
    # they join by the address on the projector
    tab(teacher, "Join")
    address = teacher.locator(".address").inner_text()
    assert address == f"{server_url}/?class={CODE}"
    expect(teacher.get_by_alt_text("QR code of the address")).to_be_visible()
    students = [join(new_page(), address, name) for name in NAMES]
    ada, bob = students[:2]
    tab(teacher, "Live")
    expect(teacher.locator(".tile")).to_have_count(len(NAMES))

    # a student's page without the class in its address still belongs to the class
    ada.goto(f"{server_url}/memorize?hidden_size=8&memorize_epochs=1000")
    expect(ada.locator(".st-key-class_line")).to_contain_text(f"{CODE} · Ada")
    choose_pace(ada, SLOW)
    button(ada, "Train").click()
    expect(status(ada)).to_have_text(re.compile(r"Training · epoch \d+ of"))
    run_id = re.search(r"run=([\w-]+)", ada.url)[1]
    tile = teacher.locator(".tile").filter(has_text="Ada")
    expect(tile).to_contain_text("Memorize · Training")
    expect(tile).to_contain_text(re.compile(r"Training · \d+ of 1000"))
    ada.get_by_role("button", name="I need help").click()
    expect(tile).to_have_class(re.compile(r"\bhelp\b"))
    tile.get_by_role("button", name=re.compile("calls for help")).click()
    expect(ada.get_by_role("button", name="I need help")).to_be_visible()

    # a question, answered by all but one, and covered until the reveal
    tab(teacher, "Question")
    teacher.get_by_role("textbox", name="Question").fill("What will the loss do?")
    teacher.get_by_role("textbox", name="Choices, one per line").fill("Fall\nRise")
    teacher.get_by_role("textbox", name="Question").click()
    button(teacher, "Ask the class").click()
    for student in students:
        expect(cover(student)).to_contain_text("What will the loss do?")
    expect(status(ada)).to_have_count(0)
    for student in students[:-1]:
        answer(student, "Rise")
    expect(teacher.get_by_text("4 of 5 have answered")).to_be_visible()
    expect(status(ada)).to_have_text(re.compile(r"Training · epoch \d+ of"))
    for page in (teacher, ada):
        expect(page.locator("[data-testid=stVegaLiteChart][aria-label*=answers]")).to_have_count(0)

    # a second vote, after which everybody sees both
    button(teacher, "Second vote").click()
    for student in students:
        expect(cover(student)).to_contain_text("Second vote")
        answer(student, "Fall")
    expect(teacher.get_by_text("5 of 5 have answered")).to_be_visible()
    bob.reload()
    expect(bob.locator(".st-key-class_line")).to_contain_text("Answered")
    button(teacher, "Reveal").click()
    for page in (teacher, ada, bob):
        expect(page.get_by_text("The correct answer was not given.")).to_be_visible()
    expect(cover(bob)).to_contain_text("in the first vote: Rise, in the second vote: Fall")
    [question] = ClassStore(store).questions(CODE)
    votes = ClassStore(store).votes(question.id)
    assert [list(votes[number].values()) for number in (1, 2)] == [[1] * 4, [0] * 5]
    button(teacher, "End the question").click()
    expect(cover(ada)).to_have_count(0)

    # eyes up pauses the run and covers the page, release resumes it
    teacher.get_by_role("button", name="Eyes up").click()
    for student in students:
        expect(cover(student)).to_contain_text("Eyes up")
    wait_for(lambda: store.run(run_id).status is Status.PAUSED)
    teacher.get_by_role("button", name="Release").click()
    expect(cover(bob)).to_have_count(0)
    wait_for(lambda: store.run(run_id).status is Status.RUNNING)
    expect(status(ada)).to_have_text(re.compile(r"Training · epoch \d+ of"))

    # everybody follows the teacher, and one leaves
    teacher.goto(f"{server_url}/memorize?hidden_size=16&tab=Cell")
    expect(teacher.get_by_role("tab", name="Cell", exact=True)).to_be_visible()
    teacher.get_by_role("button", name="Follow me").click()
    for student in students:
        student.wait_for_url(re.compile(r"/memorize\?.*hidden_size=16"))
        expect(student.get_by_role("tab", name="Cell", exact=True)).to_have_attribute("aria-selected", "true")
    teacher.get_by_role("link", name="Autograd").first.click()
    for student in students:
        student.wait_for_url(re.compile("/autograd"))
    bob.get_by_role("button", name="Stop following").click()
    bob.wait_for_url(re.compile(r"localhost:\d+/(home)?\?"))
    bob.get_by_role("button", name="Follow the teacher").click()
    bob.wait_for_url(re.compile("/autograd"))
    teacher.get_by_role("button", name="Stop leading").click()
    expect(bob.get_by_role("button", name="Stop following")).to_have_count(0)

    # a starred run on the projector, without the student's name
    teacher.goto(f"{server_url}/classroom")
    teacher.get_by_role("button", name="Show the run of Ada on the projector").click()
    expect(teacher.get_by_role("button", name="Show the run of Ada on the projector")).to_have_attribute(
        "aria-pressed", "true"
    )
    button(teacher, "Projector view").click()
    expect(button(teacher, "Back to the class")).to_be_visible()
    expect(teacher.get_by_test_id("stMain")).not_to_contain_text("Ada")
    expect(teacher.get_by_test_id("stMain")).to_contain_text("Loss")
    usual = teacher.viewport_size
    teacher.set_viewport_size({"width": 1920, "height": 1080})
    teacher.wait_for_function(
        """() => {
            const page = document.querySelector("[data-testid=stMain]");
            const chart = page.querySelector("[data-testid=stVegaLiteChart]");
            const drawn = chart?.querySelector("canvas, svg")?.getBoundingClientRect().height;
            return drawn > 500 && page.scrollHeight <= page.clientHeight;
        }"""
    )
    teacher.set_viewport_size(usual)

    # what is closed cannot be opened by its address
    button(teacher, "Back to the class").click()
    button(teacher, "Leave the projector view").click()
    tab(teacher, "Rules")
    button(teacher, "Close all but Memorize").click()
    expect(cover(ada)).to_contain_text("closed this page")
    ada.goto(f"{server_url}/autograd?tab=Exercises&class=OTHER")
    expect(cover(ada)).to_contain_text("closed this page")
    expect(ada.get_by_role("tab")).to_have_count(0)
