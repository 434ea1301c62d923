"""The kinds of job that can be run: a new one is one entry in KINDS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

from core import classify, datasets, memorize
from core.training import Control


@dataclass(frozen=True)
class Kind:
    """config: the dataclass that determines a run; events: the dataclasses it may yield; start: makes its generator."""

    config: type
    events: tuple[type, ...]
    start: Callable[[Any, Control], Iterator[Any]]

    def event(self, name: str) -> type:
        """The event class of this name. Raises ValueError where there is none."""
        for cls in self.events:
            if cls.__name__ == name:
                return cls
        raise ValueError(f"A stored event is a {name}; known are {[cls.__name__ for cls in self.events]}.")


def start_classify(config: classify.ClassifyConfig, control: Control) -> Iterator[classify.Event]:
    return classify.fit(config, datasets.load(config.dataset), control)


KINDS = {
    "memorize": Kind(memorize.MemorizeConfig, (memorize.MemorizeEpoch,), memorize.fit),
    "classify": Kind(classify.ClassifyConfig, get_args(classify.Event), start_classify),
}


def kind_of(config: Any) -> str:
    """The name of the kind whose config this is. Raises TypeError where it is none."""
    for name, kind in KINDS.items():
        if isinstance(config, kind.config):
            return name
    raise TypeError(f"A run needs one of {[kind.config.__name__ for kind in KINDS.values()]}, not {config!r:.80}.")
