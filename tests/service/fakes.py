"""launchctl and systemctl that keep a small state in a file, remember what they were told, and start nothing.

As programs on PATH (`on_path`), or inside the test (machine.py) where thousands of calls are made. This file loads
nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]

PID = 4242
# Without site-packages: it is started thousands of times.
_PROGRAM = """#!{python} -IS
import sys
sys.path.insert(0, {root!r})
from tests.service.fakes import main
sys.exit(main({name!r}, sys.argv[1:]))
"""


def on_path(folder: Path, *names: str) -> Path:
    """A folder with these programs in it, for PATH; what they know is in `folder/state.json`."""
    for name in names:
        file = folder / name
        file.write_text(_PROGRAM.format(python=sys.executable, root=str(ROOT), name=name))
        file.chmod(0o755)
    return folder


class Answer(NamedTuple):
    """What one call says, and its exit code."""

    code: int
    text: str


class Fake:
    """What is remembered between two calls."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "state.json"
        empty: dict[str, Any] = {
            "loaded": {},
            "enabled": [],
            "leaving": {},
            "lingers": False,
            "refuses": False,
            "queues": 0,  # a job waits for so many looks before it is begun
            "queued": 0,
            "busy": 0,
            "calls": [],
        }
        self.state = json.loads(self.file.read_text()) if self.file.exists() else empty

    def save(self) -> None:
        self.file.write_text(json.dumps(self.state))

    @property
    def calls(self) -> list[str]:
        """Every command that changes something, in order."""
        return [call for call in self.state["calls"] if call.split()[1] not in ("print", "show", "show-user")]

    def call(self, name: str, words: list[str]) -> Answer:
        words = [word for word in words if word != "--user"]
        self.state["calls"].append(" ".join([name, *words]))
        known: dict[str, Callable[[list[str]], Answer]] = {
            "launchctl": self.launchctl,
            "systemctl": self.systemctl,
            "loginctl": lambda _words: Answer(0, f"Linger={'yes' if self.state['lingers'] else 'no'}\n"),
        }
        return known[name](words)

    # ------------------------------------------------------------------------ launchd

    def launchctl(self, words: list[str]) -> Answer:
        verb, *rest = words
        if verb == "bootstrap":
            return self._bootstrap(Path(rest[1]))
        label = rest[-1].rpartition("/")[2]
        service = self.state["loaded"].get(label)
        if verb == "enable":
            return Answer(0, "")
        if service is None:
            return Answer(113, f'Could not find service "{label}" in domain for user gui: 501\n')
        if verb == "print":
            return self._print(label, service)
        if verb == "bootout":
            self.state["leaving"][label] = 2  # it is still there for so many looks
            service["pid"] = None
        elif verb == "kickstart":
            service["pid"] = PID + 1
        elif verb == "kill":
            if service["pid"] is None:
                return Answer(3, "No process to signal.\n")
            if self.state.get("stubborn"):
                return Answer(0, "")
            service.update(pid=None, last="last exit code = 0")
        return Answer(0, "")

    def _bootstrap(self, plist: Path) -> Answer:
        import plistlib

        keys = plistlib.loads(plist.read_bytes())
        label = keys["Label"]
        self.state["busy"] -= 1
        if label in self.state["loaded"] or self.state["busy"] >= 0:
            return Answer(5, "Bootstrap failed: 5: Input/output error\n")
        if plist.stat().st_mode & 0o022:
            return Answer(122, "Bootstrap failed: 122: Path had bad ownership/permissions\n")
        pid = PID if keys.get("RunAtLoad") else None
        self.state["loaded"][label] = {"pid": pid, "last": "last exit code = (never exited)", "plist": str(plist)}
        return Answer(0, "")

    def _print(self, label: str, service: dict[str, Any]) -> Answer:
        pid, state = service["pid"], "running" if service["pid"] else "not running"
        lines = [
            f"gui/501/{label} = {{",
            "\tactive count = 1",
            f"\tpath = {service['plist']}",
            f"\tstate = {state}",
            "",
            "\tresource coalition = {",
            "\t\tstate = active",
            "\t}",
            *([f"\tpid = {pid}"] if pid else []),
            f"\t{service['last']}",
            "}",
        ]
        if label in self.state["leaving"]:
            self.state["leaving"][label] -= 1
            if self.state["leaving"][label] == 0:
                del self.state["leaving"][label], self.state["loaded"][label]
        return Answer(0, "\n".join(lines) + "\n")

    # ------------------------------------------------------------------------ systemd

    def systemctl(self, words: list[str]) -> Answer:
        verb, *rest = words
        unit = next((word for word in rest if word.endswith(".service")), "")
        if verb == "show":
            return self._show(unit)
        if verb in ("enable", "disable"):
            (self.state["enabled"].append if verb == "enable" else self._forget)(unit)
        if verb in ("start", "restart"):
            self.state["queued"] = self.state["queues"]
            self.state["loaded"][unit] = {"pid": PID, "code": 0, "status": 0}
            if self.state["refuses"]:  # its configuration is wrong
                self.state["loaded"][unit] = {"pid": None, "code": 1, "status": 78, "active": "failed", "sub": "failed"}
        elif verb == "stop" or "--now" in rest:
            self.state["loaded"][unit] = {"pid": None, "code": 1, "status": 0}
        elif verb == "reset-failed" and unit not in self.state["loaded"]:
            return Answer(1, f"Failed to reset failed state of unit {unit}: Unit {unit} not loaded.\n")
        return Answer(0, "")

    def _forget(self, unit: str) -> None:
        self.state["enabled"] = [each for each in self.state["enabled"] if each != unit]

    def _show(self, unit: str) -> Answer:
        known = self.state["loaded"].get(unit, {"pid": None, "code": 0, "status": 0})
        job = self.state["queued"]
        if job:
            self.state["queued"] -= 1
            known = {"pid": None, "code": 0, "status": 0}
        active, sub = ("active", "running") if known["pid"] else ("inactive", "dead")
        facts = {
            "LoadState": "loaded",
            "ActiveState": known.get("active", active),
            "SubState": known.get("sub", sub),
            "MainPID": known["pid"] or 0,
            "ExecMainCode": known["code"],
            "ExecMainStatus": known["status"],
            "UnitFileState": "enabled" if unit in self.state["enabled"] else "",
        } | ({"Job": job} if job else {})
        return Answer(0, "".join(f"{name}={value}\n" for name, value in facts.items()))


def main(name: str, words: list[str]) -> int:
    """One call of the program; kills whoever called it where KILL_AT says so."""
    fake = Fake(Path(sys.argv[0]).parent)
    answer = fake.call(name, words)
    fake.save()
    if len(fake.state["calls"]) == int(os.environ.get("KILL_AT", "0")):
        os.kill(os.getppid(), signal.SIGKILL)
    sys.stdout.write(answer.text)
    return answer.code
