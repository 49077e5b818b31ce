"""Stores of a million tasks or ten million ledger rows, built once and kept in build/bench-stores.

One real row is written by Jarvis and then copied by SQL. A store is built anew when the schema or this file changes.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from benchmarks.harness import ROOT, progress
from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import Outcome, Result, TaskSpec
from jarvis.scheduler.schedule import Interval

KEPT = ROOT / "build" / "bench-stores"
SCHEMA = ROOT / "src" / "jarvis" / "memory" / "migrations"
LEDGER_TASKS = 100
AT_ONCE = 1_000_000  # rows copied in one transaction

_COPY_TASKS = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
INSERT INTO tasks (name, schedule, handler, params, policy, origin, source, follows_zone, deliver, created_at,
                   next_run_at)
SELECT printf('stored%07d', n), schedule, handler, params, policy, origin, source, follows_zone, deliver, created_at,
       next_run_at + n * 1000000
FROM numbers, tasks WHERE name = 'stored0000000'
"""

# In the order of (task_id, due_at) within each task; the ids mix the tasks, as in life, where they take turns.
_COPY_RUNS = """
WITH RECURSIVE numbers (n) AS (SELECT :first UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :until)
INSERT INTO runs (task_id, due_at, until, count, origin, state, reason, attempt, priority, alone, recorded_at,
                  available_at, started_at, finished_at, owner, fence, data)
SELECT r.task_id + n % :tasks, r.due_at - (:all - n / :tasks) * 60000000, r.until, r.count, r.origin, r.state,
       r.reason, r.attempt, r.priority, r.alone, r.recorded_at - (:all - n / :tasks) * 60000000,
       r.available_at - (:all - n / :tasks) * 60000000, r.started_at - (:all - n / :tasks) * 60000000,
       r.finished_at - (:all - n / :tasks) * 60000000, r.owner, r.fence, r.data
FROM numbers, runs r WHERE r.id = :model
"""


def with_tasks(count: int) -> Path:
    """A store of `count` tasks, none of which is due for a year."""
    return _kept(f"tasks-{count}", lambda memory: _add_tasks(memory, count))


def with_ledger(rows: int) -> Path:
    """A store of a hundred tasks and so many settled runs, one a minute of each task."""
    return _kept(f"ledger-{rows}", lambda memory: _add_ledger(memory, rows))


def copy(kept: Path, to: Path) -> None:
    """A kept store for one measurement: what that writes is thrown away."""
    shutil.copyfile(kept, to)


def _kept(name: str, fill: Callable[[MemoryStore], None]) -> Path:
    made_of = [Path(__file__), *sorted(SCHEMA.glob("*.sql"))]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in made_of)).hexdigest()[:12]
    folder = KEPT / f"{name}-{digest}"
    if folder.exists():
        return folder / "memory.db"
    for old in KEPT.glob(f"{name}-*"):
        shutil.rmtree(old)
    progress(f"building {folder.name}, which is kept")
    unfinished = KEPT / f"{name}-unfinished"
    unfinished.mkdir(parents=True)
    memory = MemoryStore(str(unfinished / "memory.db"))
    try:
        memory.first_start()
        memory.database.rows("PRAGMA cache_size = -400000")  # in KiB; for the building alone
        fill(memory)
    finally:
        memory.close()
    unfinished.rename(folder)
    return folder / "memory.db"


def _add_tasks(memory: MemoryStore, count: int) -> None:
    now = SystemClock().now()
    memory.add_task(_spec("stored0000000"), now, first=now + timedelta(days=366))
    memory.database.change(_COPY_TASKS, {"count": count - 1})


def _add_ledger(memory: MemoryStore, rows: int) -> None:
    now = SystemClock().now().replace(second=0, microsecond=0)
    first = min(memory.add_task(_spec(f"task{number}"), now).id for number in range(LEDGER_TASKS))
    model = _one_run(memory, memory.tasks.by_id(first).name)
    for begin in range(0, rows, AT_ONCE):
        until = min(begin + AT_ONCE, rows)
        values = {"first": begin, "until": until, "tasks": LEDGER_TASKS, "all": rows // LEDGER_TASKS, "model": model}
        memory.database.change(_COPY_RUNS, values)


def _spec(name: str) -> TaskSpec:
    return TaskSpec(name=name, schedule=Interval(timedelta(minutes=1)), handler="noop")


def _one_run(memory: MemoryStore, task: str) -> int:
    """A run that was claimed and settled as all are; then made one of the schedule's, on its minute."""
    now = SystemClock().now()
    owner = memory.instances.register(now)
    memory.start_now(task, now)
    claimed = memory.runs.claim(owner.id, 1, now)
    memory.runs.settle([Outcome(claimed[0], Result(), now)])
    memory.instances.sign_off(owner.id, now)
    planned = "UPDATE runs SET origin = 'schedule', due_at = due_at - due_at % 60000000 WHERE id = ?"
    memory.database.change(planned, (claimed[0].run.id,))
    return claimed[0].run.id
