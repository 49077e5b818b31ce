"""A world: one machine, one store, up to three daemons, a user, and faults. One seed decides everything.

The engine, the planner, SQL and SQLite are the real ones, each daemon with a connection of its own to one file.
Clocks, handlers and faults are made up. A daemon here does what JarvisDaemon does, one action at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import apsw

from jarvis.errors import JarvisError
from jarvis.memory import MemoryStore
from jarvis.scheduler.attention import Settings
from jarvis.scheduler.engine import LEAD, SchedulerEngine
from jarvis.scheduler.model import DeliveryState, RunState
from tests.simulation import population
from tests.simulation.faults import Crash, Faults, named
from tests.simulation.seed_causes import ScriptedSieve
from tests.simulation.seed_deliveries import OVER, Broken, Letter, Writes
from tests.simulation.seed_machine import STARTS, Machine, ScriptedExecutor, ScriptedSender
from tests.simulation.seed_promises import Promises

STEPS = 40
HEALTHY = timedelta(minutes=40)
ZONES = population.ZONES
LEADS = (LEAD, timedelta(seconds=2), timedelta(minutes=1))  # the real one, and some in which much can happen
_PROCESS = re.compile(r"\(process \d+\)")


class Daemon:
    """One process: an engine with a connection of its own. Every statement of it is a point of the faults."""

    def __init__(self, world: World, number: int) -> None:
        self.number = number
        self.store = MemoryStore(world.path)
        self._connection: Any = self.store.database._connection
        self._connection.set_busy_timeout(0)  # nobody else gets on while one waits: what is locked is refused
        self._faults = world.faults
        self.failed: JarvisError | None = None  # why its last pass did
        self._last = ""
        self._moved = False
        self._look = world.promises.check
        self.dead = False
        self.executor = ScriptedExecutor(world.machine, number, world.limit, self._at)
        self.executor.begun = world.promises.on_effect
        self.sender = ScriptedSender(world.machine, number, self._at)
        self.sender.begun = world.promises.deliveries.on_send
        self._world = world
        self.sieve = ScriptedSieve(self._at)
        self.engine = SchedulerEngine(
            self.store,
            self.executor,
            world.machine.clock,
            sender=self.sender,
            sieve=self.sieve,
            attention=self._attention,
            lead=world.lead,
        )
        self._writes = Writes(world.promises.deliveries.committed, self.store)
        self._connection.exec_trace = self._before_statement

    def _attention(self) -> Settings:
        self._world.promises.deliveries.judged_by[self.number] = self._world.attention
        return self._world.attention

    def _before_statement(self, cursor: object, sql: str, bindings: Any) -> bool:
        del cursor  # a traceback that keeps this frame must not keep its statement open, and with it what it reads
        self.after_last()
        self._at(f"before {(name := named(sql))}")
        self._last = name
        self._writes.saw(name, bindings)
        return True

    def after_last(self) -> None:
        """The last statement is carried out: where it is what a fault waits for, it happens now."""
        name, self._last = self._last, ""
        self._moved = self._moved or name == "tasks.rezone"
        if self._moved and name == "commit":  # to be seen before anything is planned by the new rule
            self._moved = False
            self._look()
        if name:
            self._at(f"after {name}")

    def _at(self, point: str) -> None:
        if self._last == "commit" or point == "after commit":
            self._writes.commit()
        if self.dead:
            raise Crash
        self._faults.reached(point, self.number)

    def die(self) -> None:
        """As a SIGKILL does: no goodbye, what was not committed is not there."""
        self.dead = True
        for owner in list(self.store.instances._here):
            self.store.instances.abandon(owner)
        self._connection.exec_trace = None
        self.store.close()

    def beat(self) -> list[Any]:
        """What JarvisDaemon does at every tick."""
        clock = self.engine.clock
        self.engine.watch()
        self.engine.heartbeat(clock.now())
        return self.engine.tick(clock.now())

    def look(self) -> None:
        """What JarvisDaemon does every LOOK_EVERY."""
        self.engine.watch()
        self.engine.recover(self.engine.clock.now())
        self.store.changed()


class World:
    """Runs one seed; `story` is what happened, line by line."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.chance = Random(seed)
        self.story: list[str] = []
        self.machine = Machine(self.chance.choice(STARTS), self.chance, self.say)
        self.machine.brief = "thread" if seed % 2 else ""
        self.machine.failing = seed % 5 == 0
        self.lead = LEADS[seed // 3 % 3] if seed % 3 == 0 else timedelta(0)
        self.clock = self.machine.clock
        self.clock.zone = self.chance.choice(ZONES)
        self.path = str(folder / "memory.db")
        self.limit = self.chance.choice([1, 2, 8])
        self.attention = population.attention(self.chance)
        self.user = MemoryStore(self.path)
        self.user.database._connection.set_busy_timeout(0)
        self.faults = Faults(self.chance, self._happen)
        self.promises = Promises(self.user, self.machine)
        self.daemons: dict[int, Daemon] = {}
        self._born = 0
        self._tasks = 0
        self._inside: list[int] = []  # daemons in the middle of a pass, the outermost first

    def run(self) -> str:
        """The whole of it; a digest of the story. Broken if a promise was."""
        for _ in range(self.chance.randint(2, 5)):
            self._add()
        self._check()
        for _ in range(self.chance.choice([1, 1, 2, 3])):
            self._start()
        for _ in range(STEPS):
            self._step()
            self._check()
        self._become_healthy()
        self.promises.at_rest(self.chance)
        return self.digest()

    def digest(self) -> str:
        """The same for the same story."""
        return hashlib.sha256("\n".join(self.story).encode()).hexdigest()

    def say(self, what: str) -> None:
        self.story.append(what)

    def close(self) -> None:
        """Let go of every file."""
        for daemon in self.daemons.values():
            daemon.die()
        self.user.close()

    # -- a step --------------------------------------------------------------------------------------------
    def _step(self) -> None:
        self.say(f"{self.clock.now():%m-%d %H:%M:%S.%f} +{self.clock.monotonic():.3f}")
        if self.chance.random() < 0.35:
            self.say(f"  armed: {self.faults.arm()}")
        does = self.chance.choices(
            [self._daemon_acts, self._pass_time, self._user_acts, self._machine_acts], [10, 8, 3, 1]
        )
        does[0]()

    def _check(self) -> None:
        self.promises.check()
        for line in self.promises.news:
            self.say(f"    {_PROCESS.sub('(process N)', line)}")
        self.promises.news.clear()

    def _daemon_acts(self) -> None:
        living = [each for each in self.daemons.values() if each.number not in self._inside]
        if not living or (len(self.daemons) < 3 and self.chance.random() < 0.1):
            self._start()
            return
        daemon = self.chance.choice(living)
        what = self.chance.choices(["tick", "look", "stop", "kill"], [12, 4, 1, 1])[0]
        if what == "kill":
            self.say(f"  daemon {daemon.number} is killed")
            self._bury(daemon)
        else:
            self._act(daemon, what)

    def _act(self, daemon: Daemon, what: str) -> bool:
        """One action of one daemon, which may fail as it may in JarvisDaemon; whether it went well."""
        does: dict[str, Callable[[], object]] = {
            "tick": daemon.beat,
            "look": daemon.look,
            "stop": lambda: self._stop(daemon),
        }
        self.say(f"  daemon {daemon.number}: {what}")
        began = self.clock.monotonic()
        self._inside.append(daemon.number)
        try:
            does[what]()
            daemon.after_last()
        except (Crash, JarvisError, apsw.Error) as error:
            if daemon.dead:  # on its way out a dead process may meet what a living one does not
                self.say(f"  daemon {daemon.number} crashed")
                self._bury(daemon)
                return False
            if not isinstance(error, JarvisError):
                raise
            daemon.failed = error
            self.say(f"  daemon {daemon.number}: {type(error).__name__}: {str(error).replace(self.path, '')[:80]}")
            if what == "stop":  # the process ends all the same
                self._bury(daemon)
            return False
        finally:
            self._inside.pop()
        if what == "tick":
            self.promises.ticked(daemon.engine.instance.id, began)
            self.promises.deliveries.ticked(daemon.engine.instance.id, began)
        return True

    def _start(self) -> None:
        self._born += 1
        daemon = self.daemons[self._born] = Daemon(self, self._born)
        self.say(f"  daemon {daemon.number} starts")
        self._inside.append(daemon.number)
        try:
            daemon.engine.open(self.clock.now())
            daemon.store.changed()
            daemon.after_last()
        except (Crash, JarvisError, apsw.Error) as error:
            self.say(f"  daemon {daemon.number} did not come up: {type(error).__name__}")
            self._bury(daemon)
        finally:
            self._inside.pop()

    def _stop(self, daemon: Daemon) -> None:
        """Gracefully: what runs may end, then goodbye."""
        while daemon.executor.busy:
            if (left := self.machine.next_end()) is not None and not daemon.executor.wait():
                self.machine.wait(left)
            daemon.engine.tick(self.clock.now(), claim=False)
        if daemon.sender.busy and (left := self.machine.next_end()) is not None:
            self.machine.wait(min(left, 5.0))
            daemon.engine.tick(self.clock.now(), claim=False)
        daemon.engine.close()
        daemon.after_last()
        self._bury(daemon)

    def _bury(self, daemon: Daemon) -> None:
        self.machine.kill(daemon.number)
        daemon.die()
        self.daemons.pop(daemon.number, None)

    # -- time ----------------------------------------------------------------------------------------------
    def _pass_time(self) -> None:
        """To just before, at or after something; sometimes far."""
        chance, now = self.chance, self.clock.now()
        moments = [found for found in (self.user.tasks.next_due_at(), self.user.runs.next_available_at()) if found]
        if (again := self.user.deliveries.next_available_at(())) is not None:
            moments.append(again)
        if (left := self.machine.next_end()) is not None:
            moments.append(now + timedelta(seconds=left))
        ahead = [(moment - now).total_seconds() for moment in moments if moment > now]
        choices = [chance.choice([0.001, 1.0, 9.0, 59.0, 100.0])]
        if ahead:
            choices += [min(ahead), min(ahead), min(ahead) + chance.choice([-0.000001, 0.000001, 1.0, 61.0])]
        if chance.random() < 0.1:
            choices = [chance.choice([3_600.0, 20_000.0, 90_000.0, 260_000.0])]
        self._wait(max(0.0, chance.choice(choices)))

    def _wait(self, seconds: float) -> None:
        self.say(f"  {seconds:g} s pass")
        self.machine.wait(seconds)

    def _machine_acts(self) -> None:
        self._happen(self.chance.choice(["step", "sleep", "zone"]), 0)

    # -- what happens, also in the middle of a pass ------------------------------------------------------------
    def _happen(self, kind: str, daemon: int) -> None:
        self.say(f"    !! {kind}" + (f" in daemon {daemon}" if daemon else ""))
        getattr(self, f"happen_{kind}")(daemon)

    def happen_crash(self, daemon: int) -> None:
        self.daemons[daemon].dead = True
        raise Crash

    def happen_slow(self, _daemon: int) -> None:
        self._wait(self.chance.choice([0.2, 3.0, 70.0, 400.0]))

    def happen_step(self, _daemon: int) -> None:
        by = timedelta(seconds=self.chance.choice([-4000, -90, -2, 2, 90, 4000, 40_000]))
        self.say(f"    the clock is set by {by}")
        self.clock.step(self.clock.now() + by)

    def happen_sleep(self, _daemon: int) -> None:
        for_ = timedelta(seconds=self.chance.choice([5, 700, 30_000, 100_000]))
        self.say(f"    the machine sleeps for {for_}")
        self.clock.sleep(for_)

    def happen_zone(self, _daemon: int) -> None:
        self.clock.zone = self.chance.choice(ZONES)
        self.say(f"    the zone is {self.clock.zone}")

    def happen_other(self, _daemon: int) -> None:
        """Another daemon, or the user, acts meanwhile."""
        if len(self._inside) > 1:
            return
        if self.chance.random() < 0.7:
            self._daemon_acts()
        else:
            self._user_acts()

    # -- the user ------------------------------------------------------------------------------------------
    def _add(self) -> None:
        self._tasks += 1
        spec = population.spec(self.chance, self._tasks, self.clock.now(), self.user.tasks.names())
        if spec.follows_zone:
            spec = population.moved(spec, self.clock.zone)
        if self.machine.failing:
            spec = population.failing(spec)
        self.say(f"  add {spec.name}: {spec.schedule.describe()} {spec.policy}")
        self.user.add_task(spec, self.clock.now())

    def _user_acts(self) -> None:
        names = self.user.tasks.names()
        open_runs = [run.id for run in self.user.runs.newest(limit=20) if not run.state.final]
        now, name = self.clock.now(), self.chance.choice(names) if names else ""
        does: dict[str, Callable[[], object]] = {"add": self._add, "emit": self._emit, "emit many": self._emit_many}
        if names:
            does |= {
                "pause": lambda: self.user.pause_task(name, now),
                "resume": lambda: self._resume(name),
                "run": lambda: self.user.start_now(name, now),
                "edit": lambda: self._edit(name),
            }
            if self.chance.random() < 0.3:
                does["remove"] = lambda: self.user.remove_task(name, now)
        if open_runs:
            does["cancel"] = lambda: self.user.runs.cancel(self.chance.choice(open_runs), "cancelled by the user", now)
        if self.promises.deliveries.rows:
            does["delivery retry"] = self._send_again
            does["attention"] = self._edit_attention
        if held := self.user.deliveries.newest(state=DeliveryState.HELD):
            does["delivery release"] = lambda: self.user.deliveries.send_now(self.chance.choice(held).id, now)
        verb = self.chance.choice([*does, "emit", "emit many"])
        self.say(f"  user: {verb} {name}")
        with self._told(verb):
            does[verb]()
        self._check()

    def _emit(self) -> None:
        source, event_type = self.chance.choice(population.EVENTS)
        payload = self.chance.choice([None, 1, 4, 9, 9])
        event_id = self.user.events.emit(source, event_type, payload, self.clock.now())
        self.say(f"    event {event_id}: {source}/{event_type} {payload}")

    def _emit_many(self) -> None:
        """All at once, or one after another."""
        with self.user.transaction():
            for _ in range(self.chance.choice([2, 5, 9])):
                self._emit()

    def _edit_attention(self) -> None:
        """As who changes [attention] in jarvis.toml."""
        self.attention = population.attention(self.chance)
        self.say(f"    {self.attention}")

    def _send_again(self) -> None:
        """As `jarvis delivery retry`: mostly of one that it is there for."""
        rows = self.promises.deliveries.rows
        over = [row.id for row in rows.values() if row.state in (*OVER, DeliveryState.UNKNOWN)]
        delivery_id = self.chance.choice(over or list(rows))
        self.promises.check()  # so that what it was is seen
        before = self.promises.deliveries.rows[delivery_id].state
        self.user.deliveries.again(delivery_id, self.clock.now())
        self.promises.deliveries.asked_again(delivery_id, before)
        self.say(f"    delivery {delivery_id} is to be sent again: it was {before}")

    def _resume(self, name: str) -> None:
        paused = not self.user.tasks.get(name).enabled
        task = self.user.resume_task(name, self.clock.now())
        if paused:
            self.promises.deliveries.starts_afresh(task.id)

    def _edit(self, name: str) -> None:
        spec = population.spec(self.chance, int(name[1:]), self.clock.now(), self.user.tasks.names())
        if spec.follows_zone:
            spec = population.moved(spec, self.clock.zone)
        self.say(f"    to {spec.schedule.describe()} {spec.policy}")
        before = self.user.tasks.get(name)
        task = self.user.change_task(name, spec, self.clock.now())
        if task.revision > before.revision:
            self.promises.deliveries.starts_afresh(task.id)

    @contextlib.contextmanager
    def _told(self, verb: str) -> Iterator[None]:
        """The command line would tell the error, and the user would try again."""
        try:
            yield
        except JarvisError as error:
            self.say(f"  {verb} was refused: {type(error).__name__}")

    # -- the end -------------------------------------------------------------------------------------------
    def _become_healthy(self) -> None:
        """No more faults: the daemons wake when they said they would, and everything open comes to its end."""
        self.say("  no more faults")
        self.faults.disarm()
        self.machine.become_calm()
        if not self.daemons:
            self._start()
        self._check()
        known, letters = set(self.promises.rows), set(self.promises.deliveries.rows)
        until = self.clock.monotonic() + HEALTHY.total_seconds()
        while self.clock.monotonic() < until and (
            self._open(known) or self._unsent(letters) or self.promises.causes.pending()
        ):
            self._turn()
            self._check()
        open_ = self._open(known)
        if open_:
            raise Broken(f"ends: with healthy daemons for {HEALTHY}, run {open_[0].id} is still {open_[0].state}")
        if unsent := self._unsent(letters):
            raise Broken(f"ends: with healthy daemons for {HEALTHY}, delivery {unsent[0].id} is {unsent[0].state}")
        for _ in range(3):
            self._turn()
        self._check()
        self._come_to_rest()
        self.promises.planned_to(min(d.engine.clock.now() for d in self.daemons.values()))

    def _open(self, known: set[int]) -> list[Any]:
        rows = [
            *self.user.runs.newest(state=RunState.RUNNING, limit=None),
            *self.user.runs.newest(state=RunState.PENDING, limit=None),
        ]
        now = self.clock.now()
        return [
            run
            for run in rows
            if run.id in known and (run.state is RunState.RUNNING or run.available_at <= now + HEALTHY / 2)
        ]

    def _unsent(self, known: set[int]) -> list[Letter]:
        """What is on its way, or has been due to be sent for long."""
        until, rows = self.clock.now() + HEALTHY / 2, self.promises.deliveries.rows
        return [rows[each] for each in sorted(known) if rows[each].open_at(until)]

    def _come_to_rest(self) -> None:
        """What was begun ends and is settled; nothing more is begun."""
        while (left := self.machine.next_end()) is not None:
            self._wait(left)
        for daemon in self.daemons.values():
            daemon.engine.tick(self.clock.now(), claim=False)
            daemon.after_last()
        self._check()

    def _turn(self) -> None:
        for daemon in list(self.daemons.values()):
            if not (self._act(daemon, "look") and self._act(daemon, "tick")):
                raise Broken(f"keeps: daemon {daemon.number} fails without a fault") from daemon.failed
        now = self.clock.now()
        wakes = [daemon.engine.next_wake() for daemon in self.daemons.values()]
        ahead = [max(0.0, (wake - now).total_seconds()) for wake in wakes if wake is not None]
        if (left := self.machine.next_end()) is not None:
            ahead.append(left)
        ahead += [0.001 for daemon in self.daemons.values() if daemon.sieve.answered()]
        quiet = 60.0 if self.user.runs.any_pending() or self.machine.live() else 600.0
        self._wait(max(0.001, min([*ahead, quiet])))


@contextlib.contextmanager
def no_process_table() -> Iterator[None]:
    """All daemons here are one process, so only its pipe tells whether one lives: asked by its number, it is gone."""
    numbers = itertools.count()
    with mock.patch("jarvis.memory.life.process_started_at", side_effect=lambda _pid: f"never seen {next(numbers)}"):
        yield


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """The story has what the log would say."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def live_through(seed: int) -> World:
    """One world from beginning to end. Broken, with the story, if a promise was broken."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="jarvis-seed-", dir=shared if shared.is_dir() else None))
    world = None
    try:
        with no_process_table(), unheard():
            world = World(seed, folder)
            world.run()
    except Broken as broken:
        assert world is not None
        broken.add_note(f"replay it: python -m tests.simulation.replay {seed}")
        broken.story = world.story
        raise
    finally:
        if world is not None:
            world.close()
        shutil.rmtree(folder)
    return world
