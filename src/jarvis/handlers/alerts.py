"""What each type of alert rule means: `evaluate(rule, snapshot, now, zone)`. Those about the assistant's memory: pure.

| type | condition | an alert while |
|---|---|---|
| overdue_delegation | days_overdue: 1 | an active delegation's due date lies at least so many days back |
| upcoming_deadline | within_days: 3 | an active delegation's due date is today or at most so many days ahead |
| pending_decision | days_stale: 7 | a decision not carried out was made at least so many days (of 24 h) ago |
| stale_decision | days_stale: 7 | the same, counted from its follow-up date, else from its last change |
| stale_backup | max_age_hours: 48 | work/backup_last_success is more hours old, missing, unreadable or in the future |

Dates are days in the user's zone, "today" is the day of `now` there. A decision is not carried out while
its status is `pending_execution`. The backup's fact holds an ISO instant with its offset, or seconds since
1970, as a number or as digits. The other types are in alert_health and alert_expression; what their conditions may
hold is in memory.rule_types, beside where it is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Protocol

import msgspec

from jarvis.handlers import alert_expression, alert_health
from jarvis.handlers.alert_health import Health
from jarvis.handlers.alert_words import Found, Now, count, day_of, sentence, shown, when

BACKUP_FACT = ("work", "backup_last_success")
_CLOCKS_DIFFER = timedelta(hours=1)  # a backup this far in the future is another machine's clock
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
EXPRESSION_SECONDS = 2.0

APART = frozenset({"disk_low", "expression"})
"""Types that may take their time, and so are not evaluated while the store is held."""

Condition = Mapping[str, Any]


class Rule(Protocol):
    """A rule whose condition was checked: it holds every key of its type."""

    @property
    def name(self) -> str: ...
    @property
    def alert_type(self) -> str: ...
    @property
    def condition(self) -> Mapping[str, Any]: ...


class Delegation(Protocol):
    """Something another person does."""

    @property
    def id(self) -> int: ...
    @property
    def task(self) -> str: ...
    @property
    def delegated_to(self) -> str: ...
    @property
    def due_date(self) -> date | None: ...


class Decision(Protocol):
    """Something decided."""

    @property
    def id(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def follow_up_date(self) -> date | None: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def updated_at(self) -> datetime: ...


class Fact(Protocol):
    """Something known."""

    @property
    def value(self) -> Any: ...


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules are held against, read in one transaction; `health` is asked within it."""

    active_delegations: Sequence[Delegation] = ()
    pending_decisions: Sequence[Decision] = ()
    last_backup: Fact | None = None
    health: Health | None = None
    store_folder: str = ""  # "" for a store in memory, which is on no disk
    values: Mapping[str, Any] = msgspec.field(default_factory=dict)  # what expressions speak of
    seconds: float = EXPRESSION_SECONDS  # that one expression may take


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One rule that holds now, as a sentence; `items` are the ids of what it is about."""

    rule: str
    alert_type: str
    text: str
    items: tuple[int, ...] = ()


def evaluate(rule: Rule, snapshot: Snapshot, now: datetime, zone: tzinfo) -> Alert | None:
    """The alert of a rule at an aware `now`, None while there is none. LookupError for a type unknown here."""
    if rule.alert_type not in _TYPES:
        raise LookupError(f"no alert type is named {rule.alert_type!r}: there are {', '.join(_TYPES)}")
    found = _TYPES[rule.alert_type](rule.condition, snapshot, Now(now, zone))
    return found and Alert(rule=rule.name, alert_type=rule.alert_type, text=found[0], items=found[1])


def _overdue_delegation(condition: Condition, snapshot: Snapshot, now: Now) -> Found:
    days = condition["days_overdue"]
    late = _due(snapshot, lambda due: (now.today - due).days >= days)
    return _about(late, "delegation is overdue", "delegations are overdue", now)


def _upcoming_deadline(condition: Condition, snapshot: Snapshot, now: Now) -> Found:
    days = condition["within_days"]
    near = _due(snapshot, lambda due: 0 <= (due - now.today).days <= days)
    within = f"due within {count(days, 'day')}" if days else "due today"
    return _about(near, f"delegation is {within}", f"delegations are {within}", now)


def _due(snapshot: Snapshot, holds: Callable[[date], bool]) -> list[Delegation]:
    return [each for each in snapshot.active_delegations if each.due_date is not None and holds(each.due_date)]


def _about(found: Sequence[Delegation], one: str, many: str, now: Now) -> Found:
    items = [f"{each.task} ({each.delegated_to}, due {when(each.due_date, now.today)})" for each in found]
    return sentence(items, [each.id for each in found], one, many)


def _pending_decision(condition: Condition, snapshot: Snapshot, now: Now) -> Found:
    days = condition["days_stale"]
    old = [each for each in snapshot.pending_decisions if now.instant - each.created_at >= days * _DAY]
    items = [f"{each.title} (since {when(day_of(each.created_at, now), now.today)})" for each in old]
    ids = [each.id for each in old]
    waits = f"to be carried out for {count(days, 'day')} or more"
    return sentence(items, ids, f"decision has waited {waits}", f"decisions have waited {waits}")


def _stale_decision(condition: Condition, snapshot: Snapshot, now: Now) -> Found:
    days = condition["days_stale"]
    old = [each for each in snapshot.pending_decisions if _untouched(each, now) >= days * _DAY]
    items = [f"{each.title} ({_touched(each, now)})" for each in old]
    ids = [each.id for each in old]
    since = f"not moved for {count(days, 'day')} or more"
    return sentence(items, ids, f"decision has {since}", f"decisions have {since}")


def _untouched(decision: Decision, now: Now) -> timedelta:
    """How long ago it did move, or should have: whole days since its follow-up date, negative until then."""
    if decision.follow_up_date is None:
        return now.instant - decision.updated_at
    return now.today - decision.follow_up_date


def _touched(decision: Decision, now: Now) -> str:
    if decision.follow_up_date is None:
        return f"last changed {when(day_of(decision.updated_at, now), now.today)}"
    return f"follow-up was due {when(decision.follow_up_date, now.today)}"


def _stale_backup(condition: Condition, snapshot: Snapshot, now: Now) -> Found:
    hours = condition["max_age_hours"]
    name = "/".join(BACKUP_FACT)
    if snapshot.last_backup is None:
        return f"No backup is known of: the fact {name} has never been set.", ()
    at = _instant(snapshot.last_backup.value)
    if at is None:
        return (
            f"When the last backup was cannot be told: the fact {name} holds {shown(snapshot.last_backup.value)}, "
            "which is neither an ISO instant with an offset nor seconds since 1970."
        ), ()
    said = at.astimezone(now.zone).isoformat(timespec="seconds")
    if at - now.instant > _CLOCKS_DIFFER:
        return f"The last backup cannot be told: the fact {name} holds {said}, which has not come yet.", ()
    if now.instant - at <= hours * _HOUR:
        return None
    age = (now.instant - at) // _HOUR
    return (
        f"The last backup was {count(age, 'hour')} ago ({said}); at most {count(hours, 'hour')} are allowed.",
        (),
    )


def _instant(value: object) -> datetime | None:
    """What the backup left: an ISO instant with its offset, or seconds since 1970; None if it is neither."""
    try:
        if isinstance(value, str) and not value.strip().isdecimal():
            at = datetime.fromisoformat(value.strip())
            return at.astimezone(UTC) if at.tzinfo else None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return None
        return _EPOCH + timedelta(seconds=float(value))
    except (ValueError, OverflowError):
        return None


def _health(snapshot: Snapshot) -> Health:
    if snapshot.health is None:
        raise LookupError("how the tasks are doing was not read")
    return snapshot.health


_TYPES: dict[str, Callable[[Condition, Snapshot, Now], Found]] = {
    "overdue_delegation": _overdue_delegation,
    "pending_decision": _pending_decision,
    "stale_decision": _stale_decision,
    "upcoming_deadline": _upcoming_deadline,
    "stale_backup": _stale_backup,
    "task_stale": lambda condition, snapshot, now: alert_health.task_stale(condition, _health(snapshot), now),
    "task_failing": lambda condition, snapshot, now: alert_health.task_failing(condition, _health(snapshot), now),
    "delivery_stuck": lambda condition, snapshot, now: alert_health.delivery_stuck(condition, _health(snapshot), now),
    "disk_low": lambda condition, snapshot, _now: alert_health.disk_low(condition, snapshot.store_folder),
    "expression": lambda condition, snapshot, _now: alert_expression.holds(
        condition, snapshot.values, snapshot.seconds
    ),
}
