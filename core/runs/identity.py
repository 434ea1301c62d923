"""Identity: visitors are identified by a random token in a cookie, teachers by a password."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

from core.runs.rates import RecentCounts
from core.text import clean_text

MAX_NICKNAME = 24  # characters
MAX_CLASS_CODE = 24  # characters
MAX_FAILED_LOGINS = 5  # per minute and browser
MAX_FAILED_LOGINS_PER_ADDRESS = 50  # per minute; after that, each answer takes LOGIN_DELAY seconds
LOGIN_DELAY = 3.0


class PermissionDenied(PermissionError):
    """A visitor tried to do what only others may do. The message is for students."""


@dataclass(frozen=True)
class Visitor:
    """The person at a browser.

    Attributes:
        id: hash of the browser's token; "" if there is none.
        nickname: how they want to be called; "" if they have not said.
        classroom: code of their class; "" if they are in none.
        teacher: whether they have logged in as a teacher.
        address: network address of the browser, often shared with others; "" if it is unknown. It is not stored.
    """

    id: str
    nickname: str = ""
    classroom: str = ""
    teacher: bool = False
    address: str = ""


def new_token() -> str:
    """Return a random token that cannot be guessed."""
    return secrets.token_urlsafe(32)


def is_valid_token(text: object) -> bool:
    """Return whether the text has a token's format, so that nobody can choose a guessable one."""
    return isinstance(text, str) and len(text) == 43 and all(sign.isalnum() or sign in "-_" for sign in text)


def hash_token(token: str) -> str:
    """Return the token's SHA-256 hash, from which the token cannot be recovered."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def clean_nickname(nickname: str) -> str:
    """Return the nickname without surplus spaces. Raises ValueError if it is invalid."""
    return " ".join(clean_text(nickname, MAX_NICKNAME, "A nickname").split())


def clean_class_code(code: str) -> str:
    """Return the class code in capitals. Raises ValueError unless it consists of letters, digits and hyphens."""
    code = clean_text(code, MAX_CLASS_CODE, "A class code").upper()
    if not all(symbol.isalnum() or symbol == "-" for symbol in code):
        raise ValueError("A class code may contain only letters, digits and hyphens.")
    return code


class TeacherAuth:
    """Teacher logins on this server. They end when it restarts."""

    def __init__(self, password: object = ""):
        """Start without logins. password: see `password`."""
        self.password = password
        self._logged_in: set[str] = set()
        self._failures = RecentCounts()

    @property
    def password(self) -> str:
        """The teacher's password; "" if nobody can log in. A number, as in a TOML file, counts as text."""
        return self._password

    @password.setter
    def password(self, password: object) -> None:
        self._password = str(password)

    def login(self, visitor_id: str, password: str, address: str = "") -> None:
        """Log a visitor in as a teacher.

        Wrong passwords of others never keep the right one from being accepted: after many from the same address, the
        answer only takes longer.

        Raises PermissionDenied if the password is wrong, or after too many wrong ones from the same browser.
        """
        browser, network = f"browser {visitor_id}", f"address {address}"
        if self._failures.count(browser) >= MAX_FAILED_LOGINS:
            raise PermissionDenied("Too many wrong passwords. Wait a minute, then try again.")
        if self._failures.count(network) >= MAX_FAILED_LOGINS_PER_ADDRESS:
            time.sleep(LOGIN_DELAY)
        if not self.password or not hmac.compare_digest(self.password.encode(), password.encode("utf-8", "replace")):
            self._failures.add(browser)
            self._failures.add(network)
            raise PermissionDenied("This is not the teacher's password.")
        self._logged_in.add(visitor_id)

    def logout(self, visitor_id: str) -> None:
        """End a visitor's teacher login, if there is one."""
        self._logged_in.discard(visitor_id)

    def is_teacher(self, visitor_id: str) -> bool:
        """Return whether the visitor is logged in as a teacher now."""
        return visitor_id in self._logged_in
