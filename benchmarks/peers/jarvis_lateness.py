"""How late a `jarvis daemon` runs N no-op tasks: `python -m benchmarks.peers.jarvis_lateness N LEAD GAP`.

They are due GAP seconds apart, the first LEAD seconds from now. What is measured is the moment at which the handler
had run (`finished_at` in the ledger; a no-op takes microseconds), because that is what is measured of the peers:
their functions note the time when they run. `started_...` is how late the work began (`started_at`).
`asyncio_...` is how late a plain `asyncio.sleep` until the same instants wakes up in
this process, beside the daemon.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.peers.common import Starts, lateness, report, wall
from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import TaskSpec
from jarvis.scheduler.schedule import Once

ENOUGH = 60.0  # seconds after the last is due until all must have run


def fill(path: Path, starts: Starts) -> None:
    """Store the tasks, and none of those that a first start adds."""
    path.parent.mkdir(parents=True)
    store, now = MemoryStore(str(path)), SystemClock().now()
    with store.transaction():
        store.first_start()
        for number, due in enumerate(starts.dues):
            at = datetime.fromtimestamp(due, UTC)
            store.add_task(TaskSpec(name=f"task{number}", schedule=Once(at), handler="noop"), now)
    store.close()


@contextmanager
def daemon(home: str) -> Iterator[None]:
    """A daemon on this store."""
    environment = {**os.environ, "JARVIS_HOME": home, "DAEMON_LOG_LEVEL": "ERROR"}
    process = subprocess.Popen([sys.executable, "-m", "jarvis", "daemon"], env=environment, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


async def wait_plainly(dues: Sequence[float]) -> list[float]:
    """Sleep until each of the instants, and how late that was."""
    late = []
    for due in dues:
        await asyncio.sleep(max(0.0, due - wall()))
        late.append(wall() - due)
    return late


def entered(path: Path) -> None:
    """Until the daemon has entered the store: its start is not measured."""
    end = wall() + ENOUGH
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
        while not store.execute("SELECT COUNT(*) FROM instances").fetchone()[0]:
            if wall() > end:
                raise SystemExit("the daemon did not start")
            time.sleep(0.05)


def ledger(path: Path) -> list[tuple[float, float]]:
    """How late each run that succeeded began, and had run."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
        rows = store.execute("SELECT due_at, started_at, finished_at FROM runs WHERE state = 'succeeded'").fetchall()
    return [((started - due) / 1e6, (finished - due) / 1e6) for due, started, finished in rows]


def all_run(path: Path, starts: Starts) -> list[tuple[float, float]]:
    """The ledger, once all have run."""
    end = wall() + ENOUGH
    while len(found := ledger(path)) < starts.count:
        if wall() > end:
            raise SystemExit(f"only {len(found)} of {starts.count} tasks ran")
        time.sleep(0.5)
    return found


def main(starts: Starts) -> None:
    """Print how late they were."""
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "data" / "memory.db"
        fill(path, starts)
        with daemon(home):
            entered(path)
            starts.stored()
            plain = asyncio.run(wait_plainly(starts.dues))
            time.sleep(1)
            found = all_run(path, starts)
    started, ran = zip(*found, strict=True)
    beside = {f"asyncio_{name}": value for name, value in lateness(plain).items()}
    report({**lateness(ran), **{f"started_{name}": value for name, value in lateness(started).items()}, **beside})


if __name__ == "__main__":
    main(Starts(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
