"""A service's life under a real systemd, told as JSON: `python -m tests.service.story`, inside namespace.sh."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

UNIT = "jarvis-daemon.service"
WITHIN = 60.0


def jarvis(*words: str) -> list[object]:
    """Exit code, and what was said on both streams."""
    done = subprocess.run([sys.executable, "-m", "jarvis", *words], capture_output=True, text=True, check=False)
    return [done.returncode, done.stdout + done.stderr]


def shown() -> dict[str, str]:
    """What systemd knows of the unit."""
    asked = "Type,ActiveState,SubState,MainPID,NRestarts,ExecMainStatus,WatchdogUSec,ControlGroup"
    done = subprocess.run(
        ["systemctl", "--user", "show", UNIT, "-p", asked], capture_output=True, text=True, check=True
    )
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def until(fact: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN
    while not fact():
        if time.monotonic() > deadline:
            raise TimeoutError(shown())
        time.sleep(0.05)  # noqa: TID251 - bounded by its deadline; real processes cannot tell us


def up() -> bool:
    done = subprocess.run(["systemctl", "--user", "is-system-running"], capture_output=True, text=True, check=False)
    return done.stdout.strip() == "running"


def main() -> dict[str, Any]:
    home = Path(os.environ["JARVIS_HOME"])
    told: dict[str, Any] = {}
    until(up)
    told["install"], told["installed"] = jarvis("service", "install"), shown()
    told["status"] = json.loads(str(jarvis("service", "status", "--json")[1]))
    told["again"] = jarvis("service", "install")
    jarvis("task", "add", "where", "--every", "1h", "--", "sh", "-c", "sleep 1; cat /proc/self/cgroup")
    told["command"] = jarvis("task", "run", "where", "--wait")
    first = int(shown()["MainPID"])
    os.kill(first, signal.SIGKILL)
    until(lambda: shown()["ActiveState"] == "active" and int(shown()["MainPID"]) not in (0, first))
    told["killed"] = shown()
    told["stop"], told["stopped"] = jarvis("service", "stop"), shown()
    (home / "jarvis.toml").write_text('daemon_log_level = "LOUD"\n')
    subprocess.run(["systemctl", "--user", "start", UNIT], capture_output=True, check=False)
    told["refused"] = shown()
    (home / "jarvis.toml").unlink()
    told["restart"], told["restarted"] = jarvis("service", "restart"), shown()
    told["uninstall"], told["uninstalled"] = jarvis("service", "uninstall"), shown()
    told["files"] = [each.name for each in (Path.home() / ".config/systemd/user").iterdir() if each.is_file()]
    return told


if __name__ == "__main__":
    print(json.dumps(main()))  # noqa: T201 - a command of its own
