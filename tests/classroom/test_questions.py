"""Questions: what can be asked, how answers are checked, and how they are counted."""

import pytest

from core.classroom import CHOICE, CURVE, CURVE_POINTS, NUMBER, Axes, Question
from core.classroom.questions import (
    bin_edges,
    check_answer,
    check_question,
    count_choices,
    histogram,
    sample_curve,
    split_outliers,
)

CURVE_QUESTION = Question(CURVE, "How?", axes=Axes("Epoch", "Loss", 100, 3))


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        (Question("essay", "Why?"), "one of choice, number, curve"),
        (Question(NUMBER, "  "), "empty"),
        (Question(NUMBER, "x" * 501), "at most 500"),
        (Question(CHOICE, "Which?", ("Left",)), "needs 2 to 8"),
        (Question(CHOICE, "Which?", ("Left", " ")), "needs 2 to 8"),
        (Question(CHOICE, "Which?", tuple("abcdefghi")), "needs 2 to 8"),
        (Question(CHOICE, "Which?", ("Left", "Left")), "equal"),
        (Question(CHOICE, "Which?", ("Left", "Right"), truth=2), "Choose one"),
        (Question(NUMBER, "How many?", truth=float("nan")), "must be a number"),
        (Question(CURVE, "How?", axes=Axes(x_max=0.0)), "above 0"),
        (Question(CURVE, "How?", axes=Axes(y_max=float("inf"))), "above 0"),
        (Question(CURVE, "How?", axes=Axes(x_title="a\x00b")), "control character"),
    ],
)
def test_a_question_that_cannot_be_asked_says_why(question, problem):
    with pytest.raises(ValueError, match=problem):
        check_question(question)


def test_texts_are_cleaned():
    checked = check_question(Question(CHOICE, " Which? ", (" Left ", "", "Right"), truth=1))
    assert (checked.text, checked.options, checked.truth) == ("Which?", ("Left", "Right"), 1)


@pytest.mark.parametrize("answer", [True, "3", None, float("inf"), 1e300, 10**400, [3]])
def test_only_a_finite_number_answers_a_question_for_a_number(answer):
    with pytest.raises(ValueError, match="must be a number"):
        check_answer(Question(NUMBER, "How many?"), answer)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "curve",
        [],
        [1.0] * (CURVE_POINTS - 1),
        [1.0] * 10_000,
        [None] * CURVE_POINTS,
        [1.0] + [None] * (CURVE_POINTS - 1),
        ["1"] * CURVE_POINTS,
        [float("nan")] * CURVE_POINTS,
        [[1.0]] * CURVE_POINTS,
        [10**400] * CURVE_POINTS,
    ],
)
def test_only_heights_answer_a_question_for_a_curve(answer):
    with pytest.raises(ValueError, match="curve"):
        check_answer(CURVE_QUESTION, answer)


def test_a_question_keeps_only_what_its_kind_needs():
    axes = Axes(x_max=float("nan"))
    number = check_question(Question(NUMBER, "How many?", options=("x",) * 10_000, axes=axes))
    choice = check_question(Question(CHOICE, "Which?", ("Left", "Right"), axes=axes))
    curve = check_question(Question(CURVE, "How?", ("x",) * 10_000))
    assert (number.options, number.axes, choice.axes, curve.options) == ((), None, None, ())


def test_a_curve_stays_in_its_chart():
    heights = check_answer(CURVE_QUESTION, [-1.0, 99, None] + [1] * (CURVE_POINTS - 3))
    assert heights[:4] == [0.0, 3.0, None, 1.0]


def test_a_run_s_losses_become_a_curve():
    axes = Axes("Epoch", "Loss", 40, 3)
    curve = sample_curve([(1, 3.0), (3, 1.0), (10, 0.3)], axes)
    assert len(curve) == CURVE_POINTS
    assert curve[:5] == [None, 3.0, 2.0, 1.0, pytest.approx(0.9)]
    assert curve[10] == 0.3
    assert set(curve[11:]) == {None}
    assert sample_curve([], axes) == [None] * CURVE_POINTS


def test_answers_are_counted():
    question = Question(CHOICE, "Which?", ("Left", "Right", "Neither"))
    assert count_choices(question, [1, 1, 0]) == [1, 2, 0]


@pytest.mark.parametrize(
    "values",
    [
        [3.0],
        [1, 2, 3, 4],
        [-0.003, 0.004],
        [0, 1e6],
        [5, 5, 5],
        [0.1, 0.2, 0.95],
        [0, 5e-324],
        [0, 1e-13],
        [1, 1 + 1e-15],
    ],
)
def test_every_number_lies_in_one_bar_of_the_histogram(values):
    edges = bin_edges(values)
    assert edges == sorted(edges)
    assert len(edges) <= 12
    assert sum(histogram(values, edges)) == len(values)


@pytest.mark.parametrize(
    ("values", "outliers"),
    [
        ([], []),
        ([1e9], []),
        ([40, 44, 45, 46, 50, 1e6], [1e6]),
        ([-1e6, 40, 44, 45, 46, 50, 60, 1e6], [-1e6, 1e6]),
        ([46] * 10 + [45, 47, 1000], [1000]),  # the interquartile range is 0
        ([46] * 10 + [1000], []),  # nothing else to resolve
        ([5, 5, 5], []),
        ([1, 2, 3, 4], []),
        ([10, 20, 50, 100, 200, 500], []),
        ([0, 0, 1000, 1000], []),
        ([40, 45, 50, 1e6], [1e6]),
        ([-1e6, 40, 45, 50], [-1e6]),
        ([40, 45, 1e6], [1e6]),
        ([46, 46, 47, 1000], [1000]),
        ([40, 1e6], []),
        ([46, 46, 46, 1000], []),  # nothing else to resolve
        ([10, 20, 100], []),  # each has a bar of its own
        ([1, 2, 1000, 1001], []),
    ],
)
def test_numbers_far_from_the_others_are_outliers(values, outliers):
    assert split_outliers(values) == (sorted(value for value in values if value not in outliers), outliers)


@pytest.mark.parametrize("values", [[30, 40, 44, 45, 46, 50, 60, 1e6], [40, 45, 50, 1e6], [40, 45, 1e6]])
def test_a_huge_number_does_not_squeeze_the_histogram(values):
    shown, _ = split_outliers(values)
    assert max(histogram(shown, bin_edges(shown))) < len(shown)


def test_the_histogram_shows_all_numbers_as_far_as_the_truth():
    assert split_outliers([40, 44, 45, 46, 50, 1000, 1e6], truth=7850)[1] == [1e6]
    assert split_outliers([40, 45, 1e4, 1e6], truth=7850)[1] == [1e6]
    assert split_outliers([40, 45, 7850], truth=7850)[1] == []
