"""`webhook_poll`: takes the files of the inbox in as events, each once.

A file that reads as an event is stored, then moved to `processed/`. Killed in between, the next poll finds its
content known and moves it. Another file with content that is known, or with an `id` its source has sent before, is
no second event: it goes to `processed/` too, with `NAME.duplicate.json` beside it. A file that reads as no event may
still be being written: it is looked at again until it has been quiet for a while, and goes to `failed/` with its
reason then; one that never is quiet waits for the next poll. Links, folders, other oddities are left where they are
and named in the result; names that begin with a dot or do not end in `.json` (`.tmp`, `.part`) are nobody's business.
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
from jarvis.handlers.inbox_files import LeftAlone, Look, Mark, listing, look, make_folders, mark_of, shown
from jarvis.handlers.inbox_moves import to_duplicates, to_failed, to_processed, turn
from jarvis.scheduler.model import Result, RunState
from jarvis.scheduler.ports import Context

T = TypeVar("T")

_TOLD_AT_MOST = 50  # files named in a result; all are counted


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one poll takes on: it holds about `batch_size` + 2 * `size` of content, however full the inbox is.

    While one file is read, its values take more: the worst 1 MiB there is (lists in a list) about 40 MiB.
    """

    size: int = 1 << 20  # bytes of one file; a bigger one is refused
    count: int = 10_000  # files settled in one poll; the others wait for the next
    batch: int = 250  # files stored in one transaction: 10 us each, and one sync that others wait for as well ...
    batch_size: int = 4 << 20  # ... and bytes read until then
    quiet: float = 5.0  # seconds without a change after which a file that reads as no event is refused
    step: float = 0.5  # seconds between two looks, the least that every such file is given


class Twin(Protocol):
    """An event that came before."""

    @property
    def id(self) -> int: ...
    @property
    def file_name(self) -> str: ...
    @property
    def file_mtime(self) -> int: ...
    @property
    def digest(self) -> str: ...


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
        event_id: str | None,
    ) -> bool:
        """Store one; False if its content, or its id from this source, was stored before."""

    def twin(self, digest: str, source: str, event_id: str | None) -> Twin | None:
        """The event that was."""


class Memory(Protocol):
    """The part of the store that this handler uses."""

    @property
    def events(self) -> Events: ...
    def transaction(self) -> AbstractContextManager[object]: ...


class Doubt(msgspec.Struct, frozen=True):
    """A file that reads as no event, as it looked first, and when it will have been quiet for long enough."""

    seen: Look
    until: float  # seconds into the poll


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
        self._waited = 0.0  # seconds
        self._counts: Counter[str] = Counter()
        self._duplicates: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._left: dict[str, str] = {}
        self._odd: dict[str, str] = {}
        self._doubts: dict[str, Doubt] = {}

    def run(self) -> Result:
        """Have the inbox to ourselves, take in what is there, say what came of it."""
        try:
            make_folders(self._inbox)
            with turn(self._inbox, self._wait_for_turn) as ours:
                if not ours:
                    return Result(state=RunState.FAILED, reason="stopped while another poll was at work")
                self._work()
        except OSError as error:
            where = error.filename or self._inbox
            return Result(state=RunState.FAILED, reason=f"the inbox {where} cannot be used: {error.strerror}")
        return self._result()

    def _wait_for_turn(self) -> bool:
        self._wait(self._limits.step)
        return not self._context.cancelled()

    def _work(self) -> None:
        """Pass over the files until nothing is to be expected of another pass."""
        while True:
            more = self._pass_over()
            if self._context.cancelled() or not (more or (self._doubts and self._waited < self._limits.quiet)):
                break
            if not more:
                self._wait(self._limits.step)
                self._waited += self._limits.step
        if self._doubts and self._context.cancelled():
            self._counts["stopped"] = 1
        self._left |= {name: f"may still be being written: {doubt.seen.reason}" for name, doubt in self._doubts.items()}

    def _pass_over(self) -> bool:
        """Settle every file that can be settled; whether there are others beyond them that should be looked at now."""
        room = self._limits.count - self._counts["settled"]
        found = listing(self._inbox, room, self._left)
        self._odd, self._counts["odd"], self._counts["beyond"] = found.odd, found.odd_count, found.beyond
        listed = set(found.names)
        self._doubts = {name: doubt for name, doubt in self._doubts.items() if name in listed}  # others are gone
        before = self._counts["settled"], len(self._left)
        for batch in self._batches(found.names):
            self._take_in([seen for seen in batch if seen.event is not None])
            for seen in batch:
                if seen.event is None:
                    self._doubt(seen)
        # Files that cannot be settled must not stand in the way of those behind them for ever.
        gone_on = before != (self._counts["settled"], len(self._left)) and len(self._left) < 10 * self._limits.count
        return bool(found.beyond) and gone_on and self._counts["settled"] < self._limits.count

    def _batches(self, names: Iterable[str]) -> Iterator[list[Look]]:
        """Look at the files in turn; together as many as may share a transaction."""
        batch: list[Look] = []
        size = 0
        for name in names:
            if self._context.cancelled():
                self._counts["stopped"] = 1
                self._left[name] = "the poll was stopped"
            elif not self._still_writing(name) and (seen := self._look(name)):
                batch.append(seen)
                size += seen.size
            if len(batch) >= self._limits.batch or size >= self._limits.batch_size:
                yield batch
                batch, size = [], 0
        yield batch

    def _still_writing(self, name: str) -> bool:
        """Whether a file that was in doubt has changed no more, and must be left to be quiet for longer."""
        doubt = self._doubts.get(name)
        if doubt is None or self._waited >= doubt.until:
            return False
        return _mark(self._inbox / name) == doubt.seen.mark

    def _look(self, name: str) -> Look | None:
        seen = self._guarded(name, look, self._inbox, name, self._limits.size)
        if seen is None:
            self._doubts.pop(name, None)
        return seen

    def _take_in(self, batch: Sequence[Look]) -> None:
        """Store the events in one transaction; then, and only then, move their files."""
        if not batch:
            return
        with self._memory.transaction():
            twins = [self._store(seen, seen.event) for seen in batch if seen.event is not None]
        for seen, twin in zip(batch, twins, strict=True):
            self._doubts.pop(seen.name, None)
            self._settle(seen, twin)

    def _store(self, seen: Look, event: Event) -> Twin | None:
        """None if it is new, else the event that came before."""
        new = self._memory.events.add(
            event.source,
            event.event_type,
            event.payload,
            file_name=shown(seen.name),
            file_mtime=seen.kept_mtime,
            digest=seen.digest,
            now=self._context.now,
            event_id=event.key,
        )
        return None if new else self._memory.events.twin(seen.digest, event.source, event.key)

    def _settle(self, seen: Look, twin: Twin | None) -> None:
        """Move the file of an event that is in the store."""
        if twin is None or _is_of(twin, seen):
            self._counts["events" if twin is None else "repeated"] += 1
            moved = self._guarded(seen.name, to_processed, self._inbox, seen)
        else:
            why = _sameness(twin, seen)
            moved = self._guarded(seen.name, to_duplicates, self._inbox, seen, why, self._context.now)
            if moved:
                self._duplicates[seen.name] = why
        self._counts["settled"] += bool(moved)

    def _doubt(self, seen: Look) -> None:
        """Refuse a file that was quiet for long enough, or begin to wait for that."""
        before = self._doubts.get(seen.name)
        if before is None or not seen.like(before.seen):
            self._doubts[seen.name] = Doubt(seen, self._waited + self._quiet_for(seen))
        elif self._waited >= before.until:
            del self._doubts[seen.name]
            if self._guarded(seen.name, to_failed, self._inbox, seen, self._context.now):
                self._refused[seen.name] = seen.reason
                self._counts["settled"] += 1

    def _quiet_for(self, seen: Look) -> float:
        """How long a file must still be quiet, by its own time of change, which is not believed where it is odd."""
        age = self._context.now.timestamp() + self._waited - seen.mtime / 1e9
        return max(self._limits.step, self._limits.quiet - age) if age >= 0 else self._limits.quiet

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
        said = [_counted(counts["events"], "event")]
        said += [f"{counts['repeated']} taken in before"] if counts["repeated"] else []
        said += [_counted(len(self._duplicates), "duplicate")] if self._duplicates else []
        said += [f"{len(self._refused)} refused"] if self._refused else []
        said += [f"{left} left"] if left else []
        said += [f"{counts['odd']} passed over (no plain file)"] if counts["odd"] else []
        data = {
            **{name: counts[name] for name in ("events", "repeated", "beyond", "odd")},
            "duplicates": _told(self._duplicates),
            "refused": _told(self._refused),
            "left": _told(self._left),
            "passed_over": _told(self._odd),
        }
        if counts["stopped"]:
            return Result(state=RunState.FAILED, reason=f"stopped before the end: {', '.join(said)}", data=data)
        return Result(reason=", ".join(said), data=data)


def _mark(path: Path) -> Mark | None:
    try:
        return mark_of(path.lstat())
    except OSError:
        return None


def _is_of(twin: Twin, seen: Look) -> bool:
    """Whether this very file was stored before: a poll was killed before it moved it."""
    return (twin.file_name, twin.digest) == (shown(seen.name), seen.digest) and twin.file_mtime == seen.kept_mtime


def _sameness(twin: Twin, seen: Look) -> str:
    what = "the same content" if twin.digest == seen.digest else f"the same id {seen.event and seen.event.key!r}"
    return f"{what} as event {twin.id}, which came as {twin.file_name}"


def _counted(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


def _told(files: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"file": shown(name), "reason": reason} for name, reason in islice(files.items(), _TOLD_AT_MOST)]
