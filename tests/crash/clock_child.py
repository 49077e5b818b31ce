"""A daemon whose wall clock is off by the seconds that a file says: `python -m tests.crash.clock_child FILE`."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

from jarvis.cli import main
from jarvis.scheduler.clock import SystemClock


def set_by(file: Path) -> None:
    """From now on the wall clock follows the file; the clocks that never step are let be."""
    real = SystemClock.now

    def now(self: SystemClock) -> datetime:
        return real(self) + timedelta(seconds=float(file.read_text()))

    SystemClock.now = now  # type: ignore[method-assign]


if __name__ == "__main__":
    set_by(Path(sys.argv[1]))
    sys.exit(main(["daemon"]))
