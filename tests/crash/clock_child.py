"""A daemon whose wall clock is off by the seconds that a file says: `python -m tests.crash.clock_child FILE`."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

from jarvis import lookout
from jarvis.cli import main
from jarvis.scheduler.clock import SystemClock


def set_by(file: Path) -> None:
    """From now on the wall clock follows the file; the clocks that never step are let be."""
    real = SystemClock.now

    def now(self: SystemClock) -> datetime:
        return real(self) + timedelta(seconds=float(file.read_text()))

    SystemClock.now = now  # type: ignore[method-assign]
    _tell_of_a_change_of(file)


def _tell_of_a_change_of(file: Path) -> None:
    """Where the system tells of a clock that was set, it tells of the file too."""
    made = lookout.KernelLookout.__init__

    def init(self: lookout.KernelLookout, there: list[Path], files: list[Path], folders: list[Path]) -> None:
        made(self, there, [*files, file], folders)

    lookout.KernelLookout.__init__ = init  # type: ignore[assignment]


if __name__ == "__main__":
    set_by(Path(sys.argv[1]))
    sys.exit(main(["daemon"]))
