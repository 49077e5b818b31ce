"""The `alert_rules` table: what the assistant watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from jarvis.errors import NotFound, UsageError
from jarvis.memory.changes import Change, ChangeTable
from jarvis.memory.checked import line
from jarvis.memory.faults import Refused
from jarvis.memory.instants import from_micros, maybe_instant
from jarvis.memory.rule_types import checked_condition
from jarvis.memory.sqlite import Database, Row
from jarvis.memory.statements import load
from jarvis.scheduler.duration import format_duration
from jarvis.scheduler.incident import COOL_DOWN
from jarvis.scheduler.suggest import did_you_mean

_SQL = load("alert_rules")
_MICROSECOND = timedelta(microseconds=1)
LONGEST_COOL_DOWN = timedelta(days=365)


class AlertRule(msgspec.Struct, frozen=True, kw_only=True):
    """A stored rule. `problem` says why it cannot be evaluated, "" if it can; instants are UTC."""

    id: int
    name: str
    alert_type: str
    condition: dict[str, Any]
    enabled: bool
    created_at: datetime
    last_triggered_at: datetime | None  # when a person was last told that it holds
    deliver: tuple[str, ...] = ()  # its own channels; none: those of the task that evaluates it
    cool_down: timedelta = COOL_DOWN  # what goes on is told again no sooner than this
    problem: str = ""


class RuleTable:
    """Add, change and read rules. A row that cannot be read is listed with its problem: the others go on."""

    def __init__(self, database: Database, changes: ChangeTable) -> None:
        self._database = database
        self._changes = changes

    def add(
        self,
        name: str,
        alert_type: str,
        condition: Mapping[str, Any],
        now: datetime | None = None,
        *,
        deliver: Sequence[str] = (),
        cool_down: timedelta = COOL_DOWN,
    ) -> AlertRule:
        """Store a new rule, enabled; what its condition leaves out is its type's default."""
        named = {"name": line("a rule's name", name)}
        try:
            with self._changes.signed(now) as at:
                row = named | self._checked(alert_type, condition, deliver, cool_down)
                return _decode(self._database.rows(_SQL["insert"], {**row, "now": at})[0])
        except Refused as error:
            raise UsageError(f"a rule named {name!r} exists already: choose another name") from error

    def edit(
        self,
        name: str,
        *,
        condition: Mapping[str, Any] | None = None,
        deliver: Sequence[str] | None = None,
        cool_down: timedelta | None = None,
        now: datetime | None = None,
    ) -> AlertRule:
        """Change what is given: keys of its condition, all of its channels, its cool-down. Its type stays."""
        with self._changes.signed(now):
            rule = self.get(name)
            row = self._checked(
                rule.alert_type,
                rule.condition | dict(condition or {}),
                rule.deliver if deliver is None else deliver,
                rule.cool_down if cool_down is None else cool_down,
            )
            self._database.change(_SQL["edit"], row | {"id": rule.id})
            return self.get(name)

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

    def _switch(self, name: str, *, enabled: bool, now: datetime | None) -> bool:
        with self._changes.signed(now):
            rule = self.get(name)
            return self._database.change(_SQL["switch"], {"id": rule.id, "enabled": enabled}) == 1

    def list(self) -> list[AlertRule]:
        """All rules by name."""
        return [_decode(row) for row in self._database.rows(_SQL["list"])]

    def _checked(
        self, alert_type: str, condition: Mapping[str, Any], deliver: Sequence[str], cool_down: timedelta
    ) -> dict[str, Any]:
        """What a rule states, as it is stored. A task that a condition names must be there now."""
        checked = checked_condition(alert_type, condition)
        if checked.get("task", "*") != "*":
            self._check_task(str(checked["task"]))
        if not timedelta(0) <= cool_down <= LONGEST_COOL_DOWN:
            most = format_duration(LONGEST_COOL_DOWN)
            raise UsageError(f"a cool-down of {format_duration(cool_down)} cannot be: use 0s to {most}")
        return {
            "alert_type": alert_type,
            "condition": _json(checked),
            "deliver": _json([line("a channel's name", each) for each in dict.fromkeys(deliver)]),
            "cool_down": cool_down // _MICROSECOND,
        }

    def _check_task(self, name: str) -> None:
        names = [known for (known,) in self._database.rows(_SQL["task_names"])]
        if name not in names:
            raise UsageError(f"no task is named {name!r}: a rule watches one that there is.{did_you_mean(name, names)}")


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


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
        deliver=_channels(row[7]),
        cool_down=row[8] * _MICROSECOND,
        problem=problem,
    )


def _channels(stored: str) -> tuple[str, ...]:
    """Its channels; none of one that a hand has spoilt: the task's are told then."""
    try:
        return msgspec.json.decode(stored, type=tuple[str, ...])
    except ValueError:  # msgspec's errors are ValueErrors
        return ()


def _condition(alert_type: str, stored: str) -> tuple[dict[str, Any], str]:
    """What is stored, and why it cannot be used: a newer Jarvis, or a hand, may have written it."""
    try:
        return dict(checked_condition(alert_type, msgspec.json.decode(stored))), ""
    except UsageError as error:
        return {}, str(error)
    except (ValueError, RecursionError) as error:
        return {}, f"its condition is not JSON: {error}"
