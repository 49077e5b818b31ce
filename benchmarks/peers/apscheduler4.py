"""N one-shot schedules run by APScheduler 4 (an alpha): `python -m benchmarks.peers.apscheduler4 STORE N LEAD GAP`.

STORE is `memory` or `wal` (SQLite with WAL and synchronous=NORMAL). It lives in an environment of its own, made by
`make bench`: it has the same name as APScheduler 3.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.peers.common import Starts, not_installed, report, wall

try:
    from apscheduler import AsyncScheduler
    from apscheduler.datastores.memory import MemoryDataStore
    from apscheduler.datastores.sqlalchemy import SQLAlchemyDataStore
    from apscheduler.triggers.date import DateTrigger
    from sqlalchemy import event
    from sqlalchemy.ext.asyncio import create_async_engine
except ImportError as error:
    not_installed(error)


async def job(due: float) -> None:
    """What is run: it notes that it was."""
    STARTS.came(due)


def data_store(kind: str, folder: str) -> MemoryDataStore | SQLAlchemyDataStore:
    """Where the schedules are kept."""
    if kind == "memory":
        return MemoryDataStore()
    engine = create_async_engine(f"sqlite+aiosqlite:///{Path(folder) / 'jobs.db'}")

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection, _record) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
            connection.execute(f"PRAGMA {pragma}").close()

    return SQLAlchemyDataStore(engine)


async def fill(scheduler: AsyncScheduler) -> None:
    """Store the schedules."""
    for number, due in enumerate(STARTS.dues):
        await scheduler.add_schedule(
            job, DateTrigger(datetime.fromtimestamp(due, UTC)), id=f"job{number}", args=(due,), misfire_grace_time=None
        )


async def main(kind: str) -> None:
    """Print how many ran a second, the processor time of each, and how late they were."""
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncScheduler(data_store(kind, folder)) as scheduler:
            await fill(scheduler)
            STARTS.stored()
            await scheduler.start_in_background()
            if STARTS.lead:
                await asyncio.sleep(STARTS.first - wall())
                STARTS.begin()
            while not STARTS.done:
                await asyncio.sleep(0.05)
            STARTS.wait()
            await scheduler.stop()
    report(STARTS.figures())


if __name__ == "__main__":
    STARTS = Starts(int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
    asyncio.run(main(sys.argv[1]))
