"""What somebody typed to find facts, as SQLite's full-text search takes it; PostgreSQL's would stand here as well.

Facts match that hold every word, or a word that begins so. Only if there are none, or if what was typed is no word
to the index (an emoji, a dash), facts are looked through for the parts as they are.
"""

from __future__ import annotations

from jarvis.errors import UsageError

MOST_WORDS = 50
_BEFORE, _AFTER = 30, 60  # characters around what was found


def parts_of(text: str) -> list[str]:
    """What was typed between blanks. UsageError if it is too much; a sign that is no text parts as a blank does."""
    parts = "".join(" " if each == "\0" or "\ud800" <= each <= "\udfff" else each for each in text).split()
    if len(parts) > MOST_WORDS:
        raise UsageError(f"a search takes at most {MOST_WORDS} words, got {len(parts)}: name the ones that matter")
    return parts


def query_of(parts: list[str]) -> str | None:
    """Every part as a quoted word or its beginning, so that nothing in it is an operator; None if one is no word."""
    if not all(any(map(str.isalnum, part)) for part in parts):
        return None
    return " ".join('"{}"*'.format(part.replace('"', '""')) for part in parts)


def snippet_of(text: str, parts: list[str]) -> str:
    """The text around the first part that is in it, or its beginning."""
    low = text.lower()
    found = [(place, part) for part in parts if (place := low.find(part.lower())) >= 0]
    place, part = min(found, default=(0, ""))
    start, end = max(place - _BEFORE, 0), place + len(part)
    marked = f"[{text[place:end]}]" if part else ""
    dots = ("..." if start else "", "..." if len(text) > end + _AFTER else "")
    return one_line(f"{dots[0]}{text[start:place]}{marked}{text[end : end + _AFTER]}{dots[1]}")


def one_line(text: str) -> str:
    """The text with single blanks."""
    return " ".join(text.split())
