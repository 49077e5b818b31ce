"""An incident: what a rule found, from when it starts to hold until it is over, and when a person is told of it. Pure.

    firing ──> acknowledged ──> resolved          (or from firing to resolved at once)

Told when it starts; again no sooner than its rule's cool-down as long as it fires, and not once a person has
acknowledged it; once more when it is over. That a rule itself is broken is an incident as well, told once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any, Literal, Protocol

import msgspec

from jarvis.scheduler.delivery import Letter, one_line
from jarvis.scheduler.duration import format_duration

COOL_DOWN = timedelta(hours=4)
"""How long a rule that says nothing else keeps silent about what goes on."""

Kind = Literal["alert", "broken"]
Step = Literal["start", "repeat", "over", ""]


class IncidentState(StrEnum):
    """Where an incident stands."""

    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `kind` broken: the rule cannot be evaluated. `told_by` is the run that told it last."""

    id: int
    rule: str
    kind: Kind
    alert_type: str
    state: IncidentState
    text: str
    items: tuple[int, ...]  # the ids of what it is about
    started_at: datetime
    told: int  # times
    last_told_at: datetime
    told_by: int | None
    heard: bool  # whether any channel was given it; until then it is in the results of runs alone
    acknowledged_at: datetime | None
    acknowledged_by: str
    resolved_at: datetime | None
    reason: str  # why it was resolved, where it is not that the rule holds no more
    fence: int  # rises with every write


class Watched(Protocol):
    """A rule, as it stated what it watches when it was evaluated."""

    @property
    def name(self) -> str: ...
    @property
    def alert_type(self) -> str: ...
    @property
    def condition(self) -> Mapping[str, Any]: ...
    @property
    def deliver(self) -> tuple[str, ...]: ...
    @property
    def cool_down(self) -> timedelta: ...
    @property
    def problem(self) -> str: ...


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one enabled rule: `text` "" while it does not hold, `broken` why it cannot be evaluated."""

    rule: Watched
    text: str = ""
    items: tuple[int, ...] = ()
    broken: str = ""


def step(
    open_one: Incident | None, *, holds: bool, cool_down: timedelta, now: datetime, reachable: bool = True
) -> Step:
    """What is to be told at `now` of a rule with that open incident, if it has one; "" for nothing.

    `reachable`: there is a channel to tell. What began where there was none is told as soon as there is one.
    """
    if open_one is None:
        return "start" if holds else ""
    if not holds:
        return "over"
    if reachable and not open_one.heard and open_one.state is IncidentState.FIRING:
        return "start"
    again = open_one.kind == "alert" and open_one.state is IncidentState.FIRING
    return "repeat" if again and _has_cooled(open_one.last_told_at, cool_down, now) else ""


def _has_cooled(told_at: datetime, cool_down: timedelta, now: datetime) -> bool:
    """As far ahead as this it was told by a clock that was wrong, which holds nobody back."""
    return not -cool_down < now - told_at < cool_down


def key(incident: Incident, what: Step) -> str:
    """The same for one step for ever: it is told once."""
    return f"incident:{incident.id}:{what}" + (f":{incident.told}" if what == "repeat" else "")


def letter(incident: Incident, what: Step, now: datetime, zone: tzinfo) -> Letter:
    """What is said of a step; `incident` as it is after it."""
    since = incident.started_at.astimezone(zone).isoformat(" ", "seconds")
    lasted = format_duration(timedelta(seconds=max(0, (now - incident.started_at) // timedelta(seconds=1))))
    if incident.kind == "broken":
        text = f"The rule {incident.rule} cannot be evaluated: {incident.text}"
        todo = f"It watches nothing until that is mended: jarvis rule test {incident.rule}"
        return Letter(one_line(f"rule {incident.rule} is broken: {incident.text}"), f"{text}\n\n{todo}\n")
    if what == "over":
        return Letter(
            one_line(f"over: {incident.rule}"),
            f"It is over: {incident.rule}, since {since}, for {lasted}.\nLast: {incident.text}\n",
        )
    again = f"still, for {lasted}: " if what == "repeat" else ""
    return Letter(
        one_line(f"{incident.rule}: {again}{incident.text}"),
        f"{incident.text}\n\nrule {incident.rule}, since {since}\n"
        f"No more of it until it is over: jarvis incident ack {incident.id}\n",
    )
