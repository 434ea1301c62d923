"""Names of the members of a class: nicknames that are unique, and neutral ones to show in public."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Collection

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


def neutral_name(taken: Collection[str]) -> str:
    """Return a neutral name, such as "Blue Heron", that is not taken."""
    free = [f"{colour} {animal}" for colour in COLOURS for animal in ANIMALS if f"{colour} {animal}" not in taken]
    return random.choice(free) if free else f"Student {len(taken) + 1}"
