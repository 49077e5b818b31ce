"""`jarvis decision`: what was decided."""

from __future__ import annotations

from jarvis.cli.args import add_id, add_json, one_of
from jarvis.cli.command import Command
from jarvis.cli.entry import need_one, show_row, stated, stated_day, tell_row
from jarvis.cli.output import emit, escaped, table
from jarvis.cli.records import of_row
from jarvis.memory.decisions import STATUSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session
    from jarvis.memory.decisions import Decision

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
    return tell_row(row, f"added decision {row.id}: {escaped(row.title)}", args, session)


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


def _id_flag(parser: ArgumentParser) -> None:
    add_id(parser, "decision list")


def _one_flags(parser: ArgumentParser) -> None:
    _id_flag(parser)
    add_json(parser)


def _show(args: Namespace, session: Session) -> int:
    row = session.store.decisions.get(args.id)
    return show_row(row, session.store.decisions.history(args.id), args, session)


def _edit_flags(parser: ArgumentParser) -> None:
    _id_flag(parser)
    parser.add_argument("--title", metavar="TITLE", help="what was decided")
    parser.add_argument("--owner", metavar="WHO", help="who carries it out")
    parser.add_argument("--follow-up", metavar="DATE", help="when to ask about it, as YYYY-MM-DD; none takes it away")
    parser.add_argument("--status", metavar="S", type=one_of("--status", STATUSES), help=", ".join(STATUSES))
    parser.add_argument("--description", metavar="TEXT", help="anything else")
    add_json(parser)


def _edit(args: Namespace, session: Session) -> int:
    given = stated(title=args.title, owner=args.owner, status=args.status, description=args.description)
    given |= stated_day("follow_up_date", args.follow_up)
    need_one(given, "--title, --owner, --follow-up, --status or --description")
    row = session.store.decisions.edit(args.id, now=session.now, **given)
    return _said(row, args, session)


def _done(args: Namespace, session: Session) -> int:
    row = session.store.decisions.set_status(args.id, "completed", session.now)
    return tell_row(row, f"decision {row.id} has been carried out: {escaped(row.title)}", args, session)


def _cancel(args: Namespace, session: Session) -> int:
    return _said(session.store.decisions.set_status(args.id, "cancelled", session.now), args, session)


def _said(row: Decision, args: Namespace, session: Session) -> int:
    return tell_row(row, f"decision {row.id} is {row.status}: {escaped(row.title)}", args, session)


def _delete(args: Namespace, session: Session) -> int:
    with session.store.transaction():
        row = session.store.decisions.get(args.id)
        session.store.decisions.delete(args.id, session.now)
    print(f"decision {row.id} is deleted: {escaped(row.title)}; `jarvis memory undo` brings it back")
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
SHOW = Command(
    _show,
    flags=_one_flags,
    about="Show everything about one decision, and its history.",
    examples="jarvis decision show 1\njarvis decision show 1 --json",
)
EDIT = Command(
    _edit,
    flags=_edit_flags,
    about="Change a decision: only what is given changes.",
    examples="jarvis decision edit 1 --follow-up 2026-03-13\njarvis decision edit 1 --status deferred",
)
DONE = Command(
    _done, flags=_one_flags, about="Note that a decision has been carried out.", examples="jarvis decision done 1"
)
CANCEL = Command(
    _cancel,
    flags=_one_flags,
    about="Note that a decision will not be carried out.",
    examples="jarvis decision cancel 1",
)
DELETE = Command(
    _delete,
    flags=_id_flag,
    about="Forget a decision, as one that was a mistake. Its history stays, and `jarvis memory undo` brings it back.",
    examples="jarvis decision delete 1",
)
