"""The inbox as a person asks for it: what waits or was left alone and why, what failed; and failed files sent back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from jarvis.errors import JarvisError, NotFound
from jarvis.handlers.inbox_files import FAILED, PROCESSED, LeftAlone, is_ours, listing, look, shown
from jarvis.handlers.inbox_moves import DUPLICATE, REASON, back, read_reason, reason_path, turn
from jarvis.scheduler.suggest import did_you_mean

SHOWN_BYTES = 4096  # of a file's content
NO_REASON = "its reason is not there: a retry was cut off, or somebody took it away"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is no event, or not yet. `name` is the file's in its folder, to be given to `shown`."""

    name: str
    state: str  # waiting, left or failed
    reason: str
    at: datetime | None  # when it failed; of the others when it changed last
    path: Path


def waiting(inbox: Path, most: int, size: int) -> list[Item]:
    """What lies in the inbox, in the order it will be looked at, and then what never will be. Nothing is changed."""
    if not inbox.is_dir():
        return []
    found = listing(inbox, most)
    items = [item for name in found.names if (item := _waiting(inbox, name, size))]
    odd = [
        Item(name=name, state="left", reason=what, at=_changed_at(inbox / name), path=inbox / name)
        for name, what in found.odd.items()
    ]
    return items + odd


def _waiting(inbox: Path, name: str, size: int) -> Item | None:
    path = inbox / name
    try:
        seen = look(inbox, name, size)
    except LeftAlone as error:
        return Item(name=name, state="left", reason=str(error), at=_changed_at(path), path=path)
    if seen is None:
        return None
    reason = "" if seen.event else f"is refused unless it changes: {seen.reason}"
    return Item(name=name, state="waiting", reason=reason, at=_changed_at(path), path=path)


def failed(inbox: Path) -> list[Item]:
    """What was refused and lies in `failed/`, by name."""
    return [_failed(inbox / FAILED / name) for name in failed_names(inbox / FAILED)]


def _failed(path: Path) -> Item:
    said = read_reason(reason_path(path))
    reason, at = (NO_REASON, None) if said is None else (said.reason, _instant(said.at))
    return Item(name=path.name, state="failed", reason=reason, at=at or _changed_at(path), path=path)


def failed_names(folder: Path) -> list[str]:
    """The names in `failed/` without the reasons beside them, in order."""
    try:
        with os.scandir(folder) as entries:
            names = {entry.name for entry in entries if is_ours(entry.name)}
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name for name in names if not _is_beside(name, names))


def _is_beside(name: str, names: set[str]) -> bool:
    """Whether this is the reason of another file that is there, and no refused file itself."""
    return name.endswith(REASON) and name.removesuffix(REASON) in names and name + REASON not in names


def find(inbox: Path, name: str, size: int) -> Item:
    """One file by the name that is shown for it: one that failed, that waits, or that was taken in. NotFound else."""
    items = [*failed(inbox), *waiting(inbox, 10_000, size)]
    for item in items:
        if name in {item.name, shown(item.name)}:
            return item
    path = inbox / PROCESSED / name
    if "/" not in name and is_ours(name) and path.is_file():
        said = read_reason(path.with_name(path.name + DUPLICATE))
        reason, at = ("", None) if said is None else (said.reason, _instant(said.at))
        state = "taken in" if said is None else "duplicate"
        return Item(name=name, state=state, reason=reason, at=at or _changed_at(path), path=path)
    hint = did_you_mean(name, [shown(item.name) for item in items])
    raise NotFound(f"no file of the inbox is named {name!r}: see `jarvis inbox list`.{hint}")


def head(path: Path) -> str:
    """The begin of a file as text; "" of what is no plain file or cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(SHOWN_BYTES).decode(errors="backslashreplace")
    except OSError:
        return ""


def retry(inbox: Path, names: Sequence[str], wait: Callable[[], bool]) -> Iterator[tuple[str, str]]:
    """Send failed files back to the inbox; with no names all of them. Each file's name, and that in the inbox.

    NotFound before anything is done if one of the names is not there.
    """
    if not inbox.is_dir():
        names = _known(names, [])
        return
    with turn(inbox, wait) as ours:
        if not ours:
            raise JarvisError("a poll is at work on the inbox: try again when it has ended")
        for name in _known(names, failed_names(inbox / FAILED)):
            yield name, back(inbox, name)


def _known(names: Sequence[str], there: Sequence[str]) -> list[str]:
    by_name = {shown(name): name for name in there} | {name: name for name in there}
    if strange := [name for name in names if name not in by_name]:
        hint = did_you_mean(strange[0], list(by_name))
        raise NotFound(f"no failed file is named {strange[0]!r}: see `jarvis inbox list --state failed`.{hint}")
    return list(dict.fromkeys(by_name[name] for name in names)) if names else list(there)


def _changed_at(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=path.lstat().st_mtime_ns // 1000)
    except (OSError, OverflowError):
        return None


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
