"""From the start of a daemon to the end of its first evaluation: `python -m benchmarks.peers.jarvis_start N`.

N tasks are stored, one of which is due. The time ends when that one's row is in the ledger, for all to see.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta

import apsw

from benchmarks import daemons, stores
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import TaskSpec
from jarvis.scheduler.schedule import Once

WITHIN = 120.0


def main(count: int) -> None:
    """Copy the stored tasks, add the one, start, and look every two milliseconds."""
    with daemons.home() as folder:
        stores.copy(stores.with_tasks(count), daemons.store_path(folder))
        with daemons.store(folder) as memory:
            now = SystemClock().now()
            memory.add_task(TaskSpec(name="due", schedule=Once(now + timedelta(seconds=0.2)), handler="noop"), now)
        time.sleep(0.3)
        reader = apsw.Connection(str(daemons.store_path(folder)))
        started = time.perf_counter()
        with daemons.daemon(folder) as process:
            while not reader.execute("SELECT COUNT(*) FROM runs").get:
                if time.perf_counter() - started > WITHIN:
                    raise SystemExit(f"nothing was evaluated within {WITHIN:g} s")
                time.sleep(0.002)
            took = time.perf_counter() - started
            if process.poll() is not None:
                raise SystemExit("the daemon has ended")
        reader.close()
    print(json.dumps({"seconds": took}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
