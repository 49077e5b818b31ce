"""`jarvis decision`: what was decided."""

from __future__ import annotations

from jarvis.cli.args import add_json, an_id, one_of
from jarvis.cli.command import Command
from jarvis.cli.output import emit, escaped, table
from jarvis.cli.records import of_row
from jarvis.memory.decisions import STATUSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session

HEADS = ("ID", "TITLE", "OWNER", "STATUS", "FOLLOW UP", "DESCRIPTION")


def _add_flags(parser: ArgumentParser) -> None:
    parser.add_argument("title", metavar="TITLE", help="what was decided")
    parser.add_argument("--owner", metavar="WHO", default="", help="who carries it out")
    parser.add_argument("--follow-up", metavar="DATE", help="when to ask about it, as YYYY-MM-DD")
    parser.add_argument("--description", metavar="TEXT", default="", help="anything else")
    add_json(parser)


def _add(args: Namespace, session: Session) -> int:
    row = session.store.decisions.add(
        args.title, description=args.description, owner=args.owner, follow_up_date=args.follow_up, now=session.now
    )
    if args.json:
        return emit(of_row(row, session.zone))
    print(f"added decision {row.id}: {escaped(row.title)}")
    return 0


def _list_flags(parser: ArgumentParser) -> None:
    parser.add_argument("--status", metavar="S", type=one_of("--status", STATUSES), help=", ".join(STATUSES))
    add_json(parser)


def _list(args: Namespace, session: Session) -> int:
    found = session.store.decisions.list(args.status)
    if args.json:
        return emit([of_row(row, session.zone) for row in found])
    rows = ((row.id, row.title, row.owner, row.status, row.follow_up_date, row.description) for row in found)
    table(HEADS, rows, "no decisions")
    return 0


def _done_flags(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", type=an_id("ID"), help="its id, as `jarvis decision list` shows it")
    add_json(parser)


def _done(args: Namespace, session: Session) -> int:
    row = session.store.decisions.set_status(args.id, "completed", session.now)
    if args.json:
        return emit(of_row(row, session.zone))
    print(f"decision {row.id} has been carried out: {escaped(row.title)}")
    return 0


ADD = Command(
    _add,
    flags=_add_flags,
    about="Remember a decision that has to be carried out. Rules of the types pending_decision and "
    "stale_decision watch over it.",
    examples='jarvis decision add "Move to the new host" --owner Kim --follow-up 2026-03-06',
)
LIST = Command(
    _list,
    flags=_list_flags,
    about="Show what was decided, oldest first.",
    examples="jarvis decision list --status pending_execution\njarvis decision list --json",
)
DONE = Command(
    _done, flags=_done_flags, about="Note that a decision has been carried out.", examples="jarvis decision done 1"
)
