"""One seed: a machine, up to three daemons on one store, a user, and whatever a seed makes happen to them.

`play(seed)` raises Broken with the trace if a promise did not hold at some step.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

from jarvis.errors import JarvisError
from jarvis.memory import MemoryStore, life
from jarvis.scheduler.model import Policy, TaskSpec
from jarvis.scheduler.schedule import Cron, Interval, Once, Schedule
from jarvis.testing import FakeClock
from tests.simulation.chaos import Chaos, Crash
from tests.simulation.machine import Daemon, World
from tests.simulation.promises import Promises

STARTS = (
    datetime(2026, 3, 2, 9, tzinfo=UTC),
    datetime(2026, 3, 8, 8, 30, tzinfo=UTC),  # America/Denver goes to summer time at 09:00
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),  # Europe/Berlin goes back at 01:00
    datetime(2026, 4, 4, 14, 0, tzinfo=UTC),  # Australia/Lord_Howe goes back by half an hour at 15:00
)
ZONES = ("UTC", "America/Denver", "Europe/Berlin", "Australia/Lord_Howe")
MOST_DAEMONS = 3
STEPS = (25, 60)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
QUIET_STEPS = 400  # until everything open must have ended


class Broken(AssertionError):
    """A promise that did not hold, with the steps that led there."""


class Play:
    """A world while it is played."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.trace: list[str] = []
        self.clock = FakeClock(self.random.choice(STARTS))
        self.clock.zone = self.random.choice(ZONES)
        self.world = World(self.clock)
        self.path = str(folder / f"{seed}.db")
        self.chaos = Chaos(seed, self.random.choice((0.0, 0.005, 0.02, 0.06)), self._slow, self.say)
        self.user = MemoryStore(self.path)
        self.promises = Promises(self.user, self.world)
        self.daemons: list[Daemon] = []
        self.names: list[str] = []
        # Where clocks go back, schedules stay as they are: what both together owe cannot be said independently.
        self.time_travel = self.random.random() < 0.5
        self.entered = 0

    def say(self, what: str) -> None:
        now = self.clock.now().isoformat(timespec="milliseconds")
        self.trace.append(f"{len(self.trace):4d} {now} {what}")

    # -- the whole of it --------------------------------------------------------------------------------------
    def run(self) -> None:
        for _ in range(self.random.randint(1, 4)):
            self.add()
        self.enter()
        self.promises.hold()
        self.chaos.calm = False
        for _ in range(self.random.randint(*STEPS)):
            self.step()
            self.promises.hold()
        self.come_to_rest()
        self.promises.hold()
        self.promises.hold_at_rest(self.clock.now(), self.random)

    def step(self) -> None:
        actions = self._actions()
        chosen = self.random.choices([act for act, _ in actions], [weight for _, weight in actions])[0]
        chosen()

    def come_to_rest(self) -> None:
        """No more faults: what is open must come to its end, in time that passes and with a daemon that lives."""
        self.chaos.calm = True
        self.say("at rest from here on")
        for name in self.user.tasks.names():
            with contextlib.suppress(JarvisError):
                self.user.pause_task(name, self.clock.now())
        for _ in range(QUIET_STEPS):
            if not self.daemons:
                self.enter()
            for daemon in list(self.daemons):
                self.tick(daemon)
            if not self.promises.open_runs():
                return
            self.jump()
        raise AssertionError(f"after {QUIET_STEPS} quiet turns runs are still open: {self.promises.open_runs()}")

    # -- the daemons ------------------------------------------------------------------------------------------
    def enter(self) -> None:
        """A service manager starts a daemon; if it fails at its start it is gone again."""
        self.entered += 1
        self.say(f"daemon {self.entered} starts")
        daemon = Daemon(self.path, self.world, self.seed, self.chaos, self.promises.starts)
        self.daemons.append(daemon)
        self._guarded(daemon, daemon.enter, fatal=True)

    def tick(self, daemon: Daemon) -> None:
        self.say("tick")
        self._guarded(daemon, daemon.tick)
        if daemon in self.daemons and daemon.leaving and not daemon.executor.busy:
            self.say("it has drained and leaves")
            self._guarded(daemon, daemon.leave, fatal=True, leaves=True)

    def _guarded(self, daemon: Daemon, call: Callable[[], None], *, fatal: bool = False, leaves: bool = False) -> None:
        """A call of a daemon: a crash is its end, an error is one where it is fatal."""
        try:
            call()
        except Crash:
            self._gone(daemon)
        except JarvisError as error:
            self.say(f"failed: {error}")
            if fatal:
                self._gone(daemon)
        else:
            if leaves:
                self.daemons.remove(daemon)

    def _gone(self, daemon: Daemon) -> None:
        self.say("it is gone")
        self.daemons.remove(daemon)
        daemon.die()

    # -- what may happen --------------------------------------------------------------------------------------
    def _actions(self) -> list[tuple[Callable[[], None], float]]:
        some = bool(self.daemons)
        tasks = bool(self.names)
        return [
            (self.some_tick, 10.0 * some),
            (self.jump, 8.0),
            (self.wait, 3.0),
            (self.enter, 1.0 if len(self.daemons) < MOST_DAEMONS else 0.0),
            (self.kill, 0.7 * some),
            (self.stop, 0.4 * some),
            (self.stop_hard, 0.3 * some),
            (self.sleep, 0.7),
            (self.step_clock, 0.7 * self.time_travel),
            (self.travel, 0.4 * (not self.time_travel)),
            (self.add, 0.5 if len(self.names) < 6 else 0.0),
            (self.run_now, 0.8 * tasks),
            (self.cancel, 0.6),
            (self.pause, 0.5 * tasks),
            (self.resume, 0.7 * tasks),
            (self.remove, 0.2 * tasks),
            (self.change, 0.4 * tasks * (not self.time_travel)),
        ]

    def some_tick(self) -> None:
        self.tick(self.random.choice(self.daemons))

    def jump(self) -> None:
        """To the next moment anything has its turn, or just before or after it; all that are awake then tick."""
        turns = [turn for daemon in self.daemons if (turn := daemon.next_turn()) is not None]
        due = min(turns, default=self.clock.now() + MINUTE)
        by = max(due - self.clock.now(), timedelta(0)) + self.random.choice((timedelta(0), timedelta(0), SECOND / 2))
        self.say(f"{by} pass")
        self.clock.advance(min(by, timedelta(days=2)))

    def wait(self) -> None:
        by = self.random.choice((SECOND / 10, 3 * SECOND, 20 * SECOND, 5 * MINUTE, HOUR, 9 * HOUR))
        self.say(f"{by} pass")
        self.clock.advance(by)

    def kill(self) -> None:
        self.say("a daemon is killed")
        self._gone(self.random.choice(self.daemons))

    def stop(self) -> None:
        self.say("a daemon is told to stop")
        self.random.choice(self.daemons).leaving = True

    def stop_hard(self) -> None:
        self.say("a daemon is told to stop, twice")
        daemon = self.random.choice(self.daemons)
        daemon.leaving = True
        daemon.executor.cancel_all()

    def sleep(self) -> None:
        for_ = self.random.choice((MINUTE, 20 * MINUTE, 8 * HOUR))
        self.say(f"the machine sleeps for {for_}")
        self.clock.sleep(for_)

    def step_clock(self) -> None:
        by = self.random.choice((-HOUR, -5 * MINUTE, -SECOND, SECOND, 5 * MINUTE, HOUR, 24 * HOUR))
        self.say(f"the clock is set by {by}")
        self.clock.step(self.clock.now() + by)

    def travel(self) -> None:
        self.clock.zone = self.random.choice(ZONES)
        self.say(f"the machine is in {self.clock.zone}")

    def add(self) -> None:
        name = f"t{len(self.names)}"
        spec = self._spec(name)
        self.say(f"add {name}: {spec.schedule.describe()} {spec.policy}")
        self.user.add_task(spec, self.clock.now())
        self.names.append(name)

    def run_now(self) -> None:
        self._user("run", lambda name: self.user.start_now(name, self.clock.now()))

    def pause(self) -> None:
        self._user("pause", lambda name: self.user.pause_task(name, self.clock.now()))

    def resume(self) -> None:
        self._user("resume", lambda name: self.user.resume_task(name, self.clock.now()))

    def remove(self) -> None:
        self._user("remove", lambda name: self.user.remove_task(name, self.clock.now()))

    def change(self) -> None:
        self._user("change", lambda name: self.user.change_task(name, self._spec(name), self.clock.now()))

    def cancel(self) -> None:
        found = self.promises.open_runs()
        if found:
            run_id = self.random.choice(found)
            self.say(f"cancel run {run_id}")
            self.user.runs.cancel(run_id, "cancelled by the user", self.clock.now())

    def _user(self, what: str, act: Callable[[str], object]) -> None:
        name = self.random.choice(self.names)
        self.say(f"{what} {name}")
        try:
            act(name)
        except JarvisError as error:  # there is no such task any more, for one
            self.say(f"refused: {error}")

    def _slow(self) -> None:
        self.clock.advance(self.random.choice((SECOND / 5, 12 * SECOND, 3 * MINUTE)))

    # -- tasks ------------------------------------------------------------------------------------------------
    def _spec(self, name: str) -> TaskSpec:
        schedule = self._schedule()
        return TaskSpec(
            name=name, schedule=schedule, handler="scripted", policy=self._policy(), follows_zone=self._chance(0.3)
        )

    def _schedule(self) -> Schedule:
        zone = self.random.choice(ZONES)
        kind = self.random.choice(("interval", "interval", "cron", "cron", "once", "after"))
        if kind == "once":
            return Once(self.clock.now() + self.random.choice((SECOND, 10 * MINUTE, 3 * HOUR)), zone)
        jitter = self.random.choice((SECOND / 10, SECOND / 2)) if self._chance(0.15) else timedelta(0)
        ends_at = self.clock.now() + self.random.choice((5 * MINUTE, 5 * HOUR)) if self._chance(0.15) else None
        if kind == "cron":
            expr = self.random.choice(
                ("* * * * *", "*/15 * * * *", "30 1 * * *", "0 */2 * * *", "15 2 * * *", "0 * * * * *")
            )
            return Cron(expr, zone, jitter=jitter, ends_at=ends_at)
        every = self.random.choice((SECOND, 10 * SECOND, 90 * SECOND, HOUR))
        return Interval(every, tz=zone, after_completion=kind == "after", jitter=jitter, ends_at=ends_at)

    def _policy(self) -> Policy:
        pick = self.random.choice
        return Policy(
            grace=pick((timedelta(0), MINUTE, HOUR)),
            catch_up=pick(("skip", "last", "last", "all")),
            catch_up_max=pick((1, 3, 100)),
            late_ok=pick((None, None, None, 2 * MINUTE, 2 * HOUR)),
            overlap=pick(("skip", "skip", "queue", "allow", "cancel_running")),
            timeout=pick((None, 30 * SECOND)),
            on_interrupt=pick(("rerun", "rerun", "fail")),
            priority=pick((0, 0, 5)),
            retries=pick((0, 0, 2)),
            retry_delay=pick((SECOND, 30 * SECOND)),
            pause_after=pick((10, 2, 0)),
        )

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def close(self) -> None:
        for daemon in self.daemons:
            daemon.die()
        self.user.close()


def play(seed: int, folder: Path) -> str:
    """Play one seed to its end; a fingerprint of what happened. Broken, with the trace, if a promise did not hold."""
    made = Play(seed, folder)
    try:
        # Where a pipe is gone the process table is asked, in which the dead daemons of this process would live.
        with mock.patch.object(life, "process_started_at", return_value=None):
            made.run()
    except Exception as error:
        steps = "\n".join(made.trace[-60:])
        raise Broken(
            f"seed {seed}: {type(error).__name__}: {error}\n{steps}\nagain: python -m tests.simulation.replay {seed}"
        ) from error
    finally:
        made.close()
    return hashlib.sha256("\n".join(made.trace).encode()).hexdigest()
