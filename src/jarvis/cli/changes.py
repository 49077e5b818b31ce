"""What a change of the assistant's memory looks like: in words, as a row of a table, as JSON."""

from __future__ import annotations

from jarvis.cli.output import emit, instant, iso, json_text, table
from jarvis.cli.records import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from datetime import tzinfo
    from typing import Any

    from jarvis.cli.session import Session
    from jarvis.memory.changes import Change

HEADS = ("CHANGE", "WHEN", "WHO", "WHAT", "HOW")
_LONGEST = 60  # characters of one value
_NOT_TOLD = ("id", "created_at", "updated_at", "source")  # columns that only go along
_SHOWN = {"fact": ("value",), "delegation": ("task",), "decision": ("title",), "rule": ("alert_type", "condition")}


def told(change: Change) -> str:
    """A change in a few words: what it was and is."""
    how = _how(change)
    return how if change.undoes is None else f"{how} (undoes {change.undoes})"


def of_change(change: Change, zone: tzinfo) -> dict[str, Any]:
    """A change as `memory history` shows it: the rows before and after with all their columns."""
    return {
        "id": change.id,
        "noun": change.noun,
        "name": change.name,
        "before": _row(change.before, zone),
        "after": _row(change.after, zone),
        "source": change.source,
        "changed_at": iso(change.changed_at, zone),
        "undoes": change.undoes,
    }


def show(changes: Sequence[Change], args: Namespace, session: Session, empty: str) -> int:
    """Print changes, newest first."""
    if args.json:
        return emit([of_change(change, session.zone) for change in changes])
    rows = (
        (each.id, instant(each.changed_at, session.zone), each.source or None, each.name, told(each))
        for each in changes
    )
    table(HEADS, rows, empty)
    return 0


def lines_of(changes: Sequence[Change], zone: tzinfo) -> list[str]:
    """Changes as lines below each other."""
    return [f"{each.id}: {instant(each.changed_at, zone)}, {each.source or '-'}: {told(each)}" for each in changes]


def _how(change: Change) -> str:
    before, after = change.before, change.after
    if before is None:
        return f"added: {_summary(change.noun, after or {})}"
    if after is None:
        return f"deleted: {_summary(change.noun, before)}"
    parts = [
        f"{'' if name == 'value' else f'{name} '}{_short(before.get(name))} -> {_short(value)}"
        for name, value in after.items()
        if name not in _NOT_TOLD and json_text(value) != json_text(before.get(name))
    ]
    return ", ".join(parts) or f"said again: {_summary(change.noun, after)}"


def _summary(noun: str, row: dict[str, Any]) -> str:
    return " ".join(_short(row[name]) for name in _SHOWN[noun])


def _short(value: object) -> str:
    """As JSON, text that is plain as it is."""
    text = value if isinstance(value, str) and value.isprintable() and value else json_text(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _row(row: dict[str, Any] | None, zone: tzinfo) -> dict[str, Any] | None:
    return None if row is None else {name: plain(value, zone) for name, value in row.items()}
