"""The same day by processes that start cold each time: `python -m benchmarks.peers.cold_day WHAT STARTS`.

WHAT is `cpu` or `syncs`. 288 processes poll, 12 evaluate alerts, 288 evaluate the tasks and find nothing due: `jarvis
tick` stands for each, on a store of its own. A few dozen of each kind are started, and scaled up to the day.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import daemons
from benchmarks.peers.jarvis_day import RUNS, add_tasks
from jarvis.memory.instants import to_micros
from jarvis.scheduler.clock import SystemClock

EVALUATIONS = 288
TICK = [*daemons.JARVIS, "tick"]


def main(what: str, starts: int) -> None:
    """Each kind in turn; and the day they make."""
    if what == "syncs" and not shutil.which("strace"):
        daemons.missing("syncs need strace")
    with daemons.home() as folder:
        add_tasks(folder, None)
        one = {"cpu": cpu, "syncs": syncs}[what]
        cold(folder, None, 1, one)  # the first start of all may compile
        kinds = [*RUNS.items(), (None, EVALUATIONS)]
        a_day = sum(many * cold(folder, handler, starts, one) for handler, many in kinds)
    key = {"cpu": "cpu_seconds_a_day", "syncs": "syncs_a_day"}[what]
    print(json.dumps({key: a_day}))


def cold(folder: Path, handler: str | None, starts: int, one: Callable[[Path], float]) -> float:
    """The mean cost of a start that does this handler's task."""
    total = 0.0
    for number in range(starts):
        if handler is not None:
            make_due(folder, handler)
        total += one(folder)
        assert handler is None or daemons.succeeded(folder, handler) > number
    return total / starts


def cpu(folder: Path) -> float:
    """Seconds of processor time."""
    return daemons.cpu_of(TICK, daemons.environment(folder))


def syncs(folder: Path) -> float:
    """How often it told the disk to keep what was written."""
    trace = folder / "syncs.txt"
    strace = ["-f", "-qq", "-o", str(trace), "-e", "trace=fsync,fdatasync"]
    daemons.cpu_of([shutil.which("strace") or "strace", *strace, *TICK], daemons.environment(folder))
    return float(sum("sync(" in line for line in trace.read_text().splitlines()))


def make_due(folder: Path, handler: str) -> None:
    """Its next instant is now."""
    with daemons.store(folder) as memory:
        now = to_micros(SystemClock().now())
        memory.database.change("UPDATE tasks SET next_run_at = ? WHERE name = ?", (now, handler))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
