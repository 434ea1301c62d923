"""Results computed from a model, cached by its weights: redrawing a tab computes nothing again."""

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar, cast

import streamlit as st

from core.memorize import Alphabet, generate_text
from core.memorize.connectivity import connectivity
from core.memorize.lstm import Model
from core.memorize.predictions import free_running

Function = TypeVar("Function", bound=Callable[..., Any])


def weights_digest(model: Model) -> str:
    """Return a digest of the model's weights."""
    digest = hashlib.blake2b(digest_size=16)
    for name, weight in model.state_dict().items():
        digest.update(f"{name} {tuple(weight.shape)}".encode())
        digest.update(weight.contiguous().numpy())
    return digest.hexdigest()


def cache_by_weights(function: Function) -> Function:
    """Cache a function of a model and its alphabet; all viewers of a run share the results."""
    hash_functions: dict[str | type, Callable[[Any], Any]] = {
        Model: weights_digest,
        Alphabet: lambda each: each.symbols,
    }
    cached = st.cache_data(show_spinner=False, max_entries=50, hash_funcs=hash_functions)(function)
    return cast(Function, cached)


cached_connectivity = cache_by_weights(connectivity)
cached_free_running = cache_by_weights(free_running)
cached_generate_text = cache_by_weights(generate_text)
