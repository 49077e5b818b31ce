"""A daemon's wall clock, set while it runs: by libfaketime, or by a child that adds to what it reads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.daemons import DAEMON, Daemons

LIBRARIES = ("lib*/faketime/libfaketimeMT.so.1", "lib*/*/faketime/libfaketimeMT.so.1")  # below where it is installed

# A tick reads the clocks and then says that its daemon lives.
_HAS_TICKED = "SELECT id FROM instances WHERE pid = ? AND stopped_at IS NULL AND heartbeat_at > started_at"


class Wall:
    """The wall clock of the daemon that `start` starts. The monotonic and boot clocks stay what they are."""

    def __init__(self, daemons: Daemons, library: Path | None = None) -> None:
        self._daemons = daemons
        self.preload = library
        self._file = daemons.home / "wall-offset"
        self.offset = 0
        self.step(0)

    def start(self) -> subprocess.Popen[bytes]:
        """A daemon by this clock, which has read it once: only from then on does it notice a step."""
        started = self._start()
        self._daemons.until(lambda: self._daemons.query(_HAS_TICKED, started.pid), within=30)
        return started

    def _start(self) -> subprocess.Popen[bytes]:
        if self.preload is None:
            return self._daemons.start((sys.executable, "-m", "tests.crash.clock_child", str(self._file)))
        env = {
            "LD_PRELOAD": str(self.preload),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",  # its name before libfaketime 0.9.9
        }
        return self._daemons.start(DAEMON, env)

    def step(self, seconds: int) -> None:
        """Set it forward or back. The file is replaced as a whole: it is read at every look at the clock."""
        self.offset += seconds
        new = self._file.with_suffix(".new")
        new.write_text(f"{self.offset:+d}\n")
        new.replace(self._file)


def libfaketime() -> Path:
    """The library; without it the test is skipped, and fails where CI should have installed it."""
    program = shutil.which("faketime")
    installed = Path(program).resolve().parent.parent if program else Path(os.devnull)
    for pattern in LIBRARIES:
        for found in installed.glob(pattern):
            return found
    message = "libfaketime is not installed (Debian: the packages faketime and libfaketime)"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
