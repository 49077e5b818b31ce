"""What the verbs need of a service manager. Two give it: launchd and systemd."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from jarvis.service.description import Service

STARTS_WITHIN = 30.0  # seconds that `install` and `restart` watch a start; it may go on after that


class State(NamedTuple):
    """What the manager knows of the service."""

    loaded: bool = False  # it is under the manager's care, running or not
    running: bool = False
    pid: int | None = None
    last_exit: str = ""  # how it ended last, in words; empty if that is not known
    at_login: bool = False  # it starts by itself
    detail: str = ""  # the manager's own word for how it is


class Manager(Protocol):
    """One service under one manager. What fails raises a JarvisError that says what to do."""

    name: str
    service: Service

    @property
    def file(self) -> Path:
        """Where the service's file belongs."""

    def text(self) -> str:
        """What the file has to say."""

    def is_current(self, text: str) -> bool:
        """Whether a file that says this says what `text` does, apart from the environment."""

    def state(self) -> State:
        """How the service is. NoManager if nobody is there to ask."""

    def start(self) -> None:
        """Take the file as it is now and start the service; also at every login from now on."""

    def stop(self) -> None:
        """End it and leave it stopped until the next login or start; runs that have started may end first."""

    def leave(self) -> None:
        """End it and take it out of the manager's care."""

    def forget(self) -> None:
        """After the file was taken away: let nothing of it be remembered."""

    def after_logout(self) -> tuple[bool | None, str]:
        """Whether it goes on when its user logs out (None: not known), and what can be done about that, if anything."""

    def history(self, lines: int, follow: bool) -> list[str]:
        """The command line that shows what the service has said; empty where that is in its log alone."""
