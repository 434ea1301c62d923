"""What the dashboard assumes about private Streamlit API: an upgrade that changes it fails here.

That a page opened directly runs from app.py is tested in test_pages.py.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime import app_session, media_file_manager
from streamlit.runtime.forward_msg_cache import populate_hash_if_needed
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.media_file_storage import MediaFileStorageError
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.script_data import ScriptData
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests
from streamlit.testing.v1 import AppTest

from pages.ui import streamlit_internals
from pages.ui.streamlit_internals import PageUpdateQueue
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


# Components


def test_browsers_fetch_the_source_of_a_component_once_and_not_with_every_redraw(open_page):
    for page, name in [("memorize", "timeline"), ("plane", "network"), ("home", "player")]:
        shown = [each.proto for each in open_page(page).get("bidi_component")]
        [component] = [each for each in shown if each.component_name == f"dashboard.{name}"]
        assert len(component.js_content) < 200
        assert f"dashboard.{name}/{name}.js" in component.js_content
        assert component.html_content
        assert component.css_content


def test_only_the_files_of_the_component_itself_are_served(monkeypatch):
    manager = BidiComponentManager()
    monkeypatch.setattr(streamlit_internals, "get_bidi_component_manager", lambda: manager)
    for folder in PROJECT.joinpath("pages/ui/browser").iterdir():
        for _ in range(2):
            streamlit_internals.serve_component_files(f"dashboard.{folder.name}", folder)
        assert Path(manager.get_component_path(f"dashboard.{folder.name}")) == folder
        assert {file.suffix for file in folder.iterdir()} == {".html", ".css", ".js"}


# Redraws of fragments


@pytest.fixture
def sent(monkeypatch) -> list[ForwardMsg]:
    """Return all messages to browsers, in the order in which they were sent."""
    messages: list[ForwardMsg] = []
    monkeypatch.setattr(ForwardMsgQueue, "_before_enqueue_msg", messages.append)
    return messages


def page_with_fragments() -> None:
    import streamlit as st

    from pages.ui.streamlit_internals import set_refresh_interval

    @st.fragment(key="ours")
    def ours() -> None:
        st.text("ours")
        set_refresh_interval("ours", st.session_state.get("seconds"))

    @st.fragment(run_every=0.5)
    def theirs() -> None:
        st.text("theirs")

    ours()
    theirs()


def fragment_ids(messages: list[ForwardMsg]) -> dict[str, str]:
    """Return the ids of the fragments by the texts in them."""
    deltas = [message.delta for message in messages if message.HasField("delta")]
    return {
        delta.new_element.text.body: delta.fragment_id
        for delta in deltas
        if delta.new_element.WhichOneof("type") == "text"
    }


def test_a_fragment_s_refresh_interval_is_set_with_the_message_of_run_every(sent):
    app = AppTest.from_function(page_with_fragments)
    app.session_state["seconds"] = 0.5
    app.run()
    assert not app.exception
    ids = fragment_ids(sent)
    assert len(set(ids.values())) == 2
    requests = {each.auto_rerun.fragment_id: each.auto_rerun for each in sent if each.HasField("auto_rerun")}
    assert set(requests) == set(ids.values())
    ours, theirs = requests[ids["ours"]], requests[ids["theirs"]]
    ours.fragment_id = theirs.fragment_id
    assert ours == theirs


def test_without_an_interval_the_browser_stops_redrawing_that_fragment_only(sent):
    app = AppTest.from_function(page_with_fragments).run()
    assert not app.exception
    stopped = [each.stop_auto_rerun.fragment_ids for each in sent if each.HasField("stop_auto_rerun")]
    assert [list(ids) for ids in stopped] == [[fragment_ids(sent)["ours"]]]


def test_outside_a_page_no_interval_is_set():
    streamlit_internals.set_refresh_interval("any", 1.0)  # as when a test calls a function of a page


# Updates of a page whose fragment is redrawn before they were sent


def delta(fragment: str, place: int, text: str) -> ForwardMsg:
    message = ForwardMsg()
    message.metadata.delta_path.extend([0, place])
    message.delta.fragment_id = fragment
    message.delta.new_element.text.body = text
    return message


def page_then_fragment(queue: ForwardMsgQueue) -> list[ForwardMsg]:
    """Return what is sent if the fragment "chart" starts to redraw before the page's own updates have been sent."""
    started, finished = ForwardMsg(), ForwardMsg()
    started.new_session.page_script_hash = "page"
    finished.script_finished = ForwardMsg.FINISHED_SUCCESSFULLY
    for message in (started, delta("", 0, "title"), delta("chart", 1, "old"), delta("bar", 2, "bar"), finished):
        queue.enqueue(message)
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["chart"])  # as AppSession does
    queue.enqueue(delta("chart", 1, "new"))
    return queue.flush()


def texts(messages: list[ForwardMsg]) -> list[str]:
    return [message.delta.new_element.text.body for message in messages if message.HasField("delta")]


def test_the_queue_sends_a_page_s_updates_even_if_its_fragment_is_redrawn_at_once():
    messages = page_then_fragment(PageUpdateQueue())
    assert texts(messages) == ["title", "old", "bar", "new"], "the new run's updates are not merged into the old ones"
    assert [each.WhichOneof("type") for each in messages][-2:] == ["script_finished", "delta"]


def test_streamlit_s_own_queue_still_drops_them_but_reports_the_page_as_complete():
    messages = page_then_fragment(ForwardMsgQueue())
    assert texts(messages) == ["title", "bar", "new"], "if this fails, PageUpdateQueue is no longer necessary"
    assert [each.script_finished for each in messages if each.HasField("script_finished")] == [
        ForwardMsg.FINISHED_SUCCESSFULLY
    ]


def test_a_rerun_of_the_whole_page_still_replaces_its_updates():
    queue = PageUpdateQueue()
    queue.enqueue(delta("", 0, "title"))
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=None)
    assert queue.is_empty()
    queue.enqueue(delta("", 0, "title"))
    queue.clear()
    assert queue.is_empty()


def test_updates_of_one_run_of_a_fragment_are_still_merged():
    queue = PageUpdateQueue()
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["chart"])
    for text in ("one", "two"):
        queue.enqueue(delta("chart", 1, text))
    assert texts(queue.flush()) == ["two"]


# Requests that follow each other closely


class FakeRunner:
    """A session's ScriptRunner with Streamlit's own requests, but without a thread."""

    def __init__(self):
        self._requests = ScriptRequests()
        self.request_rerun, self.request_stop = self._requests.request_rerun, self._requests.request_stop


def request_from(fragment: str = "", click: str = "", slider: float | None = None) -> ClientState:
    request = ClientState(fragment_id=fragment)
    if click:
        request.widget_states.widgets.append(WidgetState(id=click, trigger_value=True))
    if slider is not None:
        request.widget_states.widgets.append(WidgetState(id="slider", double_value=slider))
    return request


def in_a_session(test: Callable[[app_session.AppSession, FakeRunner, list[RerunData]], Awaitable[None]]) -> None:
    """Run the test with a session whose runner is fake, and with what the session would start new runners for."""

    async def run() -> None:
        files = MemoryUploadedFileManager("/files")
        session = app_session.AppSession(ScriptData(str(PROJECT / "app.py")), files, ScriptCache(), lambda: None, {})
        started: list[RerunData] = []
        runner = session._scriptrunner = FakeRunner()
        session._create_scriptrunner = started.append
        session.has_fragment = lambda fragment: True
        await test(session, runner, started)
        session._scriptrunner = None
        session.shutdown()

    with ThreadPoolExecutor(1) as pool:  # another test may have left an event loop in this one
        pool.submit(lambda: asyncio.run(run())).result()


@pytest.fixture
def plain_requests(monkeypatch):
    """Use Streamlit's own way to handle requests."""
    monkeypatch.setattr(app_session.AppSession, "request_rerun", streamlit_internals.REQUEST_RERUN)


@pytest.fixture
def kept_requests(plain_requests):
    streamlit_internals.keep_clicks_and_updates()
    streamlit_internals.keep_clicks_and_updates()  # as every run of every page does


async def request_after_the_end(session, runner, started):
    runner._requests.on_scriptrunner_ready()  # there is nothing to do: the runner ends
    session.request_rerun(request_from("bar", click="Pause"))


def test_a_request_waits_until_the_last_updates_of_an_ended_redraw_are_sent(kept_requests):
    async def scenario(session, runner, started):
        await request_after_the_end(session, runner, started)
        session.request_rerun(request_from(slider=2.0))
        await asyncio.sleep(0.05)
        assert session._scriptrunner is runner, "its updates would be ignored otherwise"
        assert not started
        session._scriptrunner = None  # as at the end of Streamlit's SHUTDOWN event, which follows all updates
        await asyncio.sleep(0.05)
        first, second = started
        assert [state.id for state in first.widget_states.widgets] == ["Pause"]
        assert [state.id for state in second.widget_states.widgets] == ["slider"], "in the order of the requests"

    in_a_session(scenario)


def test_streamlit_itself_does_not_wait(plain_requests):
    async def scenario(session, runner, started):
        await request_after_the_end(session, runner, started)
        assert started, "if this fails, a part of keep_clicks_and_updates is no longer necessary"

    in_a_session(scenario)


async def click_then_rerun(session, runner, started):
    session.request_rerun(request_from("bar", click="Pause"))  # waits for the end of a redraw
    assert not started
    session.request_rerun(request_from(slider=2.0))


def clicks(data: RerunData) -> list[str]:
    return [state.id for state in data.widget_states.widgets if state.trigger_value]


def test_a_rerun_of_the_page_keeps_the_click_that_waits_behind_a_redraw(kept_requests):
    async def scenario(session, runner, started):
        await click_then_rerun(session, runner, started)
        assert [clicks(data) for data in started] == [["Pause"]]
        assert {state.id: state.double_value for state in started[0].widget_states.widgets}["slider"] == 2.0

    in_a_session(scenario)


def test_streamlit_itself_loses_it(plain_requests):
    async def scenario(session, runner, started):
        await click_then_rerun(session, runner, started)
        assert [clicks(data) for data in started] == [[]], "if this fails, the rest of it is no longer necessary"

    in_a_session(scenario)


def test_a_click_that_a_timer_sends_too_is_acted_on_once(kept_requests):
    async def scenario(session, runner, started):
        session._scriptrunner = None
        from_timer = request_from("main area", click="Pause", slider=2.0)
        from_timer.is_auto_rerun = True
        session.request_rerun(from_timer)
        session.request_rerun(request_from("bar", click="Pause", slider=2.0))
        assert [clicks(data) for data in started] == [[], ["Pause"]]
        assert all(state.double_value == 2.0 for state in started[0].widget_states.widgets), "values are kept"
        assert len(started[0].widget_states.widgets) == 1

    in_a_session(scenario)


@pytest.fixture
def queue_of_a_new_session(monkeypatch) -> Callable[[], type]:
    """Return a function that opens a session like Streamlit's server and returns the type of its queue."""
    monkeypatch.setattr(app_session, "ForwardMsgQueue", ForwardMsgQueue)  # undo later

    async def open_session() -> type:
        files = MemoryUploadedFileManager("/files")
        session = app_session.AppSession(ScriptData(str(PROJECT / "app.py")), files, ScriptCache(), lambda: None, {})
        queue = type(session._browser_queue)
        session.shutdown()
        return queue

    def in_a_thread() -> type:  # another test may have left an event loop in this one
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: asyncio.run(open_session())).result()

    return in_a_thread


def test_the_entry_point_gives_new_sessions_a_queue_that_keeps_page_updates(open_page, queue_of_a_new_session):
    assert queue_of_a_new_session() is ForwardMsgQueue
    open_page("home")
    assert queue_of_a_new_session() is PageUpdateQueue


def test_large_messages_are_never_replaced_by_references():
    """The browser may have dropped its copy by the time a late reference arrives."""
    message = ForwardMsg()
    message.delta.new_element.markdown.body = "x" * 1_000_000
    populate_hash_if_needed(message)
    assert not message.metadata.cacheable
