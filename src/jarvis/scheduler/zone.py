"""Time zones by name, with an error that teaches when the name is wrong."""

from __future__ import annotations

from zoneinfo import ZoneInfo, available_timezones

from jarvis.scheduler.suggest import did_you_mean

_LONGEST_NAME = 64  # the longest IANA name has 32 characters
# Files in zoneinfo folders that are no zones of their own; those in right/ count leap seconds.
_NOT_ZONES = ("right/", "posix/", "posixrules", "localtime")


class ZoneError(ValueError):
    """A time zone name that is not in the IANA database of this machine."""


def load_zone(name: str) -> ZoneInfo:
    """Return the zone called `name` in the IANA database, such as "America/Denver" or "UTC".

    Raises ZoneError, with the nearest name there is, for anything else: unknown names, other types,
    and names that would reach outside the database (`../..`, absolute paths, NUL).
    """
    if _is_plausible(name):
        try:
            return ZoneInfo(name)
        except (ValueError, KeyError, OSError):
            pass  # unknown, a folder, or not a zone file: all get the one message below
    raise ZoneError(_message(name))


def _is_plausible(name: object) -> bool:
    return (
        isinstance(name, str)
        and 0 < len(name) <= _LONGEST_NAME
        and name.isascii()
        and name.isprintable()
        and not name.startswith(_NOT_ZONES)
    )


def _message(name: object) -> str:
    shown = repr(name) if len(repr(name)) <= _LONGEST_NAME else repr(name)[:_LONGEST_NAME] + "..."
    return f"unknown time zone {shown}: expected an IANA name such as America/Denver or UTC.{_nearest(name)}"


def _nearest(name: object) -> str:
    if not isinstance(name, str) or not name:
        return ""
    names = set(filter(_is_plausible, available_timezones()))
    # A bare city ("denver", "New York") is the commonest slip and too far from "America/Denver" by letters.
    city = name.strip().replace(" ", "_").casefold()
    if found := [known for known in names if ("/" + known.casefold()).endswith("/" + city)]:
        # "utc" is UTC rather than Etc/UTC.
        return f" Did you mean {min(found, key=lambda known: (known.casefold() != city, known))}?"
    return did_you_mean(name, names)
