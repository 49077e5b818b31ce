"""FilterSieve: evaluates filters in a thread of its own, so that a slow one delays nothing but its events."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from jarvis.errors import JarvisError
from jarvis.scheduler.eventports import Says
from jarvis.scheduler.model import Event
from jarvis.scheduler.onevent import FILTER_NAMES
from jarvis.scheduler.ports import HEARD_WITHIN

_LOG = logging.getLogger("jarvis.events")
MOST_ASKED = 64  # questions that wait at once
MOST_BYTES = 8 * 2**20  # of payloads among them
_Question = tuple[int, str]


class FilterSieve:
    """Answers what it is asked, in order; one thread, started with the first question."""

    def __init__(self, evaluate: Callable[[str, Mapping[str, Any]], Any]) -> None:
        """`evaluate` gives what an expression comes to over values by name; a JarvisError says what is wrong."""
        self.on_finish: Callable[[], None] = lambda: None
        self._evaluate = evaluate
        self._asked: deque[tuple[Event, str]] = deque()
        self._bytes = 0
        self._open: set[_Question] = set()
        self._said: dict[_Question, Says] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def room(self) -> int:
        """How many more questions can be asked now."""
        return 0 if self._closed or self._bytes > MOST_BYTES else MOST_ASKED - len(self._open)

    def said(self, event_id: int, filter_text: str) -> Says | None:
        """What a filter said of an event; None if it is not known (yet)."""
        return self._said.get((event_id, filter_text))

    def ask(self, event: Event, filter_text: str) -> None:
        """Find it out, unless it was asked already. Returns at once."""
        question = (event.id, filter_text)
        with self._changed:
            if self._closed or question in self._open or question in self._said:
                return
            self._open.add(question)
            self._asked.append((event, filter_text))
            self._bytes += len(event.payload)
            if self._thread is None:
                self._thread = threading.Thread(target=self._answer, name="jarvis-filters", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def keep(self, event_ids: Collection[int]) -> None:
        """Forget what was said of any other event: it is decided."""
        kept = set(event_ids)
        with self._changed:
            self._said = {question: said for question, said in self._said.items() if question[0] in kept}

    def wait(self) -> None:
        """Block until there is an answer that was not there before; at once if nothing is asked."""
        with self._changed:
            before = len(self._said)
            while self._open and not self._closed and len(self._said) <= before:
                self._changed.wait(HEARD_WITHIN)

    def close(self) -> None:
        """No question will be answered any more; waits for the one that is being answered."""
        with self._changed:
            self._closed = True
            self._asked.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _answer(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or bool(self._asked))
                if self._closed:
                    return
                event, filter_text = self._asked.popleft()
            said = self._judged(event, filter_text)
            with self._changed:
                self._open.discard((event.id, filter_text))
                self._bytes -= len(event.payload)
                self._said[event.id, filter_text] = said
                self._changed.notify_all()
            self.on_finish()

    def _judged(self, event: Event, filter_text: str) -> Says:
        try:
            return ("takes", "") if self._evaluate(filter_text, values_of(event)) else ("filtered", "")
        except JarvisError as error:
            return "failed", " ".join(str(error).split())[:500]
        except Exception as error:  # noqa: BLE001 - one event that cannot be judged must not stop the others
            _LOG.exception("a filter could not be evaluated", extra={"event": event.id})
            return "failed", f"{type(error).__name__}: {error}"[:500]


def values_of(event: Event) -> dict[str, Any]:
    """What a filter is held against; `event` has its payload as JSON text."""
    payload = msgspec.json.decode(event.payload)
    return dict(zip(FILTER_NAMES, (event.source, event.event_type, payload, event.received_at), strict=True))
