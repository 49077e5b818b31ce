"""Whether a delivery is told now, later, together with others, or not at all. Pure.

It is decided when a delivery has its turn, and not when it is written: by then a laptop may have slept, another attempt
come due, or jarvis.toml been changed.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import Literal, Protocol

import msgspec

from jarvis.scheduler.attention import Attention
from jarvis.scheduler.model import DeliveryState, Result, RunState, Same
from jarvis.scheduler.quiet import QuietHours
from jarvis.scheduler.wallclock import day_start, next_time
from jarvis.scheduler.zone import load_zone

BAD = frozenset({RunState.FAILED, RunState.TIMED_OUT, RunState.UNKNOWN})
#: Told, or sure to be unless something goes wrong. What went wrong has told nobody.
_TOLD = frozenset({
    DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.SENT, DeliveryState.HELD, DeliveryState.DIGESTED,
})  # fmt: skip

Hold = Literal["quiet", "digest", "capped"]


class Wish(msgspec.Struct, frozen=True):
    """How a channel is to be told of one thing."""

    channel: str
    urgent: bool = False  # at once, whatever the hour
    low: bool = False  # it can wait for the next digest
    same: Same = "told"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that has its turn, as far as the decision needs to know it."""

    id: int
    kind: str
    urgent: bool
    low: bool
    same: Same
    mark: str
    created_at: datetime


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """The last result before it that was not passed over, of the same task to the same channel."""

    id: int
    run_id: int
    state: DeliveryState
    mark: str
    created_at: datetime


class Past(Protocol):
    """What a decision may look up. Most need nothing of it."""

    def before(self, asked: Asked) -> Before | None:
        """The result before it; None if there is none."""

    def told_since(self, since: datetime) -> int:
        """How many deliveries that a cap counts the channel was given since then."""


class Verdict(msgspec.Struct, frozen=True):
    """What becomes of it: `pending` is to be sent now, `held` waits until then; the others are over."""

    state: DeliveryState
    reason: str = ""
    until: datetime | None = None
    hold: Hold | None = None


SEND = Verdict(DeliveryState.PENDING)


def decide(asked: Asked, attention: Attention, past: Past, now: datetime) -> Verdict:
    """What becomes of a delivery whose turn has come."""
    passed_over = _passed_over(asked, attention, past)
    if passed_over is not None:
        return passed_over
    if asked.urgent:
        return SEND
    if asked.low:
        return _digested(attention, now, "digest", "it can wait")
    quiet_until = QuietHours(attention.quiet, attention.tz).until(now) if attention.quiet else None
    if quiet_until is not None:
        return _held(attention, quiet_until, "quiet", "quiet hours until {}")
    if attention.cap is None or asked.kind == "digest" or past.told_since(_today(attention, now)) < attention.cap:
        return SEND
    return _digested(attention, now, "capped", f"{attention.cap} were told today, which is the cap")


def _passed_over(asked: Asked, attention: Attention, past: Past) -> Verdict | None:
    """The verdict on what says nothing new; None for what does."""
    if asked.same == "told":
        return None
    before = past.before(asked)
    if before is None or before.state not in _TOLD:
        return None
    if asked.same == "silent":
        same = before.mark == asked.mark
        return Verdict(DeliveryState.SILENCED, f"the same as run {before.run_id}") if same else None
    if _failure(before.mark) != _failure(asked.mark):
        return None
    if attention.remind is not None and asked.created_at - before.created_at >= attention.remind:
        return None
    return Verdict(
        DeliveryState.GROUPED, f"the same failure as run {before.run_id}, of which delivery {before.id} tells"
    )


def _digested(attention: Attention, now: datetime, hold: Hold, why: str) -> Verdict:
    return _held(attention, next_time(attention.digest, attention.tz, now), hold, why + ": for the digest of {}")


def _held(attention: Attention, until: datetime, hold: Hold, why: str) -> Verdict:
    local = until.astimezone(load_zone(attention.tz)).isoformat(" ", "minutes")
    return Verdict(DeliveryState.HELD, why.format(local), until, hold)


def _today(attention: Attention, now: datetime) -> datetime:
    return day_start(attention.tz, now)


# -- what makes two results the same ----------------------------------------------------------------------
def mark(result: Result, *, content: bool) -> str:
    """What tells a result from another: state and reason; with `content` also what it wrote and returned."""
    said = _digest(f"{result.state}\0{result.reason}".encode())
    if not content:
        return said
    # As it is kept first: a dict may have keys that cannot be put in order, but are text by then.
    data = msgspec.json.encode(msgspec.json.decode(msgspec.json.encode(result.data)), order="deterministic")
    return f"{said}:{_digest(result.output, b'%d' % result.output_total, data)}"


def same_of(same: Same, state: RunState, *, turned: bool) -> Same:
    """How a result with that end is looked at: an incident begins anew where the run before it went well, and only
    failures make one."""
    return "told" if same == "grouped" and (turned or state not in BAD) else same


def _failure(mark_: str) -> str:
    return mark_.partition(":")[0]


def _digest(*parts: bytes) -> str:
    hashed = blake2b(digest_size=8)
    for part in parts:
        hashed.update(len(part).to_bytes(8, "big"))
        hashed.update(part)
    return hashed.hexdigest()
