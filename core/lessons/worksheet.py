"""A lesson's worksheet and its key, as HTML that a browser prints on A4 or Letter."""

from __future__ import annotations

import string
from html import escape

from core.lessons.lesson import CHOICE, CURVE, Lesson, Question

STYLE = """
@page { margin: 18mm; }
body { font: 12pt/1.4 Georgia, "Times New Roman", serif; color: #000; background: #fff; max-width: 44rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 20pt; margin: 0 0 0.3rem; }
h2 { font-size: 14pt; margin: 1.4rem 0 0.3rem; break-after: avoid; }
.name { margin: 0.8rem 0 1.2rem; }
li { margin: 0.7rem 0; break-inside: avoid; }
li > p { margin: 0; }
ul.options { list-style: none; padding: 0; margin: 0.3rem 0 0; }
ul.options li { margin: 0.1rem 0; }
ul.options li::before { content: "☐ "; }
ul.options li.truth::before { content: "☒ "; }
.line { border-bottom: 1px solid #666; height: 1.7rem; }
.answer { border-left: 3px solid #000; padding-left: 0.6rem; margin-top: 0.3rem; }
svg { width: 100%; max-width: 26rem; display: block; margin-top: 0.4rem; }
@media print { body { margin: 0; max-width: none; padding: 0; } .hint { display: none; } }
"""
WIDTH, HEIGHT, LEFT, BOTTOM = 400, 200, 44, 34  # of a curve's axes in the units of the SVG
PAGE = string.Template(
    """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>$title</title><style>$style</style></head>
<body>
<p class="hint">Print this page with Ctrl+P, or ⌘P on a Mac.</p>
<h1>$title</h1>
$body
</body>
</html>
"""
)


def worksheet(lesson: Lesson, *, key: bool = False) -> str:
    """Return the worksheet as HTML; with its answers if `key` is set."""
    parts = [] if key else ['<p class="name">Name: ____________________ &nbsp; Date: ______________</p>']
    if lesson.questions:
        parts += [
            "<h2>Predictions</h2>",
            "<ol>",
            *(_question(q, key) for q in lesson.questions.values()),
            "</ol>",
        ]
    if lesson.exercises:
        parts += ["<h2>Exercises</h2>", "<ol>"]
        for exercise in lesson.exercises:
            answer = _answer(exercise.answer) if key else '<div class="line"></div>' * exercise.lines
            parts.append(f"<li>{_text(exercise.text)}{answer}</li>")
        parts.append("</ol>")
    title = escape(f"{lesson.title}: answer key" if key else lesson.title)
    return PAGE.substitute(title=title, style=STYLE, body="\n".join(parts))


def _question(question: Question, key: bool) -> str:
    body = _text(question.text)
    if question.kind == CHOICE:
        options = "".join(
            f"<li{' class=truth' if key and option == question.truth else ''}>{escape(option)}</li>"
            for option in question.options
        )
        body += f'<ul class="options">{options}</ul>'
    elif question.kind == CURVE:
        body += _axes(question, key)
    elif key:
        body += _answer(question.answer)
    else:
        body += '<div class="line"></div>'
    return f"<li>{body}{_answer(question.why) if key and question.why else ''}</li>"


def _text(text: str) -> str:
    return f"<p>{escape(text.strip())}</p>".replace("\n\n", "</p><p>")


def _answer(text: str) -> str:
    return f'<div class="answer">{_text(text)}</div>'


def _axes(question: Question, key: bool) -> str:
    """Draw empty axes to sketch a curve on; with the true curve if `key` is set."""
    truth = question.truth if isinstance(question.truth, tuple) else ()
    points = " ".join(
        f"{LEFT + x / question.x_max * WIDTH:.1f},{HEIGHT + 8 - y / question.y_max * HEIGHT:.1f}" for x, y in truth
    )
    floor, end = HEIGHT + 8, LEFT + WIDTH
    labels = (
        (LEFT - 6, floor, "end", "0"),
        (LEFT - 6, 16, "end", f"{question.y_max:g}"),
        (LEFT, floor + 16, "middle", "0"),
        (end, floor + 16, "end", f"{question.x_max:g}"),
        ((LEFT + end) / 2, floor + 16, "middle", question.x_title),
        (LEFT + 6, 18, "start", question.y_title),
    )
    texts = "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="13">{escape(text)}</text>'
        for x, y, anchor, text in labels
    )
    curve = f'<polyline points="{points}" fill="none" stroke="#000" stroke-width="2.5"/>' if key else ""
    return (
        f'<svg viewBox="0 0 {end + 8} {floor + BOTTOM}" role="img" aria-label="{escape(question.y_title, quote=True)} '
        f'over {escape(question.x_title, quote=True)}">'
        f'<path d="M{LEFT} 8V{floor}H{end}" fill="none" stroke="#000"/>{texts}{curve}</svg>'
    )
