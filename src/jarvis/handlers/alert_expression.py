"""The type `expression`: what it may speak of, and whether it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from jarvis.handlers.alert_words import Found, Now

_LONGEST_TEXT = 500


class Health(Protocol):
    """How things stand in the store."""

    def tasks(self) -> Sequence[Any]: ...
    def facts(self) -> tuple[Mapping[str, Mapping[str, Any]], Mapping[str, Mapping[str, datetime]]]: ...
    def events(self) -> Sequence[Mapping[str, Any]]: ...


class Listed(Protocol):
    """Rows of the assistant's memory."""

    def list(self) -> Sequence[Any]: ...


def values(health: Health, delegations: Listed, decisions: Listed, now: Now) -> dict[str, Any]:
    """Every name that an expression may speak of, as it is now."""
    facts, updated = health.facts()
    return {
        "now": now.instant.astimezone(now.zone),
        "today": now.today,
        "facts": facts,
        "updated": updated,
        "delegations": delegations.list(),
        "decisions": decisions.list(),
        "events": health.events(),
        "tasks": {task.name: task for task in health.tasks()},
    }


def holds(condition: Mapping[str, Any], known: Mapping[str, Any], seconds: float) -> Found:
    """Whether an expression holds; where it comes to a text, that is what is said. ExpressionError where it fails."""
    from jarvis.expressions.evaluation import evaluate  # noqa: PLC0415 - few rules have one

    text = condition["expression"]
    spoken_of = {name: value for name, value in known.items() if name in text or name == "now"}
    found = evaluate(text, spoken_of, seconds=seconds)
    if not found:
        return None
    said = condition["text"] or (found if isinstance(found, str) else f"It holds: {text}")
    return " ".join(said.split())[:_LONGEST_TEXT], ()
