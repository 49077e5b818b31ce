"""`jarvis restore`: back to a backup, with a way back from there too."""

from __future__ import annotations

from pathlib import Path

from jarvis.cli.args import add_json
from jarvis.cli.backup import of_proof, store_path, told
from jarvis.cli.command import Command
from jarvis.cli.output import emit, escaped, instant, iso, note
from jarvis.errors import Conflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from jarvis.cli.session import Session
    from jarvis.memory.restore import Restored


def _flags(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--from",
        dest="source",
        metavar="DIR_OR_FILE",
        type=Path,
        help="a backup, or a folder of which the newest whole one is taken (JARVIS_BACKUP_DIR)",
    )
    parser.add_argument("--dry-run", action="store_true", help="see whether the backup is whole, and change nothing")
    add_json(parser)


def _run(args: Namespace, session: Session) -> int:
    """The store itself is not opened: it may be the very thing that is damaged."""
    from jarvis.memory.restore import refuse_while_used, restore

    store, source = store_path(session), (args.source or session.config.backup_dir).expanduser().absolute()
    done = restore(source, store, session.now, dry_run=args.dry_run)
    for problem in done.damaged:
        note(f"passed over: {problem}")
    if args.dry_run:
        try:
            refuse_while_used(store, session.now)
        except Conflict as error:
            note(str(error))
    if args.json:
        return emit(_as_json(done, store, args.dry_run, session))
    taken_at = _taken_at(done)
    as_of = f" as of {instant(taken_at, session.zone)}" if taken_at else ""
    print(f"{'would restore' if args.dry_run else 'restored'} {escaped(store)}{as_of}")
    print(f"from {escaped(str(done.archive))}, {told(done.proof)}")
    for path in done.kept:
        print(f"kept {escaped(str(path))}")
    print("nothing was done (--dry-run)" if args.dry_run else _BEFORE_THE_START)
    return 0


_BEFORE_THE_START = (
    "What ran or was sent after that moment is not known to it: look at `jarvis task list` and `jarvis delivery list` "
    "before you start the daemon"
)


def _taken_at(done: Restored) -> Any:
    from jarvis.memory.archives import archive_at

    archive = archive_at(done.archive)
    return archive and archive.taken_at


def _as_json(done: Restored, store: str, dry_run: bool, session: Session) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "store": store,
        "file": str(done.archive),
        "taken_at": iso(_taken_at(done), session.zone),
        **of_proof(done.proof),
        "kept": [str(path) for path in done.kept],
        "damaged": done.damaged,
    }


RESTORE = Command(
    _run,
    flags=_flags,
    about="Put a backup in the place of the store. It is unpacked and looked over first; what it replaces is kept "
    "beside it. Refused while a daemon runs on the store. Without --from, the newest whole backup is taken.",
    examples="""
jarvis restore --dry-run
jarvis restore
jarvis restore --from /Volumes/Backup/jarvis
jarvis restore --from ~/backups/jarvis-20261127T080000Z.db.gz""",
)
