"""The one place that reads the machine's clocks."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """Wall time for meaning, monotonic time for waiting.

    The monotonic clock stands still while the machine sleeps (Linux CLOCK_MONOTONIC, macOS
    mach_absolute_time), so a deadline kept on it counts waking time only.
    """

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never step."""
        return time.monotonic()
