"""Everything that relies on private Streamlit API.

`tests/pages/test_streamlit_internals.py` checks each assumption made here and fails if a Streamlit upgrade breaks it.
"""

import time

import streamlit as st
from streamlit.runtime import media_file_manager
from streamlit.runtime.pages_manager import PagesManager

RETENTION_SECONDS = 20.0


def ensure_run_from_app() -> None:
    """Rerun through app.py if Streamlit executed the page's file directly.

    Streamlit does that with every file in a folder named pages/ until a session of this server has called
    `st.navigation`. The first visitor to follow a link to a page would see it without its title, width and navigation.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()


class RetainedFile(media_file_manager.MediaFileMetadata):
    """A media file that is kept for RETENTION_SECONDS after its last use.

    Streamlit deletes the file behind a download button after two reruns of any session. With a whole class
    connected, that can be before the browser has fetched it.
    """

    unused_since: float | None = None

    @property
    def is_marked_for_delete(self) -> bool:
        """Return whether the retention time is over."""
        return self.unused_since is not None and time.monotonic() - self.unused_since > RETENTION_SECONDS

    def mark_for_delete(self) -> None:
        """Start the retention time; later calls change nothing."""
        self.unused_since = self.unused_since or time.monotonic()


def retain_downloads() -> None:
    """Make Streamlit keep its media files as RetainedFile does. Repeated calls have no effect."""
    vars(media_file_manager)["MediaFileMetadata"] = RetainedFile
