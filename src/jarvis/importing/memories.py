"""What the earlier assistant knew: its facts, decisions, delegations, alert rules and events as ours.

Each function reads one row and stores it, or raises Refusal before it has stored anything. What has no column here is
put into the text of one that has, or named in the row's notes.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from jarvis.errors import UsageError
from jarvis.importing.fields import Fields, Refusal
from jarvis.memory.decisions import STATUSES as DECISION_STATUSES
from jarvis.memory.delegations import PRIORITIES
from jarvis.memory.delegations import STATUSES as DELEGATION_STATUSES
from jarvis.memory.imports import ImportTable
from jarvis.memory.rule_types import checked_condition
from jarvis.memory.store import MemoryStore


class AlreadyThere(Exception):
    """The same is stored already, by another way than an import: nothing is to do. str() says what is there."""


def fact(fields: Fields, memory: MemoryStore, now: datetime) -> None:
    """A fact keeps its value as it stands: a text, also where that text is JSON."""
    category, key, value = fields.line("category"), fields.line("key"), fields.text("value")
    source = fields.line("source", "") or None
    at = fields.since("updated_at" if fields.row.values.get("updated_at") else "created_at", now)
    fields.left_behind(("confidence", 1), ("pinned", 0))
    there = memory.facts.get(category, key)
    if there is not None and there.value == value:
        raise AlreadyThere("the fact has this value already")
    if there is not None:
        raise Refusal(
            f"the fact is here with another value, from {there.source}: keep that, or `jarvis fact set` the other"
        )
    _checked(lambda: memory.facts.put(category, key, value, at, source))


def decision(fields: Fields, memory: MemoryStore, now: datetime) -> None:
    """A decision; its context, alternatives, maker, tags and source go below its description."""
    title, owner = fields.line("title"), fields.line("owner", "")
    status = fields.word("status", "pending_execution", DECISION_STATUSES)
    follow_up = fields.day("follow_up_date")
    description = fields.paragraphs(
        fields.text("description", ""), "context", "alternatives_considered", "decided_by", "tags", "source"
    )
    since, changed = _times(fields, now)
    fields.left_behind()
    made = _checked(
        lambda: memory.decisions.add(title, description=description, owner=owner, follow_up_date=follow_up, now=since)
    )
    memory.decisions.set_status(made.id, status, changed)


def delegation(fields: Fields, memory: MemoryStore, now: datetime) -> None:
    """A delegation; its description, who delegated it and its source go below its notes."""
    task, to = fields.line("task"), fields.line("delegated_to")
    status = fields.word("status", "active", DELEGATION_STATUSES)
    priority = fields.word("priority", "medium", PRIORITIES)
    due = fields.day("due_date")
    notes = fields.paragraphs(fields.text("notes", ""), "description", "delegated_by", "source")
    since, changed = _times(fields, now)
    fields.left_behind()
    made = _checked(lambda: memory.delegations.add(task, to, due_date=due, priority=priority, notes=notes, now=since))
    memory.delegations.set_status(made.id, status, changed)


def rule(fields: Fields, memory: MemoryStore, now: datetime) -> None:
    """An alert rule whose type Jarvis has, and whose condition that type can use; with when it was told last."""
    name, kind = fields.line("name"), fields.line("alert_type")
    condition, enabled = fields.table("condition"), fields.on("enabled")
    told = fields.since("last_triggered_at", now) if fields.get("last_triggered_at") else None
    since = fields.since("created_at", now)
    fields.left_behind()
    condition = _checked(lambda: checked_condition(kind, condition))
    _refuse_other_rule(memory, name, kind, condition)
    _checked(lambda: memory.rules.add(name, kind, condition, since))
    ImportTable(memory.database).rule_last_told(name, told)
    if not enabled:
        memory.rules.disable(name, now)


def event(fields: Fields, memory: MemoryStore, now: datetime) -> None:
    """An event that arrived. One that waited there waits here; any other is history, and starts nothing."""
    source, kind = fields.line("source"), fields.line("event_type")
    payload = fields.json("payload")
    processed = fields.get("processed_at")
    waits = fields.line("status", "pending") == "pending" and not processed
    received = fields.since("received_at", now)
    fields.left_behind()
    row = [fields.row.table, fields.row.id, source, kind, payload, received]
    digest = sha256(msgspec.json.encode(row)).hexdigest()
    memory.events.add(
        source,
        kind,
        payload,
        file_name=f"imported, row {fields.row.id}",
        file_mtime=0,
        digest=digest,
        now=received,
    )
    if not waits:
        ImportTable(memory.database).event_status(digest, "imported")


def _times(fields: Fields, now: datetime) -> tuple[datetime, datetime]:
    """When it was made and when it was changed last, which ages are counted from."""
    made = fields.since("created_at", now)
    changed = fields.since("updated_at", now) if fields.row.values.get("updated_at") else made
    return made, max(made, changed)


def _refuse_other_rule(memory: MemoryStore, name: str, kind: str, condition: Any) -> None:
    for there in memory.rules.list():
        if there.name == name:
            if (there.alert_type, there.condition) == (kind, condition):
                raise AlreadyThere("a rule of that name watches the same")
            raise Refusal("a rule of that name is here, and watches something else: rename one of the two")


def _checked(store: Any) -> Any:
    """What the store itself refuses is the row's problem: it says so before it writes."""
    try:
        return store()
    except UsageError as error:
        raise Refusal(str(error)) from error
