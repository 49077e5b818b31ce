"""What the verbs of stored rows have in common: showing one, telling what became of it, what an edit states."""

from __future__ import annotations

from jarvis.cli.changes import lines_of, of_change
from jarvis.cli.output import emit, instant, listing
from jarvis.cli.records import of_row
from jarvis.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import Any

    from jarvis.cli.session import Session
    from jarvis.memory.changes import Change

NONE = "none"


def show_row(row: Any, history: Sequence[Change], args: Namespace, session: Session) -> int:
    """Print everything about one row, and what was changed of it."""
    if args.json:
        return emit({**of_row(row, session.zone), "history": [of_change(each, session.zone) for each in history]})
    instants = {name: instant(getattr(row, name), session.zone) for name in ("created_at", "updated_at")}
    shown = {**of_row(row, session.zone), **instants, "history": lines_of(history, session.zone)}
    listing((name.replace("_", " "), _lines(value)) for name, value in shown.items())
    return 0


def tell_row(row: Any, text: str, args: Namespace, session: Session) -> int:
    """Print a row that was written: in a sentence, or as JSON."""
    if args.json:
        return emit(of_row(row, session.zone))
    print(text)
    return 0


def stated(**flags: Any) -> dict[str, Any]:
    """What was given of these."""
    return {name: value for name, value in flags.items() if value is not None}


def stated_day(name: str, text: str | None) -> dict[str, Any]:
    """A date if one was given; none takes it away."""
    return {} if text is None else {name: None if text == NONE else text}


def need_one(given: dict[str, Any], flags: str) -> None:
    """Refuse an edit that states nothing."""
    if not given:
        raise UsageError(f"nothing to change was given: use {flags}")


def _lines(value: object) -> object:
    """Text of several lines below each other."""
    return value.splitlines() if isinstance(value, str) else value
