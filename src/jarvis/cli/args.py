"""Reading arguments: one parser per verb, and what several verbs take in the same way."""

from __future__ import annotations

import argparse
import os

from jarvis.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime, timedelta, tzinfo
    from typing import NoReturn, TypeVar

    from jarvis.cli.command import Command

    T = TypeVar("T")

_WIDEST = 100
_LARGEST_ID = 2**63 - 1  # what SQLite can hold
# Flags that DESIGN names and this version does not have: refused as that, and never ignored.
LATER = ("--on", "--max-concurrency")


EXAMPLES = "examples:\n"


class _Formatter(argparse.HelpFormatter):
    """Examples stay as they are. The width is given: asking for it would load what archives are read with."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=_columns())

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith(EXAMPLES) else super()._fill_text(text, width, indent)


class Parser(argparse.ArgumentParser):
    """One that raises UsageError in place of ending the process, and that suggests."""

    def error(self, message: str) -> NoReturn:
        """Turn argparse's complaint into ours."""
        raise UsageError(f"{message}\nsee `{self.prog} --help`")

    def refuse(self, extras: list[str]) -> NoReturn:
        """Name what nothing reads."""
        word = next((each for each in extras if each.startswith("-")), extras[0]).partition("=")[0]
        if word in LATER:
            self.error(f"{word} is not in this version of jarvis; nothing was done")
        if not word.startswith("-"):
            self.error(f"{word!r} is one argument too many")
        self.error(f"there is no flag {word!r}.{near(word, self._option_string_actions)}")


def parse(verb: str, command: Command, rest: list[str], home: str | None) -> argparse.Namespace | None:
    """The arguments of a verb; None once its help is printed."""
    own, given = _split(rest) if command.takes_command else (rest, None)
    parser = parser_of(verb, command)
    parser.set_defaults(home=home, command=given)
    try:
        args, extras = parser.parse_known_args(own)
    except SystemExit:  # only --help still ends this way
        return None
    if extras:
        parser.refuse(extras)
    return args


def parser_of(verb: str, command: Command) -> Parser:
    """The parser of one verb."""
    parser = Parser(
        prog=f"jarvis {verb}",
        usage=command.usage,
        description=command.about,
        epilog=EXAMPLES + "".join(f"  {line}\n" for line in command.examples.strip().splitlines()),
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    command.flags(parser)
    parser.add_argument("--home", metavar="DIR", help="the folder of Jarvis, in place of JARVIS_HOME")
    return parser


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json, which every verb that shows something takes."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_limit(parser: argparse.ArgumentParser, what: str = "how many") -> None:
    """Add --limit, which every verb that lists rows takes that only become more. 0 is all of them."""
    number = whole("--limit", 0, _LARGEST_ID)
    parser.add_argument("--limit", metavar="N", type=number, default=50, help=f"{what} (50); 0 is all")


def add_id(parser: argparse.ArgumentParser, listed_by: str) -> None:
    """Add the number that names a stored row, as that verb lists it."""
    parser.add_argument("id", metavar="ID", type=an_id("ID"), help=f"its id, as `jarvis {listed_by}` shows it")


# -- values: what cannot be read is a UsageError, which argparse lets through -----------------------------
def checked(what: str, read: Callable[[str], T]) -> Callable[[str], T]:
    """`read` as an argparse type: its ValueError becomes a usage error that names the flag."""

    def parsed(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise UsageError(f"{what}: {error}") from error

    return parsed


class OneOf:
    """An argparse type for one of a few words, with the nearest one suggested. Shells complete `choices`."""

    def __init__(self, what: str, choices: Sequence[str]) -> None:
        self._what = what
        self.choices = choices

    def __call__(self, text: str) -> str:
        """The word, if it is one of them."""
        if text not in self.choices:
            allowed = ", ".join(self.choices)
            raise UsageError(f"{self._what}: got {text!r}, use one of {allowed}.{near(text, self.choices)}")
        return text


def one_of(what: str, choices: Sequence[str]) -> OneOf:
    """An argparse type for one of a few words."""
    return OneOf(what, choices)


def task_name(text: str) -> str:
    """An argparse type for a task's name, as it is: the shells know by it what to offer (jarvis.cli.completion)."""
    return text


def whole(what: str, least: int, most: int) -> Callable[[str], int]:
    """An argparse type for a whole number in a range."""

    def number(text: str) -> int:
        digits = text.removeprefix("-")
        if digits.isascii() and digits.isdecimal() and len(digits) < 20 and least <= int(text) <= most:
            return int(text)
        raise UsageError(f"{what}: got {text!r}, use a whole number from {least} to {most}")

    return number


def an_id(what: str) -> Callable[[str], int]:
    """An argparse type for the number that names a stored row."""
    return whole(what, 1, _LARGEST_ID)


def length(text: str) -> timedelta:
    """A duration."""
    from jarvis.scheduler.duration import parse_duration

    return parse_duration(text)


def zone_name(text: str) -> str:
    """The name of a time zone that exists."""
    from jarvis.scheduler.zone import load_zone

    return load_zone(text).key


def an_instant(what: str, text: str, zone: tzinfo) -> datetime:
    """The instant that a flag names, or a usage error that names the flag."""
    from jarvis.scheduler.instant import parse_instant

    return checked(what, lambda given: parse_instant(given, zone))(text)


def json_or_text(text: str) -> object:
    """A value as typed: JSON if it is JSON, else the text itself."""
    from msgspec.json import decode

    try:
        return decode(text)
    except (ValueError, RecursionError):
        return text


def near(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest of the known words: " Did you mean X?", or ""."""
    from jarvis.scheduler.suggest import did_you_mean

    return did_you_mean(word, known)


def _split(rest: list[str]) -> tuple[list[str], list[str] | None]:
    """What is ours, and the command line that follows the first `--`."""
    if "--" not in rest:
        return rest, None
    cut = rest.index("--")
    return rest[:cut], rest[cut + 1 :]


def _columns() -> int:
    """How wide help may be."""
    given = os.environ.get("COLUMNS", "")
    try:
        wide = int(given) if given.isdecimal() else os.get_terminal_size().columns
    except OSError:
        wide = 80
    return min(max(wide - 2, 40), _WIDEST)
