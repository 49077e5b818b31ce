"""What is still to come of a task, and what stands in its way. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from jarvis.scheduler.explain_facts import Facts, Told, daemons, length, nobody_looks, plural, when
from jarvis.scheduler.schedule import Once


def coming(facts: Facts) -> Told:
    """What comes next, as a verdict and a clause."""
    return next(told for explainer in _COMING if (told := explainer(facts)) is not None)


def paused_since(facts: Facts) -> str:
    """Since when, and why."""
    since = f"since {when(facts, facts.task.paused_at)}" if facts.task.paused_at else "for an unknown time"
    return f"paused {since} ({facts.task.pause_reason or 'no reason is known'})"


def provided(facts: Facts) -> str:
    """What may still change an occurrence to come."""
    schedule = facts.task.schedule
    said = [
        schedule.jitter and f", and starts up to {length(schedule.jitter)} later (jitter)",
        schedule.max_runs is not None and f", unless its {plural(schedule.max_runs, 'run')} are used up before",
        not facts.living and ", but no daemon is running now",
    ]
    return "".join(part for part in said if part)


def overdue(facts: Facts, due_at: datetime) -> str:
    """How long ago something was due that is not recorded yet, and why it is not."""
    why = nobody_looks(facts) or f"{daemons(facts)} has not looked yet"
    return f"{length(facts.now - due_at)} ago, is not recorded yet: {why}"


def ending(facts: Facts) -> str:
    """Why there is no next instant."""
    schedule = facts.task.schedule
    if isinstance(schedule, Once):
        return f"it was to run once, at {when(facts, schedule.at)}"
    if schedule.ends_at is not None and schedule.next_after(facts.now) is None:
        return f"its schedule ended at {when(facts, schedule.ends_at)}"
    if schedule.max_runs is not None:
        return f"it may run {schedule.max_runs} times in all and has done so (max_runs)"
    return f"its schedule ({schedule.describe()}) has no more instants"


def _now_removed(facts: Facts) -> Told | None:
    return ("removed", f"it was removed at {when(facts, facts.removed_at)}") if facts.removed_at else None


def _now_paused(facts: Facts) -> Told | None:
    return None if facts.task.enabled else ("paused", f"it has been {paused_since(facts)}")


def _now_finished(facts: Facts) -> Told | None:
    return None if facts.task.next_run_at else ("finished", f"nothing more is due: {ending(facts)}")


def _now_due(facts: Facts) -> Told | None:
    due_at = facts.task.next_run_at
    if due_at is None or due_at > facts.now:
        return None
    return "due", f"the occurrence due at {when(facts, due_at)}, {overdue(facts, due_at)}"


def _now_waiting(facts: Facts) -> Told:
    due_at = facts.task.next_run_at or facts.now
    said = f"next at {when(facts, due_at)} in {facts.task.schedule.tz}, in {length(due_at - facts.now)}"
    return "not_yet_due", said + provided(facts)


_COMING: tuple[Callable[[Facts], Told | None], ...] = (
    _now_removed,
    _now_paused,
    _now_finished,
    _now_due,
    _now_waiting,
)
