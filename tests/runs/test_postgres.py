"""The store on PostgreSQL, with the tests of the store on SQLite."""

import pytest

from core.runs.store import Store

# The same tests as on SQLite, with the URL below
from tests.runs.test_store import (  # noqa: F401
    test_a_message_may_hold_anything,
    test_a_paused_run_advances_once_per_requested_unit,
    test_a_run_can_start_from_the_weights_of_another,
    test_a_second_attempt_continues_after_the_checkpoint_and_locks_the_first_out,
    test_changes_accumulate_and_the_config_stays_as_submitted,
    test_ended_runs_do_not_change,
    test_events_come_in_order_after_the_last_one_seen,
    test_forged_ids_match_no_run,
    test_ids_cannot_be_guessed_and_unknown_ones_are_none,
    test_two_processes_write_while_another_reads,
)


@pytest.fixture
def url(postgres_url):
    return postgres_url


def test_the_url_need_not_name_the_driver(postgres_url):
    store = Store(postgres_url)
    assert store.url.startswith("postgresql+psycopg://")
    store.close()
    Store(postgres_url.replace("postgresql://", "postgres://")).close()


def test_a_database_of_a_newer_version_is_rejected_and_left_unchanged(postgres_url):
    store = Store(postgres_url)
    with store._database.begin() as connection:
        connection.exec_driver_sql("UPDATE schema SET version = 99")
    with pytest.raises(RuntimeError, match=r"newer version of this program \(schema 99"):
        Store(postgres_url)
    with store._database.begin() as connection:
        assert connection.exec_driver_sql("SELECT version FROM schema").scalar() == 99
    store.close()
