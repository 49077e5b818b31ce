"""What each type of alert rule means: `evaluate(rule, snapshot, now, zone)`. Pure.

| type | condition | an alert while |
|---|---|---|
| overdue_delegation | days_overdue: 1 | an active delegation's due date lies at least so many days back |
| upcoming_deadline | within_days: 3 | an active delegation's due date is today or at most so many days ahead |
| pending_decision | days_stale: 7 | a decision not carried out was made at least so many days (of 24 h) ago |
| stale_decision | days_stale: 7 | the same, counted from its follow-up date, else from its last change |
| stale_backup | max_age_hours: 48 | work/backup_last_success is more hours old, missing, unreadable or in the future |

Dates are days in the user's zone, "today" is the day of `now` there. A decision is not carried out while
its status is `pending_execution`. The backup's fact holds an ISO instant with its offset, or seconds since
1970, as a number or as digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Protocol

import msgspec

BACKUP_FACT = ("work", "backup_last_success")
_NAMED_AT_MOST = 5  # of the things an alert is about; the others are counted
_CLOCKS_DIFFER = timedelta(hours=1)  # a backup this far in the future is another machine's clock
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)


class Rule(Protocol):
    """A rule whose condition was checked: it holds its type's one number."""

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
    """What the rules are held against, read in one transaction."""

    active_delegations: Sequence[Delegation] = ()
    pending_decisions: Sequence[Decision] = ()
    last_backup: Fact | None = None


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One rule that holds now, as a sentence; `items` are the ids of what it is about."""

    rule: str
    alert_type: str
    text: str
    items: tuple[int, ...] = ()


class _Now(msgspec.Struct, frozen=True):
    instant: datetime
    zone: tzinfo

    @property
    def today(self) -> date:
        return self.instant.astimezone(self.zone).date()


_Found = tuple[str, tuple[int, ...]] | None


def evaluate(rule: Rule, snapshot: Snapshot, now: datetime, zone: tzinfo) -> Alert | None:
    """The alert of a rule at an aware `now`, None while there is none. LookupError for a type unknown here."""
    if rule.alert_type not in _TYPES:
        raise LookupError(f"no alert type is named {rule.alert_type!r}: there are {', '.join(_TYPES)}")
    (number,) = rule.condition.values()
    found = _TYPES[rule.alert_type](number, snapshot, _Now(now, zone))
    return found and Alert(rule=rule.name, alert_type=rule.alert_type, text=found[0], items=found[1])


def _overdue_delegation(days: int, snapshot: Snapshot, now: _Now) -> _Found:
    late = _due(snapshot, lambda due: (now.today - due).days >= days)
    return _about(late, "delegation is overdue", "delegations are overdue", now)


def _upcoming_deadline(days: int, snapshot: Snapshot, now: _Now) -> _Found:
    near = _due(snapshot, lambda due: 0 <= (due - now.today).days <= days)
    within = f"due within {_count(days, 'day')}" if days else "due today"
    return _about(near, f"delegation is {within}", f"delegations are {within}", now)


def _due(snapshot: Snapshot, holds: Callable[[date], bool]) -> list[Delegation]:
    return [each for each in snapshot.active_delegations if each.due_date is not None and holds(each.due_date)]


def _about(found: Sequence[Delegation], one: str, many: str, now: _Now) -> _Found:
    items = [f"{each.task} ({each.delegated_to}, due {_when(each.due_date, now.today)})" for each in found]
    return _sentence(items, [each.id for each in found], one, many)


def _pending_decision(days: float, snapshot: Snapshot, now: _Now) -> _Found:
    old = [each for each in snapshot.pending_decisions if now.instant - each.created_at >= days * _DAY]
    items = [f"{each.title} (since {_when(_day_of(each.created_at, now), now.today)})" for each in old]
    ids = [each.id for each in old]
    waits = f"to be carried out for {_count(days, 'day')} or more"
    return _sentence(items, ids, f"decision has waited {waits}", f"decisions have waited {waits}")


def _stale_decision(days: float, snapshot: Snapshot, now: _Now) -> _Found:
    old = [each for each in snapshot.pending_decisions if _untouched(each, now) >= days * _DAY]
    items = [f"{each.title} ({_touched(each, now)})" for each in old]
    ids = [each.id for each in old]
    since = f"not moved for {_count(days, 'day')} or more"
    return _sentence(items, ids, f"decision has {since}", f"decisions have {since}")


def _untouched(decision: Decision, now: _Now) -> timedelta:
    """How long ago it did move, or should have: whole days since its follow-up date, negative until then."""
    if decision.follow_up_date is None:
        return now.instant - decision.updated_at
    return now.today - decision.follow_up_date


def _touched(decision: Decision, now: _Now) -> str:
    if decision.follow_up_date is None:
        return f"last changed {_when(_day_of(decision.updated_at, now), now.today)}"
    return f"follow-up was due {_when(decision.follow_up_date, now.today)}"


def _stale_backup(hours: float, snapshot: Snapshot, now: _Now) -> _Found:
    name = "/".join(BACKUP_FACT)
    if snapshot.last_backup is None:
        return f"No backup is known of: the fact {name} has never been set.", ()
    at = _instant(snapshot.last_backup.value)
    if at is None:
        return (
            f"When the last backup was cannot be told: the fact {name} holds {_shown(snapshot.last_backup.value)}, "
            "which is neither an ISO instant with an offset nor seconds since 1970."
        ), ()
    shown = at.astimezone(now.zone).isoformat(timespec="seconds")
    if at - now.instant > _CLOCKS_DIFFER:
        return f"The last backup cannot be told: the fact {name} holds {shown}, which has not come yet.", ()
    if now.instant - at <= hours * _HOUR:
        return None
    age = (now.instant - at) // _HOUR
    return (
        f"The last backup was {_count(age, 'hour')} ago ({shown}); at most {_count(hours, 'hour')} are allowed.",
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


_TYPES: dict[str, Callable[[Any, Snapshot, _Now], _Found]] = {
    "overdue_delegation": _overdue_delegation,
    "pending_decision": _pending_decision,
    "stale_decision": _stale_decision,
    "upcoming_deadline": _upcoming_deadline,
    "stale_backup": _stale_backup,
}


def _sentence(items: Sequence[str], ids: Sequence[int], one: str, many: str) -> _Found:
    """ "2 delegations are overdue: A; B." with at most a few of them named; None for none."""
    if not items:
        return None
    named = list(items[:_NAMED_AT_MOST])
    if len(items) > len(named):
        named.append(f"and {len(items) - len(named)} more")
    return f"{len(items)} {one if len(items) == 1 else many}: {'; '.join(named)}.", tuple(ids)


def _day_of(moment: datetime, now: _Now) -> date:
    return moment.astimezone(now.zone).date()


def _when(day: date | None, today: date) -> str:
    """A date, and how far from today it is."""
    if day is None:
        return "never"
    away = (day - today).days
    near = {0: "today", 1: "tomorrow", -1: "yesterday"}.get(away)
    return f"{day}, {near or (f'in {away} days' if away > 0 else f'{-away} days ago')}"


def _count(number: float, unit: str) -> str:
    return f"{number:g} {unit}" if number == 1 else f"{number:g} {unit}s"


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
