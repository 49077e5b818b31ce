"""What matching events needs from the outside, as Protocols."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Literal, Protocol

from jarvis.scheduler.model import Event, Task, Unreadable, Verdict

Says = tuple[Literal["takes", "filtered", "failed"], str]
"""What a filter comes to, and the reason where it failed."""


class Events(Protocol):
    """Facts that arrived."""

    def any_pending(self) -> bool:
        """Whether any event waits to be given to the tasks it concerns."""

    def pending(self, limit: int) -> Sequence[Event]:
        """The events that wait, in the order in which they came, without their payloads."""

    def payload(self, event_id: int) -> str:
        """The payload of an event as its JSON text."""


class Causes(Protocol):
    """What starts runs where that is not time."""

    def listening(self) -> Sequence[Task | Unreadable]:
        """The tasks that events start, paused ones too."""

    def unheard(self, limit: int) -> int:
        """No task listens: at most `limit` pending events are unmatched. How many."""

    def match(self, event: Event, verdicts: Sequence[Verdict], now: datetime) -> str:
        """Give a pending event to the tasks it concerns, once and for ever: what became of it."""


class Sieve(Protocol):
    """Evaluates the filters of tasks that events start, beside the caller, and keeps what they said until forgotten."""

    on_finish: Callable[[], None]  # called whenever there is a new answer, from any thread; must not block

    @property
    def room(self) -> int:
        """How many more questions can be asked now."""

    def said(self, event_id: int, filter_text: str) -> Says | None:
        """What a filter said of an event; None if it is not known (yet)."""

    def ask(self, event: Event, filter_text: str) -> None:
        """Find it out, unless it was asked already; `event` has its payload as JSON text. Returns at once."""

    def keep(self, event_ids: Collection[int]) -> None:
        """Forget what was said of any other event: it is decided."""

    def wait(self) -> None:
        """Block until there is an answer that was not there before; at once if nothing is asked."""

    def close(self) -> None:
        """No question will be answered any more."""
