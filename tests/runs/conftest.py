import pytest

from core.runs.store import Store
from core.runs.worker import Worker
from tests.runs.servers import Cluster, Postgres, postgres_folder


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/runs.sqlite"


@pytest.fixture
def store(url):
    store = Store(url)
    yield store
    store.close()


@pytest.fixture
def start_worker(store):
    """start_worker() starts a worker. At the end, all are closed."""
    workers = []

    def start_worker(memory=2**33):
        workers.append(Worker(lambda: store, "no server", memory))
        workers[-1].start()
        workers[-1].wake()
        return workers[-1]

    yield start_worker
    for each in workers:
        each.close()
    assert not any(thread.is_alive() for each in workers for thread in each._threads)


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
