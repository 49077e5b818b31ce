"""What `why` stands on, what it answers, and the questions both its halves ask of the facts. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from jarvis.scheduler.clockwatch import TOLERANCE, Absence
from jarvis.scheduler.duration import format_duration
from jarvis.scheduler.instant import as_utc, just_before
from jarvis.scheduler.model import Delivery, DeliveryState, Instance, Run, RunState, Task
from jarvis.scheduler.schedule import Interval, Untimed
from jarvis.scheduler.zone import load_zone

_MILLISECOND, _SECOND, _MINUTE = timedelta(milliseconds=1), timedelta(seconds=1), timedelta(minutes=1)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
# Below the limit a length is told in whole grains: "1.2s", "4m12s", "9h20m", "3d4h".
_GRAINS = ((_SECOND, _MILLISECOND), (10 * _SECOND, 100 * _MILLISECOND), (_HOUR, _SECOND), (_DAY, _MINUTE))

Told = tuple[str, str]
"""(verdict, what is said after the task's name)."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an answer may use: the task, what the ledger has near the moment, who lives, who was away."""

    task: Task
    now: datetime
    at: datetime | None = None  # with the offset it was written with; None: the present
    removed_at: datetime | None = None
    rows: tuple[Run, ...] = ()
    deliveries: tuple[Delivery, ...] = ()  # of those rows
    absences: tuple[Absence, ...] = ()
    living: tuple[Instance, ...] = ()  # daemons that live now
    owners: tuple[Instance, ...] = ()  # those that hold the running rows, alive or dead
    busy: int = 0  # runs of all tasks that are running
    places: int = 0  # how many may
    settle: timedelta = timedelta(0)  # how long a daemon waits after waking
    started_by: dict[int, str] = {}  # row -> what started it, where that was not time: "event 5 (github/push)"
    passed_by: str = ""  # the newest that concerned the task and came to nothing, and why


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. `verdict` is one stable word; `before` and `after` are the nearest occurrences around `at`.

    `due_at` is the occurrence that was found, None where the schedule asked for nothing; `run` its ledger row.
    """

    task: str
    verdict: str
    sentence: str
    facts: tuple[str, ...] = ()
    at: datetime | None = None
    due_at: datetime | None = None
    run: Run | None = None
    before: datetime | None = None
    after: datetime | None = None


# -- the ledger and the schedule --------------------------------------------------------------------------
def asks(facts: Facts, t: datetime) -> bool:
    """Whether the task's schedule asks for the instant t."""
    if t == facts.task.next_run_at:
        return True
    if follows_runs(facts.task):
        return any(row.due_at == t for row in planned(facts))
    return facts.task.schedule.next_after(just_before(t)) == t


def follows_runs(task: Task) -> bool:
    """Whether each instant depends on the end of the run before it: only the ledger knows those that were."""
    return isinstance(task.schedule, Interval) and task.schedule.after_completion


def planned(facts: Facts) -> list[Run]:
    """The rows the schedule asked for, not those of people."""
    untimed = isinstance(facts.task.schedule, Untimed)
    return [row for row in facts.rows if row.origin == "schedule" or (untimed and row.origin != "manual")]


def last_of(row: Run) -> datetime:
    """The last instant a row accounts for."""
    return row.until or row.due_at


def row_of(facts: Facts, t: datetime) -> Run | None:
    """The row that accounts for t: its own, or the range it lies in (if it is an instant of the schedule)."""
    own = next((row for row in facts.rows if row.due_at == t), None)
    if own is not None:
        return own
    around = (row for row in planned(facts) if row.due_at < t <= last_of(row))
    return next((row for row in around if t == row.until or asks(facts, t)), None)


def running(facts: Facts) -> Run | None:
    """A run of the task that is going on."""
    return next((row for row in facts.rows if row.state is RunState.RUNNING), None)


def away(facts: Facts, t: datetime) -> list[Absence]:
    """What kept the daemon from seeing t in time."""
    return [absence for absence in facts.absences if absence.explains(t)]


def undelivered(facts: Facts, row: Run) -> str:
    """Which channels have not been told of a run for sure, or not by themselves, and why; "" where all have."""
    said = [_unsent(each) for each in facts.deliveries if each.run_id == row.id and each.state in _UNSENT]
    return f" ({'; '.join(said)})" if said else ""


def _unsent(delivery: Delivery) -> str:
    why = f": {delivery.reason}" if delivery.reason else ""
    what = _UNSENT[delivery.state]
    if delivery.digest_id is not None and delivery.digest_state is not None:
        digest = f"digest delivery {delivery.digest_id}, which {_DIGEST[delivery.digest_state]}"
        why = f" in {digest}" if delivery.state is DeliveryState.DIGESTED else f"{why}; counted in {digest}"
    return f"delivery {delivery.id} to {delivery.channel} {what}{why}"


_UNSENT = {
    DeliveryState.PENDING: "waits",
    DeliveryState.HELD: "is held",
    DeliveryState.SENDING: "is being sent",
    DeliveryState.FAILED: "failed",
    DeliveryState.EXPIRED: "has expired",
    DeliveryState.UNKNOWN: "may have arrived or not",
    DeliveryState.DIGESTED: "is told",
    DeliveryState.GROUPED: "was not sent",
    DeliveryState.SILENCED: "was not sent",
}
_DIGEST = _UNSENT | {DeliveryState.SENT: "was sent", DeliveryState.CANCELLED: "was cancelled"}


def nobody_looks(facts: Facts) -> str:
    """Why what is due is not taken up right now; "" if nothing is known to stop it."""
    if not facts.living:
        return "no daemon is running"
    woke = max((each.until for each in facts.absences if each.kind == "slept"), default=None)
    if woke is not None and -TOLERANCE <= facts.now - woke < facts.settle:
        return f"the machine woke {length(facts.now - woke)} ago, and the daemon lets it settle first"
    return ""


def daemons(facts: Facts) -> str:
    """The living daemons, by their processes."""
    many = len(facts.living) > 1
    return f"the daemon{'s' if many else ''} (process {', '.join(str(each.pid) for each in facts.living)})"


def daemons_have(facts: Facts) -> str:
    """The same, before what they have done."""
    return f"{daemons(facts)} {'have' if len(facts.living) > 1 else 'has'}"


# -- what an answer stands on -----------------------------------------------------------------------------
def grounds(facts: Facts, row: Run | None) -> tuple[str, ...]:
    """The facts as they are shown below the sentence."""
    task, zone = facts.task, zone_of(facts)
    policy = task.policy
    return (
        f"task: added {when(facts, task.created_at)}, revision {task.revision}",
        f"schedule: {task.schedule.describe()}",
        f"policy: grace={length(policy.grace)}, catch_up={policy.catch_up}, overlap={policy.overlap}",
        f"ledger: {_recorded_until(facts)}",
        *([] if row is None else [f"run {row.id}: {_times(facts, row)}"]),
        *([f"started by: {facts.started_by[row.id]}"] if row is not None and row.id in facts.started_by else []),
        *(f"noted: {absence.said(zone)}" for absence in facts.absences),
        f"lives: {daemons(facts)}" if facts.living else "lives: no daemon",
    )


def _recorded_until(facts: Facts) -> str:
    following = facts.task.next_run_at
    if following is None:
        untimed = isinstance(facts.task.schedule, Untimed)
        return "what starts it is recorded as it happens" if untimed else "nothing more is to be recorded"
    return f"everything due before {when(facts, following)} is recorded"


def _times(facts: Facts, row: Run) -> str:
    """A row as it is stored."""
    known = (("due", row.due_at), ("until", row.until), ("recorded", row.recorded_at), ("may start", row.available_at))
    times = (*known, ("started", row.started_at), ("finished", row.finished_at))
    said = ", ".join(f"{name} {when(facts, t)}" for name, t in times if t is not None)
    return f"{row.state}, {said}" + (f", {row.reason!r}" if row.reason else "")


# -- words ------------------------------------------------------------------------------------------------
def zone_of(facts: Facts) -> ZoneInfo:
    """The zone answers are given in: the schedule's."""
    return load_zone(facts.task.schedule.tz)


def when(facts: Facts, t: datetime) -> str:
    """An instant in the schedule's zone, with its offset, to the millisecond."""
    try:
        t = t.astimezone(zone_of(facts))
    except OverflowError:  # the zone's calendar ends before UTC's, or after
        t = as_utc(t)
    return t.isoformat(" ", "milliseconds" if t.microsecond else "seconds")


def length(delta: timedelta) -> str:
    """A length of time as people say it, never longer than it is."""
    delta = abs(delta)
    grain = next((grain for limit, grain in _GRAINS if delta < limit), _HOUR)
    return format_duration(delta // grain * grain)


def plural(count: int, word: str) -> str:
    """ "1 run", "3 runs"."""
    return f"{count} {word}{'' if count == 1 else 's'}"
