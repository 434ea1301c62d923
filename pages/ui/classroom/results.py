"""The class's answers beside the truth, one colour per round."""

from textwrap import wrap
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from core.classroom import CHOICE, CURVE, NUMBER, Axes, ClassAccess, Question, Results
from core.classroom.questions import bin_edges, count_choices, histogram, split_outliers
from core.runs import PermissionDenied
from pages.ui.charts import DrawnChart, apply_theme, draw, show_live_chart
from pages.ui.markdown import escape_markdown
from pages.ui.theme import Colors, colors, is_projector_view

ROUNDS = ("First vote", "Second vote")
IN_WORDS = {
    CHOICE: "Number of answers per choice",
    NUMBER: "Histogram of the numbers",
    CURVE: "All curves over each other",
}
HEIGHT = 300
CHOICE_HEIGHTS, AXIS_HEIGHTS = (36, 44), (90, 210)  # pixels, with one round and with two; axes and legend
LABEL_WIDTH, LINE_HEIGHT, GAP = 30, 20, 12  # characters in a line of a choice; pixels
LABEL_LINES = r"split(datum.label, '\n')"
# Vega draws the first of several lines at the height of the bars.
CENTRED = {"condition": {"test": "true", "expr": f"-{LINE_HEIGHT / 2:g} * (length({LABEL_LINES}) - 1)"}, "value": 0}


def show(access: ClassAccess, own: bool = False) -> None:
    """Show all answers of each round, once they are revealed. own: whether to show the visitor's own answers, too."""
    try:
        results, mine = access.results(), access.own_answers() if own else {}
    except (ValueError, PermissionDenied) as error:  # the teacher has just changed the question
        st.info(escape_markdown(str(error)))
        return
    show_results(results, mine)


def show_results(results: Results, own: dict[int, Any]) -> None:
    """Show these answers. own: the visitor's answers, by round."""
    question = results.question
    counts = ", ".join(f"{name.lower()}: {len(answers)}" for name, answers in zip(ROUNDS, results.rounds, strict=False))
    if any(results.rounds):
        chart = results_chart(results, colors(), is_projector_view())
        show_live_chart(chart, ended=True, alt=f"{IN_WORDS[question.kind]}. {counts}.")
        if question.kind == NUMBER:
            show_outliers(results)
    else:
        st.info("Nobody has answered.")
    st.markdown(truth_text(question))
    if own and question.kind != CURVE:
        texts = {number: f"**{answer_text(question, own[number])}**" for number in sorted(own)}
        answers = [f" in the {ROUNDS[number - 1].lower()}: {text}" for number, text in texts.items()]
        st.caption("Your answer" + (f": {texts[1]}" if question.round == 1 else ",".join(answers)))


def all_answers(rounds: tuple[tuple[Any, ...], ...]) -> list[Any]:
    """Return the answers of all rounds in one list."""
    return [answer for answers in rounds for answer in answers]


def show_outliers(results: Results) -> None:
    """List the numbers that the histogram leaves out, because with them all others would share one bar."""
    _, outliers = split_outliers(all_answers(results.rounds), results.question.truth)
    if outliers:
        numbers = " · ".join(number_text(number) for number in outliers)
        lie = "answer lies" if len(outliers) == 1 else "answers lie"
        st.markdown(f":material/unfold_more: {len(outliers)} {lie} far outside this chart: {numbers}")


@st.cache_data(max_entries=20, ttl=600, show_spinner=False)
def results_chart(results: Results, theme: Colors, projector: bool) -> DrawnChart:
    """Draw the answers of each round, once for all browsers of the class.

    theme, projector: what the chart's colours and type sizes depend on, besides.
    """
    question, rounds = results.question, results.rounds
    if question.kind == CHOICE:
        return draw(apply_theme(choice_chart(question, rounds)))
    if question.kind == NUMBER:
        return draw(apply_theme(number_chart(question, rounds)))
    return draw(apply_theme(curve_chart(question, question.axes or Axes(), rounds)))


def answer_text(question: Question, answer: Any) -> str:
    """Return an answer as Markdown."""
    return escape_markdown(question.options[answer]) if question.kind == CHOICE else number_text(answer)


def number_text(number: float) -> str:
    """Return a number with separators of thousands: 7850.0 -> "7,850"."""
    return f"{number:,.10g}"


def truth_text(question: Question) -> str:
    """Return the truth as Markdown."""
    if question.truth is None:
        return "The correct answer was not given."
    if question.kind == CURVE:
        return ":material/check: The thick line is the correct curve."
    return f":material/check: **{answer_text(question, question.truth)}**"


def round_colours(rounds: tuple[tuple[Any, ...], ...]) -> alt.Color:
    """Return the colour of each round."""
    names = list(ROUNDS[: len(rounds)])
    legend = alt.Legend(title=None, orient="top", symbolType="square", columns=1) if len(rounds) > 1 else None
    return alt.Color("round:N", scale=alt.Scale(domain=names, range=list(colors().palette[:2])), legend=legend)


def choice_chart(question: Question, rounds: tuple[tuple[Any, ...], ...]) -> alt.LayerChart:
    """Draw a bar per choice and round; the correct choice has a tick."""
    texts = [f"{'✓ ' if number == question.truth else ''}{text}" for number, text in enumerate(question.options)]
    labels = ["\n".join(wrap(text, LABEL_WIDTH)) for text in texts]
    lines = max(label.count("\n") for label in labels) + 1
    frame = pd.DataFrame(
        [
            (label, name, count)
            for name, answers in zip(ROUNDS, rounds, strict=False)
            for label, count in zip(labels, count_choices(question, answers), strict=True)
        ],
        columns=["choice", "round", "answers"],
    )
    base = alt.Chart(frame).encode(
        x=alt.X("answers:Q", title="Answers", axis=alt.Axis(tickMinStep=1, format="d")),
        y=alt.Y(
            "choice:N",
            sort=labels,
            title=None,
            axis=alt.Axis(
                labelExpr=LABEL_LINES,
                labelLimit=300,
                labelLineHeight=LINE_HEIGHT,
                labelOffset=CENTRED,
                labelOverlap=False,
            ),
        ),
        yOffset=alt.YOffset("round:N", sort=list(ROUNDS)),
    )
    bars = base.mark_bar().encode(color=round_colours(rounds))
    text = base.mark_text(align="left", dx=4, fontSize=16, color=colors().text).encode(text="answers:Q")
    height = max(CHOICE_HEIGHTS[len(rounds) - 1], LINE_HEIGHT * lines + GAP)
    return alt.LayerChart(layer=[bars, text], height=height * len(labels) + AXIS_HEIGHTS[len(rounds) - 1])


def number_chart(question: Question, rounds: tuple[tuple[Any, ...], ...]) -> alt.LayerChart:
    """Draw a histogram of the numbers, and the truth as a line."""
    values, _ = split_outliers(all_answers(rounds), question.truth)
    edges = bin_edges(values if question.truth is None else [*values, question.truth])
    half = (edges[1] - edges[0]) / (2 * len(rounds))
    frame = pd.DataFrame(
        [
            (low + 2 * half * number, low + 2 * half * (number + 1), name, count)
            for number, (name, answers) in enumerate(zip(ROUNDS, rounds, strict=False))
            for low, count in zip(edges, histogram(answers, edges), strict=False)
        ],
        columns=["from", "to", "round", "answers"],
    )
    scale = alt.Scale(domain=[edges[0], edges[-1]], nice=False)
    bars = (
        alt.Chart(frame)
        .mark_rect()  # a bar with two ends in x would lie at its height instead of reaching down to 0
        .encode(
            x=alt.X("from:Q", title="Number", scale=scale, axis=alt.Axis(values=edges, format="~g")),
            x2="to:Q",
            y=alt.Y("answers:Q", title="Answers", axis=alt.Axis(tickMinStep=1, format="d")),
            y2=alt.datum(0),
            color=round_colours(rounds),
        )
    )
    truth = pd.DataFrame({"x": [] if question.truth is None else [question.truth]}, dtype=float)
    rule = alt.Chart(truth).mark_rule(strokeWidth=4, strokeDash=[8, 4], color=colors().text).encode(x="x:Q")
    return alt.LayerChart(layer=[bars, rule], height=HEIGHT)


def curve_chart(question: Question, axes: Axes, rounds: tuple[tuple[Any, ...], ...]) -> alt.LayerChart:
    """Draw all curves over each other, and the truth as a thick line."""
    sketched = [
        (x, y, name, f"{name} {number}")
        for name, answers in zip(ROUNDS, rounds, strict=False)
        for number, curve in enumerate(answers)
        for x, y in curve_points(curve, axes)
    ]
    frame = pd.DataFrame(sketched, columns=["x", "y", "round", "curve"])
    x = alt.X("x:Q", title=axes.x_title, scale=alt.Scale(domain=[0, axes.x_max], nice=False))
    y = alt.Y("y:Q", title=axes.y_title, scale=alt.Scale(domain=[0, axes.y_max], nice=False))
    lines = alt.Chart(frame).mark_line(strokeWidth=2, opacity=0.55, clip=True)
    lines = lines.encode(x=x, y=y, detail="curve:N", color=round_colours(rounds))
    truth = pd.DataFrame(curve_points(question.truth or [], axes), columns=["x", "y"], dtype=float)
    line = alt.Chart(truth).mark_line(strokeWidth=6, color=colors().text, clip=True).encode(x=x, y=y)
    return alt.LayerChart(layer=[lines, line], height=HEIGHT)


def curve_points(heights: list[float | None], axes: Axes) -> list[tuple[float, float]]:
    """Return the points of a curve, without its gaps."""
    last = max(len(heights) - 1, 1)
    return [(axes.x_max * number / last, height) for number, height in enumerate(heights) if height is not None]
