"""Untimed: what schedules share that yield no instants, as something else than time starts them. Pure.

Their bounds still hold: they say when that something may start a run, and how many it may start in all.
"""

from __future__ import annotations

from datetime import datetime

from jarvis.scheduler.bounds import Bounds
from jarvis.scheduler.instant import as_utc


class Untimed(Bounds, frozen=True, kw_only=True, omit_defaults=True):
    """A schedule without instants of its own. `next_after` answers None, always."""

    def _after(self, _t: datetime) -> datetime | None:
        return None

    def _before(self, _t: datetime) -> datetime | None:
        return None

    def _count(self, _first: datetime, _last: datetime) -> int:
        return 0

    def left_out(self, t: datetime, starts: int) -> str:
        """Why nothing that happens at `t` starts a run, after so many starts; "" if it does."""
        t = as_utc(t)
        if self.max_runs is not None and starts >= self.max_runs:
            some = "the one run it may have is" if self.max_runs == 1 else f"its {self.max_runs} runs are"
            return f"{some} used up (max_runs)"
        if self.starts_at is not None and t < self.starts_at:
            return f"it came before {self._local(self.starts_at)} (starts_at)"
        if self.ends_at is not None and t > self.ends_at:
            return f"it came after {self._local(self.ends_at)} (ends_at)"
        if self.exclude and self._open.closed_since(t) is not None:
            return "its calendar leaves out that day (exclude)"
        return ""
