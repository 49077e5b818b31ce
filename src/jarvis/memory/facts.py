"""The `facts` table: what the assistant knows, by category and key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from jarvis.errors import StoreError
from jarvis.memory.changes import Change, ChangeTable
from jarvis.memory.checked import json_text, line
from jarvis.memory.factsearch import one_line, parts_of, query_of, snippet_of
from jarvis.memory.instants import from_micros
from jarvis.memory.sqlite import Database, Row
from jarvis.memory.statements import load

_SQL = load("facts")


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One thing known: any JSON value, who said it, and when (UTC)."""

    category: str
    key: str
    value: Any
    source: str
    updated_at: datetime


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that a search found, and the part of its value that matches, on one line, the words in brackets."""

    fact: Fact
    snippet: str


class FactTable:
    """Put, find and delete facts; (category, key) holds one value, the last one put."""

    def __init__(self, database: Database, changes: ChangeTable) -> None:
        self._database = database
        self._changes = changes

    def put(self, category: str, key: str, value: Any, now: datetime | None = None, source: str | None = None) -> Fact:
        """Know this from now on, in place of what was known before. `source` is who says so, if not the author."""
        row = {
            "category": line("a fact's category", category),
            "key": line("a fact's key", key),
            "value": json_text("a fact's value", value),
            "source": line("a fact's source", self._changes.source if source is None else source),
        }
        with self._changes.signed(now) as at:
            return _decode(self._database.rows(_SQL["put"], {**row, "now": at})[0])

    def get(self, category: str, key: str) -> Fact | None:
        """The fact, None if it is not known."""
        row = self._database.row(_SQL["get"], (category, key))
        return None if row is None else _decode(row)

    def delete(self, category: str, key: str, now: datetime | None = None) -> bool:
        """Forget it; False if it was not known. Its history stays, and `undo` brings it back."""
        with self._changes.signed(now):
            return self._database.change(_SQL["delete"], (category, key)) == 1

    def search(self, words: str, limit: int = 20) -> list[Found]:
        """The facts that hold all of these words, or words that begin so; the best match first.

        Nothing in `words` is an operator. Case and accents do not count, nor do the signs of JSON. Where no fact
        has such words, those are found that contain what was typed. No words find nothing.
        """
        parts = parts_of(words)
        query = query_of(parts)
        if not parts:
            return []
        found = self._database.rows(_SQL["search"], {"query": query, "limit": limit}) if query else []
        if found:
            return [Found(fact=_decode(row), snippet=one_line(row[5])) for row in found]
        row = {"parts": msgspec.json.encode(parts).decode(), "limit": limit}
        contain = self._database.rows(_SQL["contain"], row)
        return [Found(fact=_decode(row), snippet=snippet_of(row[5], parts)) for row in contain]

    def history(self, category: str, key: str, limit: int | None = 50) -> list[Change]:
        """What it was and who changed it, newest first; also of a fact that is deleted."""
        return self._changes.of_row("fact", f"{category}\x1f{key}", limit)

    def undo(self, change_id: int | None = None, now: datetime | None = None) -> Change:
        """Take back this author's last change of a fact; see ChangeTable.undo."""
        return self._changes.undo(change_id, noun="fact", now=now)

    def list(self, category: str | None = None) -> list[Fact]:
        """All facts, or those of one category, by category and key."""
        return [_decode(row) for row in self._database.rows(_SQL["list"], {"category": category})]


def _decode(row: Row) -> Fact:
    try:
        value = msgspec.json.decode(row[2])
    except ValueError as error:  # msgspec's errors are ValueErrors
        raise StoreError(f"the fact {row[0]}/{row[1]} cannot be read: {error}. Set it again") from error
    return Fact(category=row[0], key=row[1], value=value, source=row[3], updated_at=from_micros(row[4]))
