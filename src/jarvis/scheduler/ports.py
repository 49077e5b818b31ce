"""What the engine needs from the outside, as Protocols; and what a handler is given.

The engine knows these and nothing behind them: `jarvis.app` is where concrete classes are named.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

import msgspec

from jarvis.scheduler.attention import Settings
from jarvis.scheduler.clockwatch import Absence, Reading
from jarvis.scheduler.eventports import Causes, Events
from jarvis.scheduler.model import (
    Claimed,
    Delivery,
    Due,
    Event,
    Instance,
    Outcome,
    Plan,
    Result,
    Run,
    Sent,
    Settled,
    Task,
    Unreadable,
    Upstream,
)
from jarvis.scheduler.output import Live, Output

# Seconds. A signal that meets another thread than the main one, or the main one just before it begins to wait, is
# heard by Python only once that wait is over: so nobody waits longer in one go for what runs, is sent or is asked.
HEARD_WITHIN = 0.5


class Clock(Protocol):
    """Wall time for meaning, monotonic time for waiting."""

    def now(self) -> datetime:
        """Aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never step; stands still while the machine sleeps."""

    def read(self) -> Reading:
        """Every clock at once."""


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler is given. `occurrence_id` stays the same over every attempt at one occurrence."""

    task: str
    params: dict[str, Any]
    due_at: datetime
    now: datetime
    run_id: int
    occurrence_id: str
    attempt: int
    remaining: Callable[[], float]  # seconds of waking time until the deadline, negative once it has passed
    cancelled: Callable[[], bool]  # whether the work should stop now: deadline passed, or a hard shutdown
    memory: Any
    logger: logging.Logger = logging.getLogger("jarvis.handler")
    event: Event | None = None  # what started it, where that was an event
    upstream: Upstream | None = None  # the run whose end did
    output: Output = msgspec.field(default_factory=Output)  # what is written to it is kept, and can be followed
    owner_mark: str = ""  # unique to the daemon that holds the run: marks the processes it starts
    memory_limit: int | None = None  # bytes, as the task's policy says


class Handler(Protocol):
    """The work itself: a plain synchronous function, run off the event loop."""

    def __call__(self, context: Context, /) -> Result | dict[str, Any] | str | None:
        """Do it. Raising means failed, with the exception as the reason."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel is given. `key` is the same at every attempt: who receives it may drop what it has."""

    key: str
    channel: str
    kind: str  # result, paused, or test
    subject: str  # one line
    body: str
    created_at: datetime
    remaining: Callable[[], float]  # seconds until it must have ended; negative once it must
    task: str = ""
    run_id: int | None = None
    state: str = ""  # of the run
    due_at: datetime | None = None
    attempt: int = 1
    begin: Callable[[], None] = lambda: None  # to be called once, right before it may arrive; SendFailed: it must not


class Channel(Protocol):
    """A means of delivery, made anew for each message.

    One that has an attribute `begins` that is true calls `message.begin` by itself, as late as it can; for any other
    that is done before `send`.
    """

    @property
    def timeout(self) -> float:
        """Seconds that one send may take."""

    def send(self, message: Message, /) -> None:
        """Send it. Raises SendFailed, SendRefused or SendUnknown; anything else counts as failed."""


class Tasks(Protocol):
    """The stored intentions."""

    def due(self, now: datetime, limit: int) -> Sequence[Due | Unreadable]:
        """Enabled tasks with next_run_at <= now, the longest due first."""

    def pause(self, task_id: int, reason: str, now: datetime) -> bool:
        """Stop starting runs of a task, with the reason; False if it was paused already."""

    def elsewhere(self, zone: str) -> Sequence[Task]:
        """The tasks that follow the system's time zone and are not in `zone` yet."""

    def next_due_at(self) -> datetime | None:
        """The earliest next_run_at of an enabled task; None when there is none."""


class Runs(Protocol):
    """The ledger. Every state change is one conditional write whose row count is believed."""

    def record(self, planned: Sequence[tuple[Task, Plan]], now: datetime) -> int:
        """Insert the runs and advance next_run_at; a task changed meanwhile is left alone. Rows written."""

    def record_started(self, planned: Sequence[tuple[Task, Plan]], owner: int, now: datetime) -> list[Claimed]:
        """`record` plans that have a `start`, and claim that run in the same write. What is held now."""

    def any_pending(self) -> bool:
        """Whether anything waits to start, for whatever reason."""

    def expire(self, now: datetime) -> int:
        """Runs that waited until they were of no use (late_ok) are skipped. Rows changed."""

    def claim(self, owner: int, limit: int, now: datetime) -> list[Claimed]:
        """pending -> running for at most `limit` runs whose turn it is, now owned and fenced."""

    def settle(self, outcomes: Sequence[Outcome]) -> list[Settled | None]:
        """The one fenced write that ends each attempt; None where the fence no longer matched."""

    def release(self, owner: int, unless: Callable[[int], bool], reason: str) -> list[Run]:
        """Hand back uncounted, running -> pending, what `owner` holds unless its id says so. What was handed back."""

    def recover(self, dead: Instance, now: datetime) -> list[Run]:
        """Take what a dead owner left running: pending again, or failed, as each task's on_interrupt says."""

    def asked_to_stop(self, owner: int) -> Mapping[int, str]:
        """Runs this owner holds that somebody wants ended, with the reason."""

    def next_available_at(self) -> datetime | None:
        """The earliest instant at which a pending run may start; None when none waits."""


class Deliveries(Protocol):
    """The outbox: results on their way, each with a state of its own."""

    def any_pending(self) -> bool:
        """Whether anything waits to be sent or is held, for whatever reason."""

    def expire(self, now: datetime) -> int:
        """What could not be sent in its time will not be any more. Rows changed."""

    def look_again(self, settings: Settings, now: datetime, *, anew: bool = False) -> None:
        """Make the digests that are due, and let what was held until now wait for its turn. `anew`: all that is
        held, as it was so by other settings."""

    def claim(
        self,
        owner: int,
        engaged: Collection[str],
        now: datetime,
        settings: Settings = ...,
        *,
        careful: bool = False,
    ) -> list[Delivery]:
        """pending -> sending: the next of each channel that is not engaged, now owned and fenced.

        What has its turn and is not to be told now, by the settings of its channel, is held, or passed over.
        `careful`: its sender tells the store of each when it may arrive. Otherwise it may from now on.
        """

    def settle(self, sent: Sequence[Sent]) -> list[Delivery | None]:
        """The one fenced write that ends each attempt; None where the fence no longer matched."""

    def release(self, owner: int, engaged: Collection[str]) -> int:
        """Hand back uncounted what `owner` claimed for channels that are not engaged, so never began. Rows changed."""

    def lose(self, owner: int, reason: str, now: datetime) -> int:
        """What an owner was sending when it ended is unknown, if it may have arrived; if not, it waits again."""

    def next_available_at(self, engaged: Collection[str]) -> datetime | None:
        """When the next may be sent by a channel that is not engaged, or what is held is to be looked at."""


class Waker(Protocol):
    """What another process wakes a daemon by."""

    fd: int  # readable when somebody changed the store

    def drain(self) -> None:
        """Forget the calls received so far."""


class Instances(Protocol):
    """The daemons on this store."""

    def register(self, now: datetime) -> Instance:
        """Enter this process as a living owner."""

    def heartbeat(self, owner: int, now: datetime) -> None:
        """Say that the owner lives, and renew its lease. Not worth a disk sync."""

    def sign_off(self, owner: int, now: datetime) -> None:
        """The owner ends by its own will."""

    def abandon(self, owner: int) -> None:
        """The owner ends without a word, as in a crash: what it holds is for the next one to recover."""

    def last_seen(self, but: int) -> datetime | None:
        """When any owner other than `but` was last known to live."""

    def open(self) -> list[Instance]:
        """Owners that did not sign off, whether they live or not."""

    def waker(self, owner: int) -> Waker | None:
        """What wakes that owner, registered in this process; None where nothing can."""

    def bury(self, dead: Instance) -> None:
        """Close the entry of an owner that ended without signing off."""

    def alive(self, instance: Instance, now: datetime) -> bool:
        """Whether the owner's process lives. Never decided by a clock alone where it is on this machine."""


class Absences(Protocol):
    """When nobody could see what came due, and why."""

    def add(self, absence: Absence) -> None:
        """Keep one."""


class Outputs(Protocol):
    """What runs write."""

    def begin(self, run: Run) -> Live | None:
        """Where a claimed run's output is shown while it runs; None where nobody else could read it."""

    def sweep(self) -> int:
        """Take away what is left of attempts that do not run any more. How many there were."""


class Store(Protocol):
    """The durable side of the engine."""

    @property
    def tasks(self) -> Tasks: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def events(self) -> Events: ...
    @property
    def causes(self) -> Causes: ...
    @property
    def instances(self) -> Instances: ...
    @property
    def absences(self) -> Absences: ...
    @property
    def outputs(self) -> Outputs: ...

    def transaction(self) -> AbstractContextManager[object]:
        """One durable commit around what is done inside; all of it or nothing."""

    def rezone(self, zone: str, now: datetime) -> Sequence[Task]:
        """Move the tasks that follow the system's time zone to `zone`; those that changed."""

    def prune(self, before: datetime, after: int, limit: int) -> tuple[int, int | None]:
        """Take away what ended `before`, of at most `limit` rows of the ledger with ids above `after`.

        How many of the ledger went, and the last id seen: None once all that are old enough were seen.
        """

    def changed(self) -> bool:
        """Whether another process wrote since this was last asked."""

    def hurry(self) -> None:
        """From now on wait for other processes for a moment only."""


class Executor(Protocol):
    """Carries claimed runs through their handlers, beside the caller."""

    on_finish: Callable[[], None]  # called when runs have ended, from any thread; must not block
    renew: Callable[[], None]  # called now and then while runs are held, from a thread of its own

    @property
    def free(self) -> int:
        """How many more runs can start now."""

    @property
    def busy(self) -> int:
        """How many runs are started and not yet acknowledged as settled."""

    def brief(self, handler: str) -> bool:
        """Whether runs of that handler are over at once, so that any number may start and none takes a place."""

    def holds(self, run_id: int) -> bool:
        """Whether that run is started and not yet acknowledged as settled."""

    def start(self, claimed: Sequence[Claimed], owner_mark: str) -> None:
        """Begin these runs for the owner with that mark; returns at once."""

    def finished(self) -> list[Outcome]:
        """Outcomes not yet acknowledged, oldest first. Asking again gives the same ones."""

    def acknowledge(self, count: int) -> None:
        """The first `count` of `finished` are settled and may be forgotten."""

    def wait(self, timeout: float | None = None) -> bool:
        """Block until something is finished or `timeout` seconds passed; whether something is."""

    def cancel(self, run_id: int, reason: str) -> None:
        """Ask one run to stop now; nothing if it is not running."""

    def cancel_all(self) -> None:
        """Ask everything that runs to stop now. From now on there is room for nothing more."""

    def end_leftovers(self, owner_mark: str) -> int:
        """End processes that a dead owner's runs left behind; how many were found."""

    def close(self) -> None:
        """No run will be started any more."""


class Sender(Protocol):
    """Sends claimed deliveries through their channels, beside the caller."""

    on_finish: Callable[[], None]  # called whenever a send ends, from any thread; must not block

    @property
    def careful(self) -> bool:
        """Whether it tells the store of each when it may arrive."""

    @property
    def engaged(self) -> frozenset[str]:
        """Channels that are sending, or hang in a send that was given up: nothing more for them now."""

    @property
    def busy(self) -> int:
        """How many sends are started and not yet acknowledged as settled."""

    def start(self, claimed: Sequence[Delivery]) -> None:
        """Begin these sends; returns at once."""

    def finished(self) -> list[Sent]:
        """What sends came to that are not yet acknowledged. A send past its deadline is given up as unknown."""

    def acknowledge(self, sent: Sequence[Sent]) -> None:
        """These are settled and may be forgotten."""

    def wait(self) -> None:
        """Block until something is finished; at once if nothing is being sent."""

    def overdue_in(self) -> float | None:
        """Seconds until the first send is to be given up; None if nothing is being sent."""

    def close(self) -> None:
        """Tell what is being sent to stop, and wait a moment for it; nothing will be started any more."""
