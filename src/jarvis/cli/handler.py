"""`jarvis handler`: what a task can be made to do."""

from __future__ import annotations

from jarvis.cli.args import add_json
from jarvis.cli.command import Command
from jarvis.cli.output import emit, note, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session

HOUSE = "the house"


def _flags(parser: ArgumentParser) -> None:
    add_json(parser)


def _list(args: Namespace, session: Session) -> int:
    from jarvis import app

    foreign, problems = app.foreign_handlers(session.config)
    found = dict.fromkeys(app.HANDLERS, HOUSE) | foreign
    if args.json:
        handlers = [{"name": name, "source": found[name]} for name in sorted(found)]
        return emit({"handlers": handlers, "problems": problems})
    table(("NAME", "SOURCE"), ((name, found[name]) for name in sorted(found)), "no handlers")
    for source, problem in problems.items():
        note(f"{source}: {problem}")
    return 0


LIST = Command(
    _list,
    flags=_flags,
    about="Show every handler there is: the house's own, and those of your files and of installed packages.",
    examples="jarvis handler list\njarvis handler list --json",
)
