"""A span of time on the real engine, in memory, on a clock that jumps from event to event.

What is real: planning, policies, claims, the ledger, sleep and stop detection, recovery. What is not: the
handlers (each run simply takes its time and succeeds) and the wall clock. So the ledger that comes out is
what the daemon would have written, for any span and any sequence of sleeps, kills and clock steps.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo

import msgspec

from jarvis.memory import MemoryStore
from jarvis.scheduler.engine import SchedulerEngine
from jarvis.scheduler.model import Claimed, Outcome, Result, Run, RunState, TaskSpec
from jarvis.scheduler.schedule import MICROSECOND
from jarvis.testing import FakeClock

RESTART = timedelta(seconds=2)  # until a service manager has a killed daemon back (systemd RestartSec=2)


class Disturbance(msgspec.Struct, frozen=True):
    """Something that happens to the machine: `sleep` until `until`, `kill` of the daemon, `step` to `until`."""

    at: datetime
    kind: str
    until: datetime


def sleep(since: datetime, until: datetime) -> Disturbance:
    """The lid is closed from `since` until `until`."""
    return Disturbance(since, "sleep", until)


def kill(at: datetime) -> Disturbance:
    """The daemon is killed at `at` and started again a moment later."""
    return Disturbance(at, "kill", at + RESTART)


def step(at: datetime, to: datetime) -> Disturbance:
    """Somebody sets the clock at `at` to `to`."""
    return Disturbance(at, "step", to)


def nights(
    lie_down: tuple[int, int], get_up: tuple[int, int], start: datetime, end: datetime, zone: tzinfo
) -> Iterator[Disturbance]:
    """Asleep every night between two local times of day (hour, minute), as far as that lies in start..end."""
    day = start.astimezone(zone).date() - timedelta(days=1)
    while day <= end.astimezone(zone).date():
        since = datetime.combine(day, time(*lie_down), zone).astimezone(UTC)
        day += timedelta(days=1)
        last = day if get_up <= lie_down else day - timedelta(days=1)
        until = datetime.combine(last, time(*get_up), zone).astimezone(UTC)
        if max(since, start) < min(until, end):
            yield sleep(max(since, start), min(until, end))


class TimedExecutor:
    """Runs that take time on the simulated clock and nothing else; waking time, as deadlines count it."""

    def __init__(self, clock: FakeClock, takes: Callable[[Claimed], timedelta], limit: int) -> None:
        self.on_finish: Callable[[], None] = lambda: None
        self._clock = clock
        self._takes = takes
        self._limit = limit
        self._order = 0
        self._running: list[tuple[float, int, Claimed]] = []
        self._cancelled: dict[int, str] = {}

    @property
    def free(self) -> int:
        """How many more runs can start now."""
        return self._limit - len(self._running)

    @property
    def busy(self) -> int:
        """How many runs are started and not yet acknowledged."""
        return len(self._running)

    @property
    def next_finish(self) -> datetime | None:
        """When the first of the running runs will be over, if the machine stays awake."""
        if not self._running:
            return None
        return self._clock.now() + timedelta(seconds=self._running[0][0] - self._clock.monotonic())

    def start(self, claimed: Sequence[Claimed], _owner_mark: str) -> None:
        """Begin these runs."""
        for held in claimed:
            self._order += 1
            over_at = self._clock.monotonic() + self._takes(held).total_seconds()
            heapq.heappush(self._running, (over_at, self._order, held))

    def finished(self) -> list[Outcome]:
        """Outcomes not yet acknowledged, in the order the runs ended."""
        now = self._clock.monotonic() + 1e-6  # what rounding took from a microsecond
        over = sorted(entry for entry in self._running if entry[0] <= now)
        return [Outcome(held, self._result(held.run.id), self._clock.now()) for _, _, held in over]

    def acknowledge(self, count: int) -> None:
        """Forget the first `count` outcomes."""
        for _ in range(count):
            heapq.heappop(self._running)

    def wait(self, _timeout: float | None = None) -> bool:
        """Whether something is finished; simulated time passes elsewhere."""
        return bool(self.finished())

    def cancel(self, run_id: int, reason: str) -> None:
        """End one run now."""
        self._cancelled[run_id] = reason
        self._running = [
            (self._clock.monotonic() if held.run.id == run_id else over_at, order, held)
            for over_at, order, held in self._running
        ]
        heapq.heapify(self._running)

    def _result(self, run_id: int) -> Result:
        why = self._cancelled.get(run_id)
        return Result() if why is None else Result(state=RunState.CANCELLED, reason=why)

    def cancel_all(self) -> None:
        """Nothing: a simulation is not stopped by signals."""

    def end_leftovers(self, _owner_mark: str) -> int:
        """No processes, so nothing is left of them."""
        return 0

    def close(self) -> None:
        """Whatever runs is gone with the daemon."""
        self._running.clear()


class Simulation:
    """Tasks, a span, what happens in it; `run` gives the ledger."""

    def __init__(
        self, specs: Iterable[TaskSpec], start: datetime, *, takes: timedelta = timedelta(0), limit: int = 8
    ) -> None:
        self.store = MemoryStore()
        self._clock = FakeClock(start)
        self._duration = takes
        self._limit = limit
        with self.store.transaction():
            for spec in specs:
                # An instant at the very start is part of the span; schedules look strictly after.
                self.store.add_task(spec, start - MICROSECOND)
        self._engine = self._daemon()

    def run(self, until: datetime, disturbances: Iterable[Disturbance] = ()) -> list[Run]:
        """Let time pass up to `until`; the whole ledger, the oldest due first."""
        for disturbance in sorted(disturbances, key=lambda found: found.at):
            self._advance(min(disturbance.at, until))
            if disturbance.at < until:
                self._disturb(disturbance)
        self._advance(until)
        return sorted(self.store.runs.newest(limit=None), key=lambda run: (run.due_at, run.id))

    def _daemon(self) -> SchedulerEngine:
        executor = TimedExecutor(self._clock, lambda _held: self._duration, self._limit)
        made = SchedulerEngine(self.store, executor, self._clock)
        made.open(self._clock.now())
        made.watch()
        return made

    def _advance(self, until: datetime) -> None:
        """Jump from one event to the next, as the daemon wakes."""
        while True:
            self._engine.tick(self._clock.now())
            self._engine.settle_finished()  # a run that takes no time is over as it starts
            upcoming = min(filter(None, (self._engine.next_wake(), self._next_finish(), until)))
            if upcoming >= until:
                break
            self._pass(upcoming - self._clock.now())
        self._pass(until - self._clock.now())

    def _pass(self, span: timedelta) -> None:
        """Time in which the daemon looked at the clocks every few seconds and saw nothing unusual."""
        if span > timedelta(0):
            self._clock.advance(span)
            self._engine.watch(meant=span.total_seconds())

    def _next_finish(self) -> datetime | None:
        executor = self._engine.executor
        assert isinstance(executor, TimedExecutor)  # noqa: S101 - made above
        return executor.next_finish

    def _disturb(self, disturbance: Disturbance) -> None:
        if disturbance.kind == "kill":
            self._die()
            self._clock.advance(disturbance.until - disturbance.at)
            self._engine = self._daemon()
        elif disturbance.kind == "sleep":
            self._clock.sleep(disturbance.until - self._clock.now())
        else:
            self._clock.step(disturbance.until)
        self._engine.watch()

    def _die(self) -> None:
        """As a SIGKILL does: no goodbye, and what ran is gone."""
        self._engine.heartbeat(self._clock.now())
        self._engine.executor.close()
        self.store.instances.abandon(self._engine.instance.id)
