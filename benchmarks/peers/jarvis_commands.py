"""N tasks that run /bin/true, due at once, done by a daemon as it is by default: `... jarvis_commands N`.

The time is the ledger's own: from the first start to the last end.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta

from benchmarks import daemons
from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import TaskSpec
from jarvis.scheduler.schedule import Once

TRUE = "/bin/true"


def main(count: int) -> None:
    """Store them, start a daemon shortly before they come due, wait for the last."""
    daemons.need_proc()
    with daemons.home() as folder, daemons.store(folder) as memory:
        due = SystemClock().now() + timedelta(seconds=1.5 + count / 10_000)
        with memory.transaction():
            for number in range(count):
                params = {"command": [TRUE]}
                spec = TaskSpec(name=f"task{number}", schedule=Once(due), handler="command", params=params)
                memory.add_task(spec, due)
        with daemons.daemon(folder) as process:
            time.sleep(max(0.0, (due - SystemClock().now()).total_seconds() - 0.2))
            used = daemons.cpu_seconds(process.pid)
            wait_for(memory, count)
            used = daemons.cpu_seconds(process.pid) - used
        first, last = memory.database.rows("SELECT MIN(started_at), MAX(finished_at) FROM runs")[0]
        succeeded = memory.database.value("SELECT COUNT(*) FROM runs WHERE state = 'succeeded'")
    assert succeeded == count, f"{succeeded} of {count} succeeded"
    print(json.dumps({"per_second": count / (last - first) * 1e6, "cpu_ms": used / count * 1000}))


def wait_for(memory: MemoryStore, count: int, within: float = 300) -> None:
    """Until that many runs have ended."""
    until = time.perf_counter() + within
    while memory.database.value("SELECT COUNT(*) FROM runs WHERE finished_at IS NOT NULL") < count:
        if time.perf_counter() > until:
            raise SystemExit(f"not done within {within:g} s")
        time.sleep(0.25)


if __name__ == "__main__":
    main(int(sys.argv[1]))
