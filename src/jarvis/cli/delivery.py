"""`jarvis delivery list`, `show`, `retry` and `release`: the outbox."""

from __future__ import annotations

from jarvis.cli.args import add_id, add_json, add_limit, one_of, task_name
from jarvis.cli.command import Command
from jarvis.cli.output import emit, escaped, instant, listing, note, table
from jarvis.cli.records import of_delivery
from jarvis.cli.status import NO_DAEMON
from jarvis.scheduler.model import DeliveryState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from datetime import tzinfo

    from jarvis.cli.session import Session
    from jarvis.scheduler.model import Delivery

HEADS = ("ID", "RUN", "TASK", "CHANNEL", "KIND", "STATE", "ATTEMPT", "MADE AT", "REASON")


def _list_flags(parser: ArgumentParser) -> None:
    states = one_of("--state", list(DeliveryState))
    parser.add_argument("--task", metavar="NAME", type=task_name, help="of this task only")
    parser.add_argument("--channel", metavar="NAME", help="to this channel only")
    parser.add_argument("--state", metavar="STATE", type=states, help=", ".join(DeliveryState))
    add_limit(parser)
    add_json(parser)


def _list(args: Namespace, session: Session) -> int:
    found = session.store.deliveries.newest(
        task=args.task,
        channel=args.channel,
        state=DeliveryState(args.state) if args.state else None,
        limit=args.limit or None,
    )
    if args.json:
        return emit([of_delivery(each, session.zone) for each in found])
    table(HEADS, (_row(each, session.zone) for each in found), "no deliveries")
    return 0


def _row(each: Delivery, zone: tzinfo) -> Sequence[object]:
    made = instant(each.created_at, zone)
    return each.id, each.run_id, each.task or None, each.channel, each.kind, each.state, each.attempt, made, each.reason


def _id_flags(parser: ArgumentParser) -> None:
    add_id(parser, "delivery list")
    add_json(parser)


def _show(args: Namespace, session: Session) -> int:
    delivery = session.store.deliveries.get(args.id)
    found = of_delivery(delivery, session.zone) | {"key": delivery.key, "body": delivery.body}
    if delivery.kind == "digest":
        found["members"] = [each.id for each in session.store.deliveries.members(delivery.id)]
    if args.json:
        return emit(found)
    found["body"] = delivery.body.splitlines()
    if "members" in found:
        found["members"] = ", ".join(map(str, found["members"]))
    listing((name.replace("_", " "), None if value == "" else value) for name, value in found.items())
    return 0


def _retry(args: Namespace, session: Session) -> int:
    return _waits(session.store.deliveries.again(args.id, session.now), "will be sent again", args, session)


def _held_flags(parser: ArgumentParser) -> None:
    add_id(parser, "delivery list --state held")
    add_json(parser)


def _release(args: Namespace, session: Session) -> int:
    return _waits(session.store.deliveries.send_now(args.id, session.now), "is held no more", args, session)


def _waits(delivery: Delivery, said: str, args: Namespace, session: Session) -> int:
    """Tell of a delivery that is to be sent now, and by whom."""
    if args.json:
        emit(of_delivery(delivery, session.zone))
    else:
        print(f"delivery {delivery.id} to {escaped(delivery.channel)} {said}: {escaped(delivery.subject)}")
    if not session.store.instances.living(session.now):
        note(f"{NO_DAEMON}, or send it now with `jarvis tick`")
    return 0


LIST = Command(
    _list,
    flags=_list_flags,
    about="Show the outbox, newest first: one row for each run and channel.",
    examples="""
jarvis delivery list
jarvis delivery list --state unknown
jarvis delivery list --task backup --channel me --json""",
)
SHOW = Command(
    _show,
    flags=_id_flags,
    about="Show everything about one delivery, with the text that its channel is given.",
    examples="jarvis delivery show 3\njarvis delivery show 3 --json",
)
RETRY = Command(
    _retry,
    flags=_id_flags,
    about="Send again what failed, has expired, or may have arrived (unknown). What was sent is never sent again.",
    examples="jarvis delivery retry 3",
)
RELEASE = Command(
    _release,
    flags=_held_flags,
    about="Send now what is held: for quiet hours, for a digest, or over the cap of the day. A digest that it waited "
    "for goes without it.",
    examples="jarvis delivery release 3\njarvis delivery release 3 --json",
)
