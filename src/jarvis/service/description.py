"""The one description of the service, from which the files of launchd and of systemd are made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

MANAGERS = ("launchd", "systemd")

LABEL = "com.chg.jarvis-daemon"
OURS = "com.chg."

#: Seconds from SIGTERM to SIGKILL: claimed runs may finish, and one may take its whole timeout of 300 s.
STOP_WITHIN = 330
#: Seconds between two starts that launchd makes.
THROTTLE = 10
#: How long a daemon that cannot start as configured waits before it ends with 78, where that makes launchd start it
#: again. As a flag of `jarvis daemon`.
REFUSE_SLOWLY = "5m"


class Service(NamedTuple):
    """What is to be kept alive. Paths are absolute; `user_home` is the user's own folder."""

    label: str
    program: tuple[str, ...]
    user_home: Path
    jarvis_home: Path
    environment: Mapping[str, str]
    log: Path | None  # the daemon's log as the user chose it; None if that is the default, or stderr alone
    stop_within: int = STOP_WITHIN

    @property
    def unit(self) -> str:
        """The name that systemd knows it by."""
        return f"{self.label.removeprefix(OURS)}.service"

    @property
    def mac_log(self) -> Path:
        """Its log on macOS: by default in a folder that launchd may always write to."""
        return self.log or self.user_home / "Library" / "Logs" / "jarvis" / f"{self.label.removeprefix(OURS)}.log"

    @property
    def search_path(self) -> str:
        """Where commands are looked for, after what the platform puts first; `jarvis` itself is among them."""
        return str(Path(self.program[0]).parent)
