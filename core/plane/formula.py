"""Formulas of x and y: a boundary between two classes, or the values of a surface.

A formula with y is a boundary where its value is 0: class 1 is where it is positive. A formula without y is a curve:
class 1 is above it, where y is greater than its value.
"""

from __future__ import annotations

import numpy as np

from core.autograd.expression import Expression, ExpressionError, parse
from core.autograd.tensor import Tensor
from core.plane.features import LIMIT

GRID = 41  # points per axis on which a formula is checked
MIN_FRACTION = 0.01  # of the plane on the smaller side of a boundary


def parse_formula(text: str) -> Expression:
    """Parse a formula of x and y. Raises ExpressionError, a ValueError, with a sentence and the position."""
    if not isinstance(text, str):
        raise ValueError("The formula must be a text, such as 2*sin(x).")
    expression = parse(text)
    if unknown := [name for name in expression.names if name not in ("x", "y")]:
        start = text.strip(" ").find(unknown[0])
        raise ExpressionError(
            f"A point has the coordinates x and y, but the formula uses {unknown[0]}. Write it with x and y.",
            *(expression.text, start, start + len(unknown[0])),
        )
    return expression


def values(expression: Expression, points: np.ndarray) -> np.ndarray:
    """Compute a formula's value at every point. points: (n, 2) -> (n,) float64, NaN or infinite where undefined."""
    x, y = np.asarray(points, np.float64).T
    result = expression.evaluate({"x": Tensor(x), "y": Tensor(y)})
    return np.broadcast_to(result.data, x.shape).astype(np.float64)


def sides(expression: Expression, points: np.ndarray) -> np.ndarray:
    """Return how far each point is on the side of class 1, (n,): positive there, negative on the other side."""
    computed = values(expression, points)
    return computed if "y" in expression.names else np.asarray(points, np.float64)[:, 1] - computed


def checked_formula(text: str, largest: float, boundary: bool) -> Expression:
    """Parse a formula and check its values on the whole plane.

    largest: magnitude that no value of a surface may exceed.
    boundary: whether it separates two classes.
    Raises ValueError with a sentence for a student if it has no value somewhere, or is no boundary.
    """
    expression = parse_formula(text)
    axis = np.linspace(-LIMIT, LIMIT, GRID)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    found = values(expression, points)
    if not np.isfinite(found).all():
        x, y = points[np.flatnonzero(~np.isfinite(found))[0]]
        raise ValueError(
            f"The formula {expression} has no value at x = {x:g}, y = {y:g}. It needs one everywhere from "
            f"-{LIMIT:g} to {LIMIT:g}: change it so that it never divides by 0 or takes the root of a negative number."
        )
    if boundary:
        above = (sides(expression, points) > 0).mean()
        if not MIN_FRACTION <= above <= 1 - MIN_FRACTION:
            raise ValueError(
                f"The formula {expression} has no boundary in the plane: all points would be of one class. "
                "Choose one that points can be above and below, such as 2*sin(x)."
            )
    elif np.abs(found).max() > largest:
        raise ValueError(
            f"The formula {expression} has values up to {np.abs(found).max():.3g}, but targets may be at most "
            f"{largest:g}. Divide it by a larger number."
        )
    return expression
