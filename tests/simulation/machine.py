"""A daemon of the simulated machine: the real engine and store, and an executor whose work is only written down."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jarvis.memory import MemoryStore
from jarvis.scheduler.engine import SchedulerEngine
from jarvis.scheduler.model import Claimed, Outcome, Result, RunState
from jarvis.testing import FakeClock
from tests.simulation.chaos import Chaos

TIMEOUT = timedelta(minutes=5)  # of a task that names none
PLACES = 4


@dataclass
class Effect:
    """One attempt's work, as the world outside the store saw it."""

    run_id: int
    task_id: int
    due_at: datetime
    fence: int
    attempt: int
    alone: bool  # no other run of its task may go on beside it
    mark: str  # of the daemon that holds it
    began: float  # monotonic
    ends: float
    result: Result
    over: float | None = None  # monotonic; None while it goes on


@dataclass
class World:
    """What outlives every daemon: the clock, and what was really done."""

    clock: FakeClock
    effects: list[Effect] = field(default_factory=list)

    def going_on(self) -> list[Effect]:
        return [effect for effect in self.effects if effect.over is None]


class ScriptedExecutor:
    """Runs that take the time and come to the end that a seed gives them, on the simulated clock."""

    def __init__(self, world: World, seed: int, chaos: Chaos, claimed_now: Callable[[Claimed], None]) -> None:
        self.on_finish: Callable[[], None] = lambda: None
        self.renew: Callable[[], None] = lambda: None
        self._world = world
        self._seed = seed
        self._chaos = chaos
        self._check = claimed_now
        self._running: list[tuple[Claimed, Effect]] = []

    @property
    def free(self) -> int:
        return PLACES - len(self._running)

    @property
    def busy(self) -> int:
        return len(self._running)

    def holds(self, run_id: int) -> bool:
        return any(held.run.id == run_id for held, _ in self._running)

    @property
    def next_finish(self) -> float | None:
        """Monotonic seconds of the first end to come."""
        return min((effect.ends for _, effect in self._running), default=None)

    def start(self, claimed: Sequence[Claimed], owner_mark: str) -> None:
        for held in claimed:
            self._chaos.strike("before effect")
            self._check(held)
            effect = self._effect(held, owner_mark)
            self._world.effects.append(effect)
            self._running.append((held, effect))
            self._chaos.strike("after effect began")

    def finished(self) -> list[Outcome]:
        now = self._world.clock.monotonic()
        over = sorted((pair for pair in self._running if pair[1].ends <= now), key=lambda pair: pair[1].ends)
        for _, effect in over:
            effect.over = effect.ends if effect.over is None else effect.over
        # What is not over stays behind what is: `acknowledge` takes from the front.
        self._running = over + [pair for pair in self._running if pair[1].ends > now]
        return [Outcome(held, effect.result, self._world.clock.now()) for held, effect in over]

    def acknowledge(self, count: int) -> None:
        del self._running[:count]

    def wait(self, _timeout: float | None = None) -> bool:
        return bool(self.finished())

    def cancel(self, run_id: int, reason: str) -> None:
        for held, effect in self._running:
            if held.run.id == run_id and effect.over is None:
                effect.ends = min(effect.ends, self._world.clock.monotonic())
                effect.result = Result(state=RunState.CANCELLED, reason=reason)

    def cancel_all(self) -> None:
        for held, _ in self._running:
            self.cancel(held.run.id, "cancelled: the daemon was told to stop twice")

    def end_leftovers(self, owner_mark: str) -> int:
        """As the real one does with processes: what a dead daemon's runs left behind ends here."""
        left = [effect for effect in self._world.going_on() if effect.mark == owner_mark]
        for effect in left:
            effect.over = self._world.clock.monotonic()
        return len(left)

    def close(self) -> None:
        """Nothing to close."""

    def _effect(self, held: Claimed, mark: str) -> Effect:
        run, policy = held.run, held.task.policy
        chance = random.Random(f"{self._seed} {run.task} {run.due_at} {run.attempt}")
        seconds = chance.choice((0.0, 0.0, 0.2, 3.0, 40.0, 200.0, 900.0))
        result = chance.choice((
            Result(), Result(), Result(),
            Result(state=RunState.FAILED, reason="exit code 1", data={"exit_code": 1}),
            Result(state=RunState.UNKNOWN, reason="it could not be confirmed gone"),
        ))  # fmt: skip
        limit = (policy.timeout or TIMEOUT).total_seconds()
        if seconds > limit:
            seconds, result = limit, Result(state=RunState.TIMED_OUT, reason="its deadline passed")
        began = self._world.clock.monotonic()
        return Effect(
            run.id, run.task_id, run.due_at, run.fence, run.attempt, policy.overlap != "allow", mark, began,
            began + seconds, result,
        )  # fmt: skip


class Daemon:
    """One process: its own connection, engine and runs."""

    def __init__(
        self, path: str, world: World, seed: int, chaos: Chaos, claimed_now: Callable[[Claimed], None]
    ) -> None:
        self._world = world
        self._evaluated_at = float("-inf")
        self.store = MemoryStore(path)
        chaos.infest(self.store)
        self.executor = ScriptedExecutor(world, seed, chaos, claimed_now)
        self.engine = SchedulerEngine(self.store, self.executor, world.clock)
        self.mark = ""
        self.leaving = False

    def enter(self) -> None:
        """As JarvisDaemon does at its start."""
        self.engine.open(self._world.clock.now())
        self.mark = self.engine.instance.token

    def tick(self) -> None:
        """As JarvisDaemon does at each turn, and at each look between two."""
        now = self._world.clock.now()
        self.engine.watch()
        self.engine.recover(now)
        self.engine.heartbeat(now)
        self.engine.tick(now, claim=not self.leaving)
        self._evaluated_at = self._world.clock.monotonic()

    def next_turn(self) -> datetime | None:
        """When something of its own has its turn."""
        ends = self.executor.next_finish
        clock = self._world.clock
        moments = [self.engine.next_wake()]
        if ends is not None:
            moments.append(clock.now() + timedelta(seconds=max(0.0, ends - clock.monotonic())))
        return min((moment for moment in moments if moment is not None), default=None)

    def leave(self) -> None:
        """The end of a graceful stop."""
        self.engine.close()
        self.store.close()

    def die(self) -> None:
        """As SIGKILL does: the connection is gone with what it had not committed, the pipe has no reader."""
        instances = self.store.instances
        for owner in list(instances._pipes):
            instances.abandon(owner)
        self.store.database._connection.close()
