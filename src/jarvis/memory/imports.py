"""What was brought over from another program's store: remembered row by row, so that nothing comes twice."""

from __future__ import annotations

from datetime import datetime

from jarvis.memory.instants import from_micros, maybe_micros, to_micros
from jarvis.memory.sqlite import Database
from jarvis.memory.statements import load

_SQL = load("imports")


class ImportTable:
    """The rows that were imported (in `meta`), and what only an import may write into other tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, identity: str) -> tuple[str, datetime] | None:
        """The content that a row had when it was imported, as its digest, and when that was; None if it was not."""
        found = self._database.value(_SQL["known"], (f"import {identity}",))
        if found is None:
            return None
        digest, _, at = str(found).partition(" ")
        return digest, from_micros(int(at))

    def remember(self, identity: str, digest: str, now: datetime) -> None:
        """A row was imported, with that content."""
        row = {"key": f"import {identity}", "value": f"{digest} {to_micros(now)}"}
        self._database.change(_SQL["remember"], row)

    def rule_last_told(self, name: str, at: datetime | None) -> None:
        """When a rule's alert was told last, before it came here."""
        self._database.change(_SQL["last_told"], {"name": name, "at": maybe_micros(at)})

    def event_status(self, digest: str, status: str) -> None:
        """What became of an event before it came here."""
        self._database.change(_SQL["event_status"], {"digest": digest, "status": status})
