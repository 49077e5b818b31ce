"""N tasks run by Huey from SQLite (WAL): `python -m benchmarks.peers.huey_queue SYNC N`.

They lie in its queue, not in its schedule, which it looks at once a second only: so this is the best it can do.
SYNC is `default` (it leaves SQLite's own: mostly synchronous=FULL) or `none` (synchronous=OFF). A task that is
taken is deleted before it runs: nothing is kept of what ran. One worker thread, as by default. The tasks are
stored beforehand without any sync, which is not measured.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

from benchmarks.peers.common import Starts, not_installed, report

try:
    from huey import SqliteHuey
    from huey.consumer import Consumer
except ImportError as error:
    not_installed(error)

SYNC = {"default": None, "none": False}


def job(due: float) -> None:
    """What is run: it notes that it was."""
    STARTS.came(due)


def main(sync: str) -> None:
    """Print how many ran a second, and the processor time of each."""
    logging.getLogger("huey").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "huey.db")
        enqueue = SqliteHuey(filename=path, fsync=False).task()(job)
        for due in STARTS.dues:
            enqueue(due)
        huey = SqliteHuey(filename=path, fsync=SYNC[sync])
        huey.task()(job)
        consumer = Consumer(huey, periodic=False)
        STARTS.let_go(consumer.start)
        STARTS.wait()
        consumer.stop(graceful=True)
    report(STARTS.figures())


if __name__ == "__main__":
    STARTS = Starts(int(sys.argv[2]), 0, 0)
    main(sys.argv[1])
