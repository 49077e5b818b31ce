"""The `facts` table: what the assistant knows, by category and key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from jarvis.errors import StoreError
from jarvis.memory.checked import json_text, line
from jarvis.memory.instants import from_micros, to_micros
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


class FactTable:
    """Put, read and delete facts; (category, key) holds one value, the last one put."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, category: str, key: str, value: Any, now: datetime, source: str = "user") -> Fact:
        """Know this from now on, in place of what was known before."""
        row = {
            "category": line("a fact's category", category),
            "key": line("a fact's key", key),
            "value": json_text("a fact's value", value),
            "source": line("a fact's source", source),
            "now": to_micros(now),
        }
        with self._database.transaction():
            return _decode(self._database.rows(_SQL["put"], row)[0])

    def get(self, category: str, key: str) -> Fact | None:
        """The fact, None if it is not known."""
        row = self._database.row(_SQL["get"], (category, key))
        return None if row is None else _decode(row)

    def delete(self, category: str, key: str) -> bool:
        """Forget it; False if it was not known."""
        return self._database.change(_SQL["delete"], (category, key)) == 1

    def list(self, category: str | None = None) -> list[Fact]:
        """All facts, or those of one category, by category and key."""
        return [_decode(row) for row in self._database.rows(_SQL["list"], {"category": category})]


def _decode(row: Row) -> Fact:
    try:
        value = msgspec.json.decode(row[2])
    except ValueError as error:  # msgspec's errors are ValueErrors
        raise StoreError(f"the fact {row[0]}/{row[1]} cannot be read: {error}. Set it again") from error
    return Fact(category=row[0], key=row[1], value=value, source=row[3], updated_at=from_micros(row[4]))
