"""`jarvis attention show`: when each channel may be told of something, and what is held for it."""

from __future__ import annotations

from jarvis.cli.args import add_json, an_instant
from jarvis.cli.command import Command
from jarvis.cli.output import emit, instant, iso, table
from jarvis.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable
    from datetime import datetime, tzinfo
    from typing import Any

    from jarvis.cli.session import Session
    from jarvis.scheduler.attention import Attention

HEADS = ("CHANNEL", "NOW", "QUIET HOURS", "NEXT DIGEST", "WAIT FOR IT", "HELD", "TODAY", "ZONE")


def _flags(parser: ArgumentParser) -> None:
    parser.add_argument("channel", metavar="CHANNEL", nargs="?", help="this one only")
    parser.add_argument("--at", metavar="T", help="at this instant, in place of the present")
    add_json(parser)


def _run(args: Namespace, session: Session) -> int:
    now = session.now if args.at is None else an_instant("--at", args.at, session.zone)
    found = [_found(session, name, now) for name in _names(args.channel, session)]
    if args.json:
        return emit([_as_json(each) for each in found])
    table(HEADS, (_row(each) for each in found), "no channels: jarvis.toml has no table [channels.NAME]")
    return 0


def _names(name: str | None, session: Session) -> Iterable[str]:
    from jarvis import app

    if name is None:
        return sorted(session.config.channels)
    try:
        app.check_channel(name, session.config)
    except UsageError:
        if not session.store.deliveries.newest(channel=name, limit=1):  # it may have been taken away since
            raise
    return [name]


def _found(session: Session, name: str, now: datetime) -> dict[str, Any]:
    """Everything about one channel, instants in UTC."""
    from jarvis import app
    from jarvis.scheduler.quiet import QuietHours
    from jarvis.scheduler.wallclock import day_start, next_time
    from jarvis.scheduler.zone import load_zone

    attention: Attention = app.attention(session.config).of(name)
    holding = session.store.deliveries.holding
    held = holding.counts(name)
    return {
        "channel": name,
        "attention": attention,
        "zone": load_zone(attention.tz),
        "quiet_until": QuietHours(attention.quiet, attention.tz).until(now),
        "next_digest_at": next_time(attention.digest, attention.tz, now),
        "for_digest": held.get("digest", 0) + held.get("capped", 0),
        "held": held.get("quiet", 0),
        "told_today": holding.told_since(name, day_start(attention.tz, now)),
    }


def _row(found: dict[str, Any]) -> tuple[object, ...]:
    attention: Attention = found["attention"]
    zone: tzinfo = found["zone"]
    until = found["quiet_until"]
    cap = "" if attention.cap is None else f" of {attention.cap}"
    return (
        found["channel"],
        "may be told" if until is None else f"quiet until {instant(until, zone)}",
        "; ".join(window.said() for window in attention.quiet) or None,
        instant(found["next_digest_at"], zone),
        found["for_digest"],
        found["held"],
        f"{found['told_today']}{cap}",
        attention.tz,
    )


def _as_json(found: dict[str, Any]) -> dict[str, Any]:
    from jarvis.scheduler.duration import format_duration
    from jarvis.scheduler.quiet import said_time

    attention: Attention = found["attention"]
    zone: tzinfo = found["zone"]
    return {
        "channel": found["channel"],
        "quiet": [window.said() for window in attention.quiet],
        "quiet_until": iso(found["quiet_until"], zone),
        "digest": [said_time(each) for each in attention.digest],
        "next_digest_at": iso(found["next_digest_at"], zone),
        "for_digest": found["for_digest"],
        "held": found["held"],
        "cap": attention.cap,
        "told_today": found["told_today"],
        "remind": None if attention.remind is None else format_duration(attention.remind),
        "zone": attention.tz,
    }


SHOW = Command(
    _run,
    flags=_flags,
    about=(
        "Show for each channel whether it may be told of something now, when its next digest goes and how much waits\n"
        "for that, how much is held for quiet hours, and how much it was told today. The table [attention] of\n"
        "jarvis.toml has the settings."
    ),
    examples="""
jarvis attention show
jarvis attention show me --at 2026-03-02T23:00-07:00
jarvis attention show --json""",
)
