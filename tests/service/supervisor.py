"""What systemd and launchd do with the files that Jarvis writes, as far as the daemon can tell the difference.

`SystemdLike` reads a rendered unit: it waits for READY=1 on a real notify socket, starts the program again after
RestartSec unless its exit status is in RestartPreventExitStatus, and stops it with SIGTERM, then SIGKILL after
TimeoutStopSec. `LaunchdLike` reads a rendered property list: KeepAlive, ThrottleInterval, ExitTimeOut.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import plistlib
import shlex
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

Eventually = Callable[..., None]


class Supervisor:
    """Keeps one program running in a thread of its own. `starts` has the process id of each start."""

    def __init__(self, argv: list[str], env: Mapping[str, str], output: Path) -> None:
        self.starts: list[int] = []
        self.codes: list[int] = []
        self._argv, self._env, self._output = argv, dict(env), output
        self._stopped = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="supervisor")

    def start(self) -> None:
        self._thread.start()

    def restarts_after(self, code: int) -> float | None:
        """Seconds until it is started again; None: not at all."""
        raise NotImplementedError

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        os.kill(self.starts[-1], number)

    def stop(self, within: float) -> int:
        """As the user's own stop: SIGTERM, SIGKILL later; the exit code."""
        self._stopped.set()
        process = self._process
        assert process is not None
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            process.kill()
        self._thread.join(10)
        return self.codes[-1]

    def close(self) -> None:
        if self._thread.is_alive():
            self.stop(5)

    @property
    def given_up(self) -> bool:
        return not self._thread.is_alive()

    def _keep(self) -> None:
        again: float | None = 0.0
        while again is not None and not self._stopped.wait(again):
            with self._output.open("ab") as out:
                self._process = subprocess.Popen(self._argv, env=self._env, stdout=out, stderr=out, cwd="/")
            self.starts.append(self._process.pid)
            self.codes.append(self._process.wait())
            again = self.restarts_after(self.codes[-1])


class SystemdLike(Supervisor):
    """Type=notify, from a unit's text."""

    def __init__(self, text: str, folder: Path, extra: Mapping[str, str]) -> None:
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.optionxform = str  # type: ignore[assignment, method-assign]
        parser.read_string(text)
        self.rules = parser["Service"]
        lines = [line.partition("=")[2] for line in text.splitlines() if line.startswith("Environment=")]
        environment = dict(word.split("=", 1) for line in lines for word in shlex.split(line))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.setblocking(False)
        self.said: list[str] = []
        own = {"NOTIFY_SOCKET": str(folder / "notify"), **extra}
        super().__init__(shlex.split(self.rules["ExecStart"]), {**environment, **own}, folder / "output")

    def restarts_after(self, code: int) -> float | None:
        assert self.rules["Restart"] == "always"
        return None if str(code) == self.rules["RestartPreventExitStatus"] else float(self.rules["RestartSec"])

    def heard(self) -> list[str]:
        """All that was said on the socket so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.said.append(self._socket.recv(4096).decode())
        return self.said

    def close(self) -> None:
        super().close()
        self._socket.close()


class LaunchdLike(Supervisor):
    """From a property list's text. The throttle is shortened: it bounds a storm, which is counted instead."""

    def __init__(self, text: str, extra: Mapping[str, str]) -> None:
        self.keys = plistlib.loads(text.encode())
        assert self.keys["KeepAlive"] == {"SuccessfulExit": False}
        output = Path(self.keys["StandardErrorPath"])
        output.parent.mkdir(parents=True, exist_ok=True)
        environment = {**self.keys["EnvironmentVariables"], **extra}
        self.throttle = 0.1
        super().__init__(self.keys["ProgramArguments"], environment, output)

    def restarts_after(self, code: int) -> float | None:
        return None if code == 0 else self.throttle
