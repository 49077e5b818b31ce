"""The next instants of a task, or what is said where it has none."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from jarvis.scheduler.model import Task
    from jarvis.scheduler.schedule import Schedule


def coming(schedule: Schedule, first: datetime | None, count: int) -> list[datetime]:
    """At most `count` instants of a schedule, of which `first` is the first."""
    found: list[datetime] = []
    while first is not None and len(found) < count:
        found.append(first)
        first = schedule.next_after(first)
    return found


def waits_for(task: Task) -> str:
    """What is said in place of the next instant of a task that has none."""
    from jarvis.scheduler.schedule import After, OnEvent

    schedule = task.schedule
    if not task.enabled:
        return "not while it is paused"
    if isinstance(schedule, OnEvent):
        return f"whenever an event {schedule.pattern} comes"
    return f"whenever {schedule.task} {schedule.ends}" if isinstance(schedule, After) else "never"
