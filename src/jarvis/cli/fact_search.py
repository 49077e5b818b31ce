"""`jarvis fact search` and `fact history`: facts by their words, and what one was before."""

from __future__ import annotations

from jarvis.cli.args import add_json, add_limit, whole
from jarvis.cli.changes import show
from jarvis.cli.command import Command
from jarvis.cli.output import emit, table
from jarvis.cli.records import of_row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session

HEADS = ("CATEGORY", "KEY", "FOUND IN THE VALUE")


def _search_flags(parser: ArgumentParser) -> None:
    parser.add_argument("words", metavar="WORDS", nargs="+", help="all of them, or how they begin")
    number = whole("--limit", 1, 10_000)
    parser.add_argument("--limit", metavar="N", type=number, default=20, help="how many at most, 20 if not given")
    add_json(parser)


def _search(args: Namespace, session: Session) -> int:
    found = session.store.facts.search(" ".join(args.words), args.limit)
    if args.json:
        return emit([{**of_row(each.fact, session.zone), "snippet": each.snippet} for each in found])
    table(HEADS, ((each.fact.category, each.fact.key, each.snippet) for each in found), "no fact has these words")
    return 0


def _history_flags(parser: ArgumentParser) -> None:
    parser.add_argument("category", metavar="CATEGORY", help="such as work")
    parser.add_argument("key", metavar="KEY", help="its name within the category")
    add_limit(parser)
    add_json(parser)


def _history(args: Namespace, session: Session) -> int:
    found = session.store.facts.history(args.category, args.key, args.limit or None)
    return show(found, args, session, f"nothing was ever known of {args.category}/{args.key}")


SEARCH = Command(
    _search,
    flags=_search_flags,
    about="Find facts by the words in their category, key and value, or by how these begin; the best match first. "
    "Case and accents do not count. Where no fact has such words, a part of one is enough.",
    examples='jarvis fact search backup\njarvis fact search kitch --json\njarvis fact search "new host" --limit 5',
)
HISTORY = Command(
    _history,
    flags=_history_flags,
    about="Show what a fact was before, who changed it and when; the newest change first.",
    examples="jarvis fact history work backup_last_success",
)
