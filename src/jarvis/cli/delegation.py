"""`jarvis delegation`: what other people do."""

from __future__ import annotations

from jarvis.cli.args import add_id, add_json, one_of
from jarvis.cli.command import Command
from jarvis.cli.entry import need_one, show_row, stated, stated_day, tell_row
from jarvis.cli.output import emit, escaped, table
from jarvis.cli.records import of_row
from jarvis.memory.delegations import PRIORITIES, STATUSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session
    from jarvis.memory.delegations import Delegation

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
    return tell_row(row, f"added delegation {row.id}: {_work(row)}", args, session)


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


def _id_flag(parser: ArgumentParser) -> None:
    add_id(parser, "delegation list")


def _one_flags(parser: ArgumentParser) -> None:
    _id_flag(parser)
    add_json(parser)


def _show(args: Namespace, session: Session) -> int:
    row = session.store.delegations.get(args.id)
    return show_row(row, session.store.delegations.history(args.id), args, session)


def _edit_flags(parser: ArgumentParser) -> None:
    _id_flag(parser)
    parser.add_argument("--task", metavar="TASK", help="what is to be done")
    parser.add_argument("--to", metavar="WHO", help="who does it")
    parser.add_argument("--due", metavar="DATE", help="until when, as YYYY-MM-DD; none takes the date away")
    parser.add_argument("--priority", metavar="P", type=one_of("--priority", PRIORITIES), help=", ".join(PRIORITIES))
    parser.add_argument("--status", metavar="S", type=one_of("--status", STATUSES), help=", ".join(STATUSES))
    parser.add_argument("--notes", metavar="TEXT", help="anything else")
    add_json(parser)


def _edit(args: Namespace, session: Session) -> int:
    given = stated(task=args.task, delegated_to=args.to, priority=args.priority, status=args.status, notes=args.notes)
    given |= stated_day("due_date", args.due)
    need_one(given, "--task, --to, --due, --priority, --status or --notes")
    row = session.store.delegations.edit(args.id, now=session.now, **given)
    return tell_row(row, f"delegation {row.id} is {row.status}: {_work(row)}", args, session)


def _work(row: Delegation) -> str:
    due = f", due {row.due_date}" if row.due_date else ""
    return f"{escaped(row.task)}, by {escaped(row.delegated_to)}{due}"


def _done(args: Namespace, session: Session) -> int:
    return _settle(args, session, "completed")


def _cancel(args: Namespace, session: Session) -> int:
    return _settle(args, session, "cancelled")


def _settle(args: Namespace, session: Session, status: str) -> int:
    row = session.store.delegations.set_status(args.id, status, session.now)
    return tell_row(row, f"delegation {row.id} is {row.status}: {escaped(row.task)}", args, session)


def _delete(args: Namespace, session: Session) -> int:
    with session.store.transaction():
        row = session.store.delegations.get(args.id)
        session.store.delegations.delete(args.id, session.now)
    print(f"delegation {row.id} is deleted: {escaped(row.task)}; `jarvis memory undo` brings it back")
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
SHOW = Command(
    _show,
    flags=_one_flags,
    about="Show everything about one delegation, and its history.",
    examples="jarvis delegation show 1\njarvis delegation show 1 --json",
)
EDIT = Command(
    _edit,
    flags=_edit_flags,
    about="Change a delegation: only what is given changes.",
    examples="jarvis delegation edit 1 --due 2026-03-13 --priority critical\njarvis delegation edit 1 --due none",
)
DONE = Command(
    _done, flags=_one_flags, about="Note that a delegation is completed.", examples="jarvis delegation done 1"
)
CANCEL = Command(
    _cancel,
    flags=_one_flags,
    about="Note that a delegation will not be carried out.",
    examples="jarvis delegation cancel 1",
)
DELETE = Command(
    _delete,
    flags=_id_flag,
    about="Forget a delegation, as one that was a mistake. Its history stays, and `jarvis memory undo` brings it back.",
    examples="jarvis delegation delete 1",
)
