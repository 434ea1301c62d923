"""Where a data set is, and how it comes here."""

import streamlit as st

from core.classify import ClassifyConfig
from core.datasets import DatasetError, DatasetInfo, load


def where(info: DatasetInfo) -> str:
    """In a few words: is the data set here, or what would be downloaded."""
    if info.embedded:
        return "built in"
    return "on this machine" if info.here else f"download, {info.download_megabytes} MB"


def fetch(config: ClassifyConfig) -> bool:
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
