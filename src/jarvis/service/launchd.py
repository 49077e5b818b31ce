"""The service under launchd: an agent in the domain of the user's own session (launchctl(1)).

No command of launchctl tells that its effect has come about: each is followed by a look at `launchctl print`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from jarvis.errors import JarvisError
from jarvis.service import plist
from jarvis.service.description import Service
from jarvis.service.machine import Answer, Machine
from jarvis.service.manager import STARTS_WITHIN, State

GONE_WITHIN = 30.0  # seconds beyond the stop itself until launchd has let go
BOOTSTRAP_TRIES = 5
BOOTSTRAP_WITHIN = 2.0  # seconds between two of them

# Of `launchctl print`: the facts of the service itself stand one tab deep.
_FACT = re.compile(r"^\t(state|pid|last exit code|last terminating signal) = (.*)$", re.MULTILINE)
# What bootstrap says while launchd has not let go yet: EIO, and EALREADY (operation already in progress).
_NOT_YET = (5, 37)
_NO_SESSION = 125  # domain does not support the action: nobody is logged in at the screen
_NO_PROCESS = 3  # of `launchctl kill`: ESRCH


class Launchd:
    """One agent. `agents` is the folder that launchd reads at login."""

    name = "launchd"

    def __init__(self, service: Service, machine: Machine, agents: Path | None = None) -> None:
        self.service = service
        self._machine = machine
        self._agents = agents or service.user_home / "Library" / "LaunchAgents"
        self._agent = Agent(service.label, machine, service.stop_within)

    @property
    def file(self) -> Path:
        """Its property list."""
        return self._agents / f"{self.service.label}.plist"

    def text(self) -> str:
        """As plist.py renders it."""
        return plist.render(self.service)

    def is_current(self, text: str) -> bool:
        """Whether all but the environment is as rendered."""
        return plist.without_environment(text) == plist.without_environment(self.text())

    def state(self) -> State:
        """As `launchctl print` tells it."""
        return self._agent.state()

    def start(self) -> None:
        """bootstrap, or kickstart where it is loaded and does not run."""
        self._machine.folder(self.service.mac_log.parent)  # launchd makes the file, not its folder
        if self._agent.state().loaded:
            self._agent.command("kickstart", self._agent.target)
        else:
            self._agent.bootstrap(self.file)
        if not self._machine.wait(lambda: self._agent.state().running, STARTS_WITHIN):
            raise JarvisError(_not_started(self._agent.state(), self.service))

    def stop(self) -> None:
        """SIGTERM. It ends with 0, after which KeepAlive leaves it alone."""
        if self._agent.state().running:
            self._agent.end()

    def leave(self) -> None:
        """bootout, and wait until launchd has let go of it."""
        self._agent.bootout()

    def forget(self) -> None:
        """launchd reads the folder at login; nothing else is kept."""

    def after_logout(self) -> tuple[bool | None, str]:
        """An agent lives as long as the session, and nothing can be done about that."""
        return False, ""

    def history(self, lines: int, follow: bool) -> list[str]:  # noqa: ARG002 (the port's shape)
        """All of it is in the log."""
        return []


class Agent:
    """Any agent of the user, by its label."""

    def __init__(self, label: str, machine: Machine, stop_within: float = 30.0) -> None:
        self.domain = f"gui/{os.getuid()}"
        self.target = f"{self.domain}/{label}"
        self._machine = machine
        self._stop_within = stop_within
        self._is_gone = False  # in a rehearsal: by now it would be

    def state(self) -> State:
        """As launchd has it; not loaded if it does not know the label."""
        if self._is_gone:
            return State()
        answer = self._machine.ask("launchctl", "print", self.target)
        if answer.code != 0:
            return State()
        facts: dict[str, str] = {}
        for name, value in _FACT.findall(answer.text):
            facts.setdefault(name, value)
        pid = facts.get("pid", "")
        return State(
            loaded=True,
            running=pid.isdecimal(),
            pid=int(pid) if pid.isdecimal() else None,
            last_exit=_ended(facts),
            at_login=True,
            detail=facts.get("state", ""),
        )

    def bootstrap(self, file: Path) -> None:
        """Load it, which starts it. Right after a bootout launchd may not be ready for that: tried again."""
        self._machine.do("launchctl", "enable", self.target)  # somebody may have disabled it once
        answer = Answer(0, "")
        for _ in range(BOOTSTRAP_TRIES):
            answer = self._machine.do("launchctl", "bootstrap", self.domain, str(file))
            if answer.code not in _NOT_YET or self.state().loaded:
                break
            self._machine.wait(lambda: self.state().loaded, BOOTSTRAP_WITHIN)
        if answer.code != 0 and not self.state().loaded:
            raise JarvisError(_not_loaded(answer, file))

    def bootout(self) -> None:
        """Unload it, which ends it, and wait until it is gone."""
        if not self.state().loaded:
            return
        answer = self._machine.do("launchctl", "bootout", self.target)
        self._is_gone = self._machine.rehearsing
        if not self._machine.wait(lambda: not self.state().loaded, self._stop_within + GONE_WITHIN):
            raise JarvisError(f"launchd has not let go of {self.target}: {answer.last}. Try again")

    def end(self) -> None:
        """SIGTERM, and wait until it has ended; a second one after `stop_within`, which cancels the runs that go on.

        Never SIGKILL: what ends by that is started again.
        """
        was = self.state().pid
        for patience in (self._stop_within, GONE_WITHIN):
            answer = self._machine.do("launchctl", "kill", "SIGTERM", self.target)
            if answer.code not in (0, _NO_PROCESS):
                raise JarvisError(f"launchd did not send SIGTERM to {self.target}: {answer.last}")
            if self._machine.wait(lambda: self.state().pid != was, patience):
                return
        raise JarvisError(f"process {was} of {self.target} does not end: `jarvis service logs` may say why")

    def command(self, *words: str) -> None:
        """Any other command, which has to succeed."""
        answer = self._machine.do("launchctl", *words)
        if answer.code != 0:
            raise JarvisError(f"`launchctl {' '.join(words)}` failed with {answer.code}: {answer.last}")


def _ended(facts: dict[str, str]) -> str:
    if signal := facts.get("last terminating signal"):
        return f"ended by {signal}"
    code = facts.get("last exit code", "")
    return f"exit code {code}" if code[:1].isdigit() else ""


def _not_loaded(answer: Answer, file: Path) -> str:
    said = f"launchd did not take {file}: {answer.last} (launchctl bootstrap: {answer.code})"
    if answer.code == _NO_SESSION:
        return f"{said}. Nobody is logged in at the screen: log in there once, and install from there"
    return f"{said}. Look at `launchctl print-disabled gui/{os.getuid()}` and at the file's owner and modes"


def _not_started(state: State, service: Service) -> str:
    ended = f" It last ended with {state.last_exit}." if state.last_exit else ""
    return (
        f"launchd has not started {service.label} within {STARTS_WITHIN:.0f} s.{ended} What it has written: "
        f"`jarvis service logs`; nothing there and exit code 78: launchd could not open {service.mac_log}"
    )
