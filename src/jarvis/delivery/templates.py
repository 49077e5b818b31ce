"""Texts of a task's own: checked when they are stored, filled in when they are sent. Never in this process.

A template is the text of the message, in the words of Jinja2. If its first line begins with `Subject:`, that is the
subject. It may loop, or grow: so it is parsed and filled in by a process with limits of time and memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.util import find_spec

from jarvis.delivery.child import Silent, ask
from jarvis.errors import UsageError
from jarvis.scheduler.delivery import Letter
from jarvis.scheduler.model import Delivery

EXTRA = "pip install 'jarvis-daemon[templates]'"
LARGEST = 64 * 1024  # characters of a template
_MODULE = "jarvis.delivery.template_render"
_SECONDS = 15.0  # a busy machine takes one to load Jinja2; the template itself has CPU time of its own

Environ = Callable[[], Mapping[str, str]]


def check_template(text: str, environ: Environ, remaining: Callable[[], float]) -> None:
    """UsageError, with the line, for a template that could not be filled in: its syntax, a variable there is not."""
    if len(text) > LARGEST:
        raise UsageError(f"the template has {len(text):,} characters: the most is {LARGEST:,}")
    if find_spec("jinja2") is None:
        raise UsageError(f"a template needs the library Jinja2: {EXTRA}")
    if wrong := _checked(text, environ, remaining):
        raise UsageError(f"the template, {wrong}")


def _checked(text: str, environ: Environ, remaining: Callable[[], float]) -> str:
    if text in _known():
        return ""
    try:
        wrong = str(ask(_MODULE, {"template": text}, environ(), remaining).get("error", ""))
    except Silent as silent:
        return f"it could not be read: {silent}"
    if not wrong:
        _known().add(text)
    return wrong


@lru_cache(1)
def _known() -> set[str]:
    """Templates that were found to be right: a daemon reads the same file again and again."""
    return set()


class Composer:
    """Fills in what a delivery's form says."""

    def __init__(self, environ: Environ) -> None:
        self._environ = environ

    def __call__(self, delivery: Delivery, remaining: Callable[[], float]) -> Letter:
        """The letter. Where its template fails it is the plain one, with a note of that: never silence."""
        if delivery.form is None:
            return Letter(delivery.subject, delivery.body)
        request = {"template": delivery.form.template, "facts": delivery.form.facts}
        until = within(_SECONDS, remaining)
        try:
            told = ask(_MODULE, request, self._environ(), until)
        except Silent as silent:
            told = {"error": f"it did not come to an end: {silent}"}
        if "error" in told:
            note = f"\n(This is the plain text, as the template could not be used: {told['error']})\n"
            return Letter(delivery.subject, delivery.body + note)
        return Letter(told["subject"] or delivery.subject, told["body"])


def within(seconds: float, remaining: Callable[[], float]) -> Callable[[], float]:
    """A deadline of so many seconds from now, if `remaining` does not end before."""
    spare = remaining() - seconds
    return lambda: min(remaining(), remaining() - spare)
