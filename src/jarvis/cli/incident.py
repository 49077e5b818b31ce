"""`jarvis incident list`, `show` and `ack`: what rules found, and what was told of it."""

from __future__ import annotations

from jarvis.cli.args import add_id, add_json, add_limit, one_of
from jarvis.cli.command import Command
from jarvis.cli.entry import tell_row
from jarvis.cli.output import emit, escaped, instant, listing, table
from jarvis.cli.records import of_delivery, of_row
from jarvis.scheduler.incident import IncidentState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from datetime import tzinfo

    from jarvis.cli.session import Session
    from jarvis.scheduler.incident import Incident
    from jarvis.scheduler.model import Delivery

HEADS = ("ID", "RULE", "STATE", "SINCE", "TOLD", "LAST TOLD", "TEXT")


def _list_flags(parser: ArgumentParser) -> None:
    states = one_of("--state", list(IncidentState))
    parser.add_argument("--rule", metavar="NAME", help="of this rule only")
    parser.add_argument("--state", metavar="STATE", type=states, help=", ".join(IncidentState))
    add_limit(parser)
    add_json(parser)


def _list(args: Namespace, session: Session) -> int:
    state = IncidentState(args.state) if args.state else None
    found = session.store.incidents.newest(rule=args.rule, state=state, limit=args.limit or None)
    if args.json:
        return emit([of_row(each, session.zone) for each in found])
    table(HEADS, (_row(each, session.zone) for each in found), "no incidents")
    return 0


def _row(each: Incident, zone: tzinfo) -> Sequence[object]:
    since, told = instant(each.started_at, zone), instant(each.last_told_at, zone)
    return each.id, each.rule, each.state, since, each.told, told, each.text


def _id_flags(parser: ArgumentParser) -> None:
    add_id(parser, "incident list")
    add_json(parser)


def _show(args: Namespace, session: Session) -> int:
    incident = session.store.incidents.get(args.id)
    told = session.store.deliveries.of_news(f"incident:{incident.id}:")
    found = of_row(incident, session.zone)
    if args.json:
        return emit(found | {"deliveries": [of_delivery(each, session.zone) for each in told]})
    found["items"] = ", ".join(map(str, incident.items))
    lines = ((name.replace("_", " "), None if value == "" else value) for name, value in found.items())
    listing([*lines, ("deliveries", [_told(each) for each in told] or None)])
    return 0


def _told(each: Delivery) -> str:
    why = f" ({each.reason})" if each.reason else ""
    return f"{each.id} {each.state} to {each.channel}{why}: {each.subject}"


def _acknowledge(args: Namespace, session: Session) -> int:
    from jarvis.cli.author import author

    incident = session.store.incidents.acknowledge(args.id, author(), session.now)
    said = f"incident {incident.id} is acknowledged: {escaped(incident.rule)} is told again when it is over"
    return tell_row(incident, said, args, session)


LIST = Command(
    _list,
    flags=_list_flags,
    about="Show what rules found, newest first: what fires, what somebody has acknowledged, what is over.",
    examples="""
jarvis incident list
jarvis incident list --state firing
jarvis incident list --rule nightly --json""",
)
SHOW = Command(
    _show,
    flags=_id_flags,
    about="Show everything about one incident, and what was told of it by which channel.",
    examples="jarvis incident show 3\njarvis incident show 3 --json",
)
ACK = Command(
    _acknowledge,
    flags=_id_flags,
    about="Say that you have seen it: it is not told again before it is over.",
    examples="jarvis incident ack 3",
)
