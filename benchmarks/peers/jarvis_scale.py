"""A daemon with N stored tasks, ten of them due every second: `python -m benchmarks.peers.jarvis_scale N SECONDS`.

Prints the processor time of each such second, in which ten runs are planned, claimed, run and settled, and the memory.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta
from pathlib import Path

from benchmarks import daemons, stores
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import TaskSpec
from jarvis.scheduler.schedule import Interval

DUE = 10
WARM_UP = 3.0


def main(count: int, seconds: float) -> None:
    """Copy the stored tasks, add the ten, watch the daemon."""
    daemons.need_proc()
    with daemons.home() as folder:
        stores.copy(stores.with_tasks(count), daemons.store_path(folder))
        add_due(folder)
        with daemons.daemon(folder) as process:
            daemons.wait_for(lambda: daemons.succeeded(folder, "due%"))
            time.sleep(min(WARM_UP, seconds))
            before, started, used = daemons.succeeded(folder), time.perf_counter(), daemons.cpu_seconds(process.pid)
            time.sleep(seconds)
            used = daemons.cpu_seconds(process.pid) - used
            done, took = daemons.succeeded(folder) - before, time.perf_counter() - started
            held = daemons.memory(process.pid)
    assert abs(done - took * DUE) <= 2 * DUE, f"{done} runs in {took:.1f} s"
    print(json.dumps({"cpu_ms_per_wake": used / (done / DUE) * 1000, **held}))


def add_due(folder: Path) -> None:
    """Ten tasks, due together every second."""
    now = SystemClock().now().replace(microsecond=0)
    with daemons.store(folder) as memory, memory.transaction():
        for number in range(DUE):
            schedule = Interval(timedelta(seconds=1), anchor=now)
            memory.add_task(TaskSpec(name=f"due{number}", schedule=schedule, handler="noop"), now)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
