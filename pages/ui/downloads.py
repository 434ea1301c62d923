"""What a student takes home: charts as pictures, numbers as CSV, weights and notebooks. Made when it is asked for."""

import io
import re
import time
from collections.abc import Callable
from typing import Literal

import altair as alt
import pandas as pd
import streamlit as st
from streamlit.runtime import media_file_manager

WIDTH = 900  # pixels of a chart that fills the page's width, where it has no page
RETENTION_SECONDS = 20.0  # seconds that a file waits for its browser


class RetainedFile(media_file_manager.MediaFileMetadata):
    """A file that was made for a click, and is still there when the browser comes for it.

    Streamlit deletes it when pages have been redrawn twice, whosever they are: in a class, that is at once.
    """

    unused_since: float | None = None

    @property
    def is_marked_for_delete(self) -> bool:
        return self.unused_since is not None and time.monotonic() - self.unused_since > RETENTION_SECONDS

    def mark_for_delete(self) -> None:
        self.unused_since = self.unused_since or time.monotonic()


media_file_manager.MediaFileMetadata = RetainedFile


def render_chart(chart: alt.TopLevelMixin, kind: Literal["png", "svg"]) -> bytes:
    """The chart as a picture on white: PNG (twice as fine as a screen) or SVG.

    A single or layered chart without a width of its own is made 900 pixels wide.
    """
    if isinstance(chart, alt.Chart | alt.LayerChart) and chart.width is alt.Undefined:
        chart = chart.properties(width=WIDTH)
    picture = io.BytesIO() if kind == "png" else io.StringIO()
    chart.properties(background="white").save(picture, format=kind, scale_factor=2 if kind == "png" else 1)
    data = picture.getvalue()
    return data if isinstance(data, bytes) else data.encode()


def to_csv_bytes(table: pd.DataFrame) -> bytes:
    """The table as CSV in UTF-8 with a mark that spreadsheets recognise it by; numbers to their last digit."""
    return table.to_csv(index=False).encode("utf-8-sig")


def chart_download_buttons(chart: alt.TopLevelMixin, name: str) -> None:
    """Two buttons that download the chart. name: what is on it, such as "training loss"."""
    with st.container(horizontal=True, gap="small"):
        download_button(f"{name}.png", lambda: render_chart(chart, "png"), "image/png", label="PNG", type="tertiary")
        download_button(
            f"{name}.svg", lambda: render_chart(chart, "svg"), "image/svg+xml", label="SVG", type="tertiary"
        )


def download_button(
    file_name: str, make: Callable[[], bytes | str], mime: str, *, label: str | None = None, type: str = "secondary"
) -> None:
    """A button that makes a file when it is pressed, and downloads it. The page stays as it is.

    make: gives the file's content; it runs in a thread of its own and must not call Streamlit.
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


def safe_name(name: str) -> str:
    """A file name that every system takes: letters, digits, points and hyphens."""
    return re.sub(r"[^\w.]+", "-", name).strip("-.") or "file"
