"""Who is who: a browser is known by a random token that only it keeps, a teacher by a password."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
import unicodedata
from collections import deque
from dataclasses import dataclass, field

from core.memorize import characters

MAX_NICKNAME = 24  # characters
MAX_CODE = 24
WRONG_PASSWORDS_A_MINUTE = 5  # of one browser
WRONG_PASSWORDS_OF_ALL = 100  # a minute: enough that no student can lock the teacher out by hand


class NotAllowed(PermissionError):
    """Somebody wanted what only others may do. Its text says so to a student."""


@dataclass(frozen=True)
class Visitor:
    """Who is at a browser. owner: the fingerprint of its token. classroom: the code of the class, "" for none."""

    owner: str
    nickname: str = ""
    classroom: str = ""
    teacher: bool = False


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(32)


def is_token(text: object) -> bool:
    """Whether this could be a token: one that somebody thought of could be thought of again."""
    return isinstance(text, str) and len(text) == 43 and all(sign.isalnum() or sign in "-_" for sign in text)


def fingerprint(token: str) -> str:
    """What is kept of a token: whoever reads it in the store cannot make the token of it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def tidy(text: str, limit: int, what: str) -> str:
    """The text without spaces around it. Raises ValueError where it is too long, or holds what cannot be shown."""
    text = text.strip()
    if len(characters(text)) > limit or len(text) > 8 * limit:
        raise ValueError(f"{what} may have at most {limit:,} characters: please shorten it.")
    if any(unicodedata.category(symbol) in ("Cc", "Cs") and symbol != "\n" for symbol in text):
        raise ValueError(f"{what} holds an invisible control character: please leave it out.")
    return text


def check_nickname(nickname: str) -> str:
    """The nickname as it is kept. Raises ValueError with a sentence where it is none."""
    return " ".join(tidy(nickname, MAX_NICKNAME, "A nickname").split())


def check_code(code: str) -> str:
    """A class code as it is kept, in capitals. Raises ValueError unless it is of letters, digits and hyphens."""
    code = tidy(code, MAX_CODE, "A class code").upper()
    if not all(symbol.isalnum() or symbol == "-" for symbol in code):
        raise ValueError("A class code is made of letters, digits and hyphens.")
    return code


@dataclass
class StaffRoom:
    """Who has shown the teacher's password to this server. password: "" lets nobody in."""

    password: str
    _inside: set[str] = field(default_factory=set)
    _failures: deque[tuple[float, str]] = field(default_factory=deque)

    def enter(self, owner: str, password: str) -> None:
        """Let this browser's owner in. Raises NotAllowed for a wrong password, and after too many of them."""
        now = time.monotonic()
        while self._failures and now - self._failures[0][0] > 60:
            self._failures.popleft()
        own = sum(who == owner for _, who in self._failures)
        if own >= WRONG_PASSWORDS_A_MINUTE or len(self._failures) >= WRONG_PASSWORDS_OF_ALL:
            raise NotAllowed("Too many wrong passwords: wait a minute, then try again.")
        if not self.password or not hmac.compare_digest(self.password.encode(), password.encode("utf-8", "replace")):
            self._failures.append((now, owner))
            raise NotAllowed("This is not the teacher's password.")
        self._inside.add(owner)

    def leave(self, owner: str) -> None:
        self._inside.discard(owner)

    def __contains__(self, owner: str) -> bool:
        return owner in self._inside
