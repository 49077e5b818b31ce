"""The pages of documentation that come with Jarvis, as topics of `jarvis help`."""

from __future__ import annotations

from jarvis import shipped
from jarvis.cli.verbs import nouns
from jarvis.errors import UsageError

#: Further names of pages, for who looks for a thing and not for a page.
_ALSO = {
    "channels": "deliveries",
    "files": "install",
    "policies": "tasks",
    "rules": "alerts",
    "schedules": "tasks",
    "settings": "configuration",
    "time": "phrases",
    "zones": "dst",
}


def known() -> list[str]:
    """Every topic."""
    return sorted([*shipped.pages(), *_ALSO])


def listed() -> str:
    """Every topic with the title of its page."""
    lines = [f"  {name:18}{_about(name)}" for name in known()]
    return "\n".join([
        "Topics, each a page of documentation:", *lines, "",
        "`jarvis help TOPIC` prints it. A verb goes before a topic of its name: `jarvis help --page backup`",
    ])  # fmt: skip


def page(name: str) -> str:
    """The text of a page. UsageError with the nearest topic if there is none of that name."""
    path = shipped.pages().get(_ALSO.get(name, name))
    if path is None:
        raise UsageError(f"there is no topic {name!r}.{_suggested(name, known())} See `jarvis help topics`")
    return path.read_text(encoding="utf-8")


def page_or_verb(name: str) -> str:
    """The text of a page, of a name that is no verb. UsageError with the nearest topic or verb."""
    if name in known():
        return page(name)
    near = _suggested(name, [*nouns(), *known()])
    raise UsageError(f"there is no verb and no topic {name!r}.{near} See `jarvis help` and `jarvis help topics`")


def hint(noun: str) -> str:
    """Where there is more to read about a noun; "" if there is no page of its name."""
    return f"\nMore about it: jarvis help --page {noun}" if noun in known() else ""


def _suggested(name: str, names: list[str]) -> str:
    from jarvis.scheduler.suggest import did_you_mean

    return did_you_mean(name, names)


def _about(name: str) -> str:
    if name in _ALSO:
        return f"see {_ALSO[name]}"
    with shipped.pages()[name].open(encoding="utf-8") as file:
        return file.readline().removeprefix("# ").strip()
