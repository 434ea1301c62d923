"""Downloads: charts as images and tables as CSV, created when their button is pressed."""

import io
import json
import re
from collections.abc import Callable
from typing import Literal

import altair as alt
import pandas as pd
import streamlit as st

from core.project_archive import project_archive
from core.text import escape_csv_formula
from pages.ui.charts import DrawnChart
from pages.ui.theme import DARK, LIGHT

CHART_WIDTH = 900  # pixels, for a chart that fills the width of its page


def render_chart(chart: alt.TopLevelMixin | DrawnChart, kind: Literal["png", "svg"]) -> bytes:
    """Render the chart as PNG (at twice the screen's resolution) or SVG, on the background of its colours' theme.

    A single or layered chart without a width of its own becomes CHART_WIDTH pixels wide.
    """
    if isinstance(chart, DrawnChart):
        chart = chart.to_altair()
    if isinstance(chart, alt.Chart | alt.LayerChart) and chart.width is alt.Undefined:
        chart = chart.properties(width=CHART_WIDTH)
    image = io.BytesIO() if kind == "png" else io.StringIO()
    config = getattr(chart, "config", None)
    dark = isinstance(config, alt.Config) and DARK.text in json.dumps(config.to_dict())
    background = (DARK if dark else LIGHT).background
    chart.properties(background=background).save(image, format=kind, scale_factor=2 if kind == "png" else 1)
    data = image.getvalue()
    return data if isinstance(data, bytes) else data.encode()


def to_csv_bytes(table: pd.DataFrame) -> bytes:
    """Return the table as CSV with all digits, in UTF-8 with the byte order mark that spreadsheets expect.

    Text that a spreadsheet would evaluate as a formula is quoted.
    """
    return table.map(escape_csv_formula).to_csv(index=False).encode("utf-8-sig")


def chart_download_buttons(chart: alt.TopLevelMixin | DrawnChart, name: str) -> None:
    """Show two buttons that download the chart. name: what it shows, such as "training loss"."""
    with st.container(horizontal=True, gap="small"):
        download_button(f"{name}.png", lambda: render_chart(chart, "png"), "image/png", label="PNG", type="tertiary")
        download_button(
            f"{name}.svg", lambda: render_chart(chart, "svg"), "image/svg+xml", label="SVG", type="tertiary"
        )


def download_button(
    file_name: str,
    make: Callable[[], bytes | str],
    mime: str,
    *,
    label: str | None = None,
    type: Literal["primary", "secondary", "tertiary"] = "secondary",
) -> None:
    """Show a button that creates a file when it is pressed and downloads it, without a rerun of the page.

    make: returns the file's content. It runs in a separate thread and must not call Streamlit.
    """
    st.download_button(
        label or file_name,
        make,
        safe_name(file_name),
        mime,
        key=f"download {file_name}",
        on_click="ignore",
        type=type,
        icon=":material/download:",
    )


def project_download_button() -> None:
    """Show a button that downloads this program, which the notebooks need."""
    download_button("project.zip", project_archive, "application/zip")


def safe_name(name: str) -> str:
    """Return a file name that every system accepts: letters, digits, underscores, points and hyphens."""
    return re.sub(r"[^\w.]+", "-", name).strip("-.") or "file"
