"""The `instances` table: the daemons on this store, and which of them live."""

from __future__ import annotations

import os
import secrets
from datetime import datetime
from pathlib import Path

import jarvis
from jarvis.memory.instants import from_micros, maybe_instant, to_micros
from jarvis.memory.life import lives, process_started_at, this_host
from jarvis.memory.sqlite import Database, Row
from jarvis.memory.statements import load
from jarvis.memory.wake import WakePipe, poke
from jarvis.scheduler.model import LEASE, Instance

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
            "host": this_host(),
            "pid": os.getpid(),
            "process_started_at": process_started_at(os.getpid()) or "",
            "token": token,
            "version": jarvis.__version__,
            "now": to_micros(now),
            "lease_until": to_micros(now + LEASE),
        }
        try:
            with self._database.transaction():
                self._database.change(_SQL["insert"], row)
                instance = self.get(self._database.last_id())
        except BaseException:
            if pipe:
                pipe.close()
            raise
        self._here.add(instance.id)
        if pipe:
            self._pipes[instance.id] = pipe
        return instance

    def get(self, instance_id: int) -> Instance:
        """The instance with that id."""
        return decoded(self._database.rows(_SQL["get"], (instance_id,))[0])

    def waker(self, owner: int) -> WakePipe | None:
        """The pipe of an owner registered by this process; None where the store is in memory."""
        return self._pipes.get(owner)

    def heartbeat(self, owner: int, now: datetime) -> None:
        """Say that the owner lives, and renew its lease. Not worth a disk sync: its pipe tells, on this machine."""
        row = {"id": owner, "now": to_micros(now), "lease_until": to_micros(now + LEASE)}
        with self._database.transaction(durable=False) as connection:
            connection.execute(_SQL["heartbeat"], row)

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
        return [decoded(row) for row in self._database.rows(_SQL["open"])]

    def living(self, now: datetime) -> list[Instance]:
        """Owners that live."""
        return [instance for instance in self.open() if self.alive(instance, now)]

    def alive(self, instance: Instance, now: datetime) -> bool:
        """Whether the owner's process lives. Never decided by a clock where it is on this machine."""
        if self._folder is None:
            return instance.id in self._here
        pipe, leased = self._folder / instance.token, now < instance.lease_until
        return lives(pipe, instance.host, instance.pid, instance.process_started_at, leased)

    def last_seen(self, but: int) -> datetime | None:
        """When any owner other than `but` was last known to live."""
        return maybe_instant(self._database.value(_SQL["last_seen"], (but,)))

    def wake_all(self) -> None:
        """Tell every daemon on this store to look now."""
        if self._folder and self._folder.is_dir():
            for path in self._folder.iterdir():
                poke(path)


def decoded(row: Row) -> Instance:
    """An instance from its row, as the statements read it."""
    return Instance(
        id=row[0],
        host=row[1],
        pid=row[2],
        process_started_at=row[3],
        token=row[4],
        version=row[5],
        started_at=from_micros(row[6]),
        heartbeat_at=from_micros(row[7]),
        lease_until=from_micros(row[8]),
        stopped_at=maybe_instant(row[9]),
    )
