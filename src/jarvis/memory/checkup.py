"""What `jarvis doctor` asks of a store. Nothing is written here; what is found is judged elsewhere."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from jarvis.memory.health import HealthTable
from jarvis.memory.instances import decoded
from jarvis.memory.instants import from_micros, maybe_instant, to_micros
from jarvis.memory.life import lives
from jarvis.memory.reader import Reader
from jarvis.memory.statements import load
from jarvis.scheduler.model import Instance

_SQL, _INSTANCES = load("checkup"), load("instances")


class Checkup:
    """One store, read alone."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.health = HealthTable(reader)
        self._pipes = Path(f"{reader.path}-daemons")

    @property
    def schema(self) -> int:
        """The number of its schema; 0 for a file that is no store yet, or another program's."""
        return int(self.reader.value("PRAGMA user_version"))

    def instances(self, now: datetime) -> tuple[list[Instance], list[Instance]]:
        """Those that live, and those that ended without signing off."""
        living: list[Instance] = []
        gone: list[Instance] = []
        for row in self.reader.rows(_INSTANCES["open"]):
            each = decoded(row)
            (living if self._lives(each, now) else gone).append(each)
        return living, gone

    def _lives(self, each: Instance, now: datetime) -> bool:
        return lives(self._pipes / each.token, each.host, each.pid, each.process_started_at, now < each.lease_until)

    def newest(self) -> datetime | None:
        """The newest moment that was written down; None in an empty store."""
        return maybe_instant(self.reader.value(_SQL["newest"]))

    def oldest(self) -> datetime | None:
        """Since when it is in use; None in an empty store."""
        return maybe_instant(self.reader.value(_SQL["oldest"]))

    def overdue(self, before: datetime) -> list[tuple[str, datetime]]:
        """Enabled tasks that were due before then and of which nothing is recorded; the longest first."""
        return [(name, from_micros(due)) for name, due in self.reader.rows(_SQL["overdue"], (to_micros(before),))]

    def unreadable(self) -> list[str]:
        """Tasks of which something that is stored is no JSON."""
        return [row[0] for row in self.reader.rows(_SQL["unreadable"])]

    def addressed(self) -> dict[str, list[str]]:
        """Channel -> the tasks that deliver to it."""
        found: dict[str, list[str]] = {}
        for channel, task in self.reader.rows(_SQL["addressed"]):
            found.setdefault(str(channel), []).append(task)
        return found

    def incidents(self) -> dict[str, list[str]]:
        """State -> the rules whose incident is in it and not over."""
        found: dict[str, list[str]] = {}
        for rule, state in self.reader.rows(_SQL["incidents"]):
            found.setdefault(state, []).append(rule)
        return found

    def fact(self, category: str, key: str) -> object:
        """The value of a fact; None if there is none."""
        stored = self.reader.value(_SQL["fact"], (category, key))
        return None if stored is None else msgspec.json.decode(stored)
