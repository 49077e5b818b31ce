"""difference(wanted, stored, source): what applying a file of tasks comes to. Pure.

Only what came from the same file is ever removed. A task that somebody added by hand, or that was seeded, is
taken over by the file that names it; a task of another file is not, unless that file is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from jarvis.scheduler.after import After, broken_chain
from jarvis.scheduler.change import counted_as_before
from jarvis.scheduler.delivery import told
from jarvis.scheduler.model import Deliver, Task, TaskSpec, Unreadable
from jarvis.scheduler.schedule import OnEvent

LEFT_OPEN = ("anchor", "dtstart")  # without it a new rule is counted from when it is applied: no word is needed
SPELLED = {
    "expr": "cron",
    "rule": "rrule",
    "task": "after",
    "end": "if",
}  # a schedule's field -> the key it has in a file


class Difference(msgspec.Struct, frozen=True):
    """One key of a task that is another now. What belongs to the schedule, the params and the policy has its own."""

    key: str
    old: Any
    new: Any


class Restated(msgspec.Struct, frozen=True):
    """A stored task that is to become `spec`. `taken_from` is who had it before, "" if it was this file's already."""

    spec: TaskSpec
    differences: tuple[Difference, ...]
    taken_from: str = ""


class Replacement(msgspec.Struct, frozen=True):
    """A stored task that cannot be read any more, and that the file states anew."""

    spec: TaskSpec
    task_id: int


class Removal(msgspec.Struct, frozen=True):
    """A stored task of the file that the file does not name any more."""

    name: str
    task_id: int


class Changes(msgspec.Struct, frozen=True):
    """Everything that applying a file comes to, each part in the order of the file (removals: of the store)."""

    add: tuple[TaskSpec, ...] = ()
    change: tuple[Restated, ...] = ()
    replace: tuple[Replacement, ...] = ()
    remove: tuple[Removal, ...] = ()
    unchanged: int = 0
    taken: dict[str, str] = {}  # names that are another file's, and that file: while there are any, nothing is applied
    unchained: dict[str, str] = {}  # likewise tasks that could not come after others as they are to, and why

    @property
    def count(self) -> int:
        """How many tasks would not stay as they are."""
        return len(self.add) + len(self.change) + len(self.replace) + len(self.remove)

    @property
    def refused(self) -> bool:
        """Whether it cannot be applied."""
        return bool(self.taken or self.unchained)


def difference(
    wanted: Iterable[TaskSpec], stored: Iterable[Task | Unreadable], source: str, gone: Collection[str] = ()
) -> Changes:
    """What makes the tasks of `source` those that are wanted, and no other. `gone` are files that exist no more."""
    by_name = {task.name: task for task in stored}
    after = {name: _after(task) for name, task in by_name.items()}
    add: list[TaskSpec] = []
    change: list[Restated] = []
    replace: list[Replacement] = []
    taken: dict[str, str] = {}
    unchanged = 0
    for spec in wanted:
        after[spec.name] = _after(spec)
        task = by_name.pop(spec.name, None)
        if task is None:
            add.append(spec)
        elif task.source not in (None, source) and task.source not in gone:
            taken[spec.name] = str(task.source)
        elif isinstance(task, Unreadable):
            replace.append(Replacement(spec, task.task_id))
        elif found := restated(task, spec, source):
            change.append(found)
        else:
            unchanged += 1
    remove = tuple(Removal(task.name, _id(task)) for task in by_name.values() if task.source == source)
    for removal in remove:
        del after[removal.name]
    return Changes(tuple(add), tuple(change), tuple(replace), remove, unchanged, taken, _unchained(after))


def _after(task: Task | TaskSpec | Unreadable) -> str | None:
    """The task that this one comes after, if it does after any."""
    schedule = None if isinstance(task, Unreadable) else task.schedule
    return schedule.task if isinstance(schedule, After) else None


def _unchained(after: dict[str, str | None]) -> dict[str, str]:
    chained = {name: upstream for name, upstream in after.items() if upstream is not None}
    broken = broken_chain(chained, after) if chained else None
    return {} if broken is None else dict([broken])


def restated(task: Task, spec: TaskSpec, source: str) -> Restated | None:
    """What would have to change for `task` to be what `spec` says, and to come from `source`; None if nothing."""
    taken_from = "" if task.source == source else (task.source or task.origin)
    found = tuple(_differences(task, spec))
    return Restated(spec, found, taken_from) if found or taken_from else None


def _differences(task: Task, spec: TaskSpec) -> Iterator[Difference]:
    schedule = counted_as_before(task.schedule, spec.schedule)
    if type(schedule) is not type(task.schedule):
        yield Difference("schedule", task.schedule.describe(), schedule.describe())
    elif isinstance(schedule, OnEvent) and isinstance(task.schedule, OnEvent):
        yield from _of_events(task.schedule, schedule)
    elif schedule != task.schedule:
        yield from (each for each in _fields(task.schedule, schedule) if each.key not in LEFT_OPEN or each.new)
    if spec.follows_zone != task.follows_zone:
        yield Difference("follows the system's time zone", task.follows_zone, spec.follows_zone)
    if spec.handler != task.handler:
        yield Difference("handler", task.handler, spec.handler)
    yield from _params(task.params, spec.params)
    if spec.policy != task.policy:
        yield from _fields(task.policy, spec.policy)
    if spec.deliver != task.deliver:
        yield Difference("deliver", _told(task.deliver), _told(spec.deliver))


def _of_events(old: OnEvent, new: OnEvent) -> Iterator[Difference]:
    """Patterns and rates are told as they are written."""
    if old.pattern != new.pattern:
        yield Difference("on", old.pattern, new.pattern)
    if old.rate != new.rate:
        yield Difference("rate", old.rate and old.rate.describe(), new.rate and new.rate.describe())
    yield from (each for each in _fields(old, new) if each.key not in ("source", "event_type", "rate"))


def _told(deliver: Iterable[Deliver]) -> list[str]:
    return [told(each) for each in deliver]


def _fields(old: msgspec.Struct, new: msgspec.Struct) -> Iterator[Difference]:
    names: Sequence[str] = new.__struct_fields__
    for name in names:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield Difference(SPELLED.get(name, name), before, after)


def _params(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Difference]:
    for name in [*new, *(each for each in old if each not in new)]:
        if (name in old) != (name in new) or not _same(old.get(name), new.get(name)):
            yield Difference(name, old.get(name), new.get(name))


def _same(old: object, new: object) -> bool:
    """Whether two values are the same once stored: 1, 1.0 and true are not, an order of keys is."""
    return old == new and _stored(old) == _stored(new)


def _stored(value: object) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def _id(task: Task | Unreadable) -> int:
    return task.task_id if isinstance(task, Unreadable) else task.id
