"""Folders and files: who may read and write them, how much room there is."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE, S_ISREG

from jarvis.doctor.case import Case
from jarvis.doctor.finding import Finding, error, note, ok, warning
from jarvis.log import BACKUPS, MAX_BYTES
from jarvis.scheduler.size import format_size

LEAST_FREE = 200 << 20  # bytes; less fills up with one talkative command
COPIES = 2  # of the store that should have room: one for a change of its schema, one for a backup
LARGEST_LOG = 4 * MAX_BYTES  # it is rotated long before


# -- who may what -----------------------------------------------------------------------------------------
def home(case: Case) -> Iterator[Finding]:
    """The home and what Jarvis keeps in it: ours alone, and writable."""
    config = case.config
    if not config.home.exists():
        yield note(f"there is no home {config.home} yet", "the first command that stores something makes it")
        return
    wrong = [*_of_folder(config.home), *_of_data(config.data_dir), *_of_inbox(config.inbox_dir)]
    for path in _private_files(case):
        wrong += _of_file(path)
    for path in (config.file, config.home / "handlers"):
        wrong += _not_to_be_changed(path)
    yield from wrong or [ok(f"{config.home}: for you alone to change")]


def _of_folder(path: Path) -> Iterator[Finding]:
    if not path.is_dir():
        yield error(f"{path} is not a folder", "move it away, or name another one in JARVIS_HOME")
        return
    yield from _not_usable(path, "JARVIS_HOME")
    yield from _not_to_be_changed(path)
    mode = S_IMODE(path.stat().st_mode)
    if mode & 0o055:
        yield note(
            f"others on this machine may look into {path} (mode {mode:04o}): they can read jarvis.toml there",
            f"`chmod 700 {path}` if that is not meant to be",
        )


def _of_data(path: Path) -> Iterator[Finding]:
    if path.is_dir() and (mode := S_IMODE(path.stat().st_mode)) & 0o077:
        yield warning(f"others on this machine may look into {path} (mode {mode:04o})", f"`chmod 700 {path}`")
    if path.is_dir():
        yield from _not_usable(path, "JARVIS_HOME")


def _of_inbox(path: Path) -> Iterator[Finding]:
    if path.exists() and not path.is_dir():
        yield error(f"the inbox {path} is not a folder", "move it away, or name another one in WEBHOOK_INBOX_DIR")
    elif path.exists():
        yield from _not_usable(path, "WEBHOOK_INBOX_DIR")


def _not_usable(path: Path, setting: str) -> Iterator[Finding]:
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield error(
            f"{path} cannot be read and written by you (permissions, or a read-only disk)",
            f"give yourself the right to (`ls -ld {path}`), or name another folder in {setting}",
        )
    elif (owner := path.stat().st_uid) != os.getuid():
        yield note(f"{path} belongs to the user number {owner}, and not to you", "was Jarvis once run with sudo?")


def _private_files(case: Case) -> Iterator[Path]:
    config = case.config
    if config.database_path is not None:
        yield from (Path(f"{config.database_path}{end}") for end in ("", "-wal", "-shm"))
    if config.log_file is not None:
        yield config.log_file


def _of_file(path: Path) -> Iterator[Finding]:
    try:
        facts = path.stat()
    except FileNotFoundError:
        return
    if not S_ISREG(facts.st_mode):
        return
    if (mode := S_IMODE(facts.st_mode)) & 0o077:
        yield warning(f"others on this machine may read {path} (mode {mode:04o})", f"`chmod 600 {path}`")
    if not os.access(path, os.R_OK | os.W_OK):
        todo = f"`sudo chown {os.getuid()} {path}` if Jarvis was once run with sudo; else `chmod 600 {path}`"
        yield error(f"{path} cannot be read and written by you", todo)


def _not_to_be_changed(path: Path) -> Iterator[Finding]:
    """What Jarvis carries out must not be another's to write."""
    if not path.exists():
        return
    facts = path.stat()
    mode = S_IMODE(facts.st_mode)
    if mode & (0o002 if _is_own(facts.st_gid) else 0o022):
        yield warning(
            f"others on this machine may change {path} (mode {mode:04o}), and with it what Jarvis does in your name",
            f"`chmod go-w {path}`",
        )


def _is_own(group: int) -> bool:
    """Whether it is the user's own group, with nobody else in it, as many a Linux has one for each user."""
    try:
        mine, found = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(group)
    except KeyError:
        return False
    return found.gr_name == mine and set(found.gr_mem) <= {mine}


# -- room -------------------------------------------------------------------------------------------------
def disk(case: Case) -> Iterator[Finding]:
    """Room where the store and the backups are."""
    config = case.config
    store = config.database_path
    size = store.stat().st_size if store is not None and store.is_file() else 0
    places = {"store": config.data_dir if store is None else store.parent, "backups": config.backup_dir}
    seen: set[int] = set()
    for what, path in places.items():
        there = _nearest(path)
        device = there.stat().st_dev
        if device not in seen:
            yield _room(what, there, max(LEAST_FREE, COPIES * size))
        seen.add(device)


def _room(what: str, path: Path, needed: int) -> Finding:
    free, facts = shutil.disk_usage(path).free, os.statvfs(path)
    if facts.f_flag & os.ST_RDONLY:
        return error(f"the disk of the {what} ({path}) is read-only", "mount it writable; nothing is stored until then")
    if facts.f_files and not facts.f_favail:
        return error(f"the disk of the {what} ({path}) has no room for another file (inodes)", "delete files on it")
    if free < needed:
        return warning(
            f"the disk of the {what} ({path}) has {format_size(free)} left; {format_size(needed)} should be free",
            "make room on it: when it is full, tasks wait until there is some",
        )
    return ok(f"{format_size(free)} free for the {what}")


def _nearest(path: Path) -> Path:
    """The folder itself, or the one that it would be made in."""
    return next(each for each in (path, *path.parents) if each.exists())


# -- the log ----------------------------------------------------------------------------------------------
def log(case: Case) -> Iterator[Finding]:
    """It can be written, and is rotated."""
    path = case.config.log_file
    if path is None:
        yield note("the daemon logs to stderr alone (DAEMON_LOG_FILE)")
        return
    folder = _nearest(path.parent)
    if not path.exists():
        if not os.access(folder, os.W_OK | os.X_OK):
            yield error(
                f"the log {path} cannot be made: {folder} is not yours to write", "name another in DAEMON_LOG_FILE"
            )
        else:
            yield ok(f"{path}: nothing was logged yet")
        return
    size = path.stat().st_size
    if not os.access(path, os.W_OK):
        yield error(f"the log {path} cannot be written", "see whose it is, or name another in DAEMON_LOG_FILE")
    elif size > LARGEST_LOG:
        yield warning(
            f"the log {path} has {format_size(size)}, and should have been rotated at {format_size(MAX_BYTES)}",
            f"see whether {path.parent} can be written, and what the log says: `jarvis service logs`",
        )
    else:
        yield ok(f"{path}, {format_size(size)}; the last {BACKUPS} of {format_size(MAX_BYTES)} are kept")
