"""Pasted points: the usual forms of a table are read, and errors name the line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.plane.pasted import parse_points

EXPECTED = ((1.5, -2.0, 1), (0.0, 3.0, 0))


@pytest.mark.parametrize(
    "text",
    [
        "1.5,-2,red\n0,3,blue",
        "x,y,colour\n1.5,-2,red\n\n0,3,blue\n",
        "x;y;colour\r\n1,5;-2;red\r\n0;3;blue",
        "1,5\t−2\tred\n0\t3\tblue",
        '"1.5", "-2", "red"\n0, 3.0, blue,',
        "\N{BYTE ORDER MARK}1.5;-2;red\n+0;3e0;blue",
        "1.5,-2,red\n0,3,blue".encode("utf-16"),
        "1.5,-2,red\n0,3,blue".encode("utf-8-sig"),
    ],
)
def test_tables_are_read(text):
    parsed = parse_points(text)
    assert parsed.points == EXPECTED
    assert parsed.labels == ("blue", "red")
    assert parsed.notes == ()


def test_labels_that_are_numbers_are_in_their_order():
    assert parse_points("0,0,10\n1,1,9").labels == ("9", "10")


def test_points_outside_the_plane_are_scaled():
    parsed = parse_points("150,1,a\n200,2,b\n175,3,a")
    assert [point[:2] for point in parsed.points] == [(-5, 1), (5, 2), (0, 3)]
    assert parsed.notes == ("x was scaled: 150 became -5 and 200 became 5.",)
    assert parse_points("9,1,a\n9,2,b").notes == ("x is 9 in every line; it became 0.",)


def test_the_third_column_of_a_regression_is_a_number():
    assert parse_points("0;1;2,5\n1;1;3", "regression").points == ((0, 1, 2.5), (1, 1, 3))
    parsed = parse_points("0,1,1000\n1,1,3000", "regression")
    assert [point[2] for point in parsed.points] == [-1, 1]
    assert parsed.notes == ("The value was scaled: 1000 became -1 and 3000 became 1.",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no points in this text"),
        ("x,y,label", "no points in this text"),
        ("1,2,a\n1,nan,b", "Line 2: y must be a number, but it is 'nan'"),
        ("1,2,a\ninf,2,b", "Line 2: x must be a number, but it is 'inf'"),
        ("1,2,a\n1_0,2,b", "Line 2: x must be a number, but it is '1_0'"),
        ("1,2,a\n1e999,2,b", "Line 2: x must be a number"),
        ("1,2,a\n,2,b", "Line 2: x must be a number, but it is empty"),
        ("1,2,a\n1,2", "Line 2 has 2 columns, separated by a comma, but it needs three"),
        ("1;2;a;b", "Line 1 has 4 columns, separated by a semicolon"),
        ("1,2,a\n1;2;b", "Line 2 has 1 column, separated by a comma"),
        ("1 2 a", "Line 1 has only one column"),
        ("1,two,a", "Line 1: y must be a number, but it is 'two'"),
        ("1,2,", "Line 1: the label must have 1 to 40 characters"),
        ("1,2," + "a" * 41, "but it has 41"),
        ("\n".join(f"{i},0,{i}" for i in range(6)), "6 different labels in the third column .* choose regression"),
        ("1,2,a\n3,4,a", "All points have the label a"),
        ("1,2,a\n" * 2_001, "more than 2,000 points"),
        ("1,2,a\n" * 10**6, "too long: 6,000,000 characters, at most 200,000"),
        (b"\x80\x81,2,a", "not a text in UTF-8"),
        (b"\xff\xfea", "not a text in UTF-8"),
    ],
)
def test_what_cannot_be_read_is_explained(text, says):
    with pytest.raises(ValueError, match=says):
        parse_points(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "x, y and a value, such as 1.5, -2, 0.3"),
        ("1 2 3", "Separate x, y and a value by commas"),
        ("1,2", "it needs three: x, y and a value"),
        ("1,2,red", "the value must be a number, but it is 'red'"),
    ],
)
def test_regression_asks_for_a_value(text, says):
    with pytest.raises(ValueError, match=says):
        parse_points(text, "regression")


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200), st.text('0123456789.,;\t\n-+eE"ab', max_size=200)))
def test_any_text_is_read_or_rejected_with_a_sentence(data):
    for task in ("classification", "regression"):
        try:
            parsed = parse_points(data, task)
        except ValueError as error:
            sentence = str(error)
        else:
            sentence = ""
            assert all(abs(x) <= 6 and abs(y) <= 6 for x, y, _ in parsed.points)
        assert sentence == "" or (sentence.endswith(".") and len(sentence) < 400)
