"""Pictures of one's own to learn from: a folder, a zip or an .npz."""

from collections.abc import Callable

import streamlit as st

from core.classify.custom_data import import_files, import_npz, import_zip
from core.classify.datasets import DatasetError, get_info
from core.classify.images import MAX_BYTES
from pages.ui.markdown import escape_markdown

MAX_MEGABYTES = 200


def uploads() -> None:
    """The upload of one's own pictures; they are chosen as soon as they are here."""
    with st.expander("Bring your own pictures", icon=":material/add_photo_alternate:"):
        st.markdown(
            "A folder or zip with **one folder a class** (`cats/1.png`, `dogs/1.png`), or an `.npz` with `x_train`, "
            "`y_train`, `x_test`, `y_test`. They are made 32 × 32 pixels small, a fifth of each class is kept for the "
            "test. Who watches a run that learns from them sees some of them."
        )
        file = st.file_uploader("A zip or .npz", ["zip", "npz"], max_upload_size=MAX_MEGABYTES, key="own_file")
        if file and is_new("own_file", file.file_id):
            take(
                lambda progress: import_zip(file, progress) if file.name.lower().endswith(".zip") else import_npz(file)
            )
        files = st.file_uploader(
            "A folder",
            ["png", "jpg", "jpeg", "gif", "webp", "bmp"],
            accept_multiple_files="directory",
            max_upload_size=MAX_BYTES // 2**20,
            key="own_folder",
        )
        if files and is_new("own_folder", "".join(file.file_id for file in files)):
            contents = ((file.name, file.getvalue()) for file in files)
            take(lambda progress: import_files(contents, len(files), progress))


def is_new(uploader: str, file_id: str) -> bool:
    """Whether what is in this uploader was not looked at yet: the page runs again at every click."""
    seen = f"{uploader}_seen"
    new = st.session_state.get(seen) != file_id
    st.session_state[seen] = file_id
    return new


def take(keep: Callable[[Callable[[float, str], None]], str]) -> None:
    """Keep pictures and choose them, with a bar while that lasts; or say why they cannot be used."""
    place = st.empty()
    bar = place.progress(0.0, text="Reading the pictures …")
    try:
        name = keep(lambda share, text: bar.progress(min(share, 1.0), text=text))
        info = get_info(name)
    except DatasetError as error:
        place.error(escape_markdown(str(error)), icon=":material/image_not_supported:")
        return
    place.empty()
    if name not in st.session_state["own_data"]:
        st.session_state["own_data"].append(name)
    st.session_state["dataset_wanted"] = name  # the box that chooses is drawn already: it takes it at the next run
    st.toast(f"{info.train_size + info.test_size:,} pictures of {len(info.classes)} classes are here.")
    st.rerun()
