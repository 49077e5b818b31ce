"""`alert_eval`: holds every enabled alert rule against the assistant's memory, and reports what is new.

Reported at most once in COOL_DOWN for each rule, whatever number of daemons there is: the rules are read,
evaluated and marked in one transaction, and the row count of the mark decides who reports. A run that is
cut off after that and before it is settled reports again when it is re-run: same occurrence, same mark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, tzinfo
from typing import Protocol

import msgspec

from jarvis.handlers.alerts import BACKUP_FACT, Alert, Decision, Delegation, Fact, Rule, Snapshot, evaluate
from jarvis.scheduler.model import Result
from jarvis.scheduler.ports import Context

COOL_DOWN = timedelta(hours=4)


class StoredRule(Rule, Protocol):
    """A rule as it is stored; `problem` is "" unless it cannot be evaluated."""

    @property
    def id(self) -> int: ...
    @property
    def enabled(self) -> bool: ...
    @property
    def problem(self) -> str: ...


class Rules(Protocol):
    """The alert rules."""

    def list(self) -> Sequence[StoredRule]: ...
    def mark_reported(self, rule_id: int, now: datetime, not_since: datetime, occurrence: str) -> bool:
        """Whether the caller may report: one conditional write."""


class Delegations(Protocol):
    """What was handed to others."""

    def list(self, status: str) -> Sequence[Delegation]: ...


class Decisions(Protocol):
    """What was decided."""

    def list(self, status: str) -> Sequence[Decision]: ...


class Facts(Protocol):
    """What is known."""

    def get(self, category: str, key: str) -> Fact | None: ...


class Memory(Protocol):
    """The part of the store that this handler uses."""

    @property
    def rules(self) -> Rules: ...
    @property
    def delegations(self) -> Delegations: ...
    @property
    def decisions(self) -> Decisions: ...
    @property
    def facts(self) -> Facts: ...
    def transaction(self) -> AbstractContextManager[object]: ...


class Broken(msgspec.Struct, frozen=True):
    """A rule that cannot be evaluated, and why."""

    rule: str
    reason: str


def alert_eval(zone: tzinfo) -> Callable[[Context], Result]:
    """The handler, for a user whose days begin in `zone`."""
    return lambda context: _report(*_found(context, zone))


def _found(context: Context, zone: tzinfo) -> tuple[list[Alert], list[Alert], list[Broken]]:
    """Alerts to report, alerts still cooling down, and rules that are broken."""
    memory: Memory = context.memory
    new: list[Alert] = []
    cooling: list[Alert] = []
    broken: list[Broken] = []
    with memory.transaction():
        snapshot = _snapshot(memory)
        for rule in memory.rules.list():
            alert = _evaluated(rule, snapshot, context.now, zone) if rule.enabled else None
            if isinstance(alert, Broken):
                broken.append(alert)
            elif alert is not None:
                (new if _ours(rule, memory, context) else cooling).append(alert)
    return new, cooling, broken


def _snapshot(memory: Memory) -> Snapshot:
    return Snapshot(
        active_delegations=memory.delegations.list("active"),
        pending_decisions=memory.decisions.list("pending_execution"),
        last_backup=memory.facts.get(*BACKUP_FACT),
    )


def _evaluated(rule: StoredRule, snapshot: Snapshot, now: datetime, zone: tzinfo) -> Alert | Broken | None:
    if rule.problem:
        return Broken(rule.name, rule.problem)
    try:
        return evaluate(rule, snapshot, now, zone)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one rule never stops the others
        return Broken(rule.name, f"{type(error).__name__}: {error}")


def _ours(rule: StoredRule, memory: Memory, context: Context) -> bool:
    return memory.rules.mark_reported(rule.id, context.now, context.now - COOL_DOWN, context.occurrence_id)


def _report(new: Sequence[Alert], cooling: Sequence[Alert], broken: Sequence[Broken]) -> Result:
    """Succeeded, whatever was found: what is wrong is the matter of the alerts, not of the run."""
    said = [_counted(new, "alert", [alert.text for alert in new]) or "no new alerts"]
    if cooling:
        hours = COOL_DOWN // timedelta(hours=1)
        said.append(f"{len(cooling)} reported less than {hours} h ago: {', '.join(alert.rule for alert in cooling)}")
    if broken:
        said.append(_counted(broken, "broken rule", [f"{each.rule}: {each.reason}" for each in broken]))
    return Result(
        reason="; ".join(said),
        data=msgspec.to_builtins({"alerts": new, "cooling": cooling, "broken": broken}),
    )


def _counted(found: Sequence[object], noun: str, texts: Sequence[str]) -> str:
    """ "2 alerts: A B", "" for none."""
    return f"{len(found)} {noun}{'' if len(found) == 1 else 's'}: {' '.join(texts)}" if found else ""
