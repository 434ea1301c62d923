"""Lesson links of a class: given by its teacher, opened by name, and kept when a lesson ends."""

import pytest

from core.classroom import ClassSettings, NamedLink
from core.classroom.settings import MAX_ADDRESS, MAX_LINKS
from core.runs import PermissionDenied

TODAY = NamedLink("Today", "memorize?hidden_size=8&task=Train%20it.")


def test_members_see_the_links_that_the_teacher_gives(join, teacher):
    ada = join("Ada")
    teacher.change_settings(links=teacher.state().settings.with_link(TODAY))
    assert ada.settings().links == (TODAY,)
    other = NamedLink("Today", "classify")
    teacher.change_settings(links=teacher.state().settings.with_link(other))
    assert ada.settings().links == (other,), "one link per name"


def test_only_a_teacher_gives_links(join, visit, teacher):
    for access in (join("Ada"), visit("7B")):
        with pytest.raises(PermissionDenied):
            access.change_settings(links=(TODAY,))
    assert teacher.state().settings.links == ()


def test_links_are_kept_when_the_lesson_ends(join, teacher):
    teacher.change_settings(links=(TODAY,), leaderboard=True)
    teacher.end_lesson()
    assert (teacher.state().settings.links, teacher.state().settings.leaderboard) == ((TODAY,), False)


@pytest.mark.parametrize("name", ["", "   ", "a" * 41, "a\0b"])
def test_a_link_needs_a_name(name):
    with pytest.raises(ValueError, match=r"no name|at most 40|control character"):
        NamedLink(name, "memorize")


def test_the_size_of_links_is_bounded():
    with pytest.raises(ValueError, match="too long"):
        NamedLink("Today", "memorize?sentence=" + "a" * MAX_ADDRESS)
    links = tuple(NamedLink(f"Link {number}", "memorize") for number in range(MAX_LINKS))
    settings = ClassSettings(links=links)
    assert len(settings.with_link(NamedLink("Link 0", "classify"))) == MAX_LINKS
    with pytest.raises(ValueError, match="at most 12 links"):
        settings.with_link(TODAY)
