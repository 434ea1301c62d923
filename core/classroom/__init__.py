"""Classes: a teacher conducts one lesson in thirty browsers.

settings    ClassSettings: what the teacher allows and shows at the moment
names       nicknames that are unique in a class, and neutral names
questions   questions to ask before a demonstration: their answers and how they are checked and counted
store       ClassStore: classes, members, questions and votes in the run database
tiles       what the teacher sees of each student
access      ClassAccess: what one visitor may do
problems    the exercises and lab cases whose answers are kept, and whether an answer is correct
answers     ExerciseAccess: a visitor's answers, their solutions, and the table for the teacher
presence    when and where the members were seen, written to the database in batches
"""

from core.classroom.access import ClassAccess
from core.classroom.answers import TRIES_BEFORE_SOLUTION, Answer, ExerciseAccess
from core.classroom.presence import Presence
from core.classroom.questions import (
    CHOICE,
    CURVE,
    CURVE_POINTS,
    KINDS,
    NUMBER,
    Axes,
    Question,
    Results,
    check_question,
    sample_curve,
)
from core.classroom.settings import ClassSettings, Lock, NamedLink
from core.classroom.store import ClassState, ClassStore, Member
from core.classroom.tiles import Tile

__all__ = [
    "CHOICE",
    "CURVE",
    "CURVE_POINTS",
    "KINDS",
    "NUMBER",
    "TRIES_BEFORE_SOLUTION",
    "Answer",
    "Axes",
    "ClassAccess",
    "ClassSettings",
    "ClassState",
    "ClassStore",
    "ExerciseAccess",
    "Lock",
    "Member",
    "NamedLink",
    "Presence",
    "Question",
    "Results",
    "Tile",
    "check_question",
    "sample_curve",
]
