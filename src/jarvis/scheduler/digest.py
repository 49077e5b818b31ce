"""The letter that tells of several results at once, and of what was held back. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import msgspec

from jarvis.scheduler.delivery import Letter
from jarvis.scheduler.judgement import Hold
from jarvis.scheduler.model import DeliveryState
from jarvis.scheduler.zone import load_zone

MOST_TOLD = 100  # results that one digest tells; of the others it says how many there are
_LINES, _WIDTH = 4, 160  # of each result's text


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A result that waited for a digest."""

    id: int
    run_id: int
    subject: str
    body: str
    hold: Hold
    created_at: datetime


class Back(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is in all, and how much else there was since the digest before."""

    bad: int = 0  # members whose run did not go well
    more: int = 0  # members beyond those that are told
    silenced: int = 0
    grouped: int = 0


def digest_letter(members: Sequence[Member], back: Back, tz: str, channel: str) -> Letter:
    """What a digest says: each result with the run that it came from, then what was held back and why."""
    count = len(members) + back.more
    bad = f", {back.bad} of them failed" if back.bad else ""
    subject = f"Digest: {count} result{'' if count == 1 else 's'}{bad}"
    told = "\n".join(_told(number, each, tz) for number, each in enumerate(members, 1))
    notes = "".join(f"{note}\n" for note in _notes(members, back, channel))
    return Letter(subject, told + (f"\nHeld back since the digest before:\n{notes}" if notes else ""))


def _told(number: int, member: Member, tz: str) -> str:
    made = member.created_at.astimezone(load_zone(tz)).isoformat(" ", "minutes")
    wrote = [line.strip() for line in member.body.splitlines() if line.strip()]
    own = {f"jarvis runs show {member.run_id}", *_repeated(member)}
    lines = [line for line in wrote if line not in own and not line.startswith("due at ")][:_LINES]
    text = "".join(f"   {line[:_WIDTH]}\n" for line in lines)
    return f"{number}. {member.subject}\n{text}   {made}, run {member.run_id}: jarvis runs show {member.run_id}\n"


def _repeated(member: Member) -> tuple[str, ...]:
    """The reason stands in the subject, and in the body once more."""
    _, colon, reason = member.subject.partition(": ")
    return (reason,) if colon else ()


def _notes(members: Sequence[Member], back: Back, channel: str) -> list[str]:
    holds = Counter(each.hold for each in members)
    listed = f"jarvis delivery list --channel {channel} --state"
    notes = []
    if back.more:
        notes.append(f"- {back.more} more results of this digest: {listed} {DeliveryState.DIGESTED}")
    if holds["capped"]:
        notes.append(f"- {holds['capped']} of these were over the cap of a day")
    if back.silenced:
        notes.append(f"- {back.silenced} said the same as the time before: {listed} {DeliveryState.SILENCED}")
    if back.grouped:
        notes.append(f"- {back.grouped} were the same failure again: {listed} {DeliveryState.GROUPED}")
    return notes
