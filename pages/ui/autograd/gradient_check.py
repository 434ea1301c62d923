"""Gradient check: the engine's gradient beside PyTorch's and finite differences, and the error per step size."""

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core.autograd.expression import Expression
from core.autograd.gradcheck import STEP, central_differences, pytorch_gradients
from pages.ui.autograd.formula_settings import show_settings
from pages.ui.charts import GREY, apply_theme
from pages.ui.code_view import show_code

STEP_SIZES = np.logspace(-14, 0, 57)
LARGE_STEPS = np.array([0.125, 0.25, 0.5, 1.0])


def show() -> None:
    """Show the gradient check of the formula."""
    if computed := show_settings():
        check(computed.expression, computed.values, computed.gradients)
        show_code(central_differences, pytorch_gradients)


def check(expression: Expression, values: dict[str, float], gradients: dict[str, float]) -> None:
    """Compare the engine's gradient with PyTorch and finite differences."""
    st.markdown(
        "The engine's gradient is compared with PyTorch's and with **finite differences**, which change one variable "
        "by a small step h in both directions (in the table: h = 10⁻⁶)."
    )
    numeric, torch = central_differences(expression, values), pytorch_gradients(expression, values)
    labels = {name: f"∂{expression.result_name}/∂{name}" for name in gradients}
    numbers = {
        "This engine": [f"{gradients[name]:.10g}" for name in gradients],
        "PyTorch": [f"{torch[name]:.10g}" for name in gradients],
        "Finite differences": [f"{numeric[name]:.10g}" for name in gradients],
        "Engine − PyTorch": [format_error(gradients[name] - torch[name]) for name in gradients],
        "Engine − finite": [format_error(gradients[name] - numeric[name].item()) for name in gradients],
    }
    st.table(pd.DataFrame(numbers, index=list(labels.values())))
    if any(np.isnan(number) for number in numeric.values()):
        st.caption("nan: the formula is undefined right next to these values, so there is no finite difference.")
    if any(abs(gradients[name] - numeric[name]) > 1e-3 * max(1, abs(gradients[name])) for name in gradients):
        st.caption(
            "Finite differences disagree here: the formula has a kink or a jump at these values (such as `relu` and "
            "`abs` at 0), or its slope changes strongly within h. At a kink, finite differences give the mean of the "
            "slopes on both sides, while the engine and PyTorch use 0."
        )
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.latex(r"\frac{\partial f}{\partial x} \approx \frac{f(x + h) - f(x - h)}{2h}")
        st.markdown(
            "Why 10⁻⁶ and not 10⁻¹²? A tiny step subtracts two almost equal numbers: only the last few of their 16 "
            "digits remain, and this error grows with 1/h. With a large step, higher derivatives matter: this error "
            "shrinks with h². " + quadratic_text(expression, values)
        )
    with right:
        curve = error_curve(expression, values, gradients, labels)
        if len(curve):
            st.altair_chart(error_chart(curve), width="stretch", alt=describe(curve))
            st.caption("Dashed line: h = 10⁻⁶. Gaps in a curve: the error is exactly 0.")


def quadratic_text(expression: Expression, values: dict[str, float]) -> str:
    """Return for which variables a large step makes no error, because the formula is quadratic in them."""
    slopes = central_differences(expression, values, LARGE_STEPS)
    exact = [
        f"∂{expression.result_name}/∂{name}"
        for name, found in slopes.items()
        if np.allclose(found, found[0], rtol=1e-9, atol=1e-12)
    ]
    if not exact:
        return ""
    return (
        f"For {' and '.join(exact)}, even h = 1 is exact up to rounding: over this distance, the formula is at most "
        "quadratic in the variable."
    )


def describe(curve: pd.DataFrame) -> str:
    """Return what the chart shows, in words."""
    best = curve.loc[curve.error.idxmin()]
    return (
        f"Error of the finite difference against step size h, for {', '.join(curve.name.unique())}. "
        f"The smallest error, {best.error:.0e}, is that of {best['name']} at h = {best.h:.0e}."
    )


def format_error(number: float) -> str:
    """Return a number in scientific notation with two digits."""
    return f"{number:.1e}".replace("-", "−")  # lines are not broken at a real minus sign


def error_curve(
    expression: Expression, values: dict[str, float], gradients: dict[str, float], labels: dict[str, str]
) -> pd.DataFrame:
    """Return the error of finite differences per step size and variable, without zeros (for a logarithmic axis)."""
    numeric = central_differences(expression, values, STEP_SIZES)
    frames = [
        pd.DataFrame({"h": STEP_SIZES, "error": np.abs(numeric[name] - gradients[name]), "name": labels[name]})
        for name in gradients
    ]
    frame = pd.concat(frames, ignore_index=True)
    return frame[frame.error > 0]


def error_chart(curve: pd.DataFrame) -> alt.LayerChart:
    """Plot error against step size on logarithmic axes."""
    scale = alt.Scale(type="log")
    lines = (
        alt.Chart(curve)
        .mark_line(strokeWidth=3, point=alt.OverlayMarkDef(size=35))
        .encode(
            x=alt.X("h:Q", title="Step size h", scale=scale, axis=alt.Axis(format=".0e", tickCount=7)),
            y=alt.Y(
                "error:Q", title="Error of the finite difference", scale=scale, axis=alt.Axis(format=".0e", tickCount=6)
            ),
            color=alt.Color("name:N", sort=None, legend=alt.Legend(title=None, orient="top", symbolType="stroke")),
            strokeDash=alt.StrokeDash("name:N", sort=None, legend=None),
            tooltip=["name:N", alt.Tooltip("h:Q", format=".1e"), alt.Tooltip("error:Q", format=".1e")],
        )
    )
    rule = (
        alt.Chart(pd.DataFrame({"h": [STEP]})).mark_rule(color=GREY, strokeDash=[6, 4], strokeWidth=2).encode(x="h:Q")
    )
    return apply_theme(alt.LayerChart(layer=[lines, rule], height=340))
