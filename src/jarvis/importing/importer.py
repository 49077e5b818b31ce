"""All rows of an earlier assistant's store, in one transaction: each is imported, there already, or refused and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from hashlib import sha256
from zoneinfo import ZoneInfo

import msgspec

from jarvis.errors import UsageError
from jarvis.importing import memories
from jarvis.importing.fields import Fields, Refusal, shown
from jarvis.importing.memories import AlreadyThere
from jarvis.importing.source import Source, SourceRow
from jarvis.importing.tasks import Means, task
from jarvis.memory.imports import ImportTable
from jarvis.memory.store import MemoryStore

IMPORTED, THERE, REFUSED = "imported", "already there", "refused"
OUTCOMES = (IMPORTED, THERE, REFUSED)

Store = Callable[[Fields, MemoryStore, datetime], None]

# What a row is called in the report; and, with its number, what it is known by when it comes again.
_NAMES = {
    "facts": ("category", "key"),
    "decisions": ("title",),
    "delegations": ("task",),
    "alert_rules": ("name",),
    "webhook_events": ("source", "event_type", "received_at"),
    "event_rules": ("name",),
    "scheduled_tasks": ("name",),
}
# What the earlier program writes by itself: that it differs is no change that a person made.
_ITS_OWN = frozenset({"last_run_at", "next_run_at", "last_result", "last_triggered_at", "updated_at", "processed_at"})


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one row; `reason` says why it was not imported, `notes` what to know of it."""

    table: str
    row: int
    name: str
    outcome: str
    reason: str = ""
    notes: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Every row of the tables that are known, and the others with how many rows they have."""

    lines: tuple[Line, ...]
    other_tables: dict[str, int]

    def count(self, outcome: str) -> int:
        """How many rows came to that."""
        return sum(line.outcome == outcome for line in self.lines)


class _DryRun(Exception):
    """Raised where the transaction would be committed: all that was done in it is undone."""


def import_store(source: Source, memory: MemoryStore, means: Means, now: datetime, *, dry_run: bool) -> Report:
    """Bring over what is not here yet. All of it is committed, or nothing: with `dry_run`, or if the store fails.

    The dry run does the same work and takes it back, so its report is exact. UsageError if the file has no table that
    is known.
    """
    tables = [table for table in _NAMES if table in source.tables]
    if not tables:
        raise UsageError(f"{source.path} has none of the tables {', '.join(_NAMES)}: is it an assistant's store?")
    others = {table: source.count(table) for table in source.tables if table not in _NAMES}
    lines: list[Line] = []
    try:
        with memory.transaction():
            for table in tables:
                lines += _table(table, source, memory, means, now)
            if dry_run:
                raise _DryRun
    except _DryRun:
        pass
    return Report(lines=tuple(lines), other_tables=others)


def _table(table: str, source: Source, memory: MemoryStore, means: Means, now: datetime) -> Iterator[Line]:
    stores: dict[str, Store] = {
        "facts": memories.fact,
        "decisions": memories.decision,
        "delegations": memories.delegation,
        "alert_rules": memories.rule,
        "webhook_events": memories.event,
        "event_rules": _event_rule,
        "scheduled_tasks": partial(task, means=means),
    }
    for row in source.rows(table):
        yield _line(row, stores[table], memory, means, now)


def _line(row: SourceRow, store: Store, memory: MemoryStore, means: Means, now: datetime) -> Line:
    name = "/".join(_shown_name(row.values.get(column)) for column in _NAMES[row.table])
    imports, identity, digest = ImportTable(memory.database), _identity(row), _digest(row)
    before = imports.known(identity)
    line = Line(table=row.table, row=row.id, name=name, outcome=IMPORTED)
    if before is not None:
        return msgspec.structs.replace(line, **_known(before, digest))
    notes: list[str] = []
    try:
        fields = Fields(row, ZoneInfo(means.reading.tz))
        notes = fields.notes
        store(fields, memory, now)
    except AlreadyThere as there:
        line = msgspec.structs.replace(line, outcome=THERE, reason=str(there))
    except Refusal as refused:
        return msgspec.structs.replace(line, outcome=REFUSED, reason=str(refused), notes=tuple(notes))
    imports.remember(identity, digest, now)
    return msgspec.structs.replace(line, notes=tuple(notes))


def _known(before: tuple[str, datetime], digest: str) -> dict[str, str]:
    then = before[1].date()
    if before[0] == digest:
        return {"outcome": THERE, "reason": f"it was imported on {then}"}
    return {
        "outcome": REFUSED,
        "reason": f"it was imported on {then}, and has been changed over there since: make that change here",
    }


def _event_rule(fields: Fields, _memory: MemoryStore, _now: datetime) -> None:
    """It starts one of the earlier program's agents, which Jarvis does not have: nothing it could mean here."""
    said = ", ".join(name for name, value in fields.row.values.items() if name != "id" and value not in (None, ""))
    raise Refusal(f"it starts an agent of the earlier assistant, and Jarvis has none. It has {said}")


# -- what a row is known by -------------------------------------------------------------------------------
def _identity(row: SourceRow) -> str:
    """The same for a copy of the file; another for another store's row of that number."""
    return _sha([row.table, row.values.get("id", row.id), *(row.values.get(column) for column in _NAMES[row.table])])


def _digest(row: SourceRow) -> str:
    volatile = _ITS_OWN | ({"status"} if row.table == "webhook_events" else set())
    return _sha(sorted((name, repr(value)) for name, value in row.values.items() if name not in volatile))


def _sha(value: object) -> str:
    return sha256(json.dumps(value, default=repr).encode()).hexdigest()[:32]


def _shown_name(value: object) -> str:
    return value if isinstance(value, str) and value.strip() else shown(value)
