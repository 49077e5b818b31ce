"""The `alert_rules` table: what the assistant watches, and when it last said so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from jarvis.errors import NotFound, UsageError
from jarvis.memory.changes import Change, ChangeTable
from jarvis.memory.checked import line, one_of
from jarvis.memory.faults import Refused
from jarvis.memory.instants import from_micros, maybe_instant, to_micros
from jarvis.memory.sqlite import Database, Row
from jarvis.memory.statements import load
from jarvis.scheduler.suggest import did_you_mean

_SQL = load("alert_rules")
_A_CENTURY = 36_500  # days: further away nobody waits, and no date overflows


class Kind(msgspec.Struct, frozen=True):
    """What the condition of one type of alert holds: one number, 0 or more, with a default."""

    key: str
    default: int
    most: int = _A_CENTURY
    whole: bool = False  # counts days of the calendar, not time


KINDS = {
    "overdue_delegation": Kind("days_overdue", 1, whole=True),
    "pending_decision": Kind("days_stale", 7),
    "stale_decision": Kind("days_stale", 7),
    "upcoming_deadline": Kind("within_days", 3, whole=True),
    "stale_backup": Kind("max_age_hours", 48, most=_A_CENTURY * 24),
}


class AlertRule(msgspec.Struct, frozen=True, kw_only=True):
    """A stored rule. `problem` says why it cannot be evaluated, "" if it can; instants are UTC."""

    id: int
    name: str
    alert_type: str
    condition: dict[str, Any]
    enabled: bool
    created_at: datetime
    last_triggered_at: datetime | None
    problem: str = ""


class RuleTable:
    """Add, read and mark rules. A row that cannot be read is listed with its problem: the others go on."""

    def __init__(self, database: Database, changes: ChangeTable) -> None:
        self._database = database
        self._changes = changes

    def add(self, name: str, alert_type: str, condition: Mapping[str, Any], now: datetime | None = None) -> AlertRule:
        """Store a new rule, enabled; what its condition leaves out is its type's default."""
        row = {
            "name": line("a rule's name", name),
            "alert_type": one_of("a rule's type", alert_type, tuple(KINDS)),
            "condition": msgspec.json.encode(checked_condition(alert_type, condition)).decode(),
        }
        try:
            with self._changes.signed(now) as at:
                return _decode(self._database.rows(_SQL["insert"], {**row, "now": at})[0])
        except Refused as error:
            raise UsageError(f"a rule named {name!r} exists already: choose another name") from error

    def get(self, name: str) -> AlertRule:
        """The rule of that name. NotFound, with the nearest name there is, if there is none."""
        row = self._database.row(_SQL["get"], (name,))
        if row is None:
            raise NotFound(f"no rule is named {name!r}.{did_you_mean(name, [rule.name for rule in self.list()])}")
        return _decode(row)

    def enable(self, name: str, now: datetime | None = None) -> bool:
        """Evaluate it again; False if it was enabled already."""
        return self._switch(name, enabled=True, now=now)

    def disable(self, name: str, now: datetime | None = None) -> bool:
        """Evaluate it no more; False if it was disabled already."""
        return self._switch(name, enabled=False, now=now)

    def delete(self, name: str, now: datetime | None = None) -> bool:
        """Take the rule away; False if there was none. Its history stays, and `undo` brings it back."""
        with self._changes.signed(now):
            return self._database.change(_SQL["delete"], (name,)) == 1

    def history(self, name: str, limit: int | None = 50) -> list[Change]:
        """What it was and who changed it, newest first; also of a rule that is deleted."""
        return self._changes.of_row("rule", name, limit)

    def undo(self, change_id: int | None = None, now: datetime | None = None) -> Change:
        """Take back this author's last change of a rule; see ChangeTable.undo."""
        return self._changes.undo(change_id, noun="rule", now=now)

    def mark_reported(self, rule_id: int, now: datetime, not_since: datetime, occurrence: str = "") -> bool:
        """Whether the caller may report this rule's alert: one conditional write, whose row count decides.

        Not if it was reported after `not_since`, except by the same occurrence: a run that was cut off
        between this mark and its settle reports again. A mark as far ahead of `now` as `not_since` lies
        behind it comes from a clock that was wrong, and holds nobody back.
        """
        row = {
            "id": rule_id,
            "now": to_micros(now),
            "not_since": to_micros(not_since),
            "not_before": to_micros(now + (now - not_since)),
            "occurrence": occurrence,
        }
        return self._database.change(_SQL["mark_reported"], row) == 1

    def _switch(self, name: str, *, enabled: bool, now: datetime | None) -> bool:
        with self._changes.signed(now):
            rule = self.get(name)
            return self._database.change(_SQL["switch"], {"id": rule.id, "enabled": enabled}) == 1

    def list(self) -> list[AlertRule]:
        """All rules by name."""
        return [_decode(row) for row in self._database.rows(_SQL["list"])]


def checked_condition(alert_type: str, condition: object) -> dict[str, int | float]:
    """The condition with its default filled in. UsageError if it has another key, or a number it cannot have."""
    kind = KINDS[one_of("a rule's type", alert_type, tuple(KINDS))]
    if not isinstance(condition, Mapping):
        raise UsageError(f'the condition of {alert_type} is {condition!r}: use an object, such as {{"{kind.key}": 1}}')
    for key in condition:
        one_of(f"a key in the condition of {alert_type}", key, (kind.key,))
    return {kind.key: _number(kind, condition.get(kind.key, kind.default))}


def _number(kind: Kind, value: object) -> int | float:
    # NaN is in no range, True is no number; a whole number may be written as 2.0.
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else -1
    if 0 <= number <= kind.most and not (kind.whole and number % 1):
        return int(number) if kind.whole else number
    raise UsageError(
        f"{kind.key} is {value!r}: use a {'whole ' if kind.whole else ''}number from 0 to {kind.most}, "
        f"such as {kind.default}"
    )


def _decode(row: Row) -> AlertRule:
    condition, problem = _condition(row[2], row[3])
    return AlertRule(
        id=row[0],
        name=row[1],
        alert_type=row[2],
        condition=condition,
        enabled=bool(row[4]),
        created_at=from_micros(row[5]),
        last_triggered_at=maybe_instant(row[6]),
        problem=problem,
    )


def _condition(alert_type: str, stored: str) -> tuple[dict[str, Any], str]:
    """What is stored, and why it cannot be used: a newer Jarvis, or a hand, may have written it."""
    try:
        return dict(checked_condition(alert_type, msgspec.json.decode(stored))), ""
    except UsageError as error:
        return {}, str(error)
    except (ValueError, RecursionError) as error:
        return {}, f"its condition is not JSON: {error}"
