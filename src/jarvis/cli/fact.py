"""`jarvis fact`: what the assistant knows."""

from __future__ import annotations

from jarvis.cli.args import add_json, json_or_text
from jarvis.cli.command import Command
from jarvis.cli.entry import tell_row
from jarvis.cli.output import emit, escaped, instant, json_text, table
from jarvis.cli.records import of_row
from jarvis.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session

HEADS = ("CATEGORY", "KEY", "VALUE", "SOURCE", "KNOWN SINCE")


def _place_flags(parser: ArgumentParser) -> None:
    parser.add_argument("category", metavar="CATEGORY", help="such as work")
    parser.add_argument("key", metavar="KEY", help="its name within the category")


def _set_flags(parser: ArgumentParser) -> None:
    _place_flags(parser)
    parser.add_argument("value", metavar="VALUE", help="JSON if it is JSON, else text")
    add_json(parser)


def _set(args: Namespace, session: Session) -> int:
    row = session.store.facts.put(args.category, args.key, json_or_text(args.value), session.now)
    return tell_row(row, f"{escaped(row.category)}/{escaped(row.key)} is {json_text(row.value)}", args, session)


def _get_flags(parser: ArgumentParser) -> None:
    _place_flags(parser)
    add_json(parser)


def _get(args: Namespace, session: Session) -> int:
    row = session.store.facts.get(args.category, args.key)
    if row is None:
        raise _unknown(args)
    return tell_row(row, escaped(row.value) if isinstance(row.value, str) else json_text(row.value), args, session)


def _delete(args: Namespace, session: Session) -> int:
    if not session.store.facts.delete(args.category, args.key, session.now):
        raise _unknown(args)
    print(f"{escaped(args.category)}/{escaped(args.key)} is deleted; `jarvis memory undo` brings it back")
    return 0


def _unknown(args: Namespace) -> NotFound:
    return NotFound(f"nothing is known of {args.category}/{args.key}: see `jarvis fact list`")


def _list_flags(parser: ArgumentParser) -> None:
    parser.add_argument("category", metavar="CATEGORY", nargs="?", help="of this category only")
    add_json(parser)


def _list(args: Namespace, session: Session) -> int:
    found = session.store.facts.list(args.category)
    if args.json:
        return emit([of_row(row, session.zone) for row in found])
    rows = (
        (row.category, row.key, json_text(row.value), row.source, instant(row.updated_at, session.zone))
        for row in found
    )
    table(HEADS, rows, "no facts")
    return 0


SET = Command(
    _set,
    flags=_set_flags,
    about="Remember a fact, in place of what was known under its category and key.",
    examples="""
jarvis fact set home city Denver
jarvis fact set work backup_last_success 2026-03-02T09:00:00-07:00
jarvis fact set home rooms '["kitchen", "study"]'""",
)
GET = Command(
    _get, flags=_get_flags, about="Show what is known under a category and a key.", examples="jarvis fact get home city"
)
DELETE = Command(
    _delete,
    flags=_place_flags,
    about="Forget a fact. Its history stays, and `jarvis memory undo` brings it back.",
    examples="jarvis fact delete home city",
)
LIST = Command(
    _list,
    flags=_list_flags,
    about="Show everything that is known, or one category of it.",
    examples="jarvis fact list\njarvis fact list home --json",
)
