"""The store on PostgreSQL does what it does on SQLite."""

import pytest

from core.runs.store import Store

# The same tests as on SQLite, with the address below
from tests.runs.test_store import (  # noqa: F401
    test_a_message_may_hold_anything,
    test_a_paused_run_is_let_go_on_once_for_each_unit_asked_for,
    test_a_run_can_begin_with_the_weights_of_another,
    test_a_second_attempt_goes_on_behind_the_checkpoint_and_the_first_can_do_no_harm,
    test_an_id_that_nobody_was_given_is_no_run_s,
    test_changes_add_up_and_the_config_keeps_what_it_was_submitted_with,
    test_events_come_in_order_after_the_last_one_seen,
    test_ids_cannot_be_guessed_and_unknown_ones_are_none,
    test_two_processes_write_while_another_reads,
    test_what_has_ended_stays_as_it_is,
)


@pytest.fixture
def url(postgres_url):
    return postgres_url


def test_the_address_may_leave_the_driver_out(postgres_url):
    store = Store(postgres_url)
    assert store.url.startswith("postgresql+psycopg://")
    store.close()
    Store(postgres_url.replace("postgresql://", "postgres://")).close()


def test_a_store_of_a_newer_version_is_refused_and_left_alone_there_too(postgres_url):
    store = Store(postgres_url)
    with store._database.begin() as connection:
        connection.exec_driver_sql("UPDATE schema SET version = 99")
    with pytest.raises(RuntimeError, match=r"newer version of this program \(schema 99"):
        Store(postgres_url)
    with store._database.begin() as connection:
        assert connection.exec_driver_sql("SELECT version FROM schema").scalar() == 99
    store.close()
