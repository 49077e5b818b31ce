"""`jarvis service files`: what comes with Jarvis for service managers, wherever it was installed."""

from __future__ import annotations

from jarvis import shipped
from jarvis.cli.args import add_json, near
from jarvis.cli.command import Command
from jarvis.cli.output import emit
from jarvis.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from jarvis.cli.session import Session


def _flags(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="this one only, such as jarvis-backup.sh")
    add_json(parser)


def _run(args: Namespace, _session: Session) -> int:
    found = shipped.scripts()
    if not found:
        raise NotFound(
            "this installation has no such files: what it was built from had lost the links in src/jarvis, as a zip "
            "archive does. Install from a clone, or from a wheel built in one"
        )
    if args.name is not None and args.name not in found:
        raise NotFound(f"no file {args.name!r} comes with Jarvis.{near(args.name, found)} See `jarvis service files`")
    shown = {name: path for name, path in found.items() if args.name in (None, name)}
    if args.json:
        return emit([{"name": name, "path": str(path)} for name, path in shown.items()])
    for path in shown.values():
        print(path)
    return 0


FILES = Command(
    _run,
    flags=_flags,
    about=(
        "Print the paths of the files for service managers that come with Jarvis: the daily backup, the iMessage "
        "daemon, and the daemon's own, which `jarvis service install` writes. How a template is filled in stands at "
        "its top."
    ),
    examples="""
jarvis service files
jarvis service files jarvis-backup.sh
jarvis service files --json""",
)
