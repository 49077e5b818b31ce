"""`jarvis completion SHELL`: what makes a shell complete verbs, flags, their values and the names of tasks.

The script is static and holds everything but the names, because a program that is started at each press of a key
would be felt. All three are written from the verbs' own parsers. (shtab would do bash and zsh; it does not know fish,
and wants one parser for the whole command line, where each verb here has its own, loaded when it is asked for.)
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

from jarvis.cli.args import OneOf, one_of, parser_of, task_name
from jarvis.cli.command import Command
from jarvis.cli.verbs import VERBS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Action, ArgumentParser, Namespace
    from collections.abc import Callable, Sequence

    from jarvis.cli.session import Session

SHELLS = ("bash", "zsh", "fish")


class Value(NamedTuple):
    """What follows a flag, or stands alone: its name, and what it is: task, file, folder, choice or text."""

    name: str
    kind: str
    choices: Sequence[str] = ()


class Flag(NamedTuple):
    """One flag: its spellings, its value if it takes one, whether it may be given again, and what it is for."""

    names: Sequence[str]
    value: Value | None
    repeated: bool
    about: str


class Taken(NamedTuple):
    """What a verb takes: its flags, and the words beside them in their order; the last of them may be repeated."""

    flags: Sequence[Flag]
    words: Sequence[Value]
    last_repeated: bool


def taken(verb: str) -> Taken:
    """What a verb takes, as its own parser has it."""
    from jarvis.cli.start import load

    actions = parser_of(verb, load(verb))._actions
    words = [each for each in actions if not each.option_strings]
    return Taken(
        [_flag(each) for each in actions if each.option_strings],
        [_value(each) for each in words],
        bool(words) and words[-1].nargs in ("*", "+"),
    )


def _flag(action: Action) -> Flag:
    about = (action.help or "").replace("%%", "%").partition("; ")[0]
    value = None if action.nargs == 0 else _value(action)
    return Flag(action.option_strings, value, isinstance(action, argparse._AppendAction), about)


def _value(action: Action) -> Value:
    name = str(action.metavar or action.dest)
    if isinstance(action.type, OneOf):
        return Value(name, "choice", [str(each) for each in action.type.choices])
    if action.type is task_name:
        return Value(name, "task")
    kinds = {"DIR": "folder", "FILE": "file", "DIR_OR_FILE": "file"}
    return Value(name, kinds.get(name, "text"))


def script(shell: str) -> str:
    """The script for that shell, for all verbs there are."""
    verbs = {verb: taken(verb) for verb in VERBS}
    return _renderer(shell)(verbs)


def _renderer(shell: str) -> Callable[[dict[str, Taken]], str]:
    from importlib import import_module

    found: Callable[[dict[str, Taken]], str] = import_module(f"jarvis.cli.completion_{shell}").render
    return found


def _flags(parser: ArgumentParser) -> None:
    kind = one_of("SHELL", SHELLS)
    parser.add_argument("shell", metavar="SHELL", type=kind, help=f"whose script is printed: {', '.join(SHELLS)}")


def _run(args: Namespace, _session: Session) -> int:
    print(script(args.shell), end="")
    return 0


COMPLETION = Command(
    _run,
    flags=_flags,
    about=(
        "Print a script that makes a shell complete verbs, flags, their values and the names of tasks. Put it where "
        "the shell looks, and print it again after an upgrade; `jarvis help install` says where that is."
    ),
    examples="""
jarvis completion bash > ~/.local/share/bash-completion/completions/jarvis
jarvis completion zsh > ~/.zfunc/_jarvis
jarvis completion fish > ~/.config/fish/completions/jarvis.fish""",
)
