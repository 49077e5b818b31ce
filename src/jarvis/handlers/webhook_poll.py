"""`webhook_poll`: takes the files of the inbox in as events, each once.

A file that reads as an event is stored, then moved to `processed/`. Killed in between, the next poll stores
it again, which changes nothing (same name, time of change and content), and moves it. A file that does not is
looked at again a moment later: unchanged, it goes to `failed/` with its reason beside it; changed, it is still
being written and waits for the next poll. The clock has no part in that. Links, folders, other oddities and
names that begin with a dot or do not end in `.json` (`.tmp`, `.part`) are left alone.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from jarvis.handlers.inbox import Event
from jarvis.handlers.inbox_files import (
    LeftAlone,
    Look,
    listing,
    look,
    make_folders,
    shown,
    to_failed,
    to_processed,
)
from jarvis.scheduler.model import Result, RunState
from jarvis.scheduler.ports import Context

T = TypeVar("T")

_TOLD_AT_MOST = 50  # files named in a result; all are counted


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one poll takes on: memory stays below about `batch_size` + 2 * `size`, however full the inbox is."""

    size: int = 1 << 20  # bytes of one file; a bigger one is refused
    count: int = 1_000  # files of one poll; the others wait for the next
    batch: int = 100  # files stored in one transaction ...
    batch_size: int = 4 << 20  # ... and bytes read until then
    quiet: float = 1.0  # seconds between the two looks at a file that reads as no event


class Events(Protocol):
    """The events taken in."""

    def add(
        self,
        source: str,
        event_type: str,
        payload: Any,
        *,
        file_name: str,
        file_mtime: int,
        digest: str,
        now: datetime,
    ) -> bool:
        """Store one; False if this very file was stored before."""


class Memory(Protocol):
    """The part of the store that this handler uses."""

    @property
    def events(self) -> Events: ...
    def transaction(self) -> AbstractContextManager[object]: ...


def webhook_poll(
    inbox: Path, *, limits: Limits | None = None, wait: Callable[[float], None] = time.sleep
) -> Callable[[Context], Result]:
    """The handler for one inbox folder, made when it is missing. `wait` lets seconds pass."""
    return lambda context: _Poll(inbox, context, limits or Limits(), wait).run()


class _Poll:
    """One poll: what it has come across so far, and the passes over the files."""

    def __init__(self, inbox: Path, context: Context, limits: Limits, wait: Callable[[float], None]) -> None:
        self._inbox = inbox
        self._context = context
        self._memory: Memory = context.memory
        self._limits = limits
        self._wait = wait
        self._counts: Counter[str] = Counter()
        self._refused: dict[str, str] = {}
        self._left: dict[str, str] = {}
        self._stopped = False

    def run(self) -> Result:
        """List, look, look again at what was doubtful, say what came of it."""
        try:
            make_folders(self._inbox)
            found = listing(self._inbox, self._limits.count)
        except OSError as error:
            return Result(state=RunState.FAILED, reason=f"the inbox {self._inbox} cannot be used: {error.strerror}")
        self._counts.update(beyond=found.beyond, odd=found.odd)
        doubtful = self._pass(found.names, {})
        if doubtful and not self._context.cancelled():
            self._wait(self._limits.quiet)
            doubtful = self._pass(doubtful, doubtful)
        self._left |= {name: f"may still be being written: {seen.reason}" for name, seen in doubtful.items()}
        return self._result()

    def _pass(self, names: Iterable[str], before: Mapping[str, Look]) -> dict[str, Look]:
        """Settle every file that can be settled; the others, each as it looked."""
        doubtful: dict[str, Look] = {}
        for batch in self._batches(names):
            self._take_in([seen for seen in batch if seen.event is not None])
            for seen in batch:
                if seen.event is None and seen.like(before.get(seen.name)):
                    self._refuse(seen)
                elif seen.event is None:
                    doubtful[seen.name] = seen
        return doubtful

    def _batches(self, names: Iterable[str]) -> Iterator[list[Look]]:
        """Look at the files in turn; together as many as may share a transaction."""
        batch: list[Look] = []
        for name in names:
            if self._context.cancelled():
                self._stopped = True
                self._left[name] = "the poll was stopped"
            elif seen := self._guarded(name, look, self._inbox, name, self._limits.size):
                batch.append(seen)
            if self._full(batch):
                yield batch
                batch = []
        yield batch

    def _full(self, batch: Sequence[Look]) -> bool:
        return len(batch) >= self._limits.batch or sum(seen.size for seen in batch) >= self._limits.batch_size

    def _take_in(self, batch: Sequence[Look]) -> None:
        """Store the events in one transaction; then, and only then, move their files."""
        if not batch:
            return
        with self._memory.transaction():
            new = [self._store(seen, seen.event) for seen in batch if seen.event is not None]
        self._counts.update("events" if is_new else "repeated" for is_new in new)
        for seen in batch:
            self._guarded(seen.name, to_processed, self._inbox, seen)

    def _store(self, seen: Look, event: Event) -> bool:
        return self._memory.events.add(
            event.source,
            event.event_type,
            event.payload,
            file_name=shown(seen.name),
            file_mtime=seen.mtime,
            digest=seen.digest,
            now=self._context.now,
        )

    def _refuse(self, seen: Look) -> None:
        if self._guarded(seen.name, to_failed, self._inbox, seen, self._context.now):
            self._refused[seen.name] = seen.reason

    def _guarded(self, name: str, act: Callable[..., T], *args: Any) -> T | None:
        """Whatever is wrong with one file, the others go on: it is left where it is, with the reason."""
        try:
            return act(*args)
        except LeftAlone as error:
            self._left[name] = str(error)
        except OSError as error:
            self._left[name] = f"cannot be moved: {error.strerror}"
        return None

    def _result(self) -> Result:
        counts, left = self._counts, len(self._left) + self._counts["beyond"]
        said = [f"{counts['events'] or 'no'} event{'' if counts['events'] == 1 else 's'}"]
        said += [f"{counts['repeated']} taken in before"] if counts["repeated"] else []
        said += [f"{len(self._refused)} refused"] if self._refused else []
        said += [f"{left} left"] if left else []
        said += [f"{counts['odd']} passed over (no plain file)"] if counts["odd"] else []
        data = {
            **{name: counts[name] for name in ("events", "repeated", "beyond", "odd")},
            "refused": _told(self._refused),
            "left": _told(self._left),
        }
        if self._stopped:
            return Result(state=RunState.FAILED, reason=f"stopped before the end: {', '.join(said)}", data=data)
        return Result(reason=", ".join(said), data=data)


def _told(files: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"file": shown(name), "reason": reason} for name, reason in islice(files.items(), _TOLD_AT_MOST)]
