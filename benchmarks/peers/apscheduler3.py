"""N one-shot jobs run by APScheduler 3: `python -m benchmarks.peers.apscheduler3 STORE N LEAD GAP`.

STORE is `memory`, `sqlite` (SQLite's defaults: a rollback journal, synchronous=FULL) or `wal` (WAL and
synchronous=NORMAL, which may lose the last commits with the power). Ten threads, as by default; no grace time, so
that all run: with the default of one second many are dropped. The jobs are stored beforehand without any sync,
which is not measured.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.peers.common import Starts, not_installed, report

try:
    from apscheduler.jobstores.memory import MemoryJobStore
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
    from apscheduler.schedulers.background import BackgroundScheduler
    from sqlalchemy import Engine, create_engine, event
except ImportError as error:
    not_installed(error)

PRAGMAS = {
    "fill": ("journal_mode=OFF", "synchronous=OFF"),
    "sqlite": (),
    "wal": ("journal_mode=WAL", "synchronous=NORMAL"),
}


def job(due: float) -> None:
    """What is run: it notes that it was."""
    STARTS.came(due)


def engine(path: Path, kind: str) -> Engine:
    """An engine each connection of which has these pragmas."""
    made = create_engine(f"sqlite:///{path}")

    @event.listens_for(made, "connect")
    def connected(connection, _record) -> None:
        for pragma in PRAGMAS[kind]:
            connection.execute(f"PRAGMA {pragma}")

    return made


def scheduler(store: MemoryJobStore | SQLAlchemyJobStore) -> BackgroundScheduler:
    """A scheduler that is paused."""
    made = BackgroundScheduler(jobstores={"default": store}, timezone=UTC)
    made.start(paused=True)
    return made


def fill(target: BackgroundScheduler) -> None:
    """Store the jobs."""
    for number, due in enumerate(STARTS.dues):
        target.add_job(
            job, "date", run_date=datetime.fromtimestamp(due, UTC), args=(due,), id=f"job{number}",
            misfire_grace_time=None, coalesce=False, max_instances=STARTS.count,
        )  # fmt: skip


def stored(kind: str, folder: Path) -> BackgroundScheduler:
    """A paused scheduler that has all the jobs."""
    if kind == "memory":
        made = scheduler(MemoryJobStore())
        fill(made)
        return made
    path = folder / "jobs.db"
    fill(scheduler(SQLAlchemyJobStore(engine=engine(path, "fill"))))  # it stays paused: a shutdown would look at them
    return scheduler(SQLAlchemyJobStore(engine=engine(path, kind)))


def main(kind: str) -> None:
    """Print how many ran a second, the processor time of each, and how late they were."""
    with tempfile.TemporaryDirectory() as folder:
        made = stored(kind, Path(folder))
        STARTS.let_go(made.resume)
        STARTS.wait()
        while made.get_jobs():  # the last one is taken out of the store after it was started
            time.sleep(0.01)
        made.shutdown()
    report(STARTS.figures())


if __name__ == "__main__":
    STARTS = Starts(int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
    main(sys.argv[1])
