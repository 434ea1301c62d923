"""The problems whose answers are kept: the exercises and the cases of the Break-it lab."""

from __future__ import annotations

from functools import lru_cache

from core.autograd.exercises import EXERCISES, CounterExample, grade
from core.autograd.expression import ExpressionError
from core.autograd.faults import FAULTS

LINE, REPLY = LAB_FIELDS = ("line", "answer")  # what a case asks for: the number of a line, and an answer
PROBLEMS = (*EXERCISES, *FAULTS)
MAX_ANSWER = 500  # characters


def fields_of(problem: str) -> tuple[str, ...]:
    """Return what a problem asks for. Raises ValueError if there is no such problem."""
    if problem in EXERCISES:
        return tuple(EXERCISES[problem].solutions)
    if problem in FAULTS:
        return LAB_FIELDS
    raise ValueError(f"There is no problem {problem[:40]!r}.")


@lru_cache(maxsize=2_000)
def grade_formula(problem: str, field: str, text: str) -> CounterExample | None:
    """Return `grade` of an exercise's answer; it is computed once, because pages ask for it at every rerun."""
    return grade(EXERCISES[problem], field, text)


def is_checkable(problem: str, field: str, answer: str) -> bool:
    """Return whether the answer is complete enough to count as a try: a typing mistake does not."""
    if problem not in EXERCISES:
        return answer != ""
    try:
        grade_formula(problem, field, answer)
    except ExpressionError:
        return False
    return True


def is_correct(problem: str, field: str, answer: str) -> bool:
    """Return whether an answer to one field of a problem is correct."""
    if not is_checkable(problem, field, answer):
        return False
    if problem in EXERCISES:
        return grade_formula(problem, field, answer) is None
    fault = FAULTS[problem]
    if field == REPLY:
        return answer == fault.question.answer
    return answer.isdecimal() and int(answer) < len(fault.code()) and fault.is_faulty_line(int(answer))
