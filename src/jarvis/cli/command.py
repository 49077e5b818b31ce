"""What one verb is: how its arguments are read, what it does, and the examples its help shows."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

    from jarvis.cli.session import Session


class Command:
    """A verb. `run` carries it out and gives the exit code; `flags` adds its arguments to a parser."""

    def __init__(
        self,
        run: Callable[[Namespace, Session], int],
        *,
        flags: Callable[[ArgumentParser], None] = lambda _parser: None,
        about: str,
        examples: str,
        usage: str | None = None,
        takes_command: bool = False,
    ) -> None:
        self.run = run
        self.flags = flags
        self.about = about
        self.examples = examples
        self.usage = usage  # None: as argparse tells it
        self.takes_command = takes_command  # what follows `--` is a command line, kept as `args.command`
