"""The service under systemd: a unit of the user's own manager (systemctl --user)."""

from __future__ import annotations

import os
from pathlib import Path

from jarvis.errors import JarvisError
from jarvis.service import unit
from jarvis.service.description import Service
from jarvis.service.machine import Answer, Machine, NoManager
from jarvis.service.manager import STARTS_WITHIN, State

_ASKED = "LoadState,ActiveState,SubState,MainPID,ExecMainCode,ExecMainStatus,UnitFileState,Job"
_WORKS = ("active", "reloading")
_KILLED = {"2": "killed", "3": "dumped"}  # ExecMainCode, from waitid(2): CLD_KILLED, CLD_DUMPED


class Systemd:
    """One unit. `units` is the folder that the user's systemd reads."""

    name = "systemd"

    def __init__(self, service: Service, machine: Machine, units: Path | None = None) -> None:
        self.service = service
        self._machine = machine
        self._units = units or service.user_home / ".config" / "systemd" / "user"

    @property
    def file(self) -> Path:
        """Its unit file."""
        return self._units / self.service.unit

    def text(self) -> str:
        """As unit.py renders it."""
        return unit.render(self.service)

    def is_current(self, text: str) -> bool:
        """Whether all but the environment is as rendered."""
        return unit.without_environment(text) == unit.without_environment(self.text())

    def state(self) -> State:
        """As `systemctl show` tells it."""
        facts = self._facts()
        active, pid = facts.get("ActiveState", ""), int(facts.get("MainPID") or 0)
        return State(
            loaded=active in (*_WORKS, "activating", "deactivating"),
            running=pid > 0,
            pid=pid or None,
            last_exit=_ended(facts) if pid == 0 else "",
            at_login=facts.get("UnitFileState") == "enabled",
            detail=" ".join(dict.fromkeys(word for word in (active, facts.get("SubState", "")) if word)),
        )

    def start(self) -> None:
        """Read the file, switch it on, start it, and watch it get ready."""
        self._command("daemon-reload")
        self._command("enable", self.service.unit)
        self._command("reset-failed", self.service.unit, may_fail=True)  # it never failed: then that is refused
        self._command("start", "--no-block", self.service.unit)
        self._machine.wait(self._settled, STARTS_WITHIN)
        if not self._machine.rehearsing and not (state := self.state()).running:
            ended = f": {state.last_exit}" if state.last_exit else ""
            raise JarvisError(f"{self.service.unit} did not start{ended}. `jarvis service logs` shows what it said")

    def stop(self) -> None:
        """Stop it: no Restart= holds against that."""
        self._command("stop", self.service.unit)

    def leave(self) -> None:
        """Stop it, and switch it off."""
        self._command("disable", "--now", self.service.unit, may_fail=True)  # there is no such unit: as it should be
        if not self._machine.rehearsing and self.state().running:
            self.stop()

    def forget(self) -> None:
        """Read the folder again."""
        self._command("daemon-reload")
        self._command("reset-failed", self.service.unit, may_fail=True)

    def after_logout(self) -> tuple[bool | None, str]:
        """Only where the user lingers."""
        name = str(os.getuid())
        try:
            answer = self._machine.ask("loginctl", "show-user", name, "--property", "Linger")
        except NoManager:
            answer = Answer(1, "")
        if answer.code == 0 and answer.text.strip() == "Linger=yes":
            return True, "it runs from boot on, whether you are logged in or not"
        advice = "`loginctl enable-linger` keeps it running after you log out, and starts it at boot"
        return (None, advice) if answer.code != 0 and "not logged in" not in answer.text else (False, advice)

    def history(self, lines: int, follow: bool) -> list[str]:
        """The journal has its log, and what it said before that was open; where there is a journal."""
        try:
            answer = self._machine.ask(
                "journalctl", "--user", "--unit", self.service.unit, "--lines", "1", "--no-pager"
            )
        except NoManager:
            return []
        if answer.code != 0 or "-- No entries --" in answer.text:
            return []
        shown = ["journalctl", "--user", "--unit", self.service.unit, "--lines", str(lines), "--output", "short-iso"]
        return [*shown, "--follow"] if follow else [*shown, "--no-pager"]

    def _facts(self) -> dict[str, str]:
        """What `systemctl show` says of the unit; nothing where a rehearsal finds nobody to ask."""
        answer = self._machine.ask("systemctl", "--user", "show", self.service.unit, "--property", _ASKED)
        if answer.code != 0 and not self._machine.rehearsing:
            raise NoManager(_nobody(answer))
        return dict(line.split("=", 1) for line in answer.text.splitlines() if "=" in line) if answer.code == 0 else {}

    def _settled(self) -> bool:
        """Whether the start is over, one way or the other: one that is only asked for has not even begun."""
        facts = self._facts()
        if facts.get("ActiveState") == "activating":
            return not facts.get("SubState", "").startswith("start")
        return facts.get("Job", "") in ("", "0")

    def _command(self, *words: str, may_fail: bool = False) -> None:
        answer = self._machine.do("systemctl", "--user", *words)
        if answer.code != 0 and not may_fail:
            raise JarvisError(f"`systemctl --user {' '.join(words)}` failed with {answer.code}: {answer.last}")


def _ended(facts: dict[str, str]) -> str:
    code, status = facts.get("ExecMainCode", "0"), facts.get("ExecMainStatus", "0")
    if code == "0":
        return ""  # it never ran
    return f"{_KILLED[code]} by signal {status}" if code in _KILLED else f"exit code {status}"


def _nobody(answer: Answer) -> str:
    return (
        f"systemd does not answer for your user: {answer.last}. After `su` or `sudo` log in properly "
        "(`machinectl shell you@`, or ssh); in a container there is often none"
    )
