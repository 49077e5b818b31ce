"""What a day's work costs a daemon: `python -m benchmarks.peers.jarvis_day WHAT SECONDS`, WHAT is `cpu` or `syncs`.

A day is 288 webhook_poll, 12 alert_eval, an evaluation of all tasks each time, and being there in between. Three
daemons are watched one after another: one with nothing due for so many seconds, then one for each handler that runs it
several times a second, which tells what a run costs once the first is taken off; put together for a day. Runs that
close together find warmer caches than those of a real day. `syncs` are counted by strace: fsync and fdatasync.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from benchmarks import daemons
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import TaskSpec
from jarvis.scheduler.schedule import Interval

DAY = 86_400.0
RUNS = {"webhook_poll": 288, "alert_eval": 12}
REST = timedelta(days=7)
OFTEN = {"cpu": timedelta(seconds=0.5), "syncs": timedelta(seconds=0.1)}  # the shorter, that checkpoints are met
WARM_UP = 6.0  # until it has looked around once, five seconds after its start


def main(what: str, seconds: float) -> None:
    """Rest first, then each handler; and the day they make."""
    daemons.need_proc()
    if what == "syncs" and not shutil.which("strace"):
        daemons.missing("syncs need strace")
    at_rest, _ = watched(what, None, seconds)
    a_day = at_rest * DAY
    for handler, runs in RUNS.items():
        rate, done = watched(what, handler, max(1.0, seconds / 4))
        a_day += max(0.0, rate - at_rest) / done * runs
    key = {"cpu": "cpu_seconds_a_day", "syncs": "syncs_a_day"}[what]
    print(json.dumps({key: a_day, "at_rest": at_rest * DAY}))


def watched(what: str, often: str | None, seconds: float) -> tuple[float, float]:
    """What a daemon with both tasks uses a second, and how many runs of `often` it does a second."""
    with daemons.home() as folder:
        add_tasks(folder, often, OFTEN[what])
        trace = folder / "syncs.txt"
        tracer = ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=fsync,fdatasync"] if what == "syncs" else []
        with daemons.daemon(folder, tracer) as process:
            count = reader(what, process.pid, trace)
            daemons.wait_for_start(folder)
            time.sleep(min(WARM_UP, seconds))
            before, runs, started = count(), daemons.succeeded(folder), time.perf_counter()
            time.sleep(seconds)
            used, took = count() - before, time.perf_counter() - started
            done = daemons.succeeded(folder) - runs
    assert often is None or done >= 1, f"{done} runs of {often} in {took:.1f} s"
    return used / took, done / took


def reader(what: str, pid: int, trace: Path) -> Callable[[], float]:
    """What counts so far."""
    if what == "cpu":
        return lambda: daemons.cpu_seconds(pid)
    return lambda: float(sum("sync(" in line for line in trace.read_text().splitlines()))


def add_tasks(folder: Path, often: str | None, every: timedelta = REST) -> None:
    """The two, neither due for a week but the one that is to run often."""
    now = SystemClock().now()
    with daemons.store(folder) as memory:
        for handler in RUNS:
            rests = REST if handler != often else every
            memory.add_task(TaskSpec(name=handler, schedule=Interval(rests), handler=handler), now, first=now + rests)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
