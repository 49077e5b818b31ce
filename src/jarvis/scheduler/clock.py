"""The one place that reads the machine's clocks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jarvis.scheduler.clockwatch import Reading

# The clock that goes on while the machine sleeps. macOS gives it the name that stands still elsewhere.
_BOOT = getattr(time, "CLOCK_MONOTONIC" if sys.platform == "darwin" else "CLOCK_BOOTTIME", None)


class SystemClock:
    """Wall time for meaning, monotonic time for waiting.

    The monotonic clock stands still while the machine sleeps (Linux CLOCK_MONOTONIC, macOS
    mach_absolute_time), so a deadline kept on it counts waking time only.
    """

    def __init__(self, zone: Callable[[], str] = lambda: "") -> None:
        self._zone = zone

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never step."""
        return time.monotonic()

    def read(self) -> Reading:
        """Every clock at once, with the system's time zone as `zone` names it."""
        from jarvis.scheduler.clockwatch import Reading  # noqa: PLC0415 - `jarvis status` asks for now() alone

        boot = None if _BOOT is None else time.clock_gettime(_BOOT)
        return Reading(self.now(), self.monotonic(), boot, self._zone())
