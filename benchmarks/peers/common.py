"""What the programs of this folder share: when jobs are due, when each of them ran, and what follows from it.

Stands on the standard library and the harness alone: some peers live in an environment without Jarvis.
"""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from benchmarks.harness import MISSING

WITHIN = 300.0  # seconds after the last is due until all must have run


def missing(what: str) -> NoReturn:
    """This contender cannot be measured here."""
    print(what, file=sys.stderr)
    raise SystemExit(MISSING)


def not_installed(error: ImportError) -> NoReturn:
    """The peer is not in this environment."""
    missing(f"{error.name} is not installed (make bench installs what it compares with)")


def wall() -> float:
    """The wall clock, in seconds since 1970."""
    return time.clock_gettime(time.CLOCK_REALTIME)


def sleep_until(moment: float) -> None:
    """Sleep until the wall clock shows `moment`."""
    time.sleep(max(0.0, moment - wall()))


class Starts:
    """`count` jobs, `gap` seconds apart, the first due `lead` seconds from now, and when each of them ran.

    With a `lead` of 0 all are overdue when the scheduler is let go, and time counts from then on.
    """

    def __init__(self, count: int, lead: float, gap: float) -> None:
        self.count, self.lead = count, lead
        self.first = wall() + lead
        self.dues = [self.first + number * gap for number in range(count)]
        self._late: list[float] = []
        self._all = threading.Event()
        self._began = self._used = self._ended = 0.0

    def came(self, due: float) -> None:
        """The job that was due then runs now. Any thread."""
        now = wall()
        self._late.append(now - due)
        if len(self._late) >= self.count:
            self._ended = now
            self._all.set()

    def stored(self) -> None:
        """All jobs are stored and the scheduler is about to be let go: in time, where the first is not due yet."""
        if self.lead and wall() >= self.first:
            raise SystemExit(f"storing {self.count} jobs took longer than {self.lead:g} s: give it a longer lead")
        self.begin()

    def let_go(self, resume: Callable[[], object]) -> None:
        """Let the scheduler go, and count from when the first is due."""
        self.stored()
        resume()
        if self.lead:
            sleep_until(self.first)
            self.begin()

    def begin(self) -> None:
        """Count time and processor time from here on."""
        self._began, self._used = wall(), time.process_time()

    def settled(self) -> None:
        """Only now all of it is done: for what goes on after the jobs have run."""
        self._ended = wall()

    def wait(self) -> None:
        """Until all have run."""
        if not self._all.wait(self.dues[-1] - self.first + self.lead + WITHIN):
            raise SystemExit(f"only {len(self._late)} of {self.count} jobs ran")
        self._used = time.process_time() - self._used

    @property
    def done(self) -> bool:
        """Whether all have run."""
        return self._all.is_set()

    def figures(self) -> dict[str, float]:
        """What was measured."""
        took = self._ended - self._began
        return {"per_second": self.count / took, "cpu_us": self._used / self.count * 1e6, **lateness(self._late)}


def lateness(seconds: Sequence[float]) -> dict[str, float]:
    """How late half of them were at most, 99 of 100, and the last, in milliseconds."""
    ordered = sorted(seconds)
    at = {name: ordered[math.ceil(share * len(ordered)) - 1] * 1e3 for name, share in SHARES.items()}
    return {f"{name}_ms": value for name, value in at.items()}


SHARES = {"p50": 0.5, "p99": 0.99, "max": 1.0}


def report(figures: dict[str, float]) -> None:
    """The last line, which the harness reads."""
    print(json.dumps(figures), flush=True)
