"""The time zone that this machine is set to, which may change while Jarvis runs: laptops travel."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from jarvis.scheduler.zone import ZoneError, load_zone

LOOK_EVERY = 15.0  # seconds
ETC = Path("/etc")
ZONE_FILES = ("localtime", "timezone")


def system_zone(environ: Mapping[str, str], etc: Path = ETC) -> tuple[str, str]:
    """Find the machine's zone: (source, name). TZ is believed or later refused, the files are only asked."""
    # As in the C library: a leading colon means "a name", empty means UTC. A path to a file names no zone.
    name = _zone_part(environ.get("TZ", "/").removeprefix(":"))
    if not name.startswith("/"):
        return "environment variable TZ (JARVIS_TIMEZONE is not set)", name or "UTC"
    for source, name in _zone_files(etc):
        with suppress(ZoneError):
            load_zone(name)
            return source, name
    return "default", "UTC"


def _zone_files(etc: Path) -> Iterator[tuple[str, str]]:
    """Yield what the system's files say: the link as it was written before where it ends, then the name."""
    link, file = (etc / name for name in ZONE_FILES)
    if link.is_symlink():
        yield str(link), _zone_part(os.readlink(link))  # noqa: PTH115 (text, not a path)
        yield str(link), _zone_part(os.path.realpath(link))
    with suppress(OSError, ValueError):
        yield str(file), file.read_text("utf-8").strip()


def _zone_part(path: str) -> str:
    """Cut /usr/share/zoneinfo/ or the like from a path; a plain name stays as it is."""
    name = path.rpartition("/zoneinfo/")[2]
    return name.removeprefix("posix/").removeprefix("right/")


def zone_watch(
    name: str,
    source: str,
    environ: Mapping[str, str] | None = None,
    etc: Path = ETC,
    every: float = LOOK_EVERY,
) -> Callable[[], str]:
    """What tells the zone from now on: the machine's where `source` says that `name` was found there, else `name`.

    To be asked every few seconds for years: the files are looked at `every` so many seconds at most, and read again
    only where they look different.
    """
    known = os.environ if environ is None else environ
    if system_zone(known, etc)[0] != source:
        return lambda: name
    files = [str(etc / file) for file in ZONE_FILES]
    seen, looked_at = "", float("-inf")

    def look() -> str:
        nonlocal seen, looked_at, name
        if (mono := time.monotonic()) - looked_at < every:
            return name
        looked_at = mono
        if (now := f"{known.get('TZ')} {[_looks(file) for file in files]}") != seen:
            seen, name = now, system_zone(known, etc)[1]
        return name

    return look


def _looks(path: str) -> str:
    """What changes when a file does, or where a link leads to; "" if there is nothing."""
    try:
        link = os.readlink(path)  # noqa: PTH115 (text, not a path)
    except OSError:
        link = ""
    try:
        at = os.stat(path)  # noqa: PTH116 - asked at every look: a Path costs several times as much
    except OSError:
        return link
    return f"{link} {at.st_dev} {at.st_ino} {at.st_size} {at.st_mtime_ns}"
