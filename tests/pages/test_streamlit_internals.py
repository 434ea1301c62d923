"""What the dashboard assumes about private Streamlit API: an upgrade that changes it fails here.

That a page opened directly runs from app.py is tested in test_pages.py.
"""

import pytest
from streamlit.runtime import media_file_manager
from streamlit.runtime.media_file_storage import MediaFileStorageError
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.pages_manager import PagesManager

from pages.ui import streamlit_internals
from tests.pages.conftest import PROJECT


@pytest.fixture
def retained_downloads(monkeypatch):
    monkeypatch.setattr(media_file_manager, "MediaFileMetadata", media_file_manager.MediaFileMetadata)  # undo later
    streamlit_internals.retain_downloads()


def test_streamlit_still_looks_for_a_pages_folder_and_stores_the_answer_where_it_is_overridden(monkeypatch):
    monkeypatch.setattr(PagesManager, "uses_pages_directory", None)
    PagesManager(str(PROJECT / "app.py"))
    assert PagesManager.uses_pages_directory is True


def test_retaining_downloads_replaces_only_what_streamlit_s_metadata_class_has():
    replaced = {name for name in vars(streamlit_internals.RetainedFile) if not name.startswith("__")}
    assert replaced - {"unused_since"} == {"is_marked_for_delete", "mark_for_delete"}
    original = streamlit_internals.RetainedFile.__base__
    assert original.__module__ == media_file_manager.__name__
    assert isinstance(vars(original)["is_marked_for_delete"], property)
    assert callable(vars(original)["mark_for_delete"])


def test_a_download_is_kept_for_its_retention_time_although_other_sessions_rerun(retained_downloads, monkeypatch):
    storage = MemoryMediaFileStorage("/media")
    files = media_file_manager.MediaFileManager(storage)
    url = files.execute_deferred(files.add_deferred(lambda: b"a,b", "text/csv", "place", "numbers.csv"))
    file_name = url.rpartition("/")[2]
    files.clear_session_refs()  # the page was rerun
    for _ in range(100):
        files.remove_orphaned_files()
    assert storage.get_file(file_name).content == b"a,b"

    monkeypatch.setattr(streamlit_internals, "RETENTION_SECONDS", 0.0)
    files.remove_orphaned_files()
    with pytest.raises(MediaFileStorageError):
        storage.get_file(file_name)


def test_the_entry_point_retains_downloads(open_page, monkeypatch):
    original = streamlit_internals.RetainedFile.__base__
    monkeypatch.setattr(media_file_manager, "MediaFileMetadata", original)
    open_page("home")
    assert media_file_manager.MediaFileMetadata is streamlit_internals.RetainedFile
