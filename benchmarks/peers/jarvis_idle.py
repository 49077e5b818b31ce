"""What a daemon with a hundred tasks costs while none of them is due: `python -m benchmarks.peers.jarvis_idle SECONDS`.

A whole number of minutes is best: the daemon evaluates its tasks once a minute, and looks around in between. It is a
daemon of the core install: the extras that may be installed here are hidden from it.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta

from benchmarks import daemons
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.model import TaskSpec
from jarvis.scheduler.schedule import Interval

TASKS = 100
WARM_UP = 5.0
_HIDDEN = "import sys; sys.modules['watchdog'] = None; from jarvis.cli import main; sys.exit(main(['daemon']))"
CORE = [sys.executable, "-c", _HIDDEN]


def main(seconds: float) -> None:
    """Let it settle, then watch it do nothing."""
    daemons.need_proc()
    with daemons.home() as folder:
        with daemons.store(folder) as memory, memory.transaction():
            now = SystemClock().now()
            for number in range(TASKS):
                spec = TaskSpec(name=f"task{number}", schedule=Interval(timedelta(days=1 + number)), handler="noop")
                memory.add_task(spec, now)
        with daemons.daemon(folder, program=CORE) as process:
            daemons.wait_for_start(folder)
            time.sleep(min(WARM_UP, seconds))
            used, woken, started = daemons.cpu_seconds(process.pid), daemons.wakeups(process.pid), time.perf_counter()
            time.sleep(seconds)
            used, woken = daemons.cpu_seconds(process.pid) - used, daemons.wakeups(process.pid) - woken
            minutes = (time.perf_counter() - started) / 60
            held = daemons.memory(process.pid)
    print(json.dumps({"cpu_ms_a_minute": used / minutes * 1000, "wakeups_a_minute": woken / minutes, **held}))


if __name__ == "__main__":
    main(float(sys.argv[1]))
