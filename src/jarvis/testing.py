"""For tests of what embeds Jarvis, and for its own: a clock that is set, an executor without threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from jarvis.memory import MemoryStore
from jarvis.scheduler.attention import Settings
from jarvis.scheduler.carrier import Carrier
from jarvis.scheduler.clockwatch import Reading
from jarvis.scheduler.engine import SchedulerEngine
from jarvis.scheduler.executor import RunExecutor
from jarvis.scheduler.model import Claimed, Delivery, Outcome, Sent
from jarvis.scheduler.ports import Channel, Clock, Handler


class FakeClock:
    """A clock that stands until a test moves it. Starts on 2026-03-02 09:00 UTC, a Monday without any change."""

    def __init__(self, now: datetime = datetime(2026, 3, 2, 9, tzinfo=UTC)) -> None:
        self._now = now
        self._monotonic = 1_000.0
        self._slept = 0.0
        self.zone = "UTC"  # of the system; set it as a traveller does

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds that only `advance` moves."""
        return self._monotonic

    def read(self) -> Reading:
        """Every clock at once; time that only `sleep` moved was slept through."""
        return Reading(self._now, self._monotonic, self._monotonic + self._slept, self.zone)

    def sleep(self, for_: timedelta) -> datetime:
        """Let the machine sleep: wall and boot time pass, waking time does not; the new now."""
        self._slept += for_.total_seconds()
        self._now += for_
        return self._now

    def advance(self, by: timedelta | float) -> datetime:
        """Let time pass on both clocks, by a timedelta or seconds; the new now."""
        delta = by if isinstance(by, timedelta) else timedelta(seconds=by)
        self._monotonic += delta.total_seconds()
        self._now += delta
        return self._now

    def step(self, to: datetime) -> None:
        """Set the wall clock, as a person or NTP does; no time passes."""
        self._now = to


class InlineExecutor:
    """Carries runs where they are started, at once: nothing is left to thread timing."""

    def __init__(self, handlers: Mapping[str, Handler], clock: Clock, *, limit: int = 8, memory: Any = None) -> None:
        self.on_finish: Callable[[], None] = lambda: None
        self.renew: Callable[[], None] = lambda: None
        self.leftovers_ended: list[str] = []
        self._limit = limit
        self._finished: list[Outcome] = []
        self._executor = RunExecutor(handlers, clock=clock, timeout=timedelta(minutes=5), memory=memory)

    @property
    def free(self) -> int:
        """How many more runs can start now."""
        return self._limit - len(self._finished)

    @property
    def busy(self) -> int:
        """How many runs are started and not yet acknowledged as settled."""
        return len(self._finished)

    def brief(self, _handler: str) -> bool:
        """Every run takes a place."""
        return False

    def holds(self, run_id: int) -> bool:
        """Whether that run is started and not yet acknowledged as settled."""
        return any(outcome.claimed.run.id == run_id for outcome in self._finished)

    def start(self, claimed: Sequence[Claimed], owner_mark: str) -> None:
        """Carry these runs to their outcome."""
        self._finished += [self._executor.carry(held, owner_mark) for held in claimed]
        self.on_finish()

    def finished(self) -> list[Outcome]:
        """Outcomes not yet acknowledged, oldest first."""
        return list(self._finished)

    def acknowledge(self, count: int) -> None:
        """The first `count` of `finished` are settled and may be forgotten."""
        del self._finished[:count]

    def wait(self, _timeout: float | None = None) -> bool:
        """Whether something is finished; there is nothing to wait for."""
        return bool(self._finished)

    def cancel(self, run_id: int, reason: str) -> None:
        """Tell one run to stop, should it still start."""
        self._executor.cancel(run_id, reason)

    def cancel_all(self) -> None:
        """Runs that start from now on are told to stop; there is room for none."""
        self._limit = 0
        self._executor.cancel_all()

    def end_leftovers(self, owner_mark: str) -> int:
        """Remember whose leftovers were asked for."""
        self.leftovers_ended.append(owner_mark)
        return 0

    def close(self) -> None:
        """Nothing to close."""


class InlineSender:
    """Sends where it is told to, at once; a channel in `hanging` never answers."""

    def __init__(self, channels: Mapping[str, Channel], clock: Clock) -> None:
        self.on_finish: Callable[[], None] = lambda: None
        self.careful = False
        self.hanging: set[str] = set()
        self._carrier = Carrier(channels.__getitem__, clock)
        self._open: list[Delivery] = []
        self._finished: list[Sent] = []

    @property
    def engaged(self) -> frozenset[str]:
        """Channels that hang."""
        return frozenset(delivery.channel for delivery in self._open)

    @property
    def busy(self) -> int:
        """How many sends are started and not yet acknowledged as settled."""
        return len(self._open) + len(self._finished)

    def start(self, claimed: Sequence[Delivery]) -> None:
        """Send these, but for those whose channel hangs."""
        self._open += [each for each in claimed if each.channel in self.hanging]
        sent = (each for each in claimed if each.channel not in self.hanging)
        self._finished += [self._carrier.carry(each, self._carrier.deadline()) for each in sent]
        self.on_finish()

    def finished(self) -> list[Sent]:
        """What sends came to that are not yet acknowledged."""
        return list(self._finished)

    def acknowledge(self, sent: Sequence[Sent]) -> None:
        """These are settled and may be forgotten."""
        self._finished = [each for each in self._finished if each not in sent]

    def wait(self) -> None:
        """What hangs is given up at once."""
        self._finished += [self._carrier.give_up(each) for each in self._open]
        self._open.clear()

    def overdue_in(self) -> float | None:
        """Nothing is given up but by `wait`."""
        return None

    def close(self) -> None:
        """What hangs is left as it is."""


def engine(
    store: MemoryStore | None = None,
    handlers: Mapping[str, Handler] | None = None,
    clock: Clock | None = None,
    *,
    limit: int = 8,
    channels: Mapping[str, Channel] | None = None,
    attention: Callable[[], Settings] = Settings,
) -> SchedulerEngine:
    """An engine with inline runs and sends, on a store in memory unless given one; `noop` is always there."""
    memory, at = store or MemoryStore(), clock or FakeClock()
    known: dict[str, Handler] = {"noop": lambda _context: None, **(handlers or {})}
    sender = None if channels is None else InlineSender(channels, at)
    executor = InlineExecutor(known, at, limit=limit, memory=memory)
    return SchedulerEngine(memory, executor, at, sender=sender, attention=attention)
