"""A span of time on the real engine, in memory, on a clock that jumps from event to event.

What is real: planning, policies, claims, the ledger, sleep and stop detection, recovery. What is not: the
handlers (each run simply takes its time and succeeds) and the wall clock. So the ledger that comes out is
what the daemon would have written, for any span and any sequence of sleeps, kills and clock steps.
"""

from __future__ import annotations

import heapq
import itertools
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import partial
from multiprocessing import get_context
from typing import Literal

import msgspec

from jarvis.memory import MemoryStore
from jarvis.scheduler.engine import SchedulerEngine
from jarvis.scheduler.model import Claimed, Outcome, Result, Run, RunState, TaskSpec
from jarvis.scheduler.schedule import MICROSECOND, After, Interval, Once, Schedule, bind
from jarvis.testing import FakeClock

QUIET = timedelta(minutes=5)  # from a disturbance, until the late runs it caused have long started
WORTH_A_PROCESS = 20_000  # occurrences: some seconds of work, against a third of a second to start a process
_LEDGER = msgspec.msgpack.Decoder(list[Run])
_RUN = re.compile(r"\brun (\d+)\b")
RESTART = timedelta(seconds=2)  # until a service manager has a killed daemon back (systemd RestartSec=2)


class Disturbance(msgspec.Struct, frozen=True):
    """Something that happens to the machine at `at`.

    `sleep` until `until`, `kill` of the daemon, `step` of the clock to `until`, travel to another `zone`.
    """

    at: datetime
    kind: Literal["sleep", "kill", "step", "zone"]
    until: datetime
    zone: str = ""


def sleep(since: datetime, until: datetime) -> Disturbance:
    """The lid is closed from `since` until `until`."""
    return Disturbance(since, "sleep", until)


def kill(at: datetime) -> Disturbance:
    """The daemon is killed at `at` and started again a moment later."""
    return Disturbance(at, "kill", at + RESTART)


def step(at: datetime, to: datetime) -> Disturbance:
    """Somebody sets the clock at `at` to `to`."""
    return Disturbance(at, "step", to)


def travel(at: datetime, zone: str) -> Disturbance:
    """The machine's time zone becomes `zone` at `at`: tasks whose author named none follow."""
    return Disturbance(at, "zone", at, zone)


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


def simulate(
    specs: Sequence[TaskSpec],
    start: datetime,
    until: datetime,
    disturbances: Sequence[Disturbance] = (),
    takes: timedelta = timedelta(0),
    zone: str = "UTC",
) -> list[Run]:
    """The ledger of start <= due_at < until, the oldest due first, on all cores where that pays.

    `zone` is the machine's at the start. Where runs take no time and nothing looks back at its own past, a quiet
    moment leaves nothing behind that the next one depends on: there the span is cut, and each core has a part.
    """
    bound = [msgspec.structs.replace(spec, schedule=bind(spec.schedule, start)) for spec in specs]
    parts = [(start, until)]
    if takes == timedelta(0) and not _looks_back(bound, disturbances):
        parts = _cut(start, until, disturbances, _cores_worth(bound, start, until))
    work = partial(_part, bound, disturbances, takes, zone)
    if len(parts) == 1:
        return work(parts[0])
    with ProcessPoolExecutor(len(parts), mp_context=get_context("spawn")) as pool:
        return _joined([_LEDGER.decode(packed) for packed in pool.map(partial(_packed, work), parts)])


def _looks_back(specs: Sequence[TaskSpec], disturbances: Sequence[Disturbance]) -> bool:
    """Whether what comes depends on what long was: zones moved to, counted runs, delayed starts and the like."""
    travelled = any(found.kind == "zone" for found in disturbances)
    return travelled or any(_remembers(spec.schedule) for spec in specs)


def _remembers(schedule: Schedule) -> bool:
    after_completion = isinstance(schedule, Interval) and schedule.after_completion
    return after_completion or schedule.max_runs is not None or schedule.jitter > timedelta(0)


def _cores_worth(specs: Sequence[TaskSpec], start: datetime, until: datetime) -> int:
    """How many processes the span is worth; one where starting another would cost more than it saves."""
    occurrences = sum(spec.schedule.count(start, until) for spec in specs)
    return min(os.cpu_count() or 1, 1 + occurrences // WORTH_A_PROCESS)


def _cut(
    start: datetime, until: datetime, disturbances: Sequence[Disturbance], parts: int
) -> list[tuple[datetime, datetime]]:
    """The span in about equal parts, cut where the machine has long been awake and undisturbed."""
    cuts = [start]
    for number in range(1, parts):
        cut = start + (until - start) * number // parts
        for found in sorted(disturbances, key=lambda found: found.at):
            if found.at - QUIET <= cut <= max(found.at, found.until) + QUIET:
                cut = max(found.at, found.until) + QUIET
        if cuts[-1] < cut < until:
            cuts.append(cut)
    return list(itertools.pairwise([*cuts, until]))


def _part(
    specs: Sequence[TaskSpec],
    disturbances: Sequence[Disturbance],
    takes: timedelta,
    zone: str,
    part: tuple[datetime, datetime],
) -> list[Run]:
    start, until = part
    # A once-only instant before this part belongs to an earlier one, or to none: here it would be made up for.
    coming = [spec for spec in specs if not (isinstance(spec.schedule, Once) and spec.schedule.at < start)]
    mine = [found for found in disturbances if start <= found.at < until]
    return Simulation(coming, start, takes=takes, zone=zone).run(until, mine)


def _packed(work: Callable[[tuple[datetime, datetime]], list[Run]], part: tuple[datetime, datetime]) -> bytes:
    """A ledger as it goes from one process to another: many times faster than pickled values."""
    return msgspec.msgpack.encode(work(part))


def _joined(ledgers: Sequence[Sequence[Run]]) -> list[Run]:
    """The parts' ledgers as one: their runs are numbered on, also where a reason names one."""
    joined: list[Run] = []
    for ledger in ledgers:
        before = len(joined)

        def numbered_on(run: Run, before: int = before) -> Run:
            reason = _RUN.sub(lambda found: f"run {int(found[1]) + before}", run.reason) if run.reason else ""
            return msgspec.structs.replace(run, id=run.id + before, reason=reason)

        joined += map(numbered_on, ledger) if before else ledger
    return joined


def _upstream_first(specs: Iterable[TaskSpec]) -> list[TaskSpec]:
    """The tasks so that each comes after the one whose runs start it; those that miss it are last."""
    waiting, found = list(specs), list[TaskSpec]()
    while ready := [spec for spec in waiting if not isinstance(spec.schedule, After) or _has(spec.schedule, found)]:
        found += ready
        waiting = [spec for spec in waiting if spec not in ready]
    return found + waiting


def _has(schedule: After, found: Sequence[TaskSpec]) -> bool:
    return any(spec.name == schedule.task for spec in found)


class TimedExecutor:
    """Runs that take time on the simulated clock and nothing else; waking time, as deadlines count it."""

    def __init__(self, clock: FakeClock, takes: Callable[[Claimed], timedelta], limit: int) -> None:
        self.on_finish: Callable[[], None] = lambda: None
        self.renew: Callable[[], None] = lambda: None
        self._clock = clock
        self._takes = takes
        self._limit = limit
        self._order = 0
        self._running: list[tuple[float, int, Claimed, datetime]] = []  # over at, order, what, started at
        self._cancelled: dict[int, str] = {}

    @property
    def free(self) -> int:
        """How many more runs can start now."""
        return self._limit - len(self._running)

    @property
    def busy(self) -> int:
        """How many runs are started and not yet acknowledged."""
        return len(self._running)

    def brief(self, _handler: str) -> bool:
        """Every run takes a place, as long as it does."""
        return False

    def holds(self, run_id: int) -> bool:
        """Whether that run is started and not yet acknowledged."""
        return any(held.run.id == run_id for _, _, held, _ in self._running)

    @property
    def next_finish(self) -> datetime | None:
        """When the first of those that still run will be over, if the machine stays awake."""
        left = self._running[0][0] - self._clock.monotonic() if self._running else 0.0
        return self._clock.now() + timedelta(seconds=left) if left > 0 else None

    def start(self, claimed: Sequence[Claimed], _owner_mark: str) -> None:
        """Begin these runs."""
        for held in claimed:
            self._order += 1
            over_at = self._clock.monotonic() + self._takes(held).total_seconds()
            heapq.heappush(self._running, (over_at, self._order, held, self._clock.now()))

    def finished(self) -> list[Outcome]:
        """Outcomes not yet acknowledged, in the order the runs ended."""
        now = self._clock.monotonic() + 1e-6  # what rounding took from a microsecond
        over = sorted(entry for entry in self._running if entry[0] <= now)
        return [Outcome(held, self._result(held.run.id), self._over(held, since)) for _, _, held, since in over]

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
            (self._clock.monotonic() if held.run.id == run_id else over_at, order, held, since)
            for over_at, order, held, since in self._running
        ]
        heapq.heapify(self._running)

    def _over(self, held: Claimed, since: datetime) -> datetime:
        """When a run ended: what takes no time did at its start, though it is asked for later."""
        return self._clock.now() if self._takes(held) else since

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
        self,
        specs: Iterable[TaskSpec],
        start: datetime,
        *,
        takes: timedelta = timedelta(0),
        limit: int = 8,
        zone: str = "UTC",
    ) -> None:
        self.store = MemoryStore()
        self._clock = FakeClock(start)
        self._clock.zone = zone
        self._duration = takes
        self._limit = limit
        with self.store.transaction():
            for spec in _upstream_first(specs):
                # An instant at the very start is part of the span; schedules look strictly after.
                self.store.add_task(spec, start - MICROSECOND)
        self._engine, self._executor = self._daemon()

    def run(self, until: datetime, disturbances: Iterable[Disturbance] = ()) -> list[Run]:
        """Let time pass up to `until`; every row due before it, the oldest due first.

        What came due before `until` is seen through to its end, also where that takes longer; whatever is
        due at `until` or later is no part of it, also where a sleep or a step of the clock would lead there.
        """
        last = until - MICROSECOND
        for disturbance in sorted(disturbances, key=lambda found: found.at):
            if disturbance.at < until:
                self._advance(disturbance.at)
                self._disturb(disturbance, last)
        self._advance(last)
        self._see_through(last)
        found = [run for run in self.store.runs.newest(limit=None) if run.due_at < until]  # ends may start runs later
        return sorted(found, key=lambda run: (run.due_at, run.id))

    def _daemon(self) -> tuple[SchedulerEngine, TimedExecutor]:
        executor = TimedExecutor(self._clock, lambda _held: self._duration, self._limit)
        made = SchedulerEngine(self.store, executor, self._clock)
        made.open(self._clock.now())
        made.watch()
        return made, executor

    def _advance(self, until: datetime) -> None:
        """Jump from one event to the next, as the daemon wakes."""
        while True:
            self._engine.tick(self._clock.now())
            if self.store.runs.any_pending():  # perhaps behind a run that took no time: it is over already
                self._engine.settle_finished()
            upcoming = min(filter(None, (self._engine.next_wake(), self._executor.next_finish, until)))
            if upcoming >= until:
                break
            self._pass(upcoming)
        self._pass(until)
        self._engine.settle_finished()
        self._engine.watch(meant=math.inf)  # it looked at the clocks all the while and saw nothing unusual

    def _see_through(self, last: datetime) -> None:
        """Record what came due up to `last`, and let all that is open run; nothing later is planned."""
        self._engine.plan_due(last)
        while True:
            self._engine.run_due(self._clock.now())
            if self._engine.settle_finished():
                continue
            upcoming = min(
                filter(None, (self._executor.next_finish, self.store.runs.next_available_at())), default=None
            )
            if upcoming is None:
                break
            self._pass(max(upcoming, self._clock.now() + MICROSECOND))

    def _pass(self, to: datetime) -> None:
        if to > self._clock.now():
            self._clock.advance(to - self._clock.now())

    def _disturb(self, disturbance: Disturbance, last: datetime) -> None:
        """Let it happen, as far as it lies in the span."""
        until = min(disturbance.until, last)
        if disturbance.kind == "kill":
            self._die()
            self._pass(until)
            self._engine, self._executor = self._daemon()
        elif disturbance.kind == "step":
            self._clock.step(until)
        elif disturbance.kind == "zone":
            self._clock.zone = disturbance.zone
        elif until > self._clock.now():  # else it lies within the sleep before
            self._clock.sleep(until - self._clock.now())
        self._engine.watch()

    def _die(self) -> None:
        """As a SIGKILL does: no goodbye, and what ran is gone."""
        self._engine.heartbeat(self._clock.now())
        self._executor.close()
        self.store.instances.abandon(self._engine.instance.id)
