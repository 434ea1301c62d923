"""The table of a class's answers to exercises and lab cases, for its teacher."""

import pandas as pd

from pages.ui.autograd.kept_answers import exercise_access
from pages.ui.downloads import download_button, to_csv_bytes
from pages.ui.lessons.class_links import conducting


def answers_download() -> None:
    """Show the teacher of an open class the button that downloads the class's answers."""
    if access := conducting():
        exercises, code = exercise_access(), access.visitor.classroom
        download_button(
            f"answers-{code}.csv",
            lambda: to_csv_bytes(pd.DataFrame(exercises.table())),
            "text/csv",
            label="Answers as CSV",
        )
