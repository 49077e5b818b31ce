"""Real daemons on one temporary home, as a user starts them: started, killed, held up, stopped, and asked.

The ledger is read with the standard library's SQLite, read-only, so that nothing of Jarvis vouches for itself.
(Never beside a store opened in the same process: a second copy of SQLite would let go of the first one's locks.)
"""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.crash.account import MICROSECOND, Effect, Row
from tests.house.tree import ROOT

Eventually = Callable[..., None]

DAEMON = (sys.executable, "-m", "jarvis", "daemon")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# One short write to a file opened with O_APPEND: two attempts at once cannot garble it.
MARK = 'echo "$JARVIS_OCCURRENCE $JARVIS_ATTEMPT" >> "$0"'

_ROWS = """
SELECT r.id, r.task_id, t.name, r.due_at, r.until, r.count, r.state, r.reason, r.attempt, r.recorded_at
FROM runs r JOIN tasks t ON t.id = r.task_id
WHERE ?1 IS NULL OR t.name = ?1
ORDER BY r.due_at
"""


def seeded() -> random.Random:
    """Chance that can be repeated: the seed is printed, and taken from SEED."""
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    say(f"SEED={seed}")
    return random.Random(seed)


def say(line: str) -> None:
    """For whoever runs these by hand, and for the report of a failure."""
    print(line)  # noqa: T201 - pytest keeps it, and shows it where it is wanted


class Daemons:
    """Daemons on one home, and what the home holds."""

    def __init__(self, home: Path, until: Eventually) -> None:
        self.home = home
        self.until = until
        self.effects_file = home / "effects"
        self._running: list[subprocess.Popen[bytes]] = []
        self._logs: list[Path] = []

    # ------------------------------------------------------------------------ processes

    def start(
        self, program: Sequence[str] = DAEMON, env: dict[str, str] | None = None, *, entered: bool = True
    ) -> subprocess.Popen[bytes]:
        """Start one; `entered` waits until it is on the store."""
        log = self.home / f"daemon-{len(self._logs)}.log"
        self._logs.append(log)
        own = {"JARVIS_HOME": str(self.home), "DAEMON_LOG_FILE": "-", "DAEMON_LOG_FORMAT": "json"}
        with log.open("wb") as stream:
            made = subprocess.Popen(
                program, cwd=ROOT, env={**os.environ, **own, **(env or {})}, stdout=stream, stderr=stream
            )
        self._running.append(made)
        if entered:
            self.all_entered()
        return made

    def all_entered(self) -> None:
        """Wait until every daemon that was started is on the store."""
        for daemon in self._running:
            self.until(lambda pid=daemon.pid: self._is_in(pid), within=30)

    def kill(self, daemon: subprocess.Popen[bytes]) -> None:
        """SIGKILL: not a word from it."""
        daemon.kill()
        daemon.wait()
        self._running.remove(daemon)

    def stop(self) -> list[int]:
        """SIGTERM to all; their exit codes."""
        for daemon in self._running:
            daemon.send_signal(signal.SIGTERM)
        codes = [daemon.wait(30) for daemon in self._running]
        self._running.clear()
        return codes

    def close(self) -> None:
        """Whatever the test left is killed."""
        for daemon in list(self._running):
            self.kill(daemon)

    # ------------------------------------------------------------------------ tasks

    def add(self, name: str, *flags: str, command: Sequence[str] = ()) -> None:
        """`jarvis task add`: with a command, or a `noop`."""
        self.cli("task", "add", name, *flags, *(["--", *command] if command else ["--handler", "noop"]))

    def quiet(self, *tasks: str) -> None:
        """Let these tasks ask for nothing more, and wait until all that was asked for is settled."""
        for task in tasks:
            self.cli("task", "pause", task)
        self.until(lambda: not {"pending", "running"} & set(self.states()), within=60)

    def cli(self, *words: str) -> str:
        """What the command line answers."""
        done = subprocess.run(
            [sys.executable, "-m", "jarvis", *words],
            env={**os.environ, "JARVIS_HOME": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def mark(self, then: str = "") -> list[str]:
        """The command whose effect is counted, and what it does afterwards."""
        return ["sh", "-c", f"{MARK}; {then}".rstrip("; "), str(self.effects_file)]

    # ------------------------------------------------------------------------ what is known of them

    def rows(self, task: str | None = None) -> list[Row]:
        """The ledger, by due_at."""
        fields = Row.__annotations__
        return [Row(**dict(zip(fields, found, strict=True))) for found in self.query(_ROWS, task)]

    def states(self, task: str | None = None) -> list[str]:
        """The states of a task's rows, by due_at."""
        return [row.state for row in self.rows(task)]

    def absences(self, kind: str) -> list[tuple[int, int, str]]:
        """Recorded facts of a kind: since, until (microseconds) and the detail."""
        return self.query("SELECT since, until, detail FROM absences WHERE kind = ? ORDER BY id", kind)

    def effects(self) -> list[Effect]:
        """What the attempts of marked commands did, in that order."""
        if not self.effects_file.exists():
            return []
        return [_effect(line) for line in self.effects_file.read_text().splitlines()]

    def settles(self) -> list[int]:
        """The runs of which the daemons' own logs say that they ended; a killed one may not have come to say it."""
        entries = [entry for log in self._logs for entry in map(_entry, log.read_text().splitlines())]
        return [entry["run"] for entry in entries if entry.get("logger") == "jarvis.daemon" and "run" in entry]

    def integrity(self) -> str:
        """What SQLite says of the file."""
        return str(self.query("PRAGMA integrity_check")[0][0])

    def query(self, sql: str, *values: Any) -> list[Any]:
        """Ask the store's file."""
        file = f"file:{self.home}/data/memory.db?mode=ro"
        with closing(sqlite3.connect(file, uri=True, timeout=10)) as connection:
            return connection.execute(sql, values).fetchall()

    def _is_in(self, pid: int) -> bool:
        try:
            return bool(self.query("SELECT id FROM instances WHERE pid = ? AND stopped_at IS NULL", pid))
        except sqlite3.OperationalError:  # it is still making the file, or recovering what a killed one left
            return False


def let_pass(until: Eventually, seconds: float) -> None:
    """Let real time pass, for what only real time brings about."""
    at = time.monotonic() + seconds
    until(lambda: time.monotonic() >= at, within=seconds + 10)


def _effect(line: str) -> Effect:
    occurrence, attempt = line.split()
    task_id, due_at = occurrence.split(":", 1)
    return Effect(int(task_id), (datetime.fromisoformat(due_at) - EPOCH) // MICROSECOND, int(attempt))


def _entry(line: str) -> dict[str, Any]:
    """A line of a log; the last one of a killed daemon may be torn."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
