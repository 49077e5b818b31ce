"""`jarvis help`, `jarvis --help`, `jarvis task --help`: every verb by its purpose, the help of one, or a topic."""

from __future__ import annotations

from jarvis import __version__
from jarvis.cli.command import Command
from jarvis.cli.verbs import GROUPS, LATER, VERBS, nouns
from jarvis.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session

_HEAD = f"""usage: jarvis [--home DIR] VERB ...

Jarvis {__version__}: a scheduler that accounts for every instant it was asked for.
"""
_TAIL = """
Every verb has --help with examples: jarvis task add --help
More to read: jarvis help topics
Settings come from flags, the environment and $JARVIS_HOME/jarvis.toml: jarvis help configuration
Exit codes: 0 done, 1 the operation failed, 2 it was asked for wrongly, 78 the configuration is wrong"""


def _flags(parser: ArgumentParser) -> None:
    parser.add_argument("verb", nargs="*", metavar="VERB", help="the verb, or the topic, to tell about")
    parser.add_argument("--page", metavar="TOPIC", help="the topic, also where a verb has its name")


def _run(args: Namespace, _session: Session) -> int:
    from jarvis.cli import topics

    words = args.verb
    if args.page is not None:
        if words:
            raise UsageError("--page prints one page: leave the verb out")
        print(topics.page(args.page), end="")
    elif not words:
        print(overview())
    elif words == ["topics"]:
        print(topics.listed())
    elif len(words) == 1 and words[0] not in (*nouns(), *LATER):
        print(topics.page_or_verb(words[0]), end="")
    elif len(words) == 1 and nouns().get(words[0]):
        print(overview(f"{words[0]} ") + topics.hint(words[0]))
    else:
        _one(words)
    return 0


def overview(start: str = "") -> str:
    """All verbs in their groups, or those that start with a word."""
    width = max(map(len, VERBS)) + 2
    parts = [_HEAD]
    for purpose, verbs in GROUPS.items():
        lines = [f"  {verb:{width}}{summary}" for verb, (_, summary) in verbs.items() if verb.startswith(start)]
        if lines:
            parts += [f"{purpose}:", *lines, ""]
    return "\n".join(parts).rstrip() + "\n" + _TAIL


def _one(words: list[str]) -> None:
    from jarvis.cli.args import parser_of
    from jarvis.cli.start import find, load

    verb, rest = find(words)
    parser = parser_of(verb, load(verb))
    if rest:
        parser.refuse(rest)
    parser.print_help()


HELP = Command(
    _run,
    flags=_flags,
    about="Show every verb, the help of one, or a topic: a page of the documentation.",
    examples="""
jarvis help
jarvis help task add
jarvis help topics
jarvis help phrases
jarvis help --page backup""",
)
