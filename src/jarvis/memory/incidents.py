"""The `incidents` table: what rules found, from when it holds until it is over, and what was told of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

import msgspec

from jarvis.errors import JarvisError, NotFound
from jarvis.memory.alert_rules import AlertRule
from jarvis.memory.checked import line
from jarvis.memory.deliveries import DeliveryTable
from jarvis.memory.instants import from_micros, maybe_instant, to_micros
from jarvis.memory.sqlite import Database, Row
from jarvis.memory.statements import load
from jarvis.scheduler.delivery import everywhere, read_deliver
from jarvis.scheduler.incident import Finding, Incident, IncidentState, Kind, Step, Watched, key, letter, step
from jarvis.scheduler.judgement import Wish
from jarvis.scheduler.model import Run

_SQL = load("incidents")
_OVER: dict[IncidentState, str] = {
    IncidentState.ACKNOWLEDGED: "is acknowledged already",
    IncidentState.RESOLVED: "is over",
}


class Seen(msgspec.Struct, frozen=True):
    """What stood in the table when the rules were read. What changed since then is another's, and is left alone."""

    open: Mapping[tuple[str, str], Incident]
    last_ids: Mapping[tuple[str, str], int]


class Teller(msgspec.Struct, frozen=True, kw_only=True):
    """Who tells: the run (None where there is no such row), the channels of its task, and the zone of what is said."""

    run: Run | None
    run_id: int
    channels: tuple[Wish, ...]
    zone: tzinfo
    now: datetime

    def channels_of(self, rule: Watched) -> tuple[Wish, ...]:
        """The rule's own, else those of the task; none where no delivery could name its run."""
        own = everywhere(map(read_deliver, rule.deliver))
        return () if self.run is None else (own or self.channels)


class IncidentTable:
    """Report, acknowledge and read. Each change is one conditional write whose row count decides who tells."""

    def __init__(self, database: Database, deliveries: DeliveryTable) -> None:
        self._database = database
        self._deliveries = deliveries

    def seen(self) -> Seen:
        """What there is now, for `report`."""
        last_ids = {(rule, kind): last for rule, kind, last in self._database.rows(_SQL["last_ids"])}
        return Seen({(each.rule, each.kind): each for each in self.open()}, last_ids)

    def report(self, rules: Iterable[AlertRule], findings: Iterable[Finding], seen: Seen, teller: Teller) -> None:
        """Write what was found, and put what is to be told of it into the outbox, all in one transaction.

        A rule that is not as it was when it was evaluated (`rules` are the present ones) is left to the next
        evaluation; what is open of one that is not watched any more is resolved, and nobody is told.
        """
        watched = {rule.name: rule for rule in rules if rule.enabled}
        with self._database.transaction():
            for finding in findings:
                if _same(watched.get(finding.rule.name), finding.rule):
                    self._take(finding, seen, teller)
            for each in self.open():
                if each.rule not in watched:
                    self._resolve(each, "its rule is not watched any more", teller.now, None)

    def acknowledge(self, incident_id: int, who: str, now: datetime) -> Incident:
        """A person has seen it: it is not repeated. JarvisError where it is over, or was acknowledged before."""
        name = line("who acknowledges", who)
        with self._database.transaction():
            before = self.get(incident_id)
            row = {"id": incident_id, "who": name, "now": to_micros(now)}
            if self._database.change(_SQL["acknowledge"], row) != 1:
                by = f", by {before.acknowledged_by}" if before.state is IncidentState.ACKNOWLEDGED else ""
                raise JarvisError(f"incident {incident_id} {_OVER[before.state]}{by}")
            return self.get(incident_id)

    def get(self, incident_id: int) -> Incident:
        """One incident."""
        row = self._database.row(_SQL["get"], (incident_id,))
        if row is None:
            raise NotFound(f"no incident has the id {incident_id}: see `jarvis incident list`")
        return _decode(row)

    def open(self) -> list[Incident]:
        """Those that are not over, by rule."""
        return [_decode(row) for row in self._database.rows(_SQL["open"])]

    def told_by(self, run_id: int) -> list[Incident]:
        """Those that a run told last, by rule."""
        return [_decode(row) for row in self._database.rows(_SQL["told_by"], (run_id,))]

    def newest(
        self, *, rule: str | None = None, state: IncidentState | None = None, limit: int | None = 50
    ) -> list[Incident]:
        """All incidents, newest first; `limit=None` for all of them."""
        row = {"rule": rule, "state": state, "limit": -1 if limit is None else limit}
        return [_decode(found) for found in self._database.rows(_SQL["newest"], row)]

    def _take(self, finding: Finding, seen: Seen, teller: Teller) -> None:
        """A rule that is broken says nothing of what it watches; one that is not is not broken any more."""
        broken = seen.open.get((finding.rule.name, "broken"))
        if finding.broken:
            self._move(finding, "broken", seen, teller)
            return
        if broken is not None:
            self._resolve(broken, "it can be evaluated again", teller.now, None)
        self._move(finding, "alert", seen, teller)

    def _move(self, finding: Finding, kind: Kind, seen: Seen, teller: Teller) -> None:
        """One step of an incident, if there is one to take; what is told of it goes with the write."""
        rule, text = finding.rule, finding.broken or finding.text
        before, channels = seen.open.get((rule.name, kind)), teller.channels_of(rule)
        what = step(before, holds=bool(text), cool_down=rule.cool_down, now=teller.now, reachable=bool(channels))
        row = {
            "rule": rule.name,
            "kind": kind,
            "alert_type": rule.alert_type,
            "text": text,
            "items": msgspec.json.encode(finding.items).decode(),
            "last": seen.last_ids.get((rule.name, kind), 0),
            "run": teller.run_id,
            "heard": bool(channels),
            "now": to_micros(teller.now),
        }
        taken = self._begin(row, what) if before is None else self._go_on(before, row, what, teller)
        if taken is not None:
            self._tell(taken, what, rule, channels if what != "over" or taken.heard else (), teller)

    def _begin(self, row: dict[str, Any], what: Step) -> Incident | None:
        if what and self._database.change(_SQL["start"], row) == 1:
            return self.get(self._database.last_id())
        return None

    def _go_on(self, before: Incident, row: dict[str, Any], what: Step, teller: Teller) -> Incident | None:
        """The incident after the step; None where none was taken, or another took it first."""
        if what == "over":
            taken = self._resolve(before, "the rule does not hold any more", teller.now, teller.run_id)
        else:
            verb = {"start": "hear", "repeat": "repeat", "": "reword"}[what]
            taken = self._database.change(_SQL[verb], row | {"id": before.id, "fence": before.fence}) == 1
        return self.get(before.id) if taken and what else None

    def _resolve(self, incident: Incident, reason: str, now: datetime, run_id: int | None) -> bool:
        """`run_id` None: nobody is told, and who told it last stays."""
        row = {
            "id": incident.id,
            "fence": incident.fence,
            "reason": reason,
            "run": incident.told_by if run_id is None else run_id,
            "now": to_micros(now),
        }
        return self._database.change(_SQL["over"], row) == 1

    def _tell(self, incident: Incident, what: Step, rule: Watched, channels: Sequence[Wish], teller: Teller) -> None:
        if what != "over":
            self._database.change(_SQL["rule_told"], {"rule": rule.name, "now": to_micros(teller.now)})
        if teller.run is not None and channels:
            said = letter(incident, what, teller.now, teller.zone)
            self._deliveries.add_letter(
                run=teller.run, kind="alert", channels=channels, letter=said, key=key(incident, what), now=teller.now
            )


def _same(now: AlertRule | None, then: Watched) -> bool:
    """Whether a rule states what it did; when it last told something does not matter."""
    return now is not None and _stated(now) == _stated(then)


def _stated(rule: Watched) -> tuple[object, ...]:
    return rule.alert_type, rule.condition, rule.deliver, rule.cool_down, rule.problem


def _decode(row: Row) -> Incident:
    return Incident(
        id=row[0],
        rule=row[1],
        kind=row[2],
        alert_type=row[3],
        state=IncidentState(row[4]),
        text=row[5],
        items=tuple(msgspec.json.decode(row[6])),
        started_at=from_micros(row[7]),
        told=row[8],
        last_told_at=from_micros(row[9]),
        told_by=row[10],
        heard=bool(row[11]),
        acknowledged_at=maybe_instant(row[12]),
        acknowledged_by=row[13],
        resolved_at=maybe_instant(row[14]),
        reason=row[15],
        fence=row[16],
    )
