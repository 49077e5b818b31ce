"""`jarvis backup`: a copy of the store that can be trusted."""

from __future__ import annotations

from pathlib import Path

from jarvis.cli.args import add_json, checked
from jarvis.cli.command import Command
from jarvis.cli.output import emit, escaped, instant, iso
from jarvis.errors import StoreError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from jarvis.cli.session import Session
    from jarvis.memory.archives import Made
    from jarvis.memory.snapshot import Proof

KEPT = 14  # as the script beside launchd and systemd has always done: two weeks of days
_MOST = 10_000


def _flags(parser: ArgumentParser) -> None:
    parser.add_argument("--to", metavar="DIR", type=Path, help="the folder of the backups (JARVIS_BACKUP_DIR)")
    kept = checked("--keep", _count)
    parser.add_argument("--keep", metavar="N", type=kept, default=KEPT, help=f"how many stay, the newest ({KEPT})")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    add_json(parser)


def _count(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= _MOST:
        return int(text)
    raise ValueError(f"use a whole number from 1 to {_MOST}")


def store_path(session: Session) -> str:
    """The file of the store; UsageError where there is none."""
    path = session.config.database_path
    if path is None:
        raise UsageError("the store is in memory (JARVIS_DATABASE_URL=sqlite://): there is no file to copy or replace")
    return str(path)


def size(count: int) -> str:
    """Bytes as a person reads them."""
    amount, units = float(count), ["bytes", "KiB", "MiB", "GiB"]
    while amount >= 1024 and len(units) > 1:
        amount, units = amount / 1024, units[1:]
    return f"{amount:.0f} {units[0]}" if units[0] == "bytes" else f"{amount:.1f} {units[0]}"


def of_proof(proof: Proof) -> dict[str, Any]:
    """What a copy holds, as JSON."""
    return {"schema": proof.schema, "tasks": proof.tasks, "runs": proof.runs, "facts": proof.facts}


def told(proof: Proof) -> str:
    """The same in words."""
    counts = ((proof.tasks, "task"), (proof.runs, "run"), (proof.facts, "fact"))
    return f"whole: {', '.join(counted(*each) for each in counts)} (schema {proof.schema})"


def counted(number: int, thing: str) -> str:
    """So many of them, in words."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _run(args: Namespace, session: Session) -> int:
    from jarvis.memory.archives import back_up

    store, folder = store_path(session), (args.to or session.config.backup_dir).expanduser().absolute()
    if args.dry_run:
        return _rehearse(store, folder, args)
    made = back_up(store, folder, session.now, args.keep)
    _record(made, session)
    if args.json:
        return emit(_as_json(made, session))
    archive = made.archive
    print(f"backed up {escaped(store)} as of {instant(archive.taken_at, session.zone)}")
    print(f"to {escaped(str(archive.path))} ({size(archive.size)}), {told(made.proof)}")
    for path in made.deleted:
        print(f"deleted {escaped(str(path))}: {args.keep} are kept")
    return 0


def _record(made: Made, session: Session) -> None:
    """So that the alert `stale_backup` is silent. The backup is there, whether or not this succeeds."""
    from jarvis.handlers.alerts import BACKUP_FACT

    try:
        session.store.facts.put(*BACKUP_FACT, made.archive.taken_at.isoformat(), session.now)
    except StoreError as error:
        raise StoreError(
            f"the backup {made.archive.path} is made and whole, but that could not be noted: {error}"
        ) from error


def _rehearse(store: str, folder: Path, args: Namespace) -> int:
    """What would be done: where to, and what would go for it."""
    from jarvis.memory.archives import archives, too_many
    from jarvis.memory.snapshot import must_exist

    must_exist(store)
    found, gone = archives(folder), too_many(folder, folder, args.keep)
    if args.json:
        return emit({"dry_run": True, "store": store, "folder": str(folder), "there": len(found),
                     "deleted": [str(path) for path in gone]})  # fmt: skip
    print(f"would back up {escaped(store)} ({size(Path(store).stat().st_size)}) to {escaped(str(folder))}")
    print(f"there already: {counted(len(found), 'backup')}; {args.keep} would be kept")
    for path in gone:
        print(f"would delete {escaped(str(path))}")
    print("nothing was done (--dry-run)")
    return 0


def _as_json(made: Made, session: Session) -> dict[str, Any]:
    return {
        "dry_run": False,
        "store": store_path(session),
        "file": str(made.archive.path),
        "taken_at": iso(made.archive.taken_at, session.zone),
        "size": made.archive.size,
        **of_proof(made.proof),
        "deleted": [str(path) for path in made.deleted],
    }


BACKUP = Command(
    _run,
    flags=_flags,
    about="Copy the store as it is at this moment, while a daemon goes on writing to it; see that the copy is whole; "
    "pack it; and delete the oldest. Success is noted as the fact work/backup_last_success, which the alert "
    "stale_backup looks at. It is the store alone: jarvis.toml and your handlers are files of your own.",
    examples="""
jarvis backup
jarvis backup --to /Volumes/Backup/jarvis --keep 30
jarvis backup --dry-run""",
)
