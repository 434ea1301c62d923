"""Names of the members of a class: nicknames that are unique, and neutral ones to show in public."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterable
from itertools import count

COLOURS = ("Amber", "Blue", "Coral", "Green", "Grey", "Indigo", "Lime", "Olive", "Orange", "Pink", "Red", "White")
ANIMALS = ("Badger", "Crane", "Dolphin", "Falcon", "Gecko", "Heron", "Ibex", "Lynx", "Otter", "Panda", "Robin", "Seal")

EMOJI_STYLE = "\ufe0f"  # an invisible character that follows some emojis


def name_key(nickname: str) -> str:
    """Return the nickname as it is compared: names that look alike are equal.

    Upper and lower case, compatible characters (Unicode's NFKC), spaces and invisible characters make no difference.
    """
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", nickname).casefold())
    visible = "".join(sign for sign in text if unicodedata.category(sign) != "Cf" and sign != EMOJI_STYLE)
    return " ".join(visible.split())


def neutral_name(taken: Iterable[str]) -> str:
    """Return a neutral name, such as "Blue Heron", that looks like none of those that are taken."""
    keys = {name_key(name) for name in taken}
    free = [name for colour in COLOURS for animal in ANIMALS if name_key(name := f"{colour} {animal}") not in keys]
    if free:
        return random.choice(free)
    return next(name for number in count(1) if name_key(name := f"Student {number}") not in keys)
