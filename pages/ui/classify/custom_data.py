"""Upload of a custom dataset: a folder, a zip or an .npz of labelled images."""

from collections.abc import Callable

import streamlit as st

from core.classify.custom_data import Imported, import_files, import_npz, import_zip
from core.classify.datasets import DatasetError, get_info
from core.classify.images import MAX_BYTES
from pages.ui.markdown import escape_markdown

MAX_MEGABYTES = 200


def upload_controls() -> None:
    """Show the upload of a custom dataset, which is selected as soon as it is saved."""
    with st.expander("Upload your images", key="custom_data", icon=":material/add_photo_alternate:"):
        st.markdown(
            "A folder or zip with **one folder per class** (`cats/1.png`, `dogs/1.png`), or an `.npz` with `x_train`, "
            "`y_train`, `x_test` and `y_test`. Images in folders are resized to 32 × 32 pixels (28 × 28 if all are "
            "grey), and a fifth of each class is held out for testing. Anyone who views a run trained on your images "
            "can see some of them."
        )
        file = st.file_uploader("Zip or .npz file", ["zip", "npz"], max_upload_size=MAX_MEGABYTES, key="custom_file")
        if file and is_new_upload("custom_file", file.file_id):
            import_images(
                lambda progress: import_zip(file, progress) if file.name.lower().endswith(".zip") else import_npz(file)
            )
        files = st.file_uploader(
            "Folder",  # of files of all types, so that those that cannot be used are mentioned
            accept_multiple_files="directory",
            max_upload_size=MAX_BYTES // 2**20,
            key="custom_folder",
        )
        if files and is_new_upload("custom_folder", "".join(file.file_id for file in files)):
            contents = ((file.name, file.getvalue()) for file in files)
            import_images(lambda progress: import_files(contents, len(files), progress))
    for note in st.session_state.get("upload_notes", {}).get(st.session_state["dataset"], ()):
        st.warning(escape_markdown(note), icon=":material/info:")


def is_new_upload(uploader: str, file_id: str) -> bool:
    """Return whether this upload has not been handled yet. The page reruns at every click, with the same upload."""
    handled = f"{uploader}_handled"
    new = st.session_state.get(handled) != file_id
    st.session_state[handled] = file_id
    return new


def import_images(save: Callable[[Callable[[float, str], None]], Imported]) -> None:
    """Save a custom dataset with a progress bar and select it; or show why it cannot be used.

    save: saves it, reports its progress to its argument, and returns its name and what was left out.
    """
    placeholder = st.empty()
    bar = placeholder.progress(0.0, text="Reading the images …")

    def show_progress(fraction: float, text: str) -> None:
        bar.progress(min(fraction, 1.0), text=text)

    try:
        imported = save(show_progress)
        name, info = imported.name, get_info(imported.name)
    except DatasetError as error:
        placeholder.error(escape_markdown(str(error)), icon=":material/image_not_supported:")
        return
    placeholder.empty()
    if name not in st.session_state["custom_datasets"]:
        st.session_state["custom_datasets"].append(name)
    st.session_state.setdefault("upload_notes", {})[name] = imported.notes
    st.session_state["new_dataset"] = name  # the select box exists already and takes it over at the next rerun
    st.toast(f"Uploaded {info.train_size + info.test_size:,} images of {len(info.classes)} classes.")
    st.rerun()
