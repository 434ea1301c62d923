"""Who is who: a browser is known by a random token that only it keeps, a teacher by a password."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import deque
from dataclasses import dataclass, field

from core.text import clean_text

MAX_NICKNAME = 24  # characters
MAX_CODE = 24
MAX_FAILED_LOGINS = 5  # of one browser
MAX_FAILED_LOGINS_TOTAL = 100  # a minute: enough that no student can lock the teacher out by hand


class PermissionDenied(PermissionError):
    """Somebody wanted what only others may do. Its text says so to a student."""


@dataclass(frozen=True)
class Visitor:
    """Who is at a browser. id: the hash of its token. classroom: the code of the class, "" for none."""

    id: str
    nickname: str = ""
    classroom: str = ""
    teacher: bool = False


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(32)


def is_valid_token(text: object) -> bool:
    """Whether this could be a token: one that somebody thought of could be thought of again."""
    return isinstance(text, str) and len(text) == 43 and all(sign.isalnum() or sign in "-_" for sign in text)


def hash_token(token: str) -> str:
    """What is kept of a token: whoever reads it in the store cannot make the token of it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def clean_nickname(nickname: str) -> str:
    """The nickname as it is kept. Raises ValueError with a sentence where it is none."""
    return " ".join(clean_text(nickname, MAX_NICKNAME, "A nickname").split())


def clean_class_code(code: str) -> str:
    """A class code as it is kept, in capitals. Raises ValueError unless it is of letters, digits and hyphens."""
    code = clean_text(code, MAX_CODE, "A class code").upper()
    if not all(symbol.isalnum() or symbol == "-" for symbol in code):
        raise ValueError("A class code is made of letters, digits and hyphens.")
    return code


@dataclass
class TeacherAuth:
    """Who has shown the teacher's password to this server. password: "" lets nobody in."""

    password: str
    _logged_in: set[str] = field(default_factory=set)
    _failures: deque[tuple[float, str]] = field(default_factory=deque)

    def login(self, owner: str, password: str) -> None:
        """Let this browser's owner in. Raises PermissionDenied for a wrong password, and after too many of them."""
        now = time.monotonic()
        while self._failures and now - self._failures[0][0] > 60:
            self._failures.popleft()
        own = sum(who == owner for _, who in self._failures)
        if own >= MAX_FAILED_LOGINS or len(self._failures) >= MAX_FAILED_LOGINS_TOTAL:
            raise PermissionDenied("Too many wrong passwords: wait a minute, then try again.")
        if not self.password or not hmac.compare_digest(self.password.encode(), password.encode("utf-8", "replace")):
            self._failures.append((now, owner))
            raise PermissionDenied("This is not the teacher's password.")
        self._logged_in.add(owner)

    def logout(self, owner: str) -> None:
        self._logged_in.discard(owner)

    def is_teacher(self, owner: str) -> bool:
        return owner in self._logged_in
