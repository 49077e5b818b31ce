"""Misfires: what is done with occurrences that are first seen after their time. Pure.

The rule, in full. Of the instants that have come due together:
- One is *on time* when it is seen no later than `grace` after its due_at; later it is a *misfire*.
- With `catch_up=all` the newest `catch_up_max` run, oldest first; older ones are missed.
- What is later than `late_ok` is of no use any more, so it is missed under every policy.
- Otherwise at most one runs, the newest: always when it is on time, and when it is a misfire only
  with `catch_up=last`. The others are missed: a newer occurrence had come due before they could start.

Everything missed in a row is one ledger row that states the range and the count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from jarvis.scheduler.duration import format_duration
from jarvis.scheduler.model import Occurrence, Policy, RunState
from jarvis.scheduler.schedule import MICROSECOND, Once, Schedule

_LATE = re.compile(r"(?:^| )late by \S+: .*$", re.DOTALL)


def newest(schedule: Schedule, first: datetime, now: datetime, limit: int) -> list[datetime]:
    """The last `limit` instants in first..now, oldest first, without walking the whole gap."""
    found: list[datetime] = []
    at = schedule.previous_before(now + MICROSECOND)
    while at is not None and at >= first:
        found.append(at)
        if len(found) == limit:
            break
        at = schedule.previous_before(at)
    return found[::-1]


def misfires(schedule: Schedule, policy: Policy, first: datetime, now: datetime, why_late: str) -> Iterator[Occurrence]:
    """The occurrences to record for a task due at `first`, in order. `first` itself is always among them."""
    limit = policy.catch_up_max if policy.catch_up == "all" else 1
    # A task edited, or a zone rule changed, can leave a recorded `first` that the rule no longer yields:
    # it was promised, so it is accounted for like the others.
    seen = newest(schedule, first, now, limit) or [first]
    run = [due_at for due_at in seen if now - due_at <= _usable(policy)]
    if not run:
        yield missed(schedule, first, seen[-1], f"{why_late}; {_useless(policy, now - seen[-1])}")
        return
    if first < run[0]:
        last_missed = schedule.previous_before(run[0]) or first
        yield missed(schedule, first, max(first, last_missed), _superseded(policy, why_late, len(run) < len(seen)))
    for due_at in run:
        yield _to_run(due_at, now, policy, why_late)


def alone(policy: Policy, due_at: datetime, now: datetime, why_late: str) -> Occurrence:
    """`misfires` where no other instant has come due since."""
    if now - due_at <= _usable(policy):
        return _to_run(due_at, now, policy, why_late)
    return missed(Once(due_at), due_at, due_at, f"{why_late}; {_useless(policy, now - due_at)}")


def missed(schedule: Schedule, first: datetime, last: datetime, why: str) -> Occurrence:
    """One row for every instant in first..last, none of which will be started."""
    count = max(1, schedule.count(first, last))
    reason = f"missed: {count} occurrence{'s' if count > 1 else ''} {why}"
    return Occurrence(
        due_at=first, until=last if count > 1 else None, count=count, state=RunState.MISSED, reason=reason
    )


def lateness_in(reason: str) -> str:
    """The part of a run's reason that says how late it was seen, and why; "" if it was on time."""
    said = _LATE.search(reason)
    return said[0].strip() if said else ""


def _to_run(due_at: datetime, now: datetime, policy: Policy, why_late: str) -> Occurrence:
    return Occurrence(due_at=due_at, state=RunState.PENDING, reason=lateness(now - due_at, policy, why_late))


def _usable(policy: Policy) -> timedelta:
    """How late an occurrence may be and still run."""
    late_ok = timedelta.max if policy.late_ok is None else policy.late_ok
    return min(late_ok, policy.grace) if policy.catch_up == "skip" else late_ok


def _useless(policy: Policy, late: timedelta) -> str:
    if policy.late_ok is not None and late > policy.late_ok:
        return f"late_ok={format_duration(policy.late_ok)}"
    return "catch_up=skip"


def _superseded(policy: Policy, why_late: str, useless: bool) -> str:
    if useless and policy.late_ok is not None:
        return f"{why_late}; late_ok={format_duration(policy.late_ok)}"
    if policy.catch_up == "all":
        return f"{why_late}; catch_up=all runs at most the newest {policy.catch_up_max}"
    return f"{why_late}; a newer one had come due"


def lateness(late: timedelta, policy: Policy, why_late: str) -> str:
    """What is said of a run that starts so late; "" if that is on time still."""
    return f"late by {format_duration(late)}: {why_late}" if late > policy.grace else ""
