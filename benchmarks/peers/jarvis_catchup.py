"""N interval tasks, M occurrences due of each, planned, run and settled: `... benchmarks.peers.jarvis_catchup N M`.

With `catch_up=last`: of each task the last one is run, and the M - 1 before it are accounted for as missed.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from benchmarks.peers.common import report
from jarvis import app
from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import Policy, RunState, TaskSpec
from jarvis.scheduler.schedule import Interval

EVERY = timedelta(hours=1)


def fill(store: MemoryStore, tasks: int, occurrences: int) -> None:
    """Store tasks whose first instant is so long ago."""
    now = SystemClock().now()
    first = now - (occurrences - 1) * EVERY
    with store.transaction():
        for number in range(tasks):
            schedule, policy = Interval(EVERY, anchor=first), Policy(catch_up="last")
            store.add_task(
                TaskSpec(name=f"task{number}", schedule=schedule, handler="noop", policy=policy), now, first=first
            )


def accounted(path: Path) -> dict[str, int]:
    """How many instants the ledger accounts for, by state."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
        return dict(store.execute("SELECT state, SUM(count) FROM runs GROUP BY state").fetchall())


def main(tasks: int, occurrences: int) -> None:
    """Print the seconds that took, and how many tasks were dealt with in a second."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory.db"
        store = MemoryStore(str(path))
        fill(store, tasks, occurrences)
        engine = app.engine(store)
        _ = engine.instance
        started = time.perf_counter()
        results = engine.evaluate_due_tasks()
        took = time.perf_counter() - started
        assert [result.state for result in results] == [RunState.SUCCEEDED] * tasks
        engine.close()
        store.close()
        found = accounted(path)
    assert found.pop("succeeded") == tasks
    assert found == ({"missed": tasks * (occurrences - 1)} if occurrences > 1 else {}), found
    report({"seconds": took, "per_second": tasks / took})


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
