"""N workflows run by DBOS from a queue in SQLite, as it sets it up: `python -m benchmarks.peers.dbos_queue N`.

They are enqueued before it is launched, and time counts from its launch until all are stored as done. It looks
into the queue every 50 ms here; by default once a second.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.peers.common import Starts, not_installed, report

try:
    from dbos import DBOS, DBOSClient
except ImportError as error:
    not_installed(error)

QUEUE = "jobs"


@DBOS.workflow(name="job")
def job(due: float) -> None:
    """What is run: it notes that it was."""
    STARTS.came(due)


def set_up(url: str) -> None:
    """An instance that is not launched yet."""
    DBOS(config={"name": "bench", "system_database_url": url, "console_log_level": "ERROR", "log_level": "ERROR"})


def fill(url: str) -> None:
    """Make the store and enqueue the workflows."""
    set_up(url)
    DBOS.launch()
    DBOS.register_queue(QUEUE, polling_interval_sec=0.05)
    version = DBOS.application_version
    DBOS.destroy()
    client = DBOSClient(system_database_url=url)
    for due in STARTS.dues:
        client.enqueue({"queue_name": QUEUE, "workflow_name": "job", "app_version": version}, due)
    client.destroy()


def settle(path: Path) -> None:
    """Until all are stored as done, which each is after it has run."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
        while store.execute("SELECT COUNT(*) FROM workflow_status WHERE status <> 'SUCCESS'").fetchone()[0]:
            time.sleep(0.02)


def main() -> None:
    """Print how many ran a second, and the processor time of each."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dbos.db"
        url = f"sqlite:///{path}"
        fill(url)
        set_up(url)
        STARTS.let_go(DBOS.launch)
        STARTS.wait()
        settle(path)
        STARTS.settled()
        DBOS.destroy(workflow_completion_timeout_sec=30)
    report(STARTS.figures())


if __name__ == "__main__":
    STARTS = Starts(int(sys.argv[1]), 0, 0)
    main()
