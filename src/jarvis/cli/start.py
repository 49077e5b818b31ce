"""From the words of a command line to its verb, and from what that raises to one message and an exit code."""

from __future__ import annotations

import os
import sys

from jarvis import __version__
from jarvis.cli.verbs import LATER, VERBS, nouns
from jarvis.errors import ConfigError, FileError, JarvisError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jarvis.cli.command import Command

INTERRUPTED = 130  # as a shell says it: 128 + SIGINT
PIPE_CLOSED = 141  # 128 + SIGPIPE: `jarvis runs list | head -1` is no error worth a word
OWN_FLAGS = ("--home", "--help", "--version")


def run(arguments: list[str]) -> int:
    """Carry out a command line; every error ends here, as one message on stderr."""
    _print_anything()
    try:
        status = _dispatch(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a closed pipe or a full disk can still be told
    except BrokenPipeError:
        _give_up_stdout()
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except JarvisError as error:
        complain(error)
        return error.exit_code
    except OSError as error:
        complain(error)
        _give_up_stdout()  # it may be what failed, as on a full disk
        return 1
    return status


def load(verb: str) -> Command:
    """The Command of a verb, from its own file."""
    from importlib import import_module

    module, _ = VERBS[verb]
    found: Command = getattr(import_module(f"jarvis.cli.{module}"), verb.rsplit(maxsplit=1)[-1].upper())
    return found


def find(words: list[str]) -> tuple[str, list[str]]:
    """The verb these words begin with, and its arguments. UsageError with the nearest verb if there is none."""
    actions = nouns().get(words[0])
    if actions is None:
        raise UsageError(_unknown(words[0], "verb", list(nouns())))
    if not actions:
        return words[0], words[1:]
    action = words[1] if len(words) > 1 else ""
    if action not in actions:
        raise UsageError(_unknown(f"{words[0]} {action}".strip(), "verb", [f"{words[0]} {each}" for each in actions]))
    return f"{words[0]} {action}", words[2:]


def _dispatch(arguments: list[str]) -> int:
    home, words = _own_flags(arguments)
    if not words or words[0] in ("-h", "--help"):
        words = ["help"]
    elif words[0] in ("-V", "--version"):
        print(f"jarvis {__version__}")
        return 0
    elif words[0].startswith("-"):
        raise UsageError(_unknown(words[0], "flag", OWN_FLAGS))
    elif words[1:2] in (["-h"], ["--help"]) and nouns().get(words[0]):
        words = ["help", words[0]]
    verb, rest = find(words)
    return _carry_out(verb, rest, home)


def _carry_out(verb: str, rest: list[str], home: str | None) -> int:
    from jarvis.cli.args import parse
    from jarvis.cli.session import Session

    command = load(verb)
    args = parse(verb, command, rest, home)
    if args is None:
        return 0  # its help was asked for, and is printed
    session = Session(args.home)
    try:
        return command.run(args, session)
    finally:
        session.close()


def _own_flags(arguments: list[str]) -> tuple[str | None, list[str]]:
    """Take --home from before the verb."""
    home, words = None, list(arguments)
    while words and words[0].partition("=")[0] == "--home":
        flag, equals, value = words.pop(0).partition("=")
        if not equals and not words:
            raise UsageError(f"{flag} needs a folder: jarvis --home DIR VERB ...")
        home = value if equals else words.pop(0)
    return home, words


def _unknown(word: str, kind: str, known: list[str] | tuple[str, ...]) -> str:
    from jarvis.scheduler.suggest import did_you_mean

    if word in LATER:
        return f"`jarvis {word}` is not in this version of jarvis: see `jarvis --help` for what is"
    if kind == "verb" and (actions := nouns().get(word)):
        return f"`jarvis {word}` needs one word more: {', '.join(actions)}"
    return f"there is no {kind} {word!r}.{did_you_mean(word, known)} See `jarvis --help`"


# -- the ends of the process ------------------------------------------------------------------------------
def _print_anything() -> None:
    """A name that the terminal's encoding lacks is shown escaped; it must not end a list with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")


def complain(error: Exception) -> None:
    """Say on stderr what went wrong."""
    from jarvis.cli.output import escaped

    problems = error.problems if isinstance(error, ConfigError | FileError) else [str(error)]
    if isinstance(error, OSError):
        problems = [f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)]
    for problem in problems:
        lines = [escaped(line) for line in problem.splitlines()] or [type(error).__name__]
        print("jarvis: error:", "\n  ".join(lines), file=sys.stderr)


def _give_up_stdout() -> None:
    """Let the interpreter's own last flush go nowhere: it would fail once more, and change the exit code."""
    from contextlib import suppress

    with suppress(OSError):  # what was said before belongs to whoever still reads
        sys.stdout.flush()
    with suppress(OSError, ValueError):  # a stream without a descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
