"""Where a data set is, and how it comes here."""

import streamlit as st

from core.classify import ClassifyConfig
from core.classify.datasets import DatasetError, DatasetInfo, load


def location_label(info: DatasetInfo) -> str:
    """In a few words: is the data set here, or what would be downloaded."""
    if info.is_builtin:
        return "built in"
    return "on this machine" if info.is_available else f"download, {info.download_megabytes} MB"


def download_with_progress(config: ClassifyConfig) -> bool:
    """Make sure that the pictures are here, with a progress bar while they come. False: they cannot be had."""
    place = st.empty()
    bar = place.progress(0.0, text="Loading the pictures …")
    try:
        load(config.dataset, progress=lambda share, text: bar.progress(share, text=text))
    except DatasetError as error:
        place.error(str(error), icon=":material/cloud_off:")
        return False
    place.empty()
    return True
