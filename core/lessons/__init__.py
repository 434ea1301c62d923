"""Lessons: plans for a teacher, and addresses that set a page for a class.

link        LessonLink: an address that sets a page, with a task and what else is shown
lesson      Lesson: a plan with parts, links, questions and exercises, read from a Markdown file
worksheet   a lesson's worksheet and its key as printable HTML
"""

from core.lessons.lesson import Exercise, Lesson, LessonError, Part, Question, load_lessons, parse_lesson
from core.lessons.link import LessonLink
from core.lessons.worksheet import worksheet

__all__ = [
    "Exercise",
    "Lesson",
    "LessonError",
    "LessonLink",
    "Part",
    "Question",
    "load_lessons",
    "parse_lesson",
    "worksheet",
]
