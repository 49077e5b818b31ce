"""`jarvis delivery channels`: where each channel leads, and how it did."""

from __future__ import annotations

from jarvis.cli.args import add_json
from jarvis.cli.command import Command
from jarvis.cli.output import emit, instant, iso, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from datetime import tzinfo
    from typing import Any

    from jarvis.cli.session import Session
    from jarvis.memory.channels import Fault, Record
    from jarvis.settings.channels import ChannelSpec

HEADS = ("CHANNEL", "TYPE", "TARGET", "FALLBACK", "WAITING", "LAST SENT", "LAST FAILURE", "REASON")


def _flags(parser: ArgumentParser) -> None:
    add_json(parser)


def _run(args: Namespace, session: Session) -> int:
    from jarvis.memory.channels import record_of

    channels, database = session.config.channels, session.store.database
    found = [(name, channels[name], record_of(database, name)) for name in sorted(channels)]
    if args.json:
        return emit([_json(*each, session.zone) for each in found])
    nothing = f"no channels: a table [channels.NAME] in {session.config.file} is one"
    table(HEADS, (_row(*each, session.zone) for each in found), nothing)
    return 0


def _row(name: str, spec: ChannelSpec, record: Record, zone: tzinfo) -> Sequence[object]:
    fault = record.fault
    at, why = (instant(fault.at, zone), f"{fault.state}: {fault.reason}") if fault else ("", "")
    sent_at = instant(record.sent_at, zone) if record.sent_at else ""
    return name, spec.type, spec.target, spec.care.fallback, record.waiting, sent_at, at, why


def _json(name: str, spec: ChannelSpec, record: Record, zone: tzinfo) -> dict[str, Any]:
    return {
        "name": name,
        "type": spec.type,
        "target": spec.target,
        "fallback": spec.care.fallback or None,
        "fallback_on_unknown": spec.care.fallback_on_unknown,
        "retries": spec.care.retries,
        "expires_seconds": spec.care.expires.total_seconds(),
        "waiting": record.waiting,
        "last_sent_at": iso(record.sent_at, zone),
        "last_failure": None if record.fault is None else _fault(record.fault, zone),
    }


def _fault(fault: Fault, zone: tzinfo) -> dict[str, Any]:
    return {"at": iso(fault.at, zone), "delivery": fault.delivery, "state": fault.state, "reason": fault.reason}


CHANNELS = Command(
    _run,
    flags=_flags,
    about="Show every channel of jarvis.toml: where it leads, without what may be a secret, and how it went last.",
    examples="jarvis delivery channels\njarvis delivery channels --json",
)
