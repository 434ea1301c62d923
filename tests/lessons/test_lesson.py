"""Lesson files: what is read from them, and what is wrong with a wrong one; and worksheets."""

import re
from html.parser import HTMLParser

import pytest

from core.lessons import LessonError, LessonLink, Part, Question, load_lessons, parse_lesson, worksheet

FRONT = """title: A <title>
summary: About it.
goals: [see it]
links:
  first:
    label: Open it
    page: memorize
    settings: {hidden_size: 8, shuffled: true, augment: [shift, flip]}
    tabs: [Training]
    controls: []
    task: Train it.
questions:
  guess: {text: "How many?", kind: number, truth: 3, tolerance: 1, why: Because.}
exercises:
  - {text: "Why & how?", answer: So., lines: 3}
"""
TEXT = """
## Start (5 minutes)

Say this.

@question guess

Then this.

@link first

## Common mistakes

- Everything.
"""


def parse(front: str = FRONT, text: str = TEXT):
    return parse_lesson(f"---\n{front}---\n{text}", "07-a-name.md")


def test_a_lesson_is_read_from_its_file():
    lesson = parse()
    assert (lesson.name, lesson.title, lesson.minutes) == ("a-name", "A <title>", 5)
    assert lesson.links == {
        "first": LessonLink(
            "memorize",
            {"hidden_size": "8", "shuffled": "true", "augment": ("shift", "flip")},
            "Train it.",
            ("Training",),
            (),
        )
    }
    assert lesson.labels == {"first": "Open it"}
    assert lesson.questions == {"guess": Question("How many?", 3, "number", tolerance=1, why="Because.")}
    assert [part.title for part in lesson.parts] == ["Start", "Common mistakes"]
    assert [*lesson.parts[0].blocks()] == [
        ("text", "Say this."),
        ("question", "guess"),
        ("text", "Then this."),
        ("link", "first"),
    ]
    assert lesson.parts[1] == Part("Common mistakes", 0, "- Everything.")


def test_windows_line_breaks_change_nothing():
    text = f"---\n{FRONT}---\n{TEXT}"
    assert parse_lesson(text.replace("\n", "\r\n"), "07-a-name.md") == parse()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title: A <title>\n", "", "'title' is missing"),
        ("title:", "tilte:", "unknown names: tilte"),
        ("goals: [see it]", "goals: [see it", "cannot be read"),
        ("    label: Open it\n", "", "'label' is missing"),
        ("page: memorize", "pgae: memorize", "link first has unknown names: pgae"),
        ("task: Train it.", "task: A. B. C.", "link first is wrong. A task may have at most two sentences"),
        ("  first:", "  off:", "not text for YAML: False"),
        ("truth: 3", "truth: three", "must be a number, but it is 'three'"),
        ("kind: number", "kind: guess", "one of choice, number, curve, but it is 'guess'"),
        ("kind: number, truth: 3", "kind: choice, options: [a, b], truth: c", "must be one of at least two"),
        ("kind: number, truth: 3", "kind: curve, truth: [[0, 0], [2, 0]]", "at least two points within its axes"),
        ("kind: number, truth: 3", "kind: curve, truth: [[1, 0], [0, 0]]", "sorted by x"),
        ("answer: So.", "anwser: So.", "exercise has unknown names: anwser"),
        ('{text: "Why & how?", answer: So., lines: 3}', "{text: Why}", "exercise lacks answer"),
        ("@link first", "@link second", "refers to link second, which does not exist"),
        ("@question guess\n", "", "never refers to question guess"),
        ("## Start (5 minutes)", "Start", "must begin with a heading"),
        ("---\ntitle", "title", "must begin with front matter"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason(old, new, message):
    text = f"---\n{FRONT}---\n{TEXT}".replace(old, new)
    with pytest.raises(LessonError, match=re.escape(message)) as caught:
        parse_lesson(text, "07-a-name.md")
    assert "07-a-name.md" in str(caught.value)


def test_front_matter_cannot_build_objects():
    with pytest.raises(LessonError, match="could not determine a constructor"):
        parse("title: !!python/object/apply:os.system ['true']\n")


def test_the_name_of_a_lesson_is_its_file_without_the_number():
    assert list(load_lessons()) == [
        "memorising-a-sentence",
        "the-learning-rate",
        "a-gradient-by-hand",
        "pixels-to-classes",
        "overfitting",
        "debugging-a-network",
    ]


# Worksheets


class Text(HTMLParser):
    """Collects the text of a page and checks that every tag is closed."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "path", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("path", "polyline"):
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += data


def test_text_on_a_worksheet_is_escaped():
    assert "<title>A &lt;title&gt;</title>" in worksheet(parse())
    assert "Why &amp; how?" in worksheet(parse())


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (Question("What?", "It falls", options=("It falls", "It rises")), "It falls"),
        (Question("How many?", 7850, "number"), "7,850"),
        (Question("How many?", -0.5, "number"), "−0.5"),
        (Question("How many?", 46, "number", tolerance=10), "46 ± 10"),
        (Question("How?", ((0, 2.5), (1, 0.25)), "curve", y_max=3), "Through (0, 2.5), (1, 0.25)"),
    ],
)
def test_an_answer_in_words_has_a_tolerance_only_if_there_is_one(question, answer):
    assert question.answer == answer


def test_the_key_shows_exact_numbers_without_a_tolerance():
    key = Text(worksheet(load_lessons()["pixels-to-classes"], key=True)).text
    assert "7,850" in key
    assert "± 0" not in key
    assert "give or take" not in key


@pytest.mark.parametrize("lesson", load_lessons().values(), ids=list(load_lessons()))
def test_a_worksheet_has_all_questions_and_only_its_key_the_answers(lesson):
    sheet, key = worksheet(lesson), worksheet(lesson, key=True)
    text, answers = Text(sheet).text, Text(key).text
    for question in lesson.questions.values():
        assert question.text.strip() in text
        assert question.text.strip() in answers
        assert question.why.strip() not in text
        assert question.why.strip() in answers
        assert all(option in text for option in question.options)
    for exercise in lesson.exercises:
        assert exercise.text.strip() in text
        assert exercise.answer not in text
        assert exercise.answer.strip() in answers
    assert sheet.count('class="line"') >= sum(exercise.lines for exercise in lesson.exercises)
    assert "polyline" not in sheet
    choices = [question for question in lesson.questions.values() if question.kind == "choice"]
    assert "class=truth" not in sheet
    assert key.count("class=truth") == len(choices)
    assert key.count("<polyline") == sum(question.kind == "curve" for question in lesson.questions.values())
    assert "http" not in sheet, "it needs no network"
