"""N workflows run by DBOS from a queue in SQLite, as it sets it up: `python -m benchmarks.peers.dbos_queue N`.

They are enqueued before it is launched, so its launch is measured with them.
"""

from __future__ import annotations

import sys
import tempfile
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
    DBOS.register_queue(QUEUE)
    version = DBOS.application_version
    DBOS.destroy()
    client = DBOSClient(system_database_url=url)
    for due in STARTS.dues:
        client.enqueue({"queue_name": QUEUE, "workflow_name": "job", "app_version": version}, due)
    client.destroy()


def main() -> None:
    """Print how many ran a second, and the processor time of each."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'dbos.db'}"
        fill(url)
        set_up(url)
        STARTS.let_go(DBOS.launch)
        STARTS.wait()
        DBOS.destroy(workflow_completion_timeout_sec=30)
    report(STARTS.figures())


if __name__ == "__main__":
    STARTS = Starts(int(sys.argv[1]), 0, 0)
    main()
