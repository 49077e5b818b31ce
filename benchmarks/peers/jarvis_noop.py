"""N no-op tasks due at once, planned, run and settled by Jarvis: `python -m benchmarks.peers.jarvis_noop N`."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from jarvis import app
from jarvis.memory import MemoryStore
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import RunState, TaskSpec
from jarvis.scheduler.schedule import Once


def main(count: int) -> None:
    """Print how many were done a second, and the processor time of each in microseconds."""
    with tempfile.TemporaryDirectory() as folder:
        store = MemoryStore(str(Path(folder) / "memory.db"))
        due = SystemClock().now() + timedelta(seconds=1)
        with store.transaction():
            for number in range(count):
                store.add_task(TaskSpec(name=f"task{number}", schedule=Once(due), handler="noop"), due)
        engine = app.engine(store)
        _ = engine.instance
        time.sleep(max(0.0, (due - SystemClock().now()).total_seconds()))
        started, used = time.perf_counter(), time.process_time()
        results = engine.evaluate_due_tasks()
        took, used = time.perf_counter() - started, time.process_time() - used
        assert [result.state for result in results] == [RunState.SUCCEEDED] * count
        engine.close()
        store.close()
    print(json.dumps({"per_second": count / took, "cpu_us": used / count * 1e6}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
