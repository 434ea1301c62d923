"""The archive of the project: all that a notebook needs, and nothing private."""

import io
import zipfile

import pytest

from core.project_archive import project_archive
from tests.test_notebook import SECTION, notebook, run


@pytest.mark.slow
def test_a_notebook_runs_beside_the_unpacked_project(tmp_path):
    zipfile.ZipFile(io.BytesIO(project_archive())).extractall(tmp_path)
    book = notebook("Where", "Which core is imported.", SECTION, ("Its path:", "import core\ncore.__file__"))
    cells = run(book, tmp_path / "project")
    assert str(tmp_path / "project") in str(cells[-1].outputs)


def test_the_archive_has_code_and_no_data_or_secrets():
    names = zipfile.ZipFile(io.BytesIO(project_archive())).namelist()
    assert {"project/app.py", "project/core/memorize/lstm.py", "project/core/classify/mnist_5k.npz"} <= set(names)
    assert all(
        name.split("/")[1] in {"core", "pages", "app.py", "requirements.txt", "README.md", "LICENSE"} for name in names
    )
    assert not [name for name in names if "secret" in name or name.endswith((".sqlite", ".toml"))]
