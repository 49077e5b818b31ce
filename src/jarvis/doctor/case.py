"""What is examined, and with what: given from outside, so that each check can be tried on a home made for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from jarvis.config import Config
from jarvis.doctor.finding import Finding
from jarvis.memory.checkup import Checkup
from jarvis.memory.migrate import migrations
from jarvis.service.manager import Manager


class NotLookedAt(Exception):
    """What a check is about cannot be looked at; the text says why, unless another check does."""


class Case(NamedTuple):
    """One home. What raises a JarvisError is a finding as well."""

    config: Config
    problems: Sequence[str]  # what is wrong with the configuration; `config` has defaults in its place
    now: datetime
    zone: tzinfo
    opened: Callable[[], Checkup | None]  # the store; None if there is none
    manager: Callable[[], Manager]
    is_loaded: Callable[[str], bool]  # whether launchd has an agent of that label
    channel: Callable[[str], object]  # puts a channel together, secrets and all, and sends nothing
    send: Callable[[str], None] | None  # really sends a test; None: not asked for
    read_tasks: Callable[[], int]  # of jarvis.toml; how many there are

    def store(self) -> Checkup:
        """The store, once there is one whose tables are those of this version."""
        store = self.opened()
        if store is None:
            raise NotLookedAt
        if store.schema != max(migrations()):
            raise NotLookedAt("not looked at: the store has another schema than this version's")
        return store

    def moment(self, at: datetime) -> str:
        """An instant as a person reads it."""
        return at.astimezone(self.zone).isoformat(" ", "seconds")


Check = Callable[[Case], Iterable[Finding]]
