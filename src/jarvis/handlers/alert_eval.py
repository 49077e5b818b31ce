"""`alert_eval`: holds every enabled alert rule against how things stand, and tells what is new.

The rules and what they are held against are read in one transaction; what may take its time (expressions, disks) is
evaluated after it, with the store free for others; what was found is written in a second one, together with the
deliveries that tell it (`MemoryStore.report`). Each step of an incident is one conditional write, so of any number of
daemons one tells it, and a run that was cut off after that and is re-run tells nothing twice: it only says again in its
result what it told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Protocol

import msgspec

from jarvis.errors import StoreBusy, StoreError, UsageError
from jarvis.handlers import alert_expression
from jarvis.handlers.alert_words import Now
from jarvis.handlers.alerts import (
    APART,
    BACKUP_FACT,
    EXPRESSION_SECONDS,
    Decision,
    Delegation,
    Fact,
    Snapshot,
    evaluate,
)
from jarvis.scheduler.incident import Finding, Incident, IncidentState, Watched
from jarvis.scheduler.model import Result
from jarvis.scheduler.ports import Context

_LEAST_SECONDS = 0.05  # for one expression, however many there are


class StoredRule(Watched, Protocol):
    """A rule as it is stored; `problem` is "" unless it cannot be evaluated."""

    @property
    def enabled(self) -> bool: ...


class Rules(Protocol):
    """The alert rules."""

    def list(self) -> Sequence[StoredRule]: ...


class Delegations(Protocol):
    """What was handed to others."""

    def list(self, status: str | None = None) -> Sequence[Delegation]: ...


class Decisions(Protocol):
    """What was decided."""

    def list(self, status: str | None = None) -> Sequence[Decision]: ...


class Facts(Protocol):
    """What is known."""

    def get(self, category: str, key: str) -> Fact | None: ...


class Incidents(Protocol):
    """What rules found before."""

    def seen(self) -> Any: ...
    def open(self) -> Sequence[Incident]: ...
    def told_by(self, run_id: int) -> Sequence[Incident]: ...


class Memory(Protocol):
    """The part of the store that this handler uses."""

    @property
    def path(self) -> str: ...
    @property
    def rules(self) -> Rules: ...
    @property
    def delegations(self) -> Delegations: ...
    @property
    def decisions(self) -> Decisions: ...
    @property
    def facts(self) -> Facts: ...
    @property
    def incidents(self) -> Incidents: ...
    @property
    def health(self) -> Any: ...
    def transaction(self) -> AbstractContextManager[object]: ...
    def report(self, findings: Sequence[Finding], seen: Any, run_id: int, zone: tzinfo, now: datetime) -> None:
        """Write down what was found, and what is to be told of it, all at once."""


class Told(msgspec.Struct, frozen=True):
    """An incident, in the result of a run."""

    incident: int
    rule: str
    alert_type: str
    state: str
    text: str
    items: tuple[int, ...]


class Broken(msgspec.Struct, frozen=True):
    """A rule that cannot be evaluated, and why."""

    rule: str
    reason: str


class _Unread(msgspec.Struct, frozen=True):
    """A fact that is stored and cannot be read: what is known of it is that."""

    value: str


def alert_eval(zone: tzinfo) -> Callable[[Context], Result]:
    """The handler, for a user whose days begin in `zone`."""
    return lambda context: _carried_out(context, zone)


def held(memory: Memory, rule: StoredRule, now: datetime, zone: tzinfo) -> Finding:
    """What evaluating one rule comes to now. Nothing is written, and nobody is told."""
    with memory.transaction():
        snapshot, found = _read(memory, [rule], Now(now, zone), EXPRESSION_SECONDS)
    return found.get(rule.name) or _found(rule, snapshot, now, zone)


def _carried_out(context: Context, zone: tzinfo) -> Result:
    memory: Memory = context.memory
    with memory.transaction():
        rules = [rule for rule in memory.rules.list() if rule.enabled]
        seen = memory.incidents.seen()
        snapshot, found = _read(memory, rules, Now(context.now, zone), _seconds(rules, context.remaining()))
    apart = {rule.name: _found(rule, snapshot, context.now, zone) for rule in rules if rule.name not in found}
    findings = list((found | apart).values())
    memory.report(findings, seen, context.run_id, zone, context.now)
    return _said(memory, findings, context.run_id)


def _seconds(rules: Sequence[StoredRule], remaining: float) -> float:
    """What one expression may take: all of them half of the run's time at most, as the others must be told."""
    expressions = sum(rule.alert_type == "expression" for rule in rules)
    return max(_LEAST_SECONDS, min(EXPRESSION_SECONDS, remaining / 2 / max(1, expressions)))


def _read(memory: Memory, rules: Sequence[StoredRule], now: Now, seconds: float) -> tuple[Snapshot, dict[str, Finding]]:
    """What the rules are held against, and what was found of those that are evaluated with the store held."""
    spoken = any(rule.alert_type == "expression" and not rule.problem for rule in rules)
    snapshot = Snapshot(
        active_delegations=memory.delegations.list("active"),
        pending_decisions=memory.decisions.list("pending_execution"),
        last_backup=_last_backup(memory),
        health=memory.health,
        store_folder="" if memory.path == ":memory:" else str(Path(memory.path).parent),
        values=alert_expression.values(memory.health, memory.delegations, memory.decisions, now) if spoken else {},
        seconds=seconds,
    )
    quick = [rule for rule in rules if rule.problem or rule.alert_type not in APART]
    return snapshot, {rule.name: _found(rule, snapshot, now.instant, now.zone) for rule in quick}


def _last_backup(memory: Memory) -> Fact | None:
    try:
        return memory.facts.get(*BACKUP_FACT)
    except StoreBusy:
        raise
    except StoreError as error:  # the row is spoilt: the matter of the rule that reads it
        return _Unread(str(error))


def _found(rule: StoredRule, snapshot: Snapshot, now: datetime, zone: tzinfo) -> Finding:
    if rule.problem:
        return Finding(rule=rule, broken=rule.problem)
    try:
        alert = evaluate(rule, snapshot, now, zone)
    except StoreBusy:
        raise  # nothing is wrong with the rule: the run waits, as any other
    except (UsageError, LookupError) as error:
        return Finding(rule=rule, broken=str(error.args[0] if error.args else error))
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one rule never stops the others
        return Finding(rule=rule, broken=f"{type(error).__name__}: {error}")
    return Finding(rule=rule) if alert is None else Finding(rule=rule, text=alert.text, items=alert.items)


# -- the result
def _said(memory: Memory, findings: Sequence[Finding], run_id: int) -> Result:
    """Succeeded, whatever was found: what is wrong is the matter of the alerts, which tell it themselves."""
    standing = [each for each in memory.incidents.open() if each.kind == "alert"]
    new = [each for each in standing if each.told_by == run_id]
    known = [each for each in standing if each.told_by != run_id]
    over = [each for each in memory.incidents.told_by(run_id) if each.state is IncidentState.RESOLVED]
    broken = [Broken(each.rule.name, each.broken) for each in findings if each.broken]
    said = [_counted(new, "alert", [each.text for each in new]) or "no new alerts"]
    if over:
        said.append(f"{len(over)} over: {_names(over)}")
    if known:
        said.append(f"{len(known)} told before: {_names(known)}")
    if broken:
        said.append(_counted(broken, "broken rule", [f"{each.rule}: {each.reason}" for each in broken]))
    data = {"alerts": _told(new), "over": _told(over), "cooling": _told(known), "broken": broken}
    return Result(reason="; ".join(said), data=msgspec.to_builtins(data), quiet=True)


def _told(incidents: Sequence[Incident]) -> list[Told]:
    return [Told(each.id, each.rule, each.alert_type, each.state, each.text, each.items) for each in incidents]


def _names(incidents: Sequence[Incident]) -> str:
    return ", ".join(each.rule for each in incidents)


def _counted(found: Sequence[object], noun: str, texts: Sequence[str]) -> str:
    """ "2 alerts: A B", "" for none."""
    return f"{len(found)} {noun}{'' if len(found) == 1 else 's'}: {' '.join(texts)}" if found else ""
