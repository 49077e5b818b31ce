"""The types of alert rules about Jarvis itself and its machine: tasks, deliveries, the disk.

| type | condition | an alert while |
|---|---|---|
| task_stale | task, within: 1d | no run of the task has succeeded for so long; at first since its creation |
| task_failing | task: *, failures: 3 | the task (or any) has failed so many times in a row |
| delivery_stuck | longer_than: 1h, channel: * | a delivery of the last week has not arrived for sure for so long |
| disk_low | below: 1GiB, path | so much or less is free on the store's disk, or that of the path |
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from jarvis.handlers.alert_words import Found, Now, ago, count, sentence
from jarvis.scheduler.duration import parse_duration
from jarvis.scheduler.size import format_size, parse_size

DISK_SECONDS = 5.0
LOOKED_BACK = timedelta(days=7)
"""What could not be sent a week ago is no news any more."""


class TaskHealth(Protocol):
    """How a task is doing."""

    @property
    def name(self) -> str: ...
    @property
    def enabled(self) -> bool: ...
    @property
    def pause_reason(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def failures(self) -> int: ...
    @property
    def last_reason(self) -> str: ...
    @property
    def last_success_at(self) -> datetime | None: ...


class Unsent(Protocol):
    """Deliveries to one channel in one state."""

    @property
    def channel(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def oldest(self) -> datetime: ...


class Usage(Protocol):
    """Bytes of a disk."""

    @property
    def total(self) -> int: ...
    @property
    def free(self) -> int: ...


class Health(Protocol):
    """How things stand in the store."""

    def tasks(self, name: str | None = None, *, failures: int = 0) -> Sequence[TaskHealth]: ...
    def unsent(self, since: datetime, until: datetime, channel: str | None = None) -> Sequence[Unsent]: ...


def task_stale(condition: Mapping[str, Any], health: Health, now: Now) -> Found:
    """A dead man's switch. LookupError if there is no such task any more."""
    name, within = condition["task"], parse_duration(condition["within"])
    found = health.tasks(name)
    if not found:
        raise LookupError(f"no task is named {name!r} any more")
    (task,) = found
    since = task.last_success_at or task.created_at
    if now.instant - since < within:
        return None
    last = (
        f"succeeded last {ago(since, now)}" if task.last_success_at else f"has never succeeded; added {ago(since, now)}"
    )
    return f"The task {name} {last}; {condition['within']} is allowed.{_paused(task)}", ()


def task_failing(condition: Mapping[str, Any], health: Health, _now: Now) -> Found:
    """Several failures in a row."""
    name, failures = condition["task"], condition["failures"]
    found = health.tasks(None if name == "*" else name, failures=failures)
    if not found and name != "*" and not health.tasks(name):
        raise LookupError(f"no task is named {name!r} any more")
    items = [f"{each.name} {count(each.failures, 'time')}{_because(each)}" for each in found]
    said = f"failed {count(failures, 'time')} or more in a row" if failures > 1 else "failed"
    return sentence(items, (), f"task has {said}", f"tasks have {said}")


def delivery_stuck(condition: Mapping[str, Any], health: Health, now: Now) -> Found:
    """What was to be told and has not arrived for sure."""
    channel, longest = condition["channel"], parse_duration(condition["longer_than"])
    until = now.instant - longest
    found = health.unsent(now.instant - LOOKED_BACK, until, None if channel == "*" else channel)
    if not found:
        return None
    total = sum(each.count for each in found)
    items = [f"{each.count} {each.state} to {each.channel}, the oldest made {ago(each.oldest, now)}" for each in found]
    head = "1 delivery has" if total == 1 else f"{total} deliveries have"
    return f"{head} not arrived for sure within {condition['longer_than']}: {'; '.join(items)}.", ()


def disk_low(condition: Mapping[str, Any], store_folder: str) -> Found:
    """Little free space. OSError if the folder cannot be looked at (in time), LookupError if there is none."""
    path, below = condition["path"] or store_folder, condition["below"]
    if not path:
        raise LookupError("the store is in memory and on no disk: name a path")
    usage = _usage(path)
    limit = usage.total * float(below[:-1]) / 100 if below.endswith("%") else parse_size(below)
    if usage.free >= limit:
        return None
    part = 100 * usage.free / usage.total if usage.total else 0.0
    free = f"{format_size(usage.free)} ({part:.1f}%) of {format_size(usage.total)}"
    return f"{free} are free on the disk of {path}; less than {below} is too little.", ()


class _Look(threading.Thread):
    """A look at a disk, beside us: one on a network that is gone may never answer, and cannot be told to."""

    def __init__(self, path: str) -> None:
        super().__init__(name="jarvis-disk", daemon=True)
        self._path = path
        self.usage: Usage | None = None
        self.error: OSError | None = None

    def run(self) -> None:
        """Look."""
        try:
            self.usage = shutil.disk_usage(self._path)
        except OSError as error:
            self.error = error


def _usage(path: str) -> Usage:
    """Total and free bytes. OSError if it cannot be told; TimeoutError, which is one, if not in time."""
    look = _hanging.pop(path, None)
    if look is None:
        look = _Look(path)
        look.start()
    look.join(DISK_SECONDS)
    if look.is_alive():
        _hanging[path] = look  # one look at a disk that hangs is enough
        raise TimeoutError(f"the disk of {path} did not answer within {DISK_SECONDS:g} s")
    if look.usage is None:
        raise look.error or OSError(f"nothing is known of the disk of {path}")
    return look.usage


_hanging: dict[str, _Look] = {}


def _paused(task: TaskHealth) -> str:
    why = f": {task.pause_reason}" if task.pause_reason else ""
    return "" if task.enabled else f" It is paused{why}."


def _because(task: TaskHealth) -> str:
    return f" ({task.last_reason})" if task.last_reason else ""
