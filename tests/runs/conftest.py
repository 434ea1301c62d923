import pytest

from core.runs.store import Store
from tests.runs.servers import Cluster, Postgres, postgres_folder


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/runs.sqlite"


@pytest.fixture
def store(url):
    store = Store(url)
    yield store
    store.close()


@pytest.fixture(scope="session")
def postgres():
    if postgres_folder() is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    postgres = Postgres()
    yield postgres
    postgres.close()


@pytest.fixture
def postgres_url(postgres, request):
    name = f"t{abs(hash(request.node.nodeid))}"
    return postgres.new_database(name)


@pytest.fixture
def cluster(tmp_path):
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.close()
