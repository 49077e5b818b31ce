"""`jarvis delivery release`: send what is held now, whatever the hour."""

from __future__ import annotations

from jarvis.cli.args import add_json, an_id
from jarvis.cli.command import Command
from jarvis.cli.output import emit, escaped, note
from jarvis.cli.records import of_delivery
from jarvis.cli.status import NO_DAEMON

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session


def _flags(parser: ArgumentParser) -> None:
    text = "the delivery's id, as `jarvis delivery list --state held` shows it"
    parser.add_argument("id", metavar="ID", type=an_id("ID"), help=text)
    add_json(parser)


def _run(args: Namespace, session: Session) -> int:
    delivery = session.store.deliveries.send_now(args.id, session.now)
    if args.json:
        emit(of_delivery(delivery, session.zone))
    else:
        print(f"delivery {delivery.id} to {escaped(delivery.channel)} is held no more: {escaped(delivery.subject)}")
    if not session.store.instances.living(session.now):
        note(f"{NO_DAEMON}, or send it now with `jarvis tick`")
    return 0


RELEASE = Command(
    _run,
    flags=_flags,
    about=(
        "Send now what is held: for quiet hours, for a digest, or over the cap of the day. A digest that it waited for "
        "goes without it."
    ),
    examples="jarvis delivery release 3\njarvis delivery release 3 --json",
)
