"""What the iMessage daemon needs from the house, as Protocols. `jarvis.app` and the command line fill them in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from jarvis.scheduler.ports import Channel

Bindings = Mapping[str, Any] | Sequence[Any]


class Database(Protocol):
    """One SQLite file, as the main store has it too: durable, one writer, its errors told apart."""

    path: str

    def rows(self, sql: str, bindings: Bindings = ()) -> list[tuple[Any, ...]]:
        """Everything a statement answers."""

    def row(self, sql: str, bindings: Bindings = ()) -> tuple[Any, ...] | None:
        """The first row of the answer."""

    def value(self, sql: str, bindings: Bindings = ()) -> Any:
        """The first column of the first row."""

    def change(self, sql: str, bindings: Bindings = ()) -> int:
        """One write; how many rows it changed."""

    def transaction(self) -> AbstractContextManager[Any]:
        """All of it or nothing."""

    def close(self) -> None:
        """Let go of it."""


class Recipient(NamedTuple):
    """Where an answer goes: to a person, or into the group that was asked in."""

    to: str
    chat: str = ""  # the chat's guid, of a group alone


ChannelTo = Callable[[Recipient], Channel]
"""The means that reaches a recipient."""


class Reminder(NamedTuple):
    """What somebody wants to be told, and when. `key` is that of the message which asked for it."""

    key: str
    at: datetime
    text: str
    recipient: Recipient


class House(Protocol):
    """What commands do, each as the command line does it. A JarvisError says why not.

    Each of them may be called again with the same arguments by a daemon that was killed in between, and then has done
    it once: `key` and `asked_at` belong to one message for ever.
    """

    def status(self) -> str:
        """One look at everything."""

    def next(self, name: str) -> str:
        """When a task is due next."""

    def why(self, name: str) -> str:
        """What became of a task, and what will."""

    def named(self, name: str) -> str:
        """A task's exact name. NotFound with the nearest one if there is none."""

    def run(self, name: str, asked_at: datetime) -> str:
        """Start a task now, beside its schedule."""

    def pause(self, name: str, by: str) -> str:
        """Start no more runs of a task."""

    def resume(self, name: str) -> str:
        """Let it run again."""

    def remind(self, reminder: Reminder, now: datetime) -> str:
        """Keep a reminder."""

    def tidy(self, before: datetime) -> int:
        """Take away the tasks of reminders that were due before and are over. How many."""
