"""Everything that relies on private Streamlit API.

`tests/pages/test_streamlit_internals.py` checks each assumption made here and fails if a Streamlit upgrade breaks it.
"""

import time
from collections import deque
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime import app_session, forward_msg_queue, media_file_manager
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import (
    ScriptRequestType,
    _coalesce_widget_states,
    _has_active_trigger_value,
)

REQUEST_RERUN = app_session.AppSession.request_rerun  # Streamlit's own, before it is replaced below
RETENTION_SECONDS = 20.0
DELIVERY_SECONDS, DELIVERY_TIMEOUT = 0.005, 10.0  # between looks whether all updates are sent, and the longest wait


def ensure_run_from_app() -> None:
    """Rerun through app.py if Streamlit executed the page's file directly.

    Streamlit does that with every file in a folder named pages/ until a session of this server has called
    `st.navigation`. The first visitor to follow a link to a page would see it without its title, width and navigation.
    """
    if PagesManager.uses_pages_directory or "token" not in st.session_state:  # app.py sets the token
        PagesManager.uses_pages_directory = False
        st.rerun()


class RetainedFile(media_file_manager.MediaFileMetadata):
    """A media file that is kept for RETENTION_SECONDS after its last use.

    Streamlit deletes the file behind a download button after two reruns of any session. With a whole class
    connected, that can be before the browser has fetched it.
    """

    unused_since: float | None = None

    @property
    def is_marked_for_delete(self) -> bool:
        """Return whether the retention time is over."""
        return self.unused_since is not None and time.monotonic() - self.unused_since > RETENTION_SECONDS

    def mark_for_delete(self) -> None:
        """Start the retention time; later calls change nothing."""
        self.unused_since = self.unused_since or time.monotonic()


def retain_downloads() -> None:
    """Make Streamlit keep its media files as RetainedFile does. Repeated calls have no effect."""
    vars(media_file_manager)["MediaFileMetadata"] = RetainedFile


def serve_component_files(name: str, folder: Path) -> None:
    """Let browsers fetch the files of this folder for the component "package.component". Repeated calls have no effect.

    Streamlit serves files of installed packages only; the source of any other component is a part of every redraw.
    """
    manager = get_bidi_component_manager()
    if manager.get_component_asset_root(name) is None:
        package, component = name.split(".")
        manifest = ComponentManifest(package, version="", components=[ComponentConfig(component, folder.name)])
        manager.register_from_manifest(manifest, folder.parent)


def set_refresh_interval(key: str, seconds: float | None) -> None:
    """Redraw the fragment with this key every so many seconds from now on; None: no longer.

    Streamlit's `run_every` can only change when the whole page is rerun.
    """
    context = get_script_run_ctx()
    if context is None:
        return
    for fragment_id in context.fragment_storage.resolve_target(key):
        message = ForwardMsg()
        if seconds:
            message.auto_rerun.interval = seconds
            message.auto_rerun.fragment_id = fragment_id
        else:
            message.stop_auto_rerun.fragment_ids.append(fragment_id)
        context.enqueue(message)


def is_fragment_redraw() -> bool:
    """Return whether only fragments are being run, not the whole page."""
    context = get_script_run_ctx()
    return context is not None and bool(context.fragment_ids_this_run)


class PageUpdateQueue(forward_msg_queue.ForwardMsgQueue):
    """The updates that are still to be sent to a browser; all of them are sent.

    When a fragment is redrawn right after its page, Streamlit drops the page's updates for that fragment that it has
    not sent yet, but still tells the browser that the page is complete. The browser then removes the places of that
    fragment, and the fragment's own updates point to places that no longer exist: the page turns blank.
    """

    def clear(self, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None) -> None:
        """Drop the updates, unless a fragment is about to be redrawn."""
        if retain_lifecycle_msgs and fragment_ids_this_run is not None:
            self._delta_index_map = {}  # updates of the new run must not be merged into older ones
        else:
            super().clear(retain_lifecycle_msgs, fragment_ids_this_run)


class WaitingRequests(deque[ClientState | None]):
    """The requests of a browser that are not started yet, in their order.

    Attributes:
        scheduled: whether they will be started without a further request.
    """

    scheduled = False


def request_in_order(session: app_session.AppSession, request: ClientState | None) -> None:
    """Start the request after those before it; see `keep_clicks_and_updates`."""
    if request and request.is_auto_rerun:
        widgets = request.widget_states.widgets
        others = [widget for widget in widgets if not _has_active_trigger_value(widget)]
        del widgets[:]
        widgets.extend(others)
    waiting = vars(session).setdefault("waiting_requests", WaitingRequests())
    waiting.append(request)
    if not waiting.scheduled:
        start_requests(session, waiting)


def start_requests(session: app_session.AppSession, waiting: WaitingRequests, waited: float = 0) -> None:
    """Start the waiting requests, or look again soon. waited: seconds since the first look."""
    waiting.scheduled = False
    while waiting:
        requests = session._scriptrunner._requests if session._scriptrunner else None
        if requests and requests._state is ScriptRequestType.STOP and waited < DELIVERY_TIMEOUT:
            start_again = partial(start_requests, session, waiting, waited + DELIVERY_SECONDS)
            session._event_loop.call_later(DELIVERY_SECONDS, start_again)
            waiting.scheduled = True
            return
        request = waiting.popleft()
        if requests and requests._state is ScriptRequestType.RERUN and request and not request.fragment_id:
            states = _coalesce_widget_states(requests._rerun_data.widget_states, request.widget_states)
            request.widget_states.CopyFrom(states or WidgetStates())
        REQUEST_RERUN(session, request)


def keep_clicks_and_updates() -> None:
    """Act once on every click, and send every update. Repeated calls have no effect.

    If a request arrives when a redraw has ended but its last updates are not sent yet, Streamlit forgets these: the
    browser misses elements, or the interval of further redraws, so that its page stands still. The request now waits.

    If a rerun of the whole page is requested, Streamlit forgets the requests for its fragments that have not begun, and
    with them the clicks that they tell of. These are now part of the rerun.
    """
    setattr(app_session.AppSession, "request_rerun", request_in_order)  # noqa: B010 - mypy allows no other way


def keep_page_updates() -> None:
    """Make Streamlit use PageUpdateQueue for new sessions. Repeated calls have no effect."""
    vars(app_session)["ForwardMsgQueue"] = PageUpdateQueue
