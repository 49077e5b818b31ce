"""N entries that are due, sent by Celery beat to Redis: `python -m benchmarks.peers.celery_beat N`.

The sending alone: no worker takes them, so it is the best that it can do. It grows with the square of N.
"""

from __future__ import annotations

import sys
from datetime import timedelta

from benchmarks.peers.common import Starts, not_installed, report
from benchmarks.peers.servers import redis

try:
    from celery import Celery
    from celery.beat import ScheduleEntry, Scheduler
except ImportError as error:
    not_installed(error)

EVERY = timedelta(hours=1)


class Counted(Scheduler):
    """Beat's scheduler, which tells us of each task it has sent."""

    def apply_async(self, entry: ScheduleEntry, *args: object, **options: object) -> object:
        """As it does; then it counts."""
        sent = super().apply_async(entry, *args, **options)
        if not STARTS.done:
            STARTS.came(STARTS.first)
        return sent


def beat(url: str) -> None:
    """Tick until all are sent, each of which last ran two intervals ago."""
    app = Celery("bench", broker=url, task_ignore_result=True, result_expires=None)
    app.conf.beat_schedule = {
        f"job{number}": {"task": "job", "schedule": EVERY} for number in range(STARTS.count)
    }  # fmt: skip
    scheduler = Counted(app)
    for entry in scheduler.schedule.values():
        entry.last_run_at -= 2 * EVERY
    STARTS.begin()
    while not STARTS.done:
        scheduler.tick()
    STARTS.wait()


def main() -> None:
    """Print how many were sent a second, and the processor time of each."""
    with redis() as url:
        beat(url)
    report(STARTS.figures())


if __name__ == "__main__":
    STARTS = Starts(int(sys.argv[1]), 0, 0)
    main()
