"""`jarvis rule`: what the assistant watches."""

from __future__ import annotations

from jarvis.cli.args import add_json, checked, one_of
from jarvis.cli.command import Command
from jarvis.cli.output import emit, escaped, json_text, note, table
from jarvis.cli.records import of_row
from jarvis.memory.alert_rules import KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session

HEADS = ("NAME", "TYPE", "CONDITION", "ENABLED")


def _add_flags(parser: ArgumentParser) -> None:
    kind = one_of("--type", tuple(KINDS))
    condition = checked("--condition", _condition)
    parser.add_argument("name", metavar="NAME", help="what the rule is called")
    parser.add_argument("--type", metavar="T", required=True, type=kind, help=", ".join(KINDS))
    parser.add_argument("--condition", metavar="JSON", type=condition, default={}, help='such as {"days_overdue": 1}')
    add_json(parser)


def _condition(text: str) -> object:
    from msgspec.json import decode

    return decode(text)


def _add(args: Namespace, session: Session) -> int:
    row = session.store.rules.add(args.name, args.type, args.condition, session.now)
    if args.json:
        return emit(of_row(row, session.zone))
    print(f"added rule {escaped(row.name)}: {row.alert_type} {json_text(row.condition)}")
    return 0


def _list(args: Namespace, session: Session) -> int:
    found = session.store.rules.list()
    if args.json:
        return emit([of_row(row, session.zone) for row in found])
    rows = ((row.name, row.alert_type, json_text(row.condition), "yes" if row.enabled else "no") for row in found)
    table(HEADS, rows, "no rules")
    for row in found:
        if row.problem:
            note(f"rule {row.name}: {row.problem}")
    return 0


def _name_flag(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the rule's name")


def _enable(args: Namespace, session: Session) -> int:
    changed = session.store.rules.enable(args.name)
    print(f"rule {escaped(args.name)} {'is' if changed else 'was already'} enabled")
    return 0


def _disable(args: Namespace, session: Session) -> int:
    changed = session.store.rules.disable(args.name)
    print(f"rule {escaped(args.name)} {'is' if changed else 'was already'} disabled")
    return 0


ADD = Command(
    _add,
    flags=_add_flags,
    about="Watch for something: the task alert_eval evaluates every rule and reports what is new. "
    "What the condition leaves out is the default of its type.",
    examples="""
jarvis rule add late --type overdue_delegation --condition '{"days_overdue": 1}'
jarvis rule add backup --type stale_backup --condition '{"max_age_hours": 48}'""",
)
LIST = Command(
    _list, flags=add_json, about="Show what is watched.", examples="jarvis rule list\njarvis rule list --json"
)
ENABLE = Command(_enable, flags=_name_flag, about="Evaluate a rule again.", examples="jarvis rule enable late")
DISABLE = Command(_disable, flags=_name_flag, about="Evaluate a rule no more.", examples="jarvis rule disable late")
