"""The tasks that do what the three agents before Jarvis did: added at a store's first start, or by a move to Jarvis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from jarvis.memory import MemoryStore
from jarvis.scheduler.duration import format_duration
from jarvis.scheduler.model import Task, TaskSpec, Unreadable
from jarvis.scheduler.ports import Clock
from jarvis.scheduler.schedule import Interval

# scheduler-engine is the daemon itself, these are the other two. Each is the name of the handler as well.
SEEDS = {"alert_eval": timedelta(hours=2), "webhook_poll": timedelta(minutes=5)}
ORIGIN: Final = "seed"


def seed(memory: MemoryStore, clock: Clock) -> list[str]:
    """On a store's first start, add the tasks that replace the old agents, due at once. Their names."""
    with memory.transaction():
        if not memory.first_start():
            return []
        return _add([name for name in SEEDS if name not in memory.tasks.names()], memory, clock)


def _add(names: Sequence[str], memory: MemoryStore, clock: Clock) -> list[str]:
    now = clock.now()
    for name in names:
        spec = TaskSpec(name=name, schedule=Interval(SEEDS[name]), handler=name, origin=ORIGIN)
        memory.add_task(spec, now, first=now.replace(microsecond=0))
    return list(names)


class MovingSeeds:
    """The same for a store that may have been in use: nothing that some task already does is added."""

    def __init__(self, open_store: Callable[[], MemoryStore], clock: Clock) -> None:
        self._open_store = open_store  # not before it is needed: a rehearsal makes no store
        self._clock = clock

    def every(self, name: str) -> timedelta:
        """How often it runs."""
        return SEEDS[name]

    def missing(self) -> list[str]:
        """Those whose work no task of the store does."""
        doing = {task.handler for task in _tasks(self._open_store())}
        return [name for name in SEEDS if name not in doing]

    def add(self, names: Sequence[str]) -> list[str]:
        """Add those of them that are still missing; the first start of a daemon then adds none."""
        memory = self._open_store()
        with memory.transaction():
            memory.first_start()
            wanted = [name for name in names if name in self.missing()]
            _add([name for name in wanted if name not in memory.tasks.names()], memory, self._clock)
            paused = [task for task in _tasks(memory) if task.handler in SEEDS and not task.enabled]
        said = [f"added the task {name}, every {format_duration(SEEDS[name])}, due at once" for name in wanted]
        return said + [f"{task.name} is paused: `jarvis task resume {task.name}`" for task in paused]

    def take_back(self, names: Sequence[str]) -> list[str]:
        """Take away those that are as they were added, and pause those that were changed since."""
        memory, now, said = self._open_store(), self._clock.now(), []
        with memory.transaction():
            for task in _tasks(memory):
                if task.name not in names or task.origin != ORIGIN:
                    continue
                if task.revision == 1:
                    memory.remove_task(task.name, now)
                    said.append(f"removed the task {task.name}; its runs stay in the ledger")
                elif task.enabled:
                    memory.pause_task(task.name, now, "paused: the old agents do this again")
                    said.append(f"paused the task {task.name}, which was changed since it was added")
        return said


class RehearsedSeeds(MovingSeeds):
    """Looks, and changes nothing."""

    def add(self, names: Sequence[str]) -> list[str]:  # noqa: ARG002 (the port's shape)
        """Nothing is added."""
        return []

    def take_back(self, names: Sequence[str]) -> list[str]:  # noqa: ARG002 (the port's shape)
        """Nothing is taken away."""
        return []


def _tasks(memory: MemoryStore) -> list[Task]:
    """Those that can be read."""
    return [each.task for each in memory.tasks.list() if not isinstance(each, Unreadable)]
