"""Matching: the pass over events that wait. The engine calls it within its own transaction.

What an event starts, and that it is matched, is one commit: before it nothing happened, after it never again
(ADR 0012). Filters are evaluated beside the passes, by the sieve, as that may take its time; until they have
answered the event waits, and those behind it: events are matched in the order in which they came.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import msgspec

from jarvis.scheduler.eventports import Says, Sieve
from jarvis.scheduler.model import Event, Task, Unreadable, Verdict
from jarvis.scheduler.ports import Store
from jarvis.scheduler.schedule import OnEvent

_LOG = logging.getLogger("jarvis.events")
BATCH = 500  # events matched in one transaction
_NO_SIEVE: Says = ("failed", "filters cannot be evaluated here")


class Matching:
    """Gives the events of a store to the tasks they concern."""

    def __init__(self, store: Store, sieve: Sieve | None = None) -> None:
        """Without a `sieve`, events fail for tasks that have a filter."""
        self._store = store
        self._sieve = sieve
        self.backlog = False  # whether more can be matched at once
        self._known: dict[tuple[str, str], list[tuple[Task, OnEvent]]] = {}  # of this pass: event -> whom it concerns

    def notify(self, call: Callable[[], None]) -> None:
        """Have `call` called whenever a filter has answered, from any thread."""
        if self._sieve is not None:
            self._sieve.on_finish = call

    def match(self, now: datetime) -> int:
        """Match what waits, one batch at the most; how many."""
        self.backlog = False
        if not self._store.events.any_pending():
            return 0
        listening = self._listening(now)
        if not listening:
            found = self._store.causes.unheard(BATCH)
            self.backlog = found == BATCH
            return found
        self._known = {}
        batch = self._store.events.pending(BATCH)
        if self._sieve is not None:
            self._sieve.keep([event.id for event in batch])
        for done, event in enumerate(batch):
            verdicts = list(self._verdicts(event, listening))
            if not _whole(verdicts):
                self._ask(batch[done:], listening)
                return done
            self._settle(event, verdicts, now)
        self.backlog = len(batch) == BATCH
        return len(batch)

    def match_all(self, now: datetime) -> None:
        """Match everything that waits, and wait for its filters; each batch in a transaction of its own."""
        while self._store.events.any_pending():
            with self._store.transaction():
                matched = self.match(now)
            if not matched and self._sieve is not None:
                self._sieve.wait()

    def close(self) -> None:
        """No filter will be evaluated any more."""
        if self._sieve is not None:
            self._sieve.close()

    def _listening(self, now: datetime) -> list[Task]:
        found = []
        for task in self._store.causes.listening():
            if isinstance(task, Unreadable):
                self._store.tasks.pause(task.task_id, task.reason, now)
            else:
                found.append(task)
        return found

    def _verdicts(self, event: Event, listening: Sequence[Task]) -> Iterator[Verdict | None]:
        """For each task whose patterns match what its filter says; None where that is not known yet."""
        for task, schedule in self._concerned(event, listening):
            if not schedule.filter:
                yield Verdict(task, "takes")
                continue
            said = _NO_SIEVE if self._sieve is None else self._sieve.said(event.id, schedule.filter)
            yield None if said is None else Verdict(task, *said)

    def _ask(self, events: Sequence[Event], listening: Sequence[Task]) -> None:
        """Have the filters of what comes next evaluated, as far as there is room."""
        for event in events:
            filters = {schedule.filter for _, schedule in self._concerned(event, listening) if schedule.filter}
            for text in sorted(filters):
                if self._sieve is None or not self._sieve.room:
                    return
                if self._sieve.said(event.id, text) is None:
                    self._sieve.ask(msgspec.structs.replace(event, payload=self._store.events.payload(event.id)), text)

    def _concerned(self, event: Event, listening: Sequence[Task]) -> list[tuple[Task, OnEvent]]:
        """The tasks whose patterns match; asked once a pass for each kind of event, as there may be many of both."""
        kind = (event.source, event.event_type)
        if kind not in self._known:
            pairs = ((task, task.schedule) for task in listening)
            self._known[kind] = [(task, s) for task, s in pairs if isinstance(s, OnEvent) and s.matches(*kind)]
        return self._known[kind]

    def _settle(self, event: Event, verdicts: Sequence[Verdict | None], now: datetime) -> None:
        known = [each for each in verdicts if each is not None]
        status = self._store.causes.match(event, known, now)
        for each in known:
            if each.says == "failed":
                _LOG.error("event %s: the filter of %s failed: %s", event.id, each.task.name, each.reason)
        _LOG.debug("event %s (%s/%s): %s", event.id, event.source, event.event_type, status)


def _whole(verdicts: Sequence[Verdict | None]) -> bool:
    return all(each is not None for each in verdicts)
