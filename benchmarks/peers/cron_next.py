"""Next instants of twelve cron expressions in New York: `python -m benchmarks.peers.cron_next WHO SECONDS`.

WHO is `jarvis` (CronExpression.next_after, each time from the instant it gave before) or `cronsim` (next() of its
iterator, which keeps its place). Prints instants per second of processor time: the geometric mean over the
expressions, and the worst of them. Reading the expression is not counted.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from statistics import geometric_mean
from zoneinfo import ZoneInfo

from benchmarks.daemons import missing

ZONE = ZoneInfo("America/New_York")
# A hundred of them over two years, so that neither answers again and again from the same piece of the calendar.
STARTS = [datetime(2026, 1, 1, 0, 0, 30, tzinfo=ZONE) + timedelta(days=7 * week) for week in range(100)]
MIX = (
    "* * * * *",
    "*/15 * * * *",
    "*/10 * * * * *",  # with seconds
    "0 3 * * *",
    "30 2 * * *",  # which does not exist on one day of the year
    "0 9 * * 1-5",
    "0 0 1 * *",
    "0 12 29 2 *",
    "0 18 L * *",
    "0 10 * * 5#3",
    "15,45 8-18/2 * * 1,3,5",
    "17 3 1-7 1,4,7,10 *",
)
IN_A_ROW = 200  # instants taken in a row from each start


def main(who: str, seconds: float) -> None:
    """Each expression for its share of the time."""
    begin = {"jarvis": jarvis, "cronsim": cronsim}[who]
    rates = {text: rate(begin(text), seconds / len(MIX)) for text in MIX}
    for text, value in rates.items():
        print(f"{text}: {value:,.0f}", file=sys.stderr)
    print(json.dumps({"per_second": geometric_mean(rates.values()), "worst_per_second": min(rates.values())}))


def jarvis(text: str) -> Callable[[datetime], Iterator[datetime]]:
    """What begins at a start."""
    from jarvis.scheduler.cron import CronExpression  # noqa: PLC0415 (each process pays for its own contender alone)

    following = CronExpression(text, ZONE).next_after

    def instants(at: datetime) -> Iterator[datetime]:
        while True:
            at = following(at)
            yield at

    return instants


def cronsim(text: str) -> Callable[[datetime], Iterator[datetime]]:
    """The same of cronsim."""
    try:
        from cronsim import CronSim  # noqa: PLC0415
    except ImportError:
        missing("needs cronsim: make setup")
    return lambda start: CronSim(text, start)


def rate(begin: Callable[[datetime], Iterator[datetime]], seconds: float) -> float:
    """Instants per second of processor time. Making an iterator is left out: cronsim reads the expression there."""
    done, used = 0, 0.0
    while used < seconds:
        instants = begin(STARTS[done // IN_A_ROW % len(STARTS)])
        next(instants)
        started = time.process_time()
        for _ in range(IN_A_ROW):
            next(instants)
        used += time.process_time() - started
        done += IN_A_ROW
    return done / used


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
