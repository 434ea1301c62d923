"""Snapshot: the model that the tabs inspect, as it is now or as it was at the epoch that the timeline shows."""

import time
from typing import NamedTuple

import streamlit as st
from torch import nn

from core.memorize import Alphabet, MemorizeEpoch, restore_model
from core.memorize.lstm import Model, MyLSTM
from core.memorize.replay import replay
from core.runs import Run
from core.training import Change, Checkpoint
from pages.ui import run_panel
from pages.ui.markdown import escape_markdown
from pages.ui.timeline import shown_epoch

MAX_REPLAY_SECONDS = 5.0  # an earlier model is recomputed for at most as long
MAX_KEPT_BYTES = 20 * 2**20  # of a run's states, from which other epochs are recomputed


class Snapshot(NamedTuple):
    """A run's latest model.

    Attributes:
        run_id: id of the run.
        model: the model, with a MyLSTM.
        alphabet: alphabet of the sentence.
        sentence: the sentence that the run memorises.
        epochs: epochs trained when the checkpoint was made.
        final: whether the run has ended.
    """

    run_id: str
    model: Model
    alphabet: Alphabet
    sentence: str
    epochs: int
    final: bool


def load_snapshot(run: Run | None) -> Snapshot | None:
    """Load the run's model at the moment that the page shows. If there is none, show why and return None."""
    if not run or not (latest := run_panel.dispatcher().store.checkpoint(run.id)):
        run_panel.show_not_trained_yet(run)
        return None
    if not run.config.cell.endswith("LSTM"):
        st.info(f"This run trained a {run.config.cell}. This tab shows only LSTMs.", icon=":material/visibility:")
        return None
    checkpoint = earlier_checkpoint(run) or latest
    try:
        model = restore_model(run.config, checkpoint)
    except ValueError as error:
        st.error(escape_markdown(str(error)), icon=":material/error:")
        return None
    if isinstance(model.lstm, nn.LSTM):
        model.lstm = MyLSTM.from_torch(model.lstm)
    sentence, epochs = run.config.sentence, checkpoint.metadata.get("epoch", 0)
    return Snapshot(run.id, model, Alphabet(sentence), sentence, epochs, run.status.is_terminal)


def earlier_checkpoint(run: Run) -> Checkpoint | None:
    """Recompute the run's state after the epoch that the timeline shows; None if it shows the present.

    If that takes too long, show why and return the state that was reached.
    """
    events = run_panel.cached_events(run)
    epoch = shown_epoch(run, sum(isinstance(event, MemorizeEpoch) for event in events))
    if epoch is None:
        return None
    states = kept_states(run)
    if epoch in states:
        return states[epoch]
    nearest = max((known for known in states if known < epoch), default=None)
    start = states[nearest] if nearest is not None else None
    if start is None and run.parent:
        start = parent_weights(run)
        if start is None:
            st.caption("Earlier states of this run cannot be recomputed: the weights it started from are gone.")
            return None
    changes = [event for event in events if isinstance(event, Change)]
    end, state = time.monotonic() + MAX_REPLAY_SECONDS, None
    for state in replay(run.config, changes, epoch, start):
        reached = state.metadata["epoch"]
        size = sum(array.nbytes for array in state.arrays.values())
        if size * (len(states) + 1) <= MAX_KEPT_BYTES:
            states[reached] = state
        if reached < epoch and time.monotonic() > end:
            st.caption(f"Recomputing epoch {epoch:,} takes over {MAX_REPLAY_SECONDS:g} seconds. Shown: {reached:,}.")
            break
    return state


def parent_weights(run: Run) -> Checkpoint | None:
    """Return the weights of the run that this one started from; None if they are no longer known."""
    store = run_panel.dispatcher().store
    parent = store.run(run.parent) if run.parent else None
    if parent is None or parent.finished_at is None or parent.finished_at > run.created_at:
        return None
    checkpoint = store.checkpoint(parent.id)
    return checkpoint.weights() if checkpoint else None


def kept_states(run: Run) -> dict[int, Checkpoint]:
    """Return this session's states of the run by epoch; those of other runs are dropped."""
    kept = st.session_state.setdefault("replayed_states", {})
    if kept.get("run") != run.id:
        kept.update(run=run.id, states={})
    return kept["states"]
