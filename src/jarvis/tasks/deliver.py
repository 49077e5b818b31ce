"""Where the results of a task go, and in which words: its `deliver`, and the texts of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import Any

import msgspec

from jarvis.scheduler.delivery import ONS, SAMES, checked_deliver, read_deliver, said
from jarvis.scheduler.model import Deliver
from jarvis.tasks.table import Given, Reading, choice, flag, shown, text

_LARGEST = 256 * 1024  # bytes of a file that holds a template
_READ: dict[str, Callable[[object], Any]] = {
    "on": lambda value: choice(value, ONS),
    "urgent": flag,
    "digest": flag,
    "same": lambda value: choice(value, SAMES),
}
_ENTRY = ("channel", *_READ, "template", "template_file")


def read_deliveries(given: Given) -> tuple[Deliver, ...]:
    """The channels that results go to. A template beside `deliver` is for all that have none of their own."""
    found = given.read("deliver", partial(_entries, given.reading)) or ()
    common = _common(given)
    if common and not found:
        given.refuse("template" if "template" in given else "template_file", "only with deliver")
    if not common:
        return found
    return tuple(each if each.template else msgspec.structs.replace(each, template=common) for each in found)


def deliver_table(each: Deliver) -> str | dict[str, Any]:
    """What `deliver` has for it: a text, or a table where a text cannot say it."""
    if not each.template:
        return said(each)
    how = {key: getattr(each, key) for key in ("urgent", "digest", "same") if getattr(each, key)}
    return {"channel": each.channel, "on": each.on, **how, "template": each.template}


def _common(given: Given) -> str:
    if "template" in given and "template_file" in given:
        given.refuse("template_file", "give one of template and template_file")
        return ""
    own = given.read("template", partial(_template, given.reading))
    return own or given.read("template_file", partial(_template_file, given.reading)) or ""


def _entries(reading: Reading, value: object) -> tuple[Deliver, ...]:
    """From "me", "me:failure", a table with channel, on and template, or a list of these."""
    entries = value if isinstance(value, list | tuple) else (value,)
    found = tuple(_entry(reading, each) for each in entries)
    for each in found:
        reading.check_channel(each.channel)
    return found


def _entry(reading: Reading, value: object) -> Deliver:
    if not isinstance(value, Mapping):
        return read_deliver(text(value))
    if unknown := value.keys() - set(_ENTRY):
        raise ValueError(f"a table of deliver has no key {min(map(str, unknown))!r}: use {', '.join(_ENTRY)}")
    if "template" in value and "template_file" in value:
        raise ValueError("give one of template and template_file")
    template = ""
    if "template" in value:
        template = _template(reading, value["template"])
    elif "template_file" in value:
        template = _template_file(reading, value["template_file"])
    given: dict[str, Any] = {key: read(value[key]) for key, read in _READ.items() if key in value}
    return checked_deliver(Deliver(text(value.get("channel")), template=template, **given))


def _template(reading: Reading, value: object) -> str:
    found = text(value)
    if not found.strip():
        raise ValueError("the template is empty")
    reading.check_template(found)
    return found


def _template_file(reading: Reading, value: object) -> str:
    """The text of a file, read now: what is changed there later counts once the task is read again."""
    path = reading.folder / Path(text(value)).expanduser()
    try:
        with path.open("rb") as file:
            facts = path.stat()
            data = file.read(_LARGEST + 1) if S_ISREG(facts.st_mode) else b""
        found = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ValueError(f"cannot read {shown(str(path))}: {why}") from None
    if len(data) > _LARGEST:
        raise ValueError(f"{path} is larger than {_LARGEST} bytes: too large for a template")
    return _template(reading, found)
