"""N tasks that run /bin/true, due at once, done by a daemon as it is by default: `... jarvis_commands N`.

The time is the ledger's own: from the first start to the last end.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta

from benchmarks import daemons
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import TaskSpec
from jarvis.scheduler.schedule import Once

TRUE = "/bin/true"
ENDED = "SELECT COUNT(*) FROM runs WHERE finished_at IS NOT NULL"


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
            daemons.wait_for(lambda: daemons.ask(folder, ENDED) == count, within=300, every=0.25)
            used = daemons.cpu_seconds(process.pid) - used
        first, last = memory.database.rows("SELECT MIN(started_at), MAX(finished_at) FROM runs")[0]
        succeeded = daemons.succeeded(folder)
    assert succeeded == count, f"{succeeded} of {count} succeeded"
    print(json.dumps({"per_second": count / (last - first) * 1e6, "cpu_ms": used / count * 1000}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
