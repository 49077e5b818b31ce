"""N jobs run by Procrastinate from PostgreSQL: `python -m benchmarks.peers.procrastinate_queue N`.

One worker with one job at a time, as by default; the server is durable. The jobs are stored beforehand.
"""

from __future__ import annotations

import asyncio
import sys

from benchmarks.peers.common import Starts, not_installed, report
from benchmarks.peers.servers import postgres

try:
    from procrastinate import App, PsycopgConnector
except ImportError as error:
    not_installed(error)


async def work(url: str) -> None:
    """Store the jobs and run them."""
    app = App(connector=PsycopgConnector(conninfo=url))

    @app.task(name="job")
    async def job(due: float) -> None:
        STARTS.came(due)

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await job.batch_defer_async(*({"due": due} for due in STARTS.dues))
        STARTS.begin()
        await app.run_worker_async(wait=False, install_signal_handlers=False)
    STARTS.wait()


def main() -> None:
    """Print how many ran a second, and the processor time of each; that of the server is not in it."""
    with postgres() as url:
        asyncio.run(work(url))
    report(STARTS.figures())


if __name__ == "__main__":
    STARTS = Starts(int(sys.argv[1]), 0, 0)
    main()
