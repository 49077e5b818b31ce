"""`jarvis memory`: what was changed of facts, delegations, decisions and rules, and taking it back."""

from __future__ import annotations

from jarvis.cli.args import add_json, add_limit, an_id, one_of
from jarvis.cli.changes import of_change, show, told
from jarvis.cli.command import Command
from jarvis.cli.output import emit, escaped
from jarvis.memory.changes import NOUNS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session


def _of_flag(parser: ArgumentParser, what: str) -> None:
    parser.add_argument("--of", metavar="NOUN", type=one_of("--of", NOUNS), help=f"{what}: {', '.join(NOUNS)}")


def _history_flags(parser: ArgumentParser) -> None:
    _of_flag(parser, "changes of these only")
    add_limit(parser)
    add_json(parser)


def _history(args: Namespace, session: Session) -> int:
    found = session.store.changes.list(args.of, args.limit or None)
    return show(found, args, session, "nothing was changed")


def _undo_flags(parser: ArgumentParser) -> None:
    number = an_id("CHANGE")
    parser.add_argument("change", metavar="CHANGE", nargs="?", type=number, help="its number; if left out, your last")
    _of_flag(parser, "your last change of one of these")
    add_json(parser)


def _undo(args: Namespace, session: Session) -> int:
    made = session.store.changes.undo(args.change, noun=args.of, now=session.now)
    if args.json:
        return emit(of_change(made, session.zone))
    print(f"change {made.id}: {escaped(made.name)} {escaped(told(made))}")
    return 0


HISTORY = Command(
    _history,
    flags=_history_flags,
    about="Show what was changed of facts, delegations, decisions and rules: when, by whom, and what it was before; "
    "the newest first.",
    examples="jarvis memory history\njarvis memory history --of rule --limit 5 --json",
)
UNDO = Command(
    _undo,
    flags=_undo_flags,
    about="Take back your last change of a fact, a delegation, a decision or a rule, or the change with that number, "
    "whoever made it. Undoing that again brings it back. Refused where a later change stands on it.",
    examples="jarvis memory undo\njarvis memory undo --of fact\njarvis memory undo 12",
)
