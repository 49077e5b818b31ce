"""A value in an error message: as long as there is room for."""

from __future__ import annotations

import pytest

from jarvis.scheduler.suggest import shortened


@pytest.mark.parametrize(
    ("text", "said"),
    [("", ""), ("a" * 60, "a" * 60), ("a" * 60 + "b", "a" * 57 + "..."), ("a" * 1000, "a" * 57 + "...")],
)
def test_a_text_is_told_whole_up_to_60_characters(text: str, said: str) -> None:
    assert shortened(text) == said


def test_there_may_be_more_room_or_less() -> None:
    assert (shortened("abcdef", 6), shortened("abcdef", 5)) == ("abcdef", "ab...")
