import pytest

from core.classroom import ClassAccess, ClassStore
from core.runs.dispatcher import Dispatcher
from core.runs.identity import Visitor, hash_token, new_token
from tests.runs.conftest import postgres, postgres_url  # noqa: F401

PASSWORD = "correct horse"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request, tmp_path):
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    return f"sqlite:///{tmp_path}/runs.sqlite"


@pytest.fixture
def dispatcher(url):
    dispatcher = Dispatcher(url, workers=0)
    dispatcher._start_thread = lambda: None  # nothing is trained here
    dispatcher.teacher_auth.password = PASSWORD
    yield dispatcher
    dispatcher.close()
    dispatcher.store.close()


@pytest.fixture
def classes(dispatcher):
    return ClassStore(dispatcher.store)


@pytest.fixture
def visit(dispatcher, classes):
    """visit(classroom) is a new visitor's access."""

    def visit(classroom="7B", nickname=""):
        return ClassAccess(dispatcher, Visitor(hash_token(new_token()), nickname, classroom), classes)

    return visit


@pytest.fixture
def teacher(dispatcher, classes):
    """The teacher, who has opened class 7B."""
    visitor = Visitor(hash_token(new_token()), classroom="7B", teacher=True)
    dispatcher.teacher_auth.login(visitor.id, PASSWORD)
    access = ClassAccess(dispatcher, visitor, classes)
    access.open_class("7b", "Physics")
    return access


@pytest.fixture
def join(visit, teacher):
    """join(nickname) is a new member of class 7B."""

    def join(nickname, classroom="7B"):
        access = visit(classroom)
        access.join(classroom, nickname)
        return access

    return join
