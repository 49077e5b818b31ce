"""The nouns of the scheduler as frozen values, and which run state may follow which. Pure.

Every datetime here is aware and in UTC; every duration is a timedelta. A naive datetime is refused where values enter
(`as_utc`), so nothing further in has to ask. `gc=False`: thousands are made at once, and none can lead back to itself.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

import msgspec

from jarvis.scheduler.schedule import MICROSECOND, Schedule

CatchUp = Literal["skip", "last", "all"]
Overlap = Literal["skip", "queue", "allow", "cancel_running"]
OnInterrupt = Literal["rerun", "fail"]
Origin = Literal["schedule", "manual", "event", "chain"]
On = Literal["always", "failure", "success", "change", "recovery"]
Same = Literal["told", "grouped", "silent"]

_LONGEST_NAME = 120
LEASE = timedelta(seconds=90)  # how long an owner is believed to live where only a clock can tell


class RunState(StrEnum):
    """Where a run stands. `pending` and `running` are open, the others are final."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    MISSED = "missed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def final(self) -> bool:
        """Whether nothing may follow."""
        return not LEGAL[self]


_ENDS = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.TIMED_OUT, RunState.CANCELLED, RunState.UNKNOWN})

# running -> pending is a release, a recovery or a retry: the same run, waiting for its next attempt.
LEGAL: dict[RunState, frozenset[RunState]] = {
    RunState.PENDING: frozenset({RunState.RUNNING, RunState.MISSED, RunState.SKIPPED, RunState.CANCELLED}),
    RunState.RUNNING: _ENDS | {RunState.PENDING},
    **dict.fromkeys(_ENDS | {RunState.MISSED, RunState.SKIPPED}, frozenset()),
}


class DeliveryState(StrEnum):
    """Where a delivery stands. `unknown`: it may have arrived, and only the user's word sends it again.

    `digested`: a digest tells it, and what becomes of that becomes of it.
    """

    PENDING = "pending"
    HELD = "held"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    DIGESTED = "digested"
    GROUPED = "grouped"
    SILENCED = "silenced"


_AGAIN = frozenset({DeliveryState.PENDING})  # asked for by the user: nothing else follows

_KEPT_BACK = frozenset({DeliveryState.HELD, DeliveryState.GROUPED, DeliveryState.SILENCED})

# sending -> pending is a failed attempt that another follows.
LEGAL_DELIVERY: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.PENDING: _KEPT_BACK | {DeliveryState.SENDING, DeliveryState.EXPIRED, DeliveryState.CANCELLED},
    DeliveryState.HELD: frozenset({DeliveryState.PENDING, DeliveryState.DIGESTED, DeliveryState.CANCELLED}),
    DeliveryState.SENDING: frozenset(
        {DeliveryState.PENDING, DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.UNKNOWN}
    ),
    DeliveryState.SENT: frozenset(),
    DeliveryState.FAILED: _AGAIN,
    DeliveryState.EXPIRED: _AGAIN,
    DeliveryState.UNKNOWN: _AGAIN,
    DeliveryState.CANCELLED: frozenset(),
    DeliveryState.DIGESTED: frozenset(),
    DeliveryState.GROUPED: frozenset(),
    DeliveryState.SILENCED: frozenset(),
}


class Deliver(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where results of a task go, and which of them."""

    channel: str
    on: On = "always"
    template: str = ""  # the text in place of the plain one, in Jinja2's words; "": the plain one
    urgent: bool = False  # at once, whatever the hour
    digest: bool = False  # it can wait for the next digest
    same: Same | None = None  # what says nothing new; None: grouped for `failure`, told for the others

    @property
    def repeats(self) -> Same:
        """What is done with what says nothing new."""
        return self.same or ("grouped" if self.on == "failure" else "told")


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a task wants done when things are late, slow, cut off or in each other's way."""

    grace: timedelta = timedelta(seconds=60)
    catch_up: CatchUp = "last"
    catch_up_max: int = 100
    late_ok: timedelta | None = None  # later than this a run is of no use; None: it always is
    overlap: Overlap = "skip"
    timeout: timedelta | None = None  # None: the house default (SCHEDULER_HANDLER_TIMEOUT_SECONDS)
    on_interrupt: OnInterrupt = "rerun"
    priority: int = 0
    retries: int = 0  # attempts after the first that failed
    retry_on: tuple[int | Literal["timed_out"], ...] = ()  # exit codes worth another attempt; (): any failure
    retry_delay: timedelta = timedelta(seconds=10)  # before the first of them; doubles with each
    retry_max_delay: timedelta = timedelta(hours=1)
    pause_after: int = 10  # runs in a row that failed, and the task is paused; 0: never
    memory_limit: int | None = None  # bytes for each process of a run; None: as its handler has it


class TaskSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A task as its author states it, before the store gives it an identity."""

    name: str
    schedule: Schedule
    handler: str
    params: dict[str, Any] = {}
    policy: Policy = Policy()
    origin: Literal["user", "seed", "file"] = "user"
    follows_zone: bool = False  # its author named no zone: it moves when the system's zone changes
    deliver: tuple[Deliver, ...] = ()

    def __post_init__(self) -> None:
        if not (0 < len(self.name) <= _LONGEST_NAME and self.name.isprintable() and self.name == self.name.strip()):
            raise ValueError(
                f"a task cannot be named {self.name[:60]!r}: use 1 to {_LONGEST_NAME} printable characters, "
                "no space at either end"
            )
        if self.name.startswith("-"):
            raise ValueError(f"a task cannot be named {self.name!r}: a leading dash would read as an option")


class Task(msgspec.Struct, frozen=True, gc=False):
    """A stored intention. `next_run_at` is the first instant not yet recorded; None when none is left."""

    id: int
    name: str
    schedule: Schedule
    handler: str
    params: dict[str, Any]
    policy: Policy
    origin: str
    created_at: datetime
    revision: int
    enabled: bool
    paused_at: datetime | None
    pause_reason: str | None
    next_run_at: datetime | None
    follows_zone: bool = False
    starts: int = 0  # occurrences recorded to run so far: what max_runs counts
    failures: int = 0  # runs in a row that failed
    source: str | None = None  # the file it comes from, which alone may take it away again
    deliver: tuple[Deliver, ...] = ()

    def asks_for(self, at: datetime) -> bool:
        """Whether there is an occurrence at that instant which is still to be recorded."""
        first = self.next_run_at
        return first is not None and (at == first or (at > first and self.schedule.next_after(at - MICROSECOND) == at))


class Occurrence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is to be recorded of one instant, or of `count` missed ones from `due_at` to `until`."""

    due_at: datetime
    state: RunState
    reason: str = ""
    until: datetime | None = None
    count: int = 1
    available_at: datetime | None = None  # may start from here on; None: at once


class Plan(msgspec.Struct, frozen=True, gc=False):
    """What one task's due instants come to: rows to record, and the new next_run_at."""

    record: tuple[Occurrence, ...]
    next_run_at: datetime | None
    start: Occurrence | None = None  # its one run, where nothing but a free place is missing for it to start


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that arrived. For a run that it started: the last of the `count` events that are this one run."""

    id: int
    source: str
    event_type: str
    payload: Any
    received_at: datetime
    count: int = 1


class Verdict(msgspec.Struct, frozen=True):
    """What the filter of a task says of an event that its patterns match."""

    task: Task
    says: Literal["takes", "filtered", "failed"]
    reason: str = ""


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """The run whose end started this one: what became of it, what its handler returned, the end of its output."""

    run_id: int
    task: str
    state: RunState
    reason: str
    due_at: datetime
    finished_at: datetime | None
    data: Any = None
    output: str = ""


class Run(msgspec.Struct, frozen=True, gc=False):
    """The ledger row of one occurrence, or of a manual, event or chain start."""

    id: int
    task_id: int
    task: str
    due_at: datetime
    until: datetime | None
    count: int
    origin: str
    state: RunState
    reason: str
    attempt: int
    recorded_at: datetime
    available_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    owner: int | None
    fence: int
    data: Any = None
    failures: int = 0  # attempts that failed, each of which was worth another


class Claimed(msgspec.Struct, frozen=True, gc=False):
    """A run this owner holds, with the task it belongs to; `run.fence` guards every later write."""

    run: Run
    task: Task
    event: Event | None = None  # what started it, its payload the JSON text
    upstream: Upstream | None = None  # or the run that did


class Result(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a handler says of its work. `state` is one of the ends of a run; `output` is kept as it came."""

    state: RunState = RunState.SUCCEEDED
    reason: str = ""
    data: Any = None
    output: bytes = b""
    output_total: int = 0
    quiet: bool = False  # that it went well again is no news: whoever is to know something is told by the work itself

    def __post_init__(self) -> None:
        if self.state not in _ENDS:
            raise ValueError(f"a handler cannot end a run as {self.state!r}: use one of {', '.join(sorted(_ENDS))}")


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """A claimed run with the result that is to settle it, and when its work ended and began (None: when claimed)."""

    claimed: Claimed
    result: Result
    finished_at: datetime
    started_at: datetime | None = None


class Settled(msgspec.Struct, frozen=True, gc=False):
    """What settling an attempt wrote: the run's state from then on, and what that did to its task."""

    state: RunState  # pending where another attempt follows
    reason: str
    pause_reason: str = ""  # why the task was paused with it; "" if it was not


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that did not end its run: it failed and another followed, or it was cut off."""

    attempt: int
    reason: str
    started_at: datetime | None
    finished_at: datetime
    state: Literal["failed", "timed_out", "cut_off"]


class Form(msgspec.Struct, frozen=True):
    """A text of the task's own, still to be filled in, and what it may speak of as it was when the run ended."""

    template: str
    facts: dict[str, Any]


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one run, on its way to one channel. `key` is the same at every attempt, for ever.

    A digest is of no one run: it has no run, no task, no state and no due time.
    """

    id: int
    key: str
    run_id: int | None
    task_id: int | None
    task: str  # "" for a digest
    channel: str
    kind: Literal["result", "paused", "alert", "digest"]
    subject: str
    body: str
    state: DeliveryState
    reason: str
    attempt: int
    failures: int  # attempts that failed since it was last asked for
    created_at: datetime
    available_at: datetime
    expires_at: datetime
    started_at: datetime | None
    finished_at: datetime | None  # when it was last heard of: sent, or given up
    owner: int | None
    fence: int
    run_state: RunState | None
    due_at: datetime | None
    urgent: bool = False  # neither quiet hours nor a cap hold it
    digest_id: int | None = None  # the digest that tells it, or counts it
    digest_state: DeliveryState | None = None
    fallback_of: int | None = None  # the delivery in whose place this one came
    fallback: int | None = None  # the one that came in its place
    form: Form | None = None  # of a claimed one, where its task has a text of its own


class Sent(msgspec.Struct, frozen=True):
    """What came of one attempt at a delivery. `refused`: another is no use; `unknown`: it may have arrived."""

    delivery: Delivery
    how: Literal["sent", "failed", "refused", "unknown"]
    reason: str
    finished_at: datetime
    retry_after: timedelta | None = None  # what the receiver asked for


class RunResult(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one evaluation did with one run."""

    run_id: int
    task: str
    due_at: datetime
    state: RunState
    reason: str = ""
    next_run_at: datetime | None = None


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """One daemon (or one `jarvis tick`) on a store: the owner of what it claims."""

    id: int
    host: str
    pid: int
    process_started_at: str
    token: str
    version: str
    started_at: datetime
    heartbeat_at: datetime
    lease_until: datetime
    stopped_at: datetime | None


class Due(msgspec.Struct, frozen=True, gc=False):
    """A task whose next_run_at has come, and the id of a run of it that is still open, if there is one."""

    task: Task
    open_run: int | None


class Unreadable(msgspec.Struct, frozen=True):
    """A stored task that cannot be read back. It is set aside, and the others go on."""

    task_id: int
    name: str
    reason: str
    source: str | None = None
