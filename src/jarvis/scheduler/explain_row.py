"""One row of the ledger as a verdict and a sentence. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from jarvis.scheduler.clockwatch import SAYINGS
from jarvis.scheduler.explain_facts import (
    Facts,
    Told,
    away,
    daemons_have,
    length,
    nobody_looks,
    plural,
    running,
    undelivered,
    when,
    zone_of,
)
from jarvis.scheduler.model import Run, RunState
from jarvis.scheduler.schedule import OnEvent

_NONE = timedelta(0)
_PREFIX = re.compile(r"^(?:missed: \d+ occurrences? |missed: |skipped: |cancelled: )")
_LATE = re.compile(r"(?:^| )late by \S+: (.*)$", re.DOTALL)
_BLOCKED_BY = re.compile(r"run (\d+) was not over$")


def of_row(facts: Facts, row: Run, due_at: datetime) -> Told:
    """What the row says of the occurrence at `due_at`: its own, or one of its range."""
    verdict, said = _STATES[row.state](facts, row, due_at)
    return verdict, f"{said}{undelivered(facts, row)}"


def outcome(row: Run) -> str:
    """A row in a few words."""
    why = reason(row)
    return row.state.replace("_", " ") + (f": {why}" if why and row.state is not RunState.SUCCEEDED else "")


def blocking_run(row: Run) -> int | None:
    """The id of the run that an occurrence was skipped for."""
    found = _BLOCKED_BY.search(row.reason)
    return int(found[1]) if found else None


def reason(row: Run) -> str:
    """The ledger's reason without the state, the count and the lateness, which are said elsewhere."""
    return _LATE.sub("", _PREFIX.sub("", row.reason)).strip()


# -- what ran ---------------------------------------------------------------------------------------------
def _succeeded(facts: Facts, row: Run, _due_at: datetime) -> Told:
    late = _late(facts, row)
    how = late or (" on time" if row.origin == "schedule" else "")
    return "ran_late" if late else "ran", f"ran{how}{_attempt(row)} and succeeded{_took(row, ' in ')}{_because(row)}"


def _failed(facts: Facts, row: Run, _due_at: datetime) -> Told:
    return "failed", f"failed{_took(row, ' after ')}{_attempt(row)}{_because(row)}{_and_late(facts, row)}"


def _timed_out(facts: Facts, row: Run, _due_at: datetime) -> Told:
    return "timed_out", (
        f"timed out: it was ended{_took(row, ' ', ' after its start')}{_attempt(row)}{_because(row)}"
        f"{_and_late(facts, row)}"
    )


def _unknown(facts: Facts, row: Run, _due_at: datetime) -> Told:
    started = f"started at {when(facts, row.started_at)}" if row.started_at else "was started"
    return "unknown", f"{started}, and what became of it is unknown{_because(row)}{_and_late(facts, row)}"


def _cancelled(facts: Facts, row: Run, _due_at: datetime) -> Told:
    ran = f"{_took(row, ' after it had run for ')}" if row.started_at else " before it started"
    at = f" at {when(facts, row.finished_at)}" if row.finished_at else ""
    return "cancelled", f"was cancelled{at}{ran}{_because(row)}"


def _because(row: Run) -> str:
    why = reason(row)
    return f": {why}" if why else ""


def _attempt(row: Run) -> str:
    return f" on attempt {row.attempt}" if row.attempt > 1 else ""


def _took(row: Run, before: str, after: str = "") -> str:
    if row.started_at is None or row.finished_at is None:
        return ""
    if row.finished_at < row.started_at:  # its clock was set back meanwhile: what it took is not known
        return ""
    return f"{before}{length(row.finished_at - row.started_at)}{after}"


# -- how late ---------------------------------------------------------------------------------------------
def lateness(facts: Facts, row: Run) -> timedelta:
    """How much later than meant its last attempt started, if that is later than `grace`; jitter is meant."""
    if row.started_at is None:
        return _NONE
    jitter = facts.task.schedule.jitter
    meant = min(max(row.available_at, row.due_at), row.due_at + jitter) if jitter else row.due_at
    late = row.started_at - meant
    return late if late > facts.task.policy.grace or (late > _NONE and _LATE.search(row.reason)) else _NONE


def _late(facts: Facts, row: Run) -> str:
    late = lateness(facts, row)
    return f" {length(late)} late, {_why_late(facts, row)}," if late else ""


def _and_late(facts: Facts, row: Run) -> str:
    late = lateness(facts, row)
    return f"; it had started {length(late)} late, {_why_late(facts, row)}" if late else ""


def _why_late(facts: Facts, row: Run) -> str:
    """What the ledger or the noted absences say; how long it waited after it was recorded, if that was long."""
    waited = row.started_at - row.recorded_at if row.started_at is not None else _NONE
    long = waited > facts.task.policy.grace
    turn = f"it waited {length(waited)} for its turn" if row.attempt < 2 else f"its attempt {row.attempt} began then"
    seen = _why_seen_late(facts, row)
    if seen:
        return f"{seen} and then {turn}" if long else seen
    return f"as {turn}"


def _why_seen_late(facts: Facts, row: Run) -> str:
    said = _LATE.search(row.reason)
    if said and said[1].startswith(tuple(SAYINGS.values())):
        return said[1]
    if row.recorded_at - row.due_at <= facts.task.policy.grace:
        return ""
    known = away(facts, row.due_at)
    return known[0].said(zone_of(facts)) if known else f"as it was first seen at {when(facts, row.recorded_at)}"


# -- what did not run -------------------------------------------------------------------------------------
def _missed(facts: Facts, row: Run, due_at: datetime) -> Told:
    among = ""
    if row.count > 1 and row.until is not None:
        among = f" as one of {row.count} from {when(facts, row.due_at)} to {when(facts, row.until)}"
    return "missed", f"was missed{among}: {reason(row) or 'the ledger gives no reason'}{_also(facts, row, due_at)}"


def _also(facts: Facts, row: Run, due_at: datetime) -> str:
    """A range is recorded with what made its first instant late; another absence may lie over this one."""
    zone = zone_of(facts)
    said = [absence.said(zone) for absence in away(facts, due_at)]
    if not said or any(words in row.reason for words in said):
        return ""
    return f" (this one {said[0]})" if row.count > 1 else f" ({said[0]})"


def _skipped(facts: Facts, row: Run, _due_at: datetime) -> Told:
    blocking = next((each for each in facts.rows if each.id == blocking_run(row)), None)
    if blocking is None:
        return "skipped", f"was skipped: {reason(row) or 'the ledger gives no reason'}"
    came_to = f"has {_ENDED[blocking.state]} since" if blocking.state.final else f"is still {blocking.state}"
    due_at = when(facts, blocking.due_at)
    return "skipped", f"was skipped: run {blocking.id}, due at {due_at}, was not over (overlap=skip); it {came_to}"


_ENDED = {
    RunState.SUCCEEDED: "succeeded",
    RunState.FAILED: "failed",
    RunState.TIMED_OUT: "timed out",
    RunState.CANCELLED: "been cancelled",
    RunState.UNKNOWN: "ended unseen",
    RunState.MISSED: "been missed",
    RunState.SKIPPED: "been skipped",
}


# -- what is open -----------------------------------------------------------------------------------------
def _running(facts: Facts, row: Run, _due_at: datetime) -> Told:
    since = f"since {when(facts, row.started_at)}" if row.started_at else "since an unknown moment"
    so_far = f" ({length(facts.now - row.started_at)} so far)" if row.started_at else ""
    return "running", f"has been running {since}{so_far}{_attempt(row)}, {_held_by(facts, row)}{_and_late(facts, row)}"


def _held_by(facts: Facts, row: Run) -> str:
    owner = next((each for each in facts.owners if each.id == row.owner), None)
    if owner is None:
        return f"held by owner {row.owner}, of which nothing is known"
    if any(each.id == owner.id for each in facts.living):
        return f"held by process {owner.pid} on {owner.host}"
    after = "runs it again" if facts.task.policy.on_interrupt == "rerun" else "settles it as failed"
    return (
        f"but process {owner.pid} on {owner.host}, which held it, is gone: the next daemon that looks {after} "
        f"(on_interrupt={facts.task.policy.on_interrupt})"
    )


def _pending(facts: Facts, row: Run, _due_at: datetime) -> Told:
    earlier = reason(row).removeprefix("(").removesuffix(")")
    known = f" ({earlier})" if earlier else ""
    return "pending", f"has not started yet{known}: {_waits_for(facts, row)}"


def _waits_for(facts: Facts, row: Run) -> str:
    """The first of these that holds, the one that binds longest first."""
    return _not_before(facts, row) or nobody_looks(facts) or _in_turn(facts, row) or _no_room(facts)


def _not_before(facts: Facts, row: Run) -> str:
    if row.available_at <= facts.now:
        return ""
    jitter = facts.task.schedule.jitter
    meant = jitter and not row.attempt and row.due_at < row.available_at <= row.due_at + jitter
    why = f", {length(row.available_at - row.due_at)} after its due time (jitter)" if meant else ""
    if isinstance(facts.task.schedule, OnEvent) and facts.task.schedule.debounce and not row.attempt:
        why = ", as more events may come (debounce)"
    return f"it may start from {when(facts, row.available_at)} on, in {length(row.available_at - facts.now)}{why}"


def _in_turn(facts: Facts, row: Run) -> str:
    other = running(facts)
    if other is None or other.id == row.id or facts.task.policy.overlap == "allow":
        return ""
    return f"run {other.id}, due at {when(facts, other.due_at)}, is still running (overlap={facts.task.policy.overlap})"


def _no_room(facts: Facts) -> str:
    if facts.places and facts.busy >= facts.places:
        return f"no place is free: {plural(facts.busy, 'run')} of {facts.places} at most are running"
    return f"{daemons_have(facts)} not claimed it yet"


_STATES: dict[RunState, Callable[[Facts, Run, datetime], Told]] = {
    RunState.PENDING: _pending,
    RunState.RUNNING: _running,
    RunState.SUCCEEDED: _succeeded,
    RunState.FAILED: _failed,
    RunState.TIMED_OUT: _timed_out,
    RunState.MISSED: _missed,
    RunState.SKIPPED: _skipped,
    RunState.CANCELLED: _cancelled,
    RunState.UNKNOWN: _unknown,
}
