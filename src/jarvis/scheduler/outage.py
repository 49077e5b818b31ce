"""A stretch in which ticks fail: when to try again, and what is worth saying of it. Pure.

Told once when it begins or its kind changes, then every ten minutes, and when it is over: a disk that is full
for a night must not fill what is left of it with its own complaint.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import inf

from jarvis.errors import StoreBusy
from jarvis.scheduler.clockwatch import Absence
from jarvis.scheduler.duration import format_duration

FIRST_RETRY = 0.5  # seconds; doubled at each failure
LONGEST_RETRY = 5.0  # seconds: so it goes on by itself that soon after the disk has room again
SAY_AGAIN = 600.0  # seconds


class Outage:
    """One after another, on the monotonic clock; none while nothing fails."""

    def __init__(self) -> None:
        self.retry_at = -inf  # not before
        self._kind = ""
        self._pause = FIRST_RETRY
        self._since_mono = self._said_at = -inf
        self._since: datetime | None = None

    @property
    def kind(self) -> str:
        """What fails, in a word or two; "" while nothing does."""
        return self._kind

    def failed(self, error: Exception, mono: float, now: datetime) -> str | None:
        """Once more. What to log of it, if anything."""
        kind = _kind(error)
        if self._since is None:
            self._since, self._since_mono, self._pause = now, mono, FIRST_RETRY
        self.retry_at, self._pause = mono + self._pause, min(2 * self._pause, LONGEST_RETRY)
        if kind == self._kind and mono - self._said_at < SAY_AGAIN:
            return None
        again = "still: " if kind == self._kind else ""
        self._kind, self._said_at = kind, mono
        what = str(error) if isinstance(error, StoreBusy) else f"the tick failed: {kind}"
        return f"{again}{what}. Tasks wait, nothing is lost; tried again at least every {LONGEST_RETRY:g} s"

    def worked(self, mono: float) -> str | None:
        """A tick succeeded. What to log of it, if anything failed before."""
        if self._since is None:
            return None
        took = timedelta(seconds=round(mono - self._since_mono))
        said = f"the tick works again after {format_duration(took)} ({self._kind})"
        self._since, self._kind, self.retry_at = None, "", -inf
        return said

    def absence(self, now: datetime) -> Absence | None:
        """What made late whatever came due since it began; None while nothing fails."""
        if self._since is None or self._since > now:
            return None
        return Absence(kind="no_store", since=self._since, until=now, detail=self._kind)


def _kind(error: Exception) -> str:
    return error.kind if isinstance(error, StoreBusy) else f"{type(error).__name__}: {error}"
