"""`jarvis delegation`: what other people do."""

from __future__ import annotations

from jarvis.cli.args import add_json, an_id, one_of
from jarvis.cli.command import Command
from jarvis.cli.output import emit, escaped, table
from jarvis.cli.records import of_row
from jarvis.memory.delegations import PRIORITIES, STATUSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session

HEADS = ("ID", "TASK", "TO", "DUE", "PRIORITY", "STATUS", "NOTES")


def _add_flags(parser: ArgumentParser) -> None:
    priority = one_of("--priority", PRIORITIES)
    parser.add_argument("task", metavar="TASK", help="what is to be done")
    parser.add_argument("--to", metavar="WHO", required=True, help="who does it")
    parser.add_argument("--due", metavar="DATE", help="until when, as YYYY-MM-DD")
    parser.add_argument("--priority", metavar="P", type=priority, default="medium", help=f"{', '.join(PRIORITIES)}")
    parser.add_argument("--notes", metavar="TEXT", default="", help="anything else")
    add_json(parser)


def _add(args: Namespace, session: Session) -> int:
    row = session.store.delegations.add(
        args.task, args.to, due_date=args.due, priority=args.priority, notes=args.notes, now=session.now
    )
    if args.json:
        return emit(of_row(row, session.zone))
    due = f", due {row.due_date}" if row.due_date else ""
    print(f"added delegation {row.id}: {escaped(row.task)}, by {escaped(row.delegated_to)}{due}")
    return 0


def _list_flags(parser: ArgumentParser) -> None:
    parser.add_argument("--status", metavar="S", type=one_of("--status", STATUSES), help=", ".join(STATUSES))
    add_json(parser)


def _list(args: Namespace, session: Session) -> int:
    found = session.store.delegations.list(args.status)
    if args.json:
        return emit([of_row(row, session.zone) for row in found])
    rows = ((row.id, row.task, row.delegated_to, row.due_date, row.priority, row.status, row.notes) for row in found)
    table(HEADS, rows, "no delegations")
    return 0


def _done_flags(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", type=an_id("ID"), help="its id, as `jarvis delegation list` shows it")
    add_json(parser)


def _done(args: Namespace, session: Session) -> int:
    row = session.store.delegations.set_status(args.id, "completed", session.now)
    if args.json:
        return emit(of_row(row, session.zone))
    print(f"delegation {row.id} is completed: {escaped(row.task)}")
    return 0


ADD = Command(
    _add,
    flags=_add_flags,
    about="Remember something that another person does. A rule of the type overdue_delegation watches over it.",
    examples='jarvis delegation add "Send the figures" --to Kim --due 2026-03-06 --priority high',
)
LIST = Command(
    _list,
    flags=_list_flags,
    about="Show what was handed to whom, the first due first.",
    examples="jarvis delegation list --status active\njarvis delegation list --json",
)
DONE = Command(
    _done, flags=_done_flags, about="Note that a delegation is completed.", examples="jarvis delegation done 1"
)
