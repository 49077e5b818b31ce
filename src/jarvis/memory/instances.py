"""The `instances` table: the daemons on this store, and which of them live."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
from datetime import datetime
from pathlib import Path

import jarvis
from jarvis.memory.instants import from_micros, maybe_instant, to_micros
from jarvis.memory.sqlite import Database, Row
from jarvis.memory.statements import load
from jarvis.memory.wake import WakePipe, has_reader, poke
from jarvis.scheduler.model import Instance

_SQL = load("instances")


class InstanceTable:
    """Who is on this store, who of them lives, and the way to wake them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._folder = None if database.path == ":memory:" else Path(f"{database.path}-daemons")
        self._pipes: dict[int, WakePipe] = {}
        self._here: set[int] = set()  # owners in this process that live
        database.after_commit.append(self.wake_all)

    def register(self, now: datetime) -> Instance:
        """Enter this process as a living owner, with a pipe that proves it."""
        token = secrets.token_hex(8)
        pipe = WakePipe(self._folder / token) if self._folder else None
        row = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "process_started_at": process_started_at(os.getpid()) or "",
            "token": token,
            "version": jarvis.__version__,
            "now": to_micros(now),
        }
        with self._database.transaction():
            self._database.change(_SQL["insert"], row)
            instance = self.get(self._database.last_id())
        self._here.add(instance.id)
        if pipe:
            self._pipes[instance.id] = pipe
        return instance

    def get(self, instance_id: int) -> Instance:
        """The instance with that id."""
        return _decode(self._database.rows(_SQL["get"], (instance_id,))[0])

    def waker(self, owner: int) -> WakePipe | None:
        """The pipe of an owner registered by this process; None where the store is in memory."""
        return self._pipes.get(owner)

    def heartbeat(self, owner: int, now: datetime) -> None:
        """Say that the owner lives. Not worth a disk sync: whether it lives is not read from here."""
        with self._database.transaction(durable=False) as connection:
            connection.execute(_SQL["heartbeat"], {"id": owner, "now": to_micros(now)})

    def sign_off(self, owner: int, now: datetime) -> None:
        """The owner ends by its own will."""
        self._database.change(_SQL["sign_off"], {"id": owner, "now": to_micros(now)})
        self._here.discard(owner)
        if pipe := self._pipes.pop(owner, None):
            pipe.close()

    def abandon(self, owner: int) -> None:
        """What a SIGKILL does to an owner of this process: no goodbye, and the kernel closes its pipe."""
        self._here.discard(owner)
        if pipe := self._pipes.pop(owner, None):
            pipe.break_off()

    def bury(self, dead: Instance) -> None:
        """Close the entry of an owner that ended without signing off, at the last moment it was seen."""
        self._database.change(_SQL["buried"], (dead.id,))
        if self._folder:
            (self._folder / dead.token).unlink(missing_ok=True)

    def open(self) -> list[Instance]:
        """Owners that did not sign off, whether they live or not."""
        return [_decode(row) for row in self._database.rows(_SQL["open"])]

    def living(self) -> list[Instance]:
        """Owners that live now."""
        return [instance for instance in self.open() if self.alive(instance)]

    def alive(self, instance: Instance) -> bool:
        """Whether the owner's process lives now. Never decided by a clock.

        SQLite's WAL binds a store to one machine, so every owner is a process here: its pipe has a reader
        or it is dead. Only where the pipe is gone (deleted by hand) the process table is asked.
        """
        if self._folder is None:
            return instance.id in self._here
        known = has_reader(self._folder / instance.token)
        if known is None:
            return process_started_at(instance.pid) == instance.process_started_at
        return known

    def last_seen(self, but: int) -> datetime | None:
        """When any owner other than `but` was last known to live."""
        return maybe_instant(self._database.value(_SQL["last_seen"], (but,)))

    def wake_all(self) -> None:
        """Tell every daemon on this store to look now."""
        if self._folder and self._folder.is_dir():
            for path in self._folder.iterdir():
                poke(path)


def process_started_at(pid: int) -> str | None:
    """A text that differs between two processes that bore the same id; None if there is no such process."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            # proc(5): field 22, counted after the name, which is in brackets and may hold anything.
            return stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
        except OSError:
            return None
    shown = subprocess.run(["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip() or None


def _decode(row: Row) -> Instance:
    return Instance(
        id=row[0],
        host=row[1],
        pid=row[2],
        process_started_at=row[3],
        token=row[4],
        version=row[5],
        started_at=from_micros(row[6]),
        heartbeat_at=from_micros(row[7]),
        stopped_at=maybe_instant(row[8]),
    )
