"""The store: whether it is whole, which schema and which SQLite; and whether it could be brought back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import apsw

from jarvis.doctor.case import Case, NotLookedAt
from jarvis.doctor.finding import Finding, error, note, ok, span, warning
from jarvis.errors import StoreDamaged, StoreError
from jarvis.handlers.alerts import BACKUP_FACT
from jarvis.memory.archives import archives, newest_whole
from jarvis.memory.checkup import Checkup
from jarvis.memory.faults import UNTOUCHED, left_alone
from jarvis.memory.migrate import migrations
from jarvis.scheduler.size import format_size

CHECK_WITHIN = 10.0  # seconds; SQLite reads 250 MB or so in one
LEAST_SQLITE = (3, 51, 3)  # those before can lose commits (sqlite.org/wal.html#walresetbug)
STALE = timedelta(days=2)  # a daily backup that was missed once is none yet


def whole(case: Case) -> Iterator[Finding]:
    """What SQLite finds when it looks the file over."""
    path = case.config.database_path
    if path is None:
        yield note(
            "the store is in memory: it ends with its process, and no other sees it",
            "name a file in JARVIS_DATABASE_URL",
        )
        return
    try:
        store = case.opened()
        yield _missing(case, path) if store is None else _looked_over(store, path)
    except StoreDamaged as damaged:
        yield error(str(damaged).partition(f" {UNTOUCHED}")[0].rstrip("."), _way_back(case))
    except StoreError as unreadable:
        yield error(str(unreadable), f"see whose it is, and its folder: `ls -l {path.parent}`")


def _looked_over(store: Checkup, path: Path) -> Finding:
    part = "whole" if store.reader.check(CHECK_WITHIN) else f"what SQLite looked at in {CHECK_WITHIN:g} s is whole"
    return ok(f"{path}, {_size(path)}: {part}")


def _missing(case: Case, path: Path) -> Finding:
    if path.exists():
        return error(f"the store {path} is no file", "move it away, or name another file in JARVIS_DATABASE_URL")
    if Path(f"{path}-wal").exists():
        said, _, todo = str(left_alone(path=str(path))).partition(f" {UNTOUCHED} ")
        return error(said.rstrip("."), todo)
    if archives(case.config.backup_dir):
        return error(f"there is no store at {path}, and there are backups of one", _way_back(case))
    return note(f"there is no store at {path} yet", "a daemon makes it when it starts, and a task when it is added")


def _way_back(case: Case) -> str:
    found = newest_whole(case.config.backup_dir)
    if found is None:
        return (
            f"there is no whole backup in {case.config.backup_dir}: `jarvis restore --from` takes one from elsewhere; "
            f"`sqlite3 {case.config.database_path} .recover` shows what can still be read"
        )
    return (
        f"`jarvis restore` puts {found.path.name} in its place, of {case.moment(found.taken_at)}; what is there is kept"
    )


def _size(path: Path) -> str:
    ahead = Path(f"{path}-wal")
    more = ahead.stat().st_size if ahead.exists() else 0
    return format_size(path.stat().st_size) + (f" and {format_size(more)} written ahead" if more else "")


def schema(case: Case) -> Iterator[Finding]:
    """The number of the store's schema beside that of this version."""
    store, newest = case.opened(), max(migrations())
    if store is None:
        return
    found = store.schema
    if found > newest:
        yield error(
            f"the store has schema {found}, newer than the {newest} of this version",
            "upgrade jarvis, or use another JARVIS_HOME; it was not touched",
        )
    elif found < newest:
        what = f"schema {found}" if found else "no schema: it is empty, or no store of Jarvis"
        yield note(
            f"the store has {what}; this version has {newest}", "the next start brings it up, a copy is kept beside it"
        )
    else:
        yield ok(f"{found}, as this version has it")


def sqlite(case: Case) -> Iterator[Finding]:  # noqa: ARG001 (a check's shape)
    """The library that reads and writes the store."""
    version = apsw.sqlite_lib_version()
    if tuple(map(int, version.split(".")[:3])) < LEAST_SQLITE:
        least = ".".join(map(str, LEAST_SQLITE))
        yield error(
            f"SQLite {version} can lose what two processes commit at once; {least} and later cannot",
            "`pip install --upgrade apsw` where Jarvis is installed",
        )
    else:
        yield ok(f"{version}, through apsw {apsw.apsw_version()}")


def backups(case: Case) -> Iterator[Finding]:
    """The newest whole backup, and how old it is."""
    folder = case.config.backup_dir
    there, found = archives(folder), newest_whole(folder)
    for broken in there[: there.index(found) if found else len(there)]:
        yield warning(f"the backup {broken.path} is damaged", "delete it, and see whether its disk is sound")
    taken_at = max(filter(None, (found.taken_at if found else None, _noted(case))), default=None)
    if taken_at is None:
        yield _never(case)
    elif case.now - taken_at > STALE:
        yield warning(
            f"the newest backup is {span(case.now - taken_at)} old",
            "`jarvis backup` makes one; docs/backup.md has the daily agent",
        )
    else:
        where = found.path if found and found.taken_at == taken_at else "elsewhere"
        yield ok(f"the newest is of {case.moment(taken_at)}: {where}")


def _never(case: Case) -> Finding:
    since = _since(case)
    if since is None or case.now - since <= STALE:
        return note("there is no backup yet", "`jarvis backup` makes one; docs/backup.md has the daily agent")
    return warning(
        f"there is no backup, and the store is in use for {span(case.now - since)}",
        "`jarvis backup` makes one; docs/backup.md has the daily agent",
    )


def _since(case: Case) -> datetime | None:
    try:
        return case.store().oldest()
    except (NotLookedAt, StoreDamaged):
        return None


def _noted(case: Case) -> datetime | None:
    """When a backup was made to any folder, as the store has it."""
    try:
        found = case.store().fact(*BACKUP_FACT)
        at = datetime.fromisoformat(found) if isinstance(found, str) else None
    except (NotLookedAt, StoreDamaged, ValueError):
        return None
    return at if at and at.tzinfo else None
