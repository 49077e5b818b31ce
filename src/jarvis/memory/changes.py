"""The `changes` table: who changed what of the assistant's memory, when, and what it was before.

The tables write their changes down themselves (0001_first.sql), so none can be forgotten; here they are signed,
read and taken back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec

from jarvis.errors import Conflict, NotFound
from jarvis.memory.checked import one_of
from jarvis.memory.instants import from_micros, to_micros
from jarvis.memory.sqlite import Database, Row
from jarvis.memory.statements import load
from jarvis.scheduler.clock import SystemClock
from jarvis.scheduler.duration import format_duration

_SQL = load("changes")
NOUNS = ("fact", "delegation", "decision", "rule")
USER = "user"  # the source of what was written by nobody in particular
KEPT = 200  # changes of one row; the schema says so
_JSON = ("value", "condition", "deliver")  # columns that hold JSON
_INSTANTS = ("created_at", "updated_at")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One row before and after: None where there was none, or is none. `changed_at` is UTC.

    `source` says who: a user, or a task and its run; "" if it was none of Jarvis's programs. `undoes` is the
    change that this one took back, if it did.
    """

    id: int
    noun: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    source: str
    changed_at: datetime
    undoes: int | None

    @property
    def name(self) -> str:
        """What was changed, such as "fact work/backup_last_success" or "delegation 3"."""
        row = self.after or self.before or {}
        if self.noun == "fact":
            return f"fact {row['category']}/{row['key']}"
        return f"{self.noun} {row['name'] if self.noun == 'rule' else row['id']}"


class ChangeTable:
    """The history as one author writes and reads it."""

    def __init__(self, database: Database, source: str = USER) -> None:
        self._database = database
        self.source = source

    @contextmanager
    def signed(self, now: datetime | None = None, undoes: int | None = None) -> Iterator[int]:
        """One transaction whose changes are this author's, made at `now` (the present if None): in microseconds."""
        at = to_micros(SystemClock().now() if now is None else now)
        with self._database.transaction():
            last = self._database.value(_SQL["last"])
            yield at
            self._database.change(_SQL["sign"], {"source": self.source, "now": at, "undoes": undoes, "last": last})

    def get(self, change_id: int) -> Change:
        """The change with that number."""
        row = self._database.row(_SQL["get"], (change_id,))
        if row is None:
            raise NotFound(f"no change has the number {change_id}: see `jarvis memory history`")
        return _decode(row)

    def of_row(self, noun: str, identity: str, limit: int | None = 50) -> list[Change]:
        """Those of one row, newest first."""
        return self._found("of_row", noun=noun, identity=identity, limit=limit)

    def undo(self, change_id: int | None = None, *, noun: str | None = None, now: datetime | None = None) -> Change:
        """Take back a change, or this author's last one (of that noun): the row is what it was before, to the letter.

        That is a change too, which is returned, and can itself be taken back. Conflict if the row is no longer
        as the change left it: what came later stands on it. NotFound if there is nothing to take back.
        """
        with self._database.transaction():
            wanted = self._wanted(change_id, noun)
            *top, as_left, before, after = self._database.rows(_SQL["on_top"], (wanted.id,))[0]
            if not as_left:
                raise Conflict(_stands_on(_decode(tuple(top)), wanted))
            with self.signed(now, wanted.id):
                verb, row = ("erase", after) if before is None else ("restore", before)
                self._database.change(_SQL[f"{verb}_{wanted.noun}"], {"row": row})
            return self.get(self._database.value(_SQL["last"]))

    def prune(self, before: datetime) -> int:
        """Forget the changes made before then; how many there were. What they changed stays as it is."""
        return self._database.change(_SQL["prune"], (to_micros(before),))

    def _wanted(self, change_id: int | None, noun: str | None) -> Change:
        if change_id is None:
            return self._last_own(noun)
        wanted = self.get(change_id)
        if noun not in (None, wanted.noun):
            raise NotFound(f"change {change_id} is of a {wanted.noun}, not of a {noun}: see `jarvis memory history`")
        return wanted

    def _last_own(self, noun: str | None) -> Change:
        wanted = noun if noun is None else one_of("what is undone", noun, NOUNS)
        row = self._database.row(_SQL["last_of_source"], {"source": self.source, "noun": wanted})
        if row is None:
            what = f"no {noun}" if noun else "nothing"
            raise NotFound(f"there is nothing to undo: {self.source} has changed {what}. See `jarvis memory history`")
        return _decode(row)

    def _found(self, statement: str, *, limit: int | None, **wanted: object) -> list[Change]:
        rows = self._database.rows(_SQL[statement], {**wanted, "limit": -1 if limit is None else limit})
        return [_decode(row) for row in rows]

    def list(self, noun: str | None = None, limit: int | None = 50) -> list[Change]:
        """All of them, or those of one noun (fact, delegation, decision, rule); newest first. None: no limit."""
        wanted = noun if noun is None else one_of("what changed", noun, NOUNS)
        return self._found("list", noun=wanted, limit=limit)


def _stands_on(top: Change, wanted: Change) -> str:
    if top.undoes == wanted.id:
        return f"change {wanted.id} of {wanted.name} is undone already, by change {top.id}"
    return (
        f"change {wanted.id} of {wanted.name} cannot be undone: change {top.id}, by {top.source or 'nobody known'}, "
        f"stands on it. Undo that first: `jarvis memory undo {top.id}`"
    )


def _decode(row: Row) -> Change:
    return Change(
        id=row[0],
        noun=row[1],
        before=_columns(row[2]),
        after=_columns(row[3]),
        source=row[4],
        changed_at=from_micros(row[5]),
        undoes=row[6],
    )


def _columns(text: str | None) -> dict[str, Any] | None:
    """A row as it was kept, its values as people mean them."""
    if text is None:
        return None
    return {name: _plain(name, value) for name, value in msgspec.json.decode(text).items()}


def _plain(name: str, value: Any) -> Any:
    if name in _INSTANTS:
        return from_micros(value)
    if name == "enabled":
        return bool(value)
    if name == "cool_down":
        return format_duration(timedelta(microseconds=value))
    if name not in _JSON:
        return value
    try:
        return msgspec.json.decode(value)
    except (ValueError, RecursionError):  # a newer Jarvis, or a hand, wrote it: as it stands
        return value
