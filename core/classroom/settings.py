"""What a teacher allows and shows in a class at the moment."""

from __future__ import annotations

from dataclasses import dataclass

from core.text import clean_text

SOLUTIONS = {"tries": "after three tries", "open": "open to all", "hidden": "hidden"}

MAX_LINKS, MAX_LINK_NAME, MAX_ADDRESS = 12, 40, 4_000  # of a class; characters


@dataclass(frozen=True)
class Lock:
    """A control that students cannot change.

    Attributes:
        key: the widget's key.
        value: the value that it has for all members.
        hidden: whether it is not even shown.
    """

    key: str
    value: str | int | float | bool | None = None
    hidden: bool = False


@dataclass(frozen=True)
class NamedLink:
    """A lesson link that members open by its name. Raises ValueError if it has no name or is too long.

    Attributes:
        name: such as "Today".
        address: the page and its query, relative to the dashboard's address.
    """

    name: str
    address: str

    def __post_init__(self):
        object.__setattr__(self, "name", " ".join(clean_text(self.name, MAX_LINK_NAME, "The name of a link").split()))
        if not self.name:
            raise ValueError("The link has no name. Type one, such as Today.")
        if len(self.address) > MAX_ADDRESS:
            raise ValueError("The address is too long for a class. Shorten the text in the settings.")


@dataclass(frozen=True)
class ClassSettings:
    """The settings of a class. A new one is open: everything is allowed, and nothing is covered.

    Attributes:
        eyes_up: whether the pages of all members are covered and their runs are paused.
        follow: whether members go where the teacher goes.
        follow_page: the teacher's page, as in its address.
        follow_query: the teacher's settings, as in the page's address.
        follow_number: counts up with every move of the teacher, so that each is followed once.
        closed: pages ("autograd") and tabs ("memorize/Gates") that members cannot open.
        locks: controls that members cannot change.
        solutions: when the solutions of exercises can be seen, a key of SOLUTIONS.
        leaderboard: whether members see leaderboards.
        hide_names: whether the teacher's page shows neutral names.
        starred_run: id of the run that the projector shows; "" if there is none.
        links: lesson links that members open by their names.
    """

    eyes_up: bool = False
    follow: bool = False
    follow_page: str = ""
    follow_query: str = ""
    follow_number: int = 0
    closed: tuple[str, ...] = ()
    locks: tuple[Lock, ...] = ()
    solutions: str = "tries"
    leaderboard: bool = False
    hide_names: bool = False
    starred_run: str = ""
    links: tuple[NamedLink, ...] = ()

    def __post_init__(self):
        if self.solutions not in SOLUTIONS:
            raise ValueError(f"Solutions are one of {', '.join(SOLUTIONS)}, but not {self.solutions!r}.")

    @property
    def restricts(self) -> bool:
        """Whether members are kept from something at the moment."""
        return bool(self.eyes_up or self.closed or self.locks)

    def is_open(self, page: str, tab: str = "") -> bool:
        """Return whether members may open a page, or one of its tabs."""
        return page not in self.closed and (not tab or f"{page}/{tab}" not in self.closed)

    def lock(self, key: str) -> Lock | None:
        """Return the lock of the control with this key; None if students may change it."""
        return next((lock for lock in self.locks if lock.key == key), None)

    def with_link(self, link: NamedLink) -> tuple[NamedLink, ...]:
        """Return the links with this one, in place of one with the same name. Raises ValueError if there are many."""
        links = (*(each for each in self.links if each.name != link.name), link)
        if len(links) > MAX_LINKS:
            raise ValueError(f"A class may have at most {MAX_LINKS} links. Remove one first.")
        return links
