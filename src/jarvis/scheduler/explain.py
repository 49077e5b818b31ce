"""explain(facts): what happened or will happen at a moment, in one true sentence, and from which facts. Pure.

The answer is derived from the same schedule functions that `plan` uses and from the ledger; it never guesses.
Where the two disagree (a task edited since, a row pruned) it says that they do.

Which occurrence a moment names: the one due at that very instant. If there is none, the moment stands for as
much time as it leaves open (09:00 for its minute, 09:00:30 for its second), and names the one occurrence that
lies in it, if exactly one does. A row of the ledger goes before everything else: it is what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from jarvis.scheduler.exclusion import open_time
from jarvis.scheduler.explain_coming import (
    coming,
    each_after,
    ending,
    follows_open_run,
    overdue,
    paused_since,
    provided,
    used_up,
    waits_for,
)
from jarvis.scheduler.explain_facts import (
    Facts,
    Told,
    Why,
    asks,
    follows_runs,
    grounds,
    last_of,
    length,
    planned,
    row_of,
    when,
)
from jarvis.scheduler.explain_row import blocking_run, of_row, outcome
from jarvis.scheduler.explain_wall import in_gap, other_pass, skipped_wall
from jarvis.scheduler.instant import EPOCH, LATEST, MICROSECOND, as_utc, just_before
from jarvis.scheduler.model import Run, RunState, Task
from jarvis.scheduler.schedule import After, OnEvent

__all__ = ["Facts", "Why", "blocking_run", "explain", "moments", "window"]

_GRAINS = (timedelta(minutes=1), timedelta(seconds=1), timedelta(milliseconds=1))
_OPEN = (RunState.PENDING, RunState.RUNNING)


def explain(facts: Facts) -> Why:
    """Why it is as it is, at `facts.at` or at present."""
    return _present(facts) if facts.at is None else _moment(facts, named(facts, facts.at))


def window(at: datetime) -> tuple[datetime, datetime]:
    """The time a moment stands for, its end excluded: a minute, a second, a millisecond, or the instant alone."""
    start = as_utc(at)
    grain = next((grain for grain in _GRAINS if not (start - EPOCH) % grain), MICROSECOND)
    return start, start + min(grain, LATEST - start)


def named(facts: Facts, at: datetime) -> datetime:
    """The instant a moment names: itself, or the one occurrence in the time it stands for."""
    start, end = window(at)
    if row_of(facts, start) or asks(facts, start):
        return start
    found = {row.due_at for row in facts.rows if start <= row.due_at < end}
    coming = facts.task.schedule.next_after(start)
    while coming is not None and coming < end and len(found) < 2:
        found.add(coming)
        coming = facts.task.schedule.next_after(coming)
    return found.pop() if len(found) == 1 else start


def moments(task: Task, at: datetime) -> list[datetime]:
    """The instants whose ledger rows an answer about `at` needs, besides `at` itself."""
    t = as_utc(at)
    schedule = task.schedule
    gap = in_gap(task, at)
    moved_to = None if gap is None else gap.moved_to
    wanted = (schedule.previous_before(t), schedule.next_after(t), other_pass(task, t), moved_to)
    return [each for each in wanted if each is not None]


# -- a moment ---------------------------------------------------------------------------------------------
class _Case(msgspec.Struct, frozen=True):
    """One question: the facts, the instant it is about, and the nearest occurrences around that."""

    facts: Facts
    at: datetime
    run: Run | None
    before: datetime | None
    after: datetime | None

    @property
    def due(self) -> bool:
        """Whether `at` is an occurrence."""
        return self.run is not None or asks(self.facts, self.at)

    def said(self, t: datetime) -> str:
        """An instant as it is written in the answer."""
        return when(self.facts, t)

    @property
    def does_not_run(self) -> str:
        """What is said of an instant that has no occurrence, in the right tense."""
        return f" {'does' if self.at > self.facts.now else 'did'} not run at {self.said(self.at)}"


def _moment(facts: Facts, at: datetime) -> Why:
    case = _Case(facts, at, row_of(facts, at), *_neighbours(facts, at))
    verdict, said = next(told for explainer in _EXPLAINERS if (told := explainer(case)) is not None)
    return Why(
        task=facts.task.name,
        verdict=verdict,
        sentence=f"{facts.task.name}{said}",
        facts=grounds(case.facts, case.run),
        at=facts.at,
        due_at=at if case.due else None,
        run=case.run,
        before=case.before,
        after=case.after,
    )


def _recorded(case: _Case) -> Told | None:
    """The ledger has it."""
    if case.run is None:
        return None
    verdict, said = of_row(case.facts, case.run, case.at)
    return verdict, f"{_subject(case.facts, case.run, case.at)} {said}{_no_longer(case)}"


def _subject(facts: Facts, row: Run, at: datetime) -> str:
    if row.origin == "schedule":
        return f", due at {when(facts, at)}{_moved(facts, at)},"
    if row.origin == "manual":
        return f", started by hand at {when(facts, row.due_at)},"
    return f", due at {when(facts, row.due_at)} by {facts.started_by.get(row.id) or _UNKNOWN[row.origin]},"


_UNKNOWN = {"event": "an event", "chain": "the end of another run"}


def _moved(facts: Facts, at: datetime) -> str:
    """Why a fixed time runs at an odd hour: its own does not exist that day."""
    wall = skipped_wall(facts.task, at)
    return f" (its time, {wall:%H:%M}, does not exist that day)" if wall else ""


def _no_longer(case: _Case) -> str:
    run = case.run
    if run is None or run.origin != "schedule" or follows_runs(case.facts.task):
        return ""
    schedule = case.facts.task.schedule
    kept = schedule.next_after(just_before(case.at)) == case.at
    return "" if kept else f" (the schedule as it is now, {schedule.describe()}, does not ask for that instant)"


def _before_created(case: _Case) -> Told | None:
    """The first instant of a task is after its creation, unless it was added with an earlier one to run at once."""
    task = case.facts.task
    if case.at > task.created_at or (task.next_run_at is not None and task.next_run_at <= case.at):
        return None
    return "before_created", f" had nothing due at {case.said(case.at)}: it was added at {case.said(task.created_at)}"


def _after_removal(case: _Case) -> Told | None:
    removed = case.facts.removed_at
    if removed is None or case.at < removed:
        return None
    return "removed", f"{case.does_not_run}: it was removed at {case.said(removed)}"


def _untimed(case: _Case) -> Told | None:
    """Of a task that something else than time starts, the ledger has all that happened, and nobody what will."""
    schedule = case.facts.task.schedule
    if not isinstance(schedule, OnEvent | After) or case.run is not None:
        return None
    at = case.said(case.at)
    if case.at > case.facts.now:
        return "undetermined", f" may or may not be due at {at}: {waits_for(schedule)}"
    happened = "no event" if isinstance(schedule, OnEvent) else f"no end of a run of {schedule.task}"
    return "not_scheduled", f" did not run at {at}: {happened} started it then{_nearest(case)}"


def _undetermined(case: _Case) -> Told | None:
    """Intervals that begin at the end of a run: what follows the next one, or an open one, nobody knows yet."""
    following = case.facts.task.next_run_at
    if not follows_runs(case.facts.task) or following is None or case.at < following:
        return None
    is_open = follows_open_run(case.facts)
    if case.at == following and not is_open:
        return None
    first = "" if is_open else f"; the next is due at {case.said(following)}"
    why = f"each is due {each_after(case.facts.task)}{first}"
    return "undetermined", f" may or may not be due at {case.said(case.at)}: {why}"


def _asked(case: _Case) -> Told | None:
    """The schedule asks for it and the ledger does not have it."""
    if not case.due:
        return None
    task, now = case.facts.task, case.facts.now
    if task.next_run_at is None and (case.at > now or (used_up(task) and not _recorded_later(case))):
        return "finished", f"{case.does_not_run}: {ending(case.facts)}"
    if task.next_run_at is None or case.at < task.next_run_at:
        return _unrecorded(case)
    if not task.enabled:
        return _paused(case)
    return _not_yet_due(case) if case.at > now else _due(case)


def _recorded_later(case: _Case) -> bool:
    return any(last_of(row) > case.at for row in planned(case.facts))


def _unrecorded(case: _Case) -> Told:
    facts, task = case.facts, case.facts.task
    if facts.removed_at is not None:
        why = f"it had not been recorded when the task was removed, at {case.said(facts.removed_at)}"
    else:
        why = "its row was pruned, or the task's schedule or its zone's rules were changed since"
    asked = f", due at {case.said(case.at)} by its schedule ({task.schedule.describe()}),"
    return "unrecorded", f"{asked} has no row in the ledger: {why}"


def _paused(case: _Case) -> Told:
    facts, since = case.facts, case.facts.task.paused_at
    paused = paused_since(facts)
    if case.at > facts.now:
        return "paused", f"{case.does_not_run} unless it is resumed before: it has been {paused}"
    before = "was not recorded before the task was paused" if since and case.at < since else "did not run"
    return "paused", (
        f", due at {case.said(case.at)}, {before}: it has been {paused}, and what is not recorded yet will be, as "
        "missed, when it is resumed"
    )


def _not_yet_due(case: _Case) -> Told:
    facts, at = case.facts, case.at
    ahead = f"in {length(at - facts.now)}{provided(facts, at)}"
    return "not_yet_due", f" is due at {case.said(at)}{_moved(facts, at)}, {ahead}"


def _due(case: _Case) -> Told:
    return "due", f", due at {case.said(case.at)}, {overdue(case.facts, case.at)}"


def _in_gap(case: _Case) -> Told | None:
    """The moment was written as a time that the clock skipped, and the schedule wants that time."""
    facts, written = case.facts, case.facts.at
    gap = in_gap(facts.task, written) if written is not None else None
    if gap is None or written is None:
        return None
    missing = f"{written:%H:%M} does not exist on {written:%Y-%m-%d}, as {gap.said}"
    if gap.moved_to is None:
        return "dst_gap", f"{case.does_not_run}: {missing}, and {gap.why_not}{_nearest(case)}"
    if not (asks(facts, gap.moved_to) or row_of(facts, gap.moved_to)):
        return None  # a bound leaves that day out
    tense = "is" if gap.moved_to > facts.now else "was"
    return "dst_gap", f" {tense} due at {case.said(gap.moved_to)} instead{_came_to(case, gap.moved_to)}: {missing}"


def _in_repeat(case: _Case) -> Told | None:
    """The clock shows that time twice, and the schedule runs in the other pass."""
    other = other_pass(case.facts.task, case.at)
    if other is None or not (asks(case.facts, other) or row_of(case.facts, other)):
        return None
    rule = getattr(case.facts.task.schedule, "dst_repeat", "first")
    passes = ("second", "first") if other < case.at else ("first", "second")
    return "dst_repeat", (
        f"{case.does_not_run}, the {passes[0]} pass of an hour that the clock shows twice: "
        f"it is due in the {passes[1]} (dst_repeat={rule}), at {case.said(other)}{_came_to(case, other)}"
    )


def _excluded(case: _Case) -> Told | None:
    schedule = case.facts.task.schedule
    entry = next((each for each in schedule.exclude if _leaves_out(each, schedule.tz, case.at)), None)
    if entry is None:
        return None
    rule = msgspec.structs.replace(schedule, exclude=())
    if rule.next_after(just_before(case.at)) != case.at:
        return None
    return "excluded", f"{case.does_not_run}: its calendar leaves out {entry}{_nearest(case)}"


def _leaves_out(entry: str, tz: str, t: datetime) -> bool:
    return open_time((entry,), tz).closed_since(t) is not None


def _over(case: _Case) -> Told | None:
    if case.after is not None or case.facts.task.next_run_at is not None:
        return None
    last = f"; the last was {case.said(case.before)}{_came_to(case, case.before)}" if case.before else ""
    return "finished", f"{case.does_not_run}: {ending(case.facts)}{last}"


def _not_scheduled(case: _Case) -> Told:
    rule = case.facts.task.schedule.describe()
    tense = "is" if case.at > case.facts.now else "was"
    return "not_scheduled", f" {tense} not scheduled at {case.said(case.at)}: its schedule is {rule}{_nearest(case)}"


_EXPLAINERS: tuple[Callable[[_Case], Told | None], ...] = (
    _recorded,
    _before_created,
    _after_removal,
    _untimed,
    _undetermined,
    _asked,
    _in_gap,
    _in_repeat,
    _excluded,
    _over,
    _not_scheduled,
)


# -- the occurrences around it ----------------------------------------------------------------------------
def _neighbours(facts: Facts, at: datetime) -> tuple[datetime | None, datetime | None]:
    """The nearest occurrences before and after: of the schedule, and of what the ledger recorded."""
    known = [t for row in planned(facts) for t in (row.due_at, last_of(row))]
    if facts.task.next_run_at is not None:
        known.append(facts.task.next_run_at)
    known = [*known, *_by_rule(facts, at, known)]
    return max((t for t in known if t < at), default=None), min((t for t in known if t > at), default=None)


def _by_rule(facts: Facts, at: datetime, known: Iterable[datetime]) -> Iterator[datetime]:
    """What the schedule yields around `at`, after the task was added and before it was removed or had finished."""
    task = facts.task
    if follows_runs(task):
        return
    ends = facts.removed_at or (None if task.next_run_at is not None else max(known, default=task.created_at))
    before = task.schedule.previous_before(at if ends is None else min(at, ends))
    if before is not None and before > task.created_at:
        yield before
    after = task.schedule.next_after(max(at, task.created_at))
    if after is not None and (ends is None or after < ends):
        yield after


def _nearest(case: _Case) -> str:
    before = f"{case.said(case.before)} before{_came_to(case, case.before)}" if case.before else ""
    after = f"{case.said(case.after)} after{_came_to(case, case.after)}" if case.after else ""
    if before and after:
        return f"; the nearest are {before} and {after}"
    return f"; the nearest is {before or after}" if before or after else ""


def _came_to(case: _Case, t: datetime) -> str:
    """What became of another occurrence, in brackets."""
    facts, row = case.facts, row_of(case.facts, t)
    if row is not None:
        return f" ({outcome(row)})"
    if t > facts.now:
        return " (not yet due)" if facts.task.enabled else " (paused)"
    following = facts.task.next_run_at
    return " (not recorded yet)" if following is not None and t >= following else " (no row in the ledger)"


# -- the present ------------------------------------------------------------------------------------------
def _present(facts: Facts) -> Why:
    row = max(facts.rows, key=lambda each: each.due_at, default=None)
    verdict, to_come = coming(facts)
    last = None if row is None else last_of(row)
    said = " has not run yet" if facts.removed_at is None else " never ran"
    if row is not None and last is not None:
        came_to, past = of_row(facts, row, last)
        said = f"{_subject(facts, row, last)} {past}"
        verdict = came_to if row.state in _OPEN or verdict in ("not_yet_due", "waiting") else verdict
    return Why(
        task=facts.task.name,
        verdict=verdict,
        sentence=f"{facts.task.name}{said}; {to_come}",
        facts=grounds(facts, row),
        due_at=last,
        run=row,
        before=last,
        after=facts.task.next_run_at if facts.task.enabled else None,
    )
