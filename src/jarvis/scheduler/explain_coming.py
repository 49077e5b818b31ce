"""What is still to come of a task, and what stands in its way. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from jarvis.scheduler.explain_facts import Facts, Told, daemons_have, follows_runs, length, nobody_looks, plural, when
from jarvis.scheduler.model import Task
from jarvis.scheduler.schedule import After, Interval, Once, OnEvent


def coming(facts: Facts) -> Told:
    """What comes next, as a verdict and a clause."""
    return next(told for explainer in _COMING if (told := explainer(facts)) is not None)


def paused_since(facts: Facts) -> str:
    """Since when, and why."""
    since = f"since {when(facts, facts.task.paused_at)}" if facts.task.paused_at else "for an unknown time"
    return f"paused {since} ({facts.task.pause_reason or 'no reason is known'})"


def provided(facts: Facts, due_at: datetime) -> str:
    """What may still change an occurrence to come."""
    schedule, first = facts.task.schedule, due_at == facts.task.next_run_at
    said = [
        schedule.jitter and f", and starts up to {length(schedule.jitter)} later (jitter)",
        schedule.max_runs and not first and f", unless {_runs_left(facts.task, schedule.max_runs)} used up before",
        not facts.living and ", but no daemon is running now",
    ]
    return "".join(part for part in said if part)


def _runs_left(task: Task, max_runs: int) -> str:
    left = max_runs - task.starts
    return f"the {plural(left, 'run')} left of {max_runs} {'is' if left == 1 else 'are'}"


def each_after(task: Task) -> str:
    """When the next one comes, of a task whose intervals begin at the end of its runs."""
    every = task.schedule.every if isinstance(task.schedule, Interval) else timedelta(0)
    return f"{length(every)} after the end of the one before it"


def follows_open_run(facts: Facts) -> bool:
    """Whether the next instant depends on the end of a run that is still open."""
    return follows_runs(facts.task) and any(not row.state.final for row in facts.rows)


def used_up(task: Task) -> bool:
    """Whether it has started all the runs it may."""
    return task.schedule.max_runs is not None and task.starts >= task.schedule.max_runs


def overdue(facts: Facts, due_at: datetime) -> str:
    """How long ago something was due that is not recorded yet, and why it is not."""
    why = nobody_looks(facts) or f"{daemons_have(facts)} not looked yet"
    return f"{length(facts.now - due_at)} ago, is not recorded yet: {why}"


def ending(facts: Facts) -> str:
    """Why there is no next instant."""
    schedule = facts.task.schedule
    if isinstance(schedule, Once):
        return f"it was to run once, at {when(facts, schedule.at)}"
    if used_up(facts.task):
        most = schedule.max_runs or 0
        return f"the {plural(most, 'run')} it may have {'is' if most == 1 else 'are'} used up (max_runs)"
    if schedule.ends_at is not None and schedule.next_after(facts.now) is None:
        return f"its schedule ended at {when(facts, schedule.ends_at)}"
    return f"its schedule ({schedule.describe()}) has no more instants"


def _now_removed(facts: Facts) -> Told | None:
    return ("removed", f"it was removed at {when(facts, facts.removed_at)}") if facts.removed_at else None


def _now_paused(facts: Facts) -> Told | None:
    return None if facts.task.enabled else ("paused", f"it has been {paused_since(facts)}")


def _now_untimed(facts: Facts) -> Told | None:
    """Something else than time starts it, and nobody knows when that will happen."""
    schedule = facts.task.schedule
    ended = schedule.ends_at is not None and facts.now > schedule.ends_at
    if not isinstance(schedule, OnEvent | After) or used_up(facts.task) or ended:
        return None
    nobody = "" if facts.living else ", but no daemon is running now"
    passed_by = f"; {facts.passed_by}" if facts.passed_by else ""
    return "waiting", f"{waits_for(schedule)}{nobody}{passed_by}"


def waits_for(schedule: OnEvent | After) -> str:
    """What has to happen, as a clause."""
    if isinstance(schedule, OnEvent):
        return f"it waits for an event {schedule.pattern}"
    return f"it waits until a run of {schedule.task} {schedule.ends}"


def _now_finished(facts: Facts) -> Told | None:
    return None if facts.task.next_run_at else ("finished", f"nothing more is due: {ending(facts)}")


def _now_due(facts: Facts) -> Told | None:
    due_at = facts.task.next_run_at
    if due_at is None or due_at > facts.now or follows_open_run(facts):
        return None
    return "due", f"the occurrence due at {when(facts, due_at)}, {overdue(facts, due_at)}"


def _now_waiting(facts: Facts) -> Told:
    due_at = facts.task.next_run_at or facts.now
    if follows_open_run(facts):
        return "not_yet_due", f"the next is due {each_after(facts.task)}{provided(facts, due_at)}"
    said = f"next at {when(facts, due_at)} in {facts.task.schedule.tz}, in {length(due_at - facts.now)}"
    return "not_yet_due", said + provided(facts, due_at)


_COMING: tuple[Callable[[Facts], Told | None], ...] = (
    _now_removed,
    _now_paused,
    _now_untimed,
    _now_finished,
    _now_due,
    _now_waiting,
)
