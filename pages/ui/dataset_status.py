"""Where a dataset is stored, and its download with a progress bar."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.classify import ClassifyConfig
from core.classify.datasets import DatasetError, DatasetInfo, load


def location_label(info: DatasetInfo) -> str:
    """Describe in a few words whether the dataset is available or must be downloaded."""
    if info.is_builtin:
        return "built in"
    return "on this machine" if info.is_available else f"download, {info.download_megabytes} MB"


def download_with_progress(config: ClassifyConfig) -> bool:
    """Load the config's dataset, downloading it if necessary, and show the progress.

    Returns False, and shows the error, if the dataset is not available.
    """
    bars: list[DeltaGenerator] = []  # none if nothing is downloaded: an empty place would move what is below it

    def show_progress(fraction: float, text: str) -> None:
        if not bars:
            bars.append(st.empty())
        bars[0].progress(fraction, text=text)

    try:
        load(config.dataset, progress=show_progress)
    except DatasetError as error:
        st.error(str(error), icon=":material/cloud_off:")
        return False
    finally:
        for bar in bars:
            bar.empty()
    return True
